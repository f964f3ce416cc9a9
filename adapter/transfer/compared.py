"""What a comparison found: how each file was compared, what is different, and what follows for the run."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Self

from adapter.contract.errors import ErrorCode, Failure
from adapter.contract.events import Action, ErrorEvent, Event, Outcome, VerboseStatus, Verification
from adapter.files.names import for_people
from adapter.runs.run import Run


class Means(StrEnum):
    """How a file was compared: the fields of Verification."""

    HASH = "by_hash"
    SIZE = "by_size"
    DOWNLOAD = "by_download"


@dataclass(slots=True)
class Compared:
    """The files of one comparison, counted."""

    run: Run
    verbose: bool = False
    settles: bool = True
    """Whether files that are right are counted in the run: not so after a backup, which counted them."""
    note: str = ""
    """What follows the name of a file, where one name stands for the files of several sources."""
    wrong: dict[str, Failure] = field(default_factory=dict)
    bytes_downloaded: int = 0
    _means: Counter[Means] = field(default_factory=Counter)

    def matches(self, name: bytes, size: int, means: Means) -> Iterator[Event]:
        """Count a file that is right."""
        self._means[means] += 1
        if means is Means.DOWNLOAD:
            self.bytes_downloaded += size
        if not self.settles:
            return
        item = self._item(name)
        self.run.tally.settle(item, Action.UNCHANGED, size, means.value)
        if self.verbose:
            yield VerboseStatus(Action.UNCHANGED, item, size)

    def is_there(self, name: bytes) -> Iterator[Event]:
        """Count a link, which has no content to compare."""
        item = self._item(name)
        self.run.tally.settle(item, Action.UNCHANGED, 0, Means.HASH.value)
        if self.verbose:
            yield VerboseStatus(Action.UNCHANGED, item, 0)

    def differs(self, name: bytes, failure: Failure) -> ErrorEvent:
        """Count a file that is not right, or could not be compared; return the event."""
        item = self._item(name)
        self.wrong[item] = failure
        self.run.tally.fail(item, failure)
        return ErrorEvent(failure, "verify", item)

    def add(self, other: Self) -> None:
        """Count what another comparison of the run has found, too."""
        self.wrong.update(other.wrong)
        self._means.update(other._means)
        self.bytes_downloaded += other.bytes_downloaded

    def conclude(self) -> None:
        """Set what the run says of the comparison."""
        run, means = self.run, self._means
        for item, failure in run.tally.failed.items():  # what the walk could not look at, too
            self.wrong.setdefault(item, failure)
        run.verification = Verification(
            means[Means.HASH], means[Means.SIZE], means[Means.DOWNLOAD], len(self.wrong)
        )
        run.bytes_downloaded = self.bytes_downloaded if self.settles else None
        if self.wrong:
            run.fail(self._verdict())
        elif run.error is None:
            run.outcome = Outcome.SUCCESS

    def _item(self, name: bytes) -> str:
        return for_people(name) + self.note

    def _verdict(self) -> Failure:
        different = {item: failure for item, failure in self.wrong.items() if _is_difference(failure)}
        found = different or self.wrong
        item, first = next(iter(found.items()))
        one, many = ("differs or is missing", "differ or are missing")
        if not different:
            one = many = "could not be compared"
        what = f"One file {one}" if len(found) == 1 else f"{len(found)} files {many}, the first"
        return Failure(
            ErrorCode.INTEGRITY_MISMATCH if different else ErrorCode.PARTIAL,
            f"{what}: {item}: {first.message}",
            first.hint,
            evidence=first.evidence,
        )


def difference(message: str, hint: str) -> Failure:
    """Return the failure of a file that was compared and is not right."""
    return Failure(ErrorCode.INTEGRITY_MISMATCH, message, hint)


def _is_difference(failure: Failure) -> bool:
    """Return whether a file was compared and is not the same; not so when it could not be compared."""
    return failure.code is ErrorCode.INTEGRITY_MISMATCH
