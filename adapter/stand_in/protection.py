"""What protects an upload by rclone itself: two settings, and the keys that Environment Auth stands for.

Above an upload_concurrency of 1 rclone's own MD5 is wrong, and it deletes the object; a file sent in parts is
held in memory whole (both measured with 1.75.2). Below 5 GiB, QingStor's limit, one PUT needs neither.
"""

import re
from collections.abc import Mapping

from adapter.stand_in.command_line import CommandLine
from adapter.stand_in.front import SAFE
from adapter.stand_in.remote_name import parse_remote
from adapter.stand_in.remotes import Involved, Sections
from rclone_conf.qingstor import OPTIONS

_SAFE = {
    name.decode().removeprefix("RCLONE_QINGSTOR_").lower(): value.decode() for name, value in SAFE.items()
}
_KEYS = ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY")
_UNDEFINED = "undefined"
_CHOICE = re.compile(rf",(?:{'|'.join(_SAFE)})=(?:'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|[^,:'\"]*)")
"""One of the settings in a connection string."""
LARGEST_PUT = 5 << 30
"""Bytes. rclone sends larger files in parts."""


def protected(environ: Mapping[str, str], keys: Mapping[str, tuple[str, str]]) -> dict[str, str]:
    """Return the environment for the real rclone; `keys` are id and secret by the name of a remote.

    For all QingStor remotes: these variables win over every section (see `remotes`).
    """
    given = {**environ, **{name.decode(): value.decode() for name, value in SAFE.items()}}
    for name, pair in keys.items():
        prefix = "RCLONE_QINGSTOR_" if name.startswith(":") else f"RCLONE_CONFIG_{name.upper()}_"
        given |= {f"{prefix}{option}": key for option, key in zip(_KEYS, pair, strict=True)}
    return given


def filled_in(environ: Mapping[str, str], remotes: Involved) -> dict[str, str]:
    """Return the environment with the defaults of options that a section sets to the word `undefined`.

    Pluton writes that for what is not filled in, and rclone takes it for a value: with such a zone the list
    of buckets is empty, with status 0.
    """
    given = dict(environ)
    for name, options in remotes.reached.items():
        for option in OPTIONS:
            if options.get(option.name, "").strip() == _UNDEFINED:
                given[f"RCLONE_CONFIG_{name.upper()}_{option.name.upper()}"] = option.default
    return given


def protected_words(line: CommandLine, remotes: Involved) -> list[str]:
    """Return the words for the real rclone: as they are, but for flags and connection strings that would win
    over `protected`."""
    words = list(line.words)
    for flag in line.flags:
        option = flag.name.removeprefix("qingstor-").replace("-", "_")
        if flag.name.startswith("qingstor-") and option in _SAFE:
            words[flag.last] = _SAFE[option] if flag.last > flag.first else f"--{flag.name}={_SAFE[option]}"
    for index in remotes.words:
        words[index] = _without_choices(words[index])
    return words


def unwrapped(environ: Mapping[str, str], sections: Sections) -> dict[str, str]:
    """Return the environment with the options of sections that name a remote with choices of its own.

    `remote = NAME,upload_concurrency=4:bucket` of an alias would win over `protected`.
    """
    given = dict(environ)
    for name, options in sections.items():
        for option, value in options.items():
            if (changed := _CHOICE.sub("", value)) != value:
                given.setdefault(f"RCLONE_CONFIG_{name.upper()}_{option.upper()}", changed)
    return given


def _without_choices(word: str) -> str:
    """Return a word with a connection string without what would win over `protected`, however deep."""
    flag, equals, spelled = word.partition("=") if word.startswith("--") else ("", "", word)
    remote = parse_remote(spelled)
    if remote is None or not remote.options:
        return word
    kept = tuple((key, _CHOICE.sub("", value)) for key, value in remote.options if key not in _SAFE)
    if kept == remote.options:
        return word
    return f"{flag}{equals}{remote._replace(options=kept).at(remote.path)}"
