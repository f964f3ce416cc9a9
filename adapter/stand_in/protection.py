"""What protects an upload by rclone itself: two settings, and the keys that Environment Auth stands for.

Above an upload_concurrency of 1 rclone's own MD5 is wrong, and it deletes the object; a file sent in parts is
held in memory whole (both measured with 1.75.2). Below 5 GiB, QingStor's limit, one PUT needs neither.
"""

from collections.abc import Mapping

from adapter.stand_in.command_line import CommandLine
from adapter.stand_in.remotes import Involved
from rclone_conf.qingstor import OPTIONS

_SAFE = {"upload_cutoff": "5Gi", "upload_concurrency": "1"}
_IN_A_STRING = frozenset(_SAFE)
_UNDEFINED = "undefined"
LARGEST_PUT = 5 << 30
"""Bytes. rclone sends larger files in parts."""


def protected(environ: Mapping[str, str], keys: Mapping[str, tuple[str, str]]) -> dict[str, str]:
    """Return the environment for the real rclone; `keys` are id and secret by the name of a remote.

    For all QingStor remotes: these variables win over every section (see `remotes`).
    """
    safe = {f"RCLONE_QINGSTOR_{option.upper()}": value for option, value in _SAFE.items()}
    given = {**environ, **safe}
    for name, pair in keys.items():
        prefix = "RCLONE_QINGSTOR_" if name.startswith(":") else f"RCLONE_CONFIG_{name.upper()}_"
        given |= {f"{prefix}{option}": key for option, key in zip(_KEYS, pair, strict=True)}
    return given


_KEYS = ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY")


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
    for index, remote, _ in remotes.named:
        if index >= 0 and not _IN_A_STRING.isdisjoint(key for key, _ in remote.options):
            before = f"{words[index].partition('=')[0]}=" if words[index].startswith("--") else ""
            words[index] = before + remote.at(remote.path, without=_IN_A_STRING)
    return words
