"""Where the bytes of each file of a backup lie in the bucket: an object, chunks, or nowhere any more."""

from collections.abc import Callable, Collection, Generator, Sequence
from dataclasses import dataclass, field
from enum import IntFlag

from adapter.contract.errors import ErrorCode, Failure
from adapter.contract.events import Event
from adapter.files.catalog import Catalog, Object, digest_of
from adapter.files.decision import How
from adapter.files.manifest import Saved
from adapter.transfer.chunker import CHUNK_SUFFIX, DESCRIPTION_MAX, chunk_sets, whole_files
from adapter.transfer.operation import Operation

MISSING = Failure(
    ErrorCode.INTEGRITY_MISMATCH,
    "Its object is not in the bucket any more, or some of its chunks are missing.",
    "If the source still has the file, back it up again.",
)

DAMAGED = Failure(
    ErrorCode.INTEGRITY_MISMATCH,
    "Its content in the bucket is not the one that was backed up: it is damaged there.",
    "If the source still has the file, delete this object (`rclone deletefile`) and run the backup again.",
)


class Way(IntFlag):
    """How rclone is called for a file that comes back."""

    PLAIN = 0
    UNCHECKED = 1
    """rclone must not compare the MD5 with the ETag: it may be none of the content, and we compare."""
    CHUNKS = 2
    SPELLED_RAW = 4
    """Its name is one that rclone's default encoding cannot tell from another."""


@dataclass(slots=True)
class Locating:
    """Finds the files of a table by a list of the bucket; hands each to `take` or to `fail`."""

    operation: Operation
    catalog: Catalog
    take: Callable[[Saved, Way, bool], None]
    """Gets the file, the way, and whether its place is still empty."""
    fail: Callable[[bytes, Failure], Event]
    chunked: Collection[bytes] = ()
    """Files that are known to be whole in chunks, where no manifest tells."""
    replaced: set[bytes] = field(default_factory=set)
    """Files of which the bucket holds something else than was recorded."""
    _uncertain: list[tuple[Saved, bool]] = field(default_factory=list)

    def bring(self, entry: Saved, is_new: bool) -> None:  # noqa: FBT001
        """Take a file; where its object is not as recorded, `settle` finds out what it is."""
        found = self.catalog.stored(entry.name)
        if found is None:
            self._uncertain.append((entry, is_new))
        elif entry.how == How.CHUNKS.value:
            if entry.name in self.chunked or self._has_chunks(entry, found):
                self.take(entry, Way.CHUNKS | Way.UNCHECKED, is_new)
            else:
                self._uncertain.append((entry, is_new))
        elif (found.size, found.etag) == (entry.size, entry.etag):
            is_checked = entry.how == How.OBJECT.value and entry.etag == entry.md5 != ""
            self.take(entry, Way.PLAIN if is_checked else Way.UNCHECKED, is_new)
        elif found.size <= DESCRIPTION_MAX and self._sets(entry):
            self._uncertain.append((entry, is_new))
        else:
            self.replaced.add(entry.name)
            self.take(entry, Way.UNCHECKED, is_new)

    def settle(self) -> Generator[Event, None, None]:
        """Find out what lies in the bucket for files that are not as recorded; fail those that are gone."""
        small = [entry.name for entry, _ in self._uncertain if self.catalog.stored(entry.name) is not None]
        whole = yield from whole_files(self.operation.remote, small, self.operation.scanner)
        for entry, is_new in self._uncertain:
            found = self.catalog.stored(entry.name)
            if found is not None and entry.name in whole:
                self.replaced.add(entry.name)
                self.take(entry, Way.CHUNKS | Way.UNCHECKED, is_new)
            elif found is not None and not self._sets(entry):
                self.replaced.add(entry.name)
                self.take(entry, Way.UNCHECKED, is_new)
            else:
                yield self.fail(entry.name, MISSING)
        self._uncertain.clear()

    def _has_chunks(self, entry: Saved, found: Object) -> bool:
        sets = {digest_of(chunks) for chunks in self._sets(entry)}
        # A backup that could not tell which of several sets is the file's has recorded none.
        return found.etag == entry.etag and (entry.chunks in sets or (not entry.chunks and bool(sets)))

    def _sets(self, entry: Saved) -> Sequence[Sequence[Object]]:
        sets = chunk_sets(self.catalog.chunks_of(entry.name, CHUNK_SUFFIX))
        return [chunks for mark, chunks in sets.get(entry.name, {}).items() if mark]
