"""All patterns of a run as one ordered list: the first that matches a name decides, and what decided is
known.

The order, whatever the mixture: excludes, includes, rules (of a job, then of a file), and after any include
everything else is left out. rclone's patterns are for names as rclone spells them, restic's for paths.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import partial

from adapter.contract.errors import AdapterError, ErrorCode, Failure
from adapter.files import glob, restic_pattern
from adapter.files.glob import PatternProblem
from adapter.files.names import as_text


class Dialect(Enum):
    """Whose patterns they are."""

    RCLONE = auto()
    RESTIC = auto()


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


_Test = Callable[[Subject], "int | None"]
"""Returns the number of the pattern that matches; -1 for one that decides without having matched."""
_EVERYTHING = -1


@dataclass(slots=True)
class _Group:
    """Steps for files and for directories, in order."""

    files: list[tuple[Verdict, _Test]] = field(default_factory=list)
    directories: list[tuple[Verdict, _Test]] = field(default_factory=list)


class Patterns:
    """The list; empty, it lets everything through."""

    def __init__(self) -> None:
        self._groups: list[_Group] = []
        self._texts: list[str] = []
        self._used: set[int] = set()
        self._has_includes = False

    def __bool__(self) -> bool:
        return bool(self._groups)

    @property
    def unused(self) -> tuple[str, ...]:
        """Return the patterns that decided nothing so far."""
        return tuple(text for number, text in enumerate(self._texts) if number not in self._used)

    def exclude(self, patterns: Iterable[str], dialect: Dialect) -> None:
        """Add patterns of what is left out. Raises AdapterError `usage`, as all of these do."""
        self._add([(Verdict.EXCLUDE, pattern) for pattern in patterns], dialect)

    def include(self, patterns: Iterable[str], dialect: Dialect) -> None:
        """Add patterns of what is kept; then `finish` leaves everything else out."""
        steps = [(Verdict.INCLUDE, pattern) for pattern in patterns]
        self._has_includes = self._has_includes or bool(steps)
        self._add(steps, dialect)

    def add_rules(self, rules: Iterable[str]) -> None:
        """Add rclone's rules: `+ pattern`, `- pattern`, and `!`, which forgets all before it."""
        steps: list[tuple[Verdict, str]] = []
        for rule in rules:
            if rule == "!":
                self._groups.clear()
                self._texts.clear()
                self._has_includes = False
                steps.clear()
            elif rule[:2] in {"+ ", "- "}:
                steps.append((Verdict.INCLUDE if rule[0] == "+" else Verdict.EXCLUDE, rule[2:]))
            else:
                raise _wrong(rule, "it is not a rule", "Begin each rule with `+ ` or `- `.")
        self._add(steps, Dialect.RCLONE)

    def finish(self) -> None:
        """Leave out what no pattern has kept, if there was an include."""
        if self._has_includes:
            rest = (Verdict.EXCLUDE, lambda _: _EVERYTHING)
            self._groups.append(_Group([rest], [rest]))

    def keeps_file(self, subject: Subject) -> bool:
        """Return whether the patterns let a file through; of its directories nothing is asked."""
        return self._keeps(subject, [group.files for group in self._groups])

    def enters(self, subject: Subject) -> bool:
        """Return whether there may be anything to keep in a directory."""
        return self._keeps(subject, [group.directories for group in self._groups])

    def chooses(self, name: bytes, entered: dict[str, bool]) -> bool:
        """Return whether the patterns let an object through that a list names; `entered` remembers
        directories.
        """
        text = as_text(name)
        parent = text.rpartition("/")[0]
        return self._enters_all(parent, entered) and self.keeps_file(_of_bucket(text))

    def _enters_all(self, directory: str, entered: dict[str, bool]) -> bool:
        if not directory:
            return True
        if directory not in entered:
            above = self._enters_all(directory.rpartition("/")[0], entered)
            entered[directory] = above and self.enters(_of_bucket(directory))
        return entered[directory]

    def _keeps(self, subject: Subject, groups: Iterable[list[tuple[Verdict, _Test]]]) -> bool:
        for steps in groups:
            for verdict, test in steps:
                number = test(subject)
                if number is not None:
                    self._used.add(number)
                    if verdict is Verdict.SKIP:
                        break
                    return verdict is Verdict.INCLUDE
        return True

    def _add(self, steps: list[tuple[Verdict, str]], dialect: Dialect) -> None:
        if not steps:
            return
        compiler = _RcloneCompiler() if dialect is Dialect.RCLONE else _ResticCompiler()
        if dialect is Dialect.RESTIC:
            # restic takes the last pattern that matches, we take the first.
            steps = [_negated(verdict, pattern) for verdict, pattern in reversed(steps)]
        for verdict, pattern in steps:
            number = len(self._texts)
            self._texts.append(pattern)
            try:
                compiler.add(verdict, pattern, number)
            except PatternProblem as error:
                raise _wrong(
                    pattern,
                    str(error),
                    "Correct the pattern; docs/how-backups-decide.md tells what they mean.",
                ) from None
        self._groups.append(compiler.group)


def _negated(verdict: Verdict, pattern: str) -> tuple[Verdict, str]:
    return (Verdict.SKIP, pattern[1:]) if pattern.startswith("!") else (verdict, pattern)


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
        self.group = _Group()
        self._open: tuple[Verdict, Mapping[str, _Literals]] | None = None

    def _add_literal(self, verdict: Verdict, kind: str, text: str, number: int) -> None:
        if self._open is None or self._open[0] is not verdict:
            self._open = (verdict, self._begin(verdict))
        self._open[1][kind].numbers.setdefault(text, number)

    def _begin(self, verdict: Verdict) -> Mapping[str, _Literals]:
        raise NotImplementedError


class _RcloneCompiler(_Compiler):
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
                        self._add_directory_rule(verdict, directory, _EVERYTHING)
        if is_directory or "**" in pattern:
            self._add_directory_rule(verdict, pattern, number)

    def _add_file_rule(self, verdict: Verdict, pattern: str, number: int) -> None:
        text = glob.literal(pattern)
        if text is not None:
            self._add_literal(verdict, "rooted" if glob.is_anchored(text) else "anywhere", text, number)
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


class _ResticCompiler(_Compiler):
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
        whole: _Test = lambda subject: test(subject.absolute if is_absolute else subject.path)  # noqa: E731
        self._append(verdict, whole)

    def _begin(self, verdict: Verdict) -> Mapping[str, _Literals]:
        kinds = {
            "places": _Literals(lambda subject: _beginnings(subject.absolute)),
            "names": _Literals(lambda subject: iter(subject.path.split("/"))),
        }
        for test in kinds.values():
            self._append(verdict, test)
        return kinds

    def _append(self, verdict: Verdict, test: _Test) -> None:
        self.group.files.append((verdict, test))
        if verdict is Verdict.INCLUDE:
            self.group.directories.append((verdict, _always))  # its match may lie at any depth
        else:
            self.group.directories.append((verdict, test))


def _of_bucket(name: str) -> Subject:
    return Subject(name, name, f"/{name}")


def _always(_subject: Subject) -> int:
    return _EVERYTHING


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


def _wrong(pattern: str, why: str, hint: str) -> AdapterError:
    shown = pattern if len(pattern) <= 200 else f"{pattern[:200]}…"
    return AdapterError(Failure(ErrorCode.USAGE, f"The pattern {shown} cannot be used: {why}.", hint))
