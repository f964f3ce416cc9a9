"""All patterns of a run as one ordered list: the first that matches decides, and what decided is known.

The order, whatever the mixture: excludes, includes, rules (of a job, then of a file), and after any include
everything else is left out.
"""

from collections.abc import Iterable
from enum import Enum, auto

from adapter.contract.errors import AdapterError, ErrorCode, Failure
from adapter.files.glob import PatternProblem
from adapter.files.names import as_text
from adapter.files.pattern_groups import (
    EVERYTHING,
    Group,
    RcloneCompiler,
    ResticCompiler,
    Step,
    Subject,
    Verdict,
)


class Dialect(Enum):
    """Whose patterns they are."""

    RCLONE = auto()
    RESTIC = auto()


class Hidden(Enum):
    """Why a name is not kept."""

    BY_PATTERN = auto()
    BY_THE_REST = auto()
    """No pattern is about it, but something else was included."""


class Patterns:
    """The list; empty, it lets everything through."""

    def __init__(self) -> None:
        self._groups: list[Group] = []
        self._texts: list[str] = []
        self._used: set[int] = set()
        self._has_includes = False
        self._rest: list[Step] = [(Verdict.EXCLUDE, lambda _: EVERYTHING)]

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
            self._groups.append(Group(self._rest, self._rest))

    def keeps_file(self, subject: Subject) -> bool:
        """Return whether the patterns let a file through; of its directories nothing is asked."""
        return self._hides(subject, [group.files for group in self._groups]) is None

    def enters(self, subject: Subject) -> bool:
        """Return whether there may be anything to keep in a directory."""
        return self._hides(subject, [group.directories for group in self._groups]) is None

    def hides(self, subject: Subject | None, above: Iterable[Subject]) -> Hidden | None:
        """Return why a file is not kept, which may be because of a directory above it; None if it is kept.

        Without a file it is about the directories alone.
        """
        for directory in above:
            hidden = self._hides(directory, [group.directories for group in self._groups])
            if hidden is not None:
                return hidden
        return None if subject is None else self._hides(subject, [group.files for group in self._groups])

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

    def _hides(self, subject: Subject, groups: Iterable[list[Step]]) -> Hidden | None:
        for steps in groups:
            for verdict, test in steps:
                number = test(subject)
                if number is not None:
                    self._used.add(number)
                    if verdict is Verdict.SKIP:
                        break
                    if verdict is Verdict.INCLUDE:
                        return None
                    return Hidden.BY_THE_REST if steps is self._rest else Hidden.BY_PATTERN
        return None

    def _add(self, steps: list[tuple[Verdict, str]], dialect: Dialect) -> None:
        if not steps:
            return
        compiler = RcloneCompiler() if dialect is Dialect.RCLONE else ResticCompiler()
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


def _of_bucket(name: str) -> Subject:
    return Subject(name, name, f"/{name}")


def _wrong(pattern: str, why: str, hint: str) -> AdapterError:
    shown = pattern if len(pattern) <= 200 else f"{pattern[:200]}…"
    return AdapterError(Failure(ErrorCode.USAGE, f"The pattern {shown} cannot be used: {why}.", hint))
