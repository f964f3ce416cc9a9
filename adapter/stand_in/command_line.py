"""rclone's command line, read as far as this program needs it: command, arguments, flags.

Follows cobra and pflag, rclone's own parsers: flags may stand anywhere, `--` ends them. Nothing is refused:
what rclone refuses, it refuses itself.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from adapter.stand_in.rclone_flags import (
    OTHERWISE,
    SHORT_WITHOUT_VALUE,
    WITH_SUBCOMMANDS,
    WITHOUT_VALUE,
)


class Flag(NamedTuple):
    """A flag: its name without dashes, its value (None: it has none), and the words that it takes."""

    name: str
    value: str | None
    first: int
    last: int


class CommandLine(NamedTuple):
    """The words after `rclone`; `arguments` are the indices of those that are neither command nor flag."""

    words: tuple[str, ...]
    command: str
    """Such as `lsd` or `serve restic`; blank if there is none."""
    arguments: tuple[int, ...]
    flags: tuple[Flag, ...]

    def argument(self, number: int) -> str:
        """Return an argument, blank if there is none."""
        return (
            self.words[self.arguments[number]] if -len(self.arguments) <= number < len(self.arguments) else ""
        )

    def value(self, name: str) -> str | None:
        """Return the value of a flag, the last one if it is repeated; None if it is not there."""
        return next((flag.value for flag in reversed(self.flags) if flag.name == name), None)

    def has(self, name: str) -> bool:
        """Return whether a flag is there and not switched off."""
        given = [flag.value for flag in self.flags if flag.name == name]
        return bool(given) and given[-1] not in {"false", "0", "False", "f", "F", "FALSE"}

    def words_of(self, names: frozenset[str]) -> tuple[str, ...]:
        """Return these flags, as they are spelled."""
        return tuple(
            word
            for flag in self.flags
            if flag.name in names
            for word in self.words[flag.first : flag.last + 1]
        )


def parse(words: Sequence[str]) -> CommandLine:
    """Return the parts of rclone's command line."""
    command = _parse(words, "")[0]
    if command in OTHERWISE:
        return CommandLine(tuple(words), *_parse(words, command))
    return CommandLine(tuple(words), *_parse(words, ""))


def _parse(words: Sequence[str], of: str) -> tuple[str, tuple[int, ...], tuple[Flag, ...]]:
    """Read the words as those of the command `of`."""
    plain: list[int] = []
    flags: list[Flag] = []
    at = 0
    while at < len(words):
        word = words[at]
        if word == "--":
            plain += range(at + 1, len(words))
            break
        if word.startswith("--"):
            flag = _long(words, at, of)
            flags.append(flag)
            at = flag.last
        elif word.startswith("-") and word != "-":
            flags += (found := list(_short(words, at, of)))
            at = found[-1].last
        else:
            plain.append(at)
        at += 1
    count = 0
    if plain:
        count = 2 if words[plain[0]] in WITH_SUBCOMMANDS and len(plain) > 1 else 1
    return " ".join(words[index] for index in plain[:count]), tuple(plain[count:]), tuple(flags)


def _long(words: Sequence[str], at: int, of: str) -> Flag:
    name, is_joined, value = words[at][2:].partition("=")
    if is_joined:
        return Flag(name, value, at, at)
    if _is_alone(name, of, WITHOUT_VALUE) or at + 1 == len(words):
        return Flag(name, None, at, at)
    return Flag(name, words[at + 1], at, at + 1)


def _short(words: Sequence[str], at: int, of: str) -> Iterator[Flag]:
    """Yield the flags of one word, such as `-vP`; a value may be joined or the next word."""
    letters = words[at][1:]
    for index, letter in enumerate(letters):
        rest = letters[index + 1 :]
        if rest.startswith("="):
            yield Flag(letter, rest[1:], at, at)
            return
        if not _is_alone(letter, of, SHORT_WITHOUT_VALUE):
            if rest or at + 1 == len(words):
                yield Flag(letter, rest or None, at, at)
            else:
                yield Flag(letter, words[at + 1], at, at + 1)
            return
        yield Flag(letter, None, at, at)


def _is_alone(name: str, of: str, alone: frozenset[str]) -> bool:
    return (name in alone) != (name in OTHERWISE.get(of, frozenset()))
