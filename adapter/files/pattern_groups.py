"""Patterns compiled: rclone's and restic's as groups of tests, for files and for directories.

rclone's are for names as rclone spells them, restic's for paths. Neighbours that stand for themselves only
are one look-up, so that there may be very many.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import partial

from adapter.files import glob, restic_pattern


class Verdict(Enum):
    """What a pattern that matches decides; SKIP passes over the rest of its group (restic's `!`)."""

    INCLUDE = auto()
    EXCLUDE = auto()
    SKIP = auto()


@dataclass(frozen=True, slots=True)
class Subject:
    """A file or directory below the root, without a slash at its ends: as rclone spells it, and on disk."""

    name: str
    path: str
    absolute: str
    """The path with the root's in front."""


Test = Callable[[Subject], "int | None"]
"""Returns the number of the pattern that matches; -1 for one that decides without having matched."""
EVERYTHING = -1
Step = tuple[Verdict, Test]
"""What a test decides, and the test."""


@dataclass(slots=True)
class Group:
    """Steps for files and for directories, in order."""

    files: list[Step] = field(default_factory=list)
    directories: list[Step] = field(default_factory=list)


class _Literals:
    """Patterns that stand for themselves: one look-up for many of them."""

    def __init__(self, candidates: Callable[[Subject], Iterator[str]]) -> None:
        self.numbers: dict[str, int] = {}
        self._candidates = candidates

    def __call__(self, subject: Subject) -> int | None:
        return next((self.numbers[one] for one in self._candidates(subject) if one in self.numbers), None)


class _Compiler:
    """Turns patterns into a group; neighbours that stand for themselves become one step."""

    def __init__(self) -> None:
        self.group = Group()
        self._open: tuple[Verdict, Mapping[str, _Literals]] | None = None

    def _add_literal(self, verdict: Verdict, kind: str, text: str, number: int) -> None:
        if self._open is None or self._open[0] is not verdict:
            self._open = (verdict, self._begin(verdict))
        self._open[1][kind].numbers.setdefault(text, number)

    def _begin(self, verdict: Verdict) -> Mapping[str, _Literals]:
        raise NotImplementedError


class RcloneCompiler(_Compiler):
    """rclone's file rules and directory rules (fs/filter/filter.go, Add, 1.75.2)."""

    def add(self, verdict: Verdict, pattern: str, number: int) -> None:
        """Add one pattern. Raises PatternProblem."""
        is_directory = pattern.endswith("/")
        if is_directory and verdict is Verdict.EXCLUDE:
            pattern += "**"
        if not is_directory or verdict is Verdict.EXCLUDE:
            self._add_file_rule(verdict, pattern, number)
            if verdict is Verdict.INCLUDE or pattern == "*":
                for directory in glob.directory_globs(pattern):
                    if directory != "/":
                        self._add_directory_rule(verdict, directory, EVERYTHING)
        if is_directory or "**" in pattern:
            self._add_directory_rule(verdict, pattern, number)

    def _add_file_rule(self, verdict: Verdict, pattern: str, number: int) -> None:
        text = glob.literal(pattern)
        if text is not None:
            self._add_literal(verdict, "rooted" if text.startswith("/") else "anywhere", text, number)
            return
        self._open = None
        test = partial(_find, glob.glob_regex(pattern), number)
        self.group.files.append((verdict, lambda subject: test(subject.name)))

    def _add_directory_rule(self, verdict: Verdict, pattern: str, number: int) -> None:
        if pattern == "/**":
            if not self.group.directories or self.group.directories[-1][1] is not _always:
                self.group.directories.append((verdict, _always))
            return
        test = partial(_find, glob.glob_regex(pattern), number)
        self.group.directories.append((verdict, lambda subject: test(f"{subject.name}/")))

    def _begin(self, verdict: Verdict) -> Mapping[str, _Literals]:
        kinds = {
            "rooted": _Literals(lambda subject: iter((f"/{subject.name}",))),
            "anywhere": _Literals(lambda subject: _ends(subject.name)),
        }
        self.group.files.extend((verdict, test) for test in kinds.values())
        return kinds


class ResticCompiler(_Compiler):
    """restic's patterns: what fits a directory fits all that is in it."""

    def add(self, verdict: Verdict, pattern: str, number: int) -> None:
        """Add one pattern. Raises PatternProblem."""
        text = restic_pattern.literal(pattern)
        is_absolute = pattern.startswith("/")
        if text is not None and (is_absolute or "/" not in text):
            self._add_literal(verdict, "places" if is_absolute else "names", text, number)
            return
        self._open = None
        test = partial(_find, restic_pattern.pattern_regex(pattern), number)
        whole: Test = lambda subject: test(subject.absolute if is_absolute else subject.path)  # noqa: E731
        self._append(verdict, whole)

    def _begin(self, verdict: Verdict) -> Mapping[str, _Literals]:
        kinds = {
            "places": _Literals(lambda subject: _beginnings(subject.absolute)),
            "names": _Literals(lambda subject: iter(subject.path.split("/"))),
        }
        for test in kinds.values():
            self._append(verdict, test)
        return kinds

    def _append(self, verdict: Verdict, test: Test) -> None:
        self.group.files.append((verdict, test))
        if verdict is Verdict.INCLUDE:
            self.group.directories.append((verdict, _always))  # its match may lie at any depth
        else:
            self.group.directories.append((verdict, test))


def _always(_subject: Subject) -> int:
    return EVERYTHING


def _find(expression: re.Pattern[str], number: int, text: str) -> int | None:
    return number if expression.search(text) else None


def _ends(name: str) -> Iterator[str]:
    """Yield the name, and what follows each of its slashes."""
    yield name
    at = name.find("/")
    while at >= 0:
        yield name[at + 1 :]
        at = name.find("/", at + 1)


def _beginnings(path: str) -> Iterator[str]:
    """Yield an absolute path and all directories above it."""
    while path:
        yield path
        path = path.rpartition("/")[0]
    yield "/"
