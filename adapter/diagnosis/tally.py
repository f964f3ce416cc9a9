"""The result of each file, counted from log records; rclone's wording of success is here.

Counts never decrease, unlike rclone's own counters on a retry.
"""

import re
from array import array
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from adapter.contract.errors import ErrorCode, Failure
from adapter.contract.events import Action, FailedFile, Verification
from adapter.diagnosis.logline import Level, LogRecord

_COPIED = re.compile(r"(?:Multi-thread )?Copied \((new|replaced existing)\)")
_WOULD_COPY = re.compile(r"Skipped copy as --dry-run is set")
_ABSENT = "Need to transfer - File not found at Destination"
_UNCHANGED = re.compile(
    "Unchanged skipping"
    # With --update, when the times are nearly the same; the times differ by version and backend.
    "|Destination mod time is within .* of source and files identical, skipping"
)
# rclone 1.73.5 also says `size = 100 OK`; 1.70.3 does not.
_HASH_MATCHED = re.compile(r"(?!size )\w+ = [0-9a-f]{8,} OK$|Size and \w+ of src and dst objects identical$")
_NOT_COMPARED = frozenset(
    {
        "Destination exists, skipping",  # --ignore-existing
        "Destination is newer than source, skipping",  # --update
    }
)
_KEPT_WHOLE = 1000
"""Failures that are kept with all evidence, far more than a summary lists. Later ones share an object if they
are equal, so that a million of them cost little more than their names."""
_NOT_UTF8 = re.compile("[\udc80-\udcff]")
"""Such bytes as Python decodes them (surrogateescape)."""


def as_logged(path: str) -> str:
    """Return a path as it is in rclone's log: Go replaces every byte that is not UTF-8."""
    return _NOT_UTF8.sub("\ufffd", path)


@dataclass(frozen=True, slots=True)
class Settled:
    """A file that is copied or unchanged: `size` in bytes, None if it is not known."""

    action: Action
    item: str
    size: int | None


class Tally:
    """The counts of one run over all its passes. Not thread-safe."""

    server_hashes_up_to = 0
    """Bytes; up to this size the server computed the checksum that rclone compares."""

    def __init__(self) -> None:
        self.size_of: Callable[[str], int | None] = lambda _: None
        """Returns the size in bytes of an unchanged local file, which rclone's log does not have."""
        self.files_new = 0
        self.files_changed = 0
        self.files_unmodified = 0
        self.data_added = 0
        self.bytes_settled = 0
        self.failed: dict[str, Failure] = {}
        self.errors_seen = 0
        self._shared: dict[Failure, Failure] = {}
        # The first two hold a file only until it is settled.
        self._hash_matched: set[str] = set()
        self._absent: set[str] = set()
        self._failed_directories: set[str] = set()
        self._settled = array("q")
        self._counted: set[str] = set()
        self._by_hash = 0
        self._by_size = 0
        self._unverified = 0
        self._already_there = 0
        self._settled_before = 0

    @property
    def files_settled(self) -> int:
        """Return the number of files that are copied or unchanged."""
        return self.files_new + self.files_changed + self.files_unmodified

    @property
    def verification(self) -> Verification:
        """Return the numbers of settled files by how they were compared."""
        return Verification(by_hash=self._by_hash, by_size=self._by_size, unverified=self._unverified)

    @property
    def only_files_failed(self) -> bool:
        """Return whether only files failed, no directory: then it is enough to retry those files."""
        return not self._failed_directories

    @property
    def failed_directories(self) -> Mapping[str, Failure]:
        """Return the directories that could not be listed ("" is the root); files in them may be missing."""
        return {item: self.failed[item] for item in self._failed_directories}

    def name_directory(self, directory: str, files: Iterable[str]) -> None:
        """Record the files of a directory that could not be listed: those not settled have failed."""
        failure = self.failed.pop(directory)
        self._failed_directories.discard(directory)
        names = {hash(name): name for name in files}
        missing = names.keys() - {number for number in self._settled if number in names}
        for number in missing:
            self.failed.setdefault(names[number], failure)

    def failed_files(self) -> tuple[FailedFile, ...]:
        """Return the files that are still missing."""
        return tuple(FailedFile(item, failure) for item, failure in self.failed.items())

    def begin_copy(self) -> None:
        """Begin a copy of other files."""
        self._settled_before = self.files_settled
        self._already_there = 0

    def settle_unchanged(self, item: str, size: int) -> Settled:
        """Count and return a file that was found unchanged without rclone's comparison."""
        self.files_unmodified += 1
        self._settle(item, size, compared=True)
        return Settled(Action.UNCHANGED, item, size)

    def find(self, item: str, size: int) -> None:
        """Count a file whose copy failed but which was found at the destination."""
        self._already_there = 0
        self._hash_matched.add(item)
        self._copied(Action.NEW, item, size)

    def begin_again(self) -> None:
        """Begin another pass over the files of the copy; the settled ones will be logged again, as unchanged.

        Failed directories are removed: if one fails again, the pass will log it.
        """
        self._already_there = self.files_settled - self._settled_before
        self._hash_matched.clear()
        self._absent.clear()
        for item in self._failed_directories:
            self.failed.pop(item, None)
        self._failed_directories.clear()

    def fail(self, item: str, failure: Failure, *, is_file: bool = True) -> None:
        """Record a file that could not be copied or a directory that could not be listed, for now."""
        if self._already_there and item not in self.failed and hash(item) in self._settled:
            self._already_there -= 1
            self._counted.add(item)
        # `redownload` needs the evidence of a checksum that differs: it has the checksum that arrived.
        if len(self.failed) >= _KEPT_WHOLE and failure.code is not ErrorCode.INTEGRITY_MISMATCH:
            bare = replace(failure, evidence=replace(failure.evidence, request_id=None, log_tail=()))
            failure = self._shared.setdefault(bare, bare)
        self.failed[item] = failure
        self.errors_seen += 1
        self._forget(item)
        if not is_file:
            self._failed_directories.add(item)

    def lose(self, item: str, failure: Failure, action: Action) -> None:
        """Record that a settled file (`action` says as what: new or modified) turned out to be wrong."""
        if action is Action.NEW:
            self.files_new -= 1
        else:
            self.files_changed -= 1
        self.fail(item, failure)

    def missing(self, names: Iterable[str]) -> list[str]:
        """Return the names that were never logged: neither settled nor failed."""
        spellings = {name: {name, as_logged(name)} for name in names}
        numbers = {hash(spelling) for both in spellings.values() for spelling in both}
        known = {number for number in self._settled if number in numbers} | set(map(hash, self.failed))
        return [name for name, both in spellings.items() if known.isdisjoint(map(hash, both))]

    def take(self, record: LogRecord) -> Settled | None:
        """Count what a record says about a file; return the file if this settled it."""
        item = record.item
        if not item or record.level >= Level.ERROR:
            return None
        if copied := _COPIED.match(record.message):
            return self._copied(Action.NEW if copied[1] == "new" else Action.MODIFIED, item, record.size)
        if _UNCHANGED.match(record.message):
            return self._unchanged(item, compared=True)
        if record.message in _NOT_COMPARED:
            return self._unchanged(item, compared=False)
        if _WOULD_COPY.match(record.message):
            action = Action.NEW if item in self._absent else Action.MODIFIED
            return self._copied(action, item, record.size, compared=False)
        if record.message == _ABSENT:
            self._absent.add(item)
        elif _HASH_MATCHED.match(record.message):
            self._hash_matched.add(item)
        return None

    def _copied(
        self, action: Action, item: str, size: int | None, *, compared: bool = True
    ) -> Settled | None:
        if self._met_before(item):
            return None
        if action is Action.NEW:
            self.files_new += 1
        else:
            self.files_changed += 1
        if size is None:
            size = self.size_of(item)
        self.data_added += size or 0
        self._settle(item, size, compared=compared)
        return Settled(action, item, size)

    def _unchanged(self, item: str, *, compared: bool) -> Settled | None:
        if self._met_before(item):
            return None
        self.files_unmodified += 1
        size = self.size_of(item)
        self._settle(item, size, compared=compared)
        return Settled(Action.UNCHANGED, item, size)

    def _met_before(self, item: str) -> bool:
        """Return whether an earlier pass settled this file; only the number of those is known, not the names.

        They may even be copied again: rclone treats a directory that it cannot list as empty (1.75.2).
        """
        if item in self._counted:
            self._counted.discard(item)
            self.failed.pop(item, None)
        elif not self._already_there or item in self.failed:
            return False
        else:
            self._already_there -= 1
        self._forget(item)
        return True

    def _settle(self, item: str, size: int | None, *, compared: bool) -> None:
        self.failed.pop(item, None)
        self._settled.append(hash(item))
        self.bytes_settled += size or 0
        if not compared:
            self._unverified += 1
        elif item in self._hash_matched and size is not None and size <= self.server_hashes_up_to:
            self._by_hash += 1
        else:
            self._by_size += 1
        self._forget(item)

    def _forget(self, item: str) -> None:
        self._hash_matched.discard(item)
        self._absent.discard(item)
