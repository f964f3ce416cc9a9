"""The QingStor remotes of a command line: named by it, or behind a remote that wraps another.

What applies to a remote comes from rclone's layers, each before the next: connection string, flag
`--qingstor-ZONE`, `RCLONE_QINGSTOR_ZONE`, `RCLONE_CONFIG_NAME_ZONE`, the section (measured with 1.75.2; a
variable that is set but empty wins, too).
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from adapter.stand_in.command_line import CommandLine
from adapter.stand_in.rclone_flags import OPENS_LATER, PATH_FLAGS, WITHOUT_REMOTE
from adapter.stand_in.remote_name import RemoteName, parse_remote
from rclone_conf.qingstor import OPTION_NAMES, TYPE

Sections = Mapping[str, Mapping[str, str]]
"""Name of a section of rclone.conf to its options."""

_DEFINED = re.compile(r"RCLONE_CONFIG_(.+)_TYPE")


class Named(NamedTuple):
    """A QingStor remote that the command line names: the index of its word (-1: it is in a variable), and the
    options that apply."""

    word: int
    remote: RemoteName
    options: Mapping[str, str]


class Involved(NamedTuple):
    """The QingStor remotes of a command line: those `named`, and the options of all that may be opened."""

    named: tuple[Named, ...]
    reached: Mapping[str, Mapping[str, str]]
    """Name, as in `RemoteName.name`, to options."""
    words: tuple[int, ...] = ()
    """The indices of all words that name a remote of whatever type."""

    def __bool__(self) -> bool:
        """Return whether there is any."""
        return bool(self.reached)


def involved(line: CommandLine, sections: Sections, environ: Mapping[str, str]) -> Involved:
    """Return the QingStor remotes of a command line."""
    if line.command in WITHOUT_REMOTE or line.command.partition(" ")[0] in WITHOUT_REMOTE:
        return Involved((), {})
    options = _options_in(line, sections, environ)
    named: list[Named] = []
    words: list[int] = []
    reached: dict[str, Mapping[str, str]] = {}
    for index, word in _words(line, environ):
        remote = parse_remote(word)
        if remote is None:
            continue
        if index >= 0:
            words.append(index)
        applying = options(remote)
        if applying.get("type") == TYPE:
            named.append(Named(index, remote, applying))
            reached[remote.name] = applying
        else:
            reached |= _behind(remote, _all_names(sections, environ), options)
    if line.command in OPENS_LATER:
        every = (RemoteName(name, (), "") for name in _all_names(sections, environ))
        reached |= {one.name: found for one in every if (found := options(one)).get("type") == TYPE}
    return Involved(tuple(named), reached, tuple(words))


def _words(line: CommandLine, environ: Mapping[str, str]) -> Iterator[tuple[int, str]]:
    """Yield every word, or value of a flag or variable, that may be a remote."""
    yield from ((index, line.words[index]) for index in line.arguments)
    for flag in line.flags:
        if flag.name in PATH_FLAGS and flag.value is not None:
            yield flag.last, flag.value
    for name in PATH_FLAGS:
        yield -1, environ.get(f"RCLONE_{name.replace('-', '_').upper()}", "")


def _options_in(
    line: CommandLine, sections: Sections, environ: Mapping[str, str]
) -> Callable[[RemoteName], dict[str, str]]:
    """Return what tells the options that apply to a remote."""
    flags = {option: line.value(f"qingstor-{option.replace('_', '-')}") for option in OPTION_NAMES}
    backend = {option: environ.get(f"RCLONE_QINGSTOR_{option.upper()}") for option in OPTION_NAMES}

    def options(remote: RemoteName) -> dict[str, str]:
        if remote.is_backend:
            own = {"type": remote.name[1:]}
        else:
            prefix = f"RCLONE_CONFIG_{remote.name.upper()}_"
            own = dict(sections.get(remote.name, {}))
            own |= {
                name[len(prefix) :].lower(): value
                for name, value in environ.items()
                if name.startswith(prefix)
            }
        if own.get("type") == TYPE:
            for layer in (backend, flags):
                own |= {option: value for option, value in layer.items() if value is not None}
        return own | dict(remote.options)

    return options


def _behind(
    remote: RemoteName, names: set[str], options: Callable[[RemoteName], dict[str, str]]
) -> dict[str, Mapping[str, str]]:
    """Return the QingStor remotes that a remote of another type wraps, however deep."""
    found: dict[str, Mapping[str, str]] = {}
    seen: set[str] = set()
    rest = [remote]
    while rest:
        wrapper = rest.pop()
        if wrapper.name in seen:
            continue
        seen.add(wrapper.name)
        applying = options(wrapper)
        if applying.get("type") == TYPE:
            found[wrapper.name] = applying
            continue
        # rclone capitalizes a name to look for it in variables.
        text = "\n".join(applying.values()).lower()
        rest += (RemoteName(name, (), "") for name in names if _names(text, name.lower()))
        if f":{TYPE}" in text:
            rest.append(RemoteName(f":{TYPE}", (), ""))
    return found


def _names(text: str, name: str) -> bool:
    return re.search(rf"(?<![\w.+@-]){re.escape(name)}[:,]", text) is not None


def _all_names(sections: Sections, environ: Mapping[str, str]) -> set[str]:
    return {*sections, *(found[1] for name in environ if (found := _DEFINED.fullmatch(name)))}
