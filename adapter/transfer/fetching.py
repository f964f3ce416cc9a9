"""How each file of a restore is fetched: whole or from chunks, its MD5 compared by rclone or by us."""

from collections.abc import Collection, Generator, Sequence
from dataclasses import dataclass, field
from enum import IntFlag

from adapter.contract.events import Event
from adapter.files.catalog import Catalog, Object, State, Work, digest_of
from adapter.files.decision import How
from adapter.files.manifest import Saved
from adapter.files.names import RAW, as_logged, is_raw
from adapter.transfer.chunker import (
    CHUNK_SUFFIX,
    CHUNKED,
    DESCRIPTION_MAX,
    chunk_sets,
    chunked_environment,
    whole_files,
)
from adapter.transfer.copy_passes import RETRY_CODES, Copy
from adapter.transfer.destination import Destination
from adapter.transfer.operation import Operation
from adapter.transfer.receiving import MISSING


class Way(IntFlag):
    """The batches: how rclone is called for a file."""

    PLAIN = 0
    UNCHECKED = 1
    """rclone must not compare the MD5 with the ETag: it may be none of the content, and we compare."""
    CHUNKS = 2
    SPELLED_RAW = 4
    """Its name is one that rclone's default encoding cannot tell from another."""


@dataclass(slots=True)
class Fetching:
    """Puts what must be fetched into the catalog's work."""

    operation: Operation
    catalog: Catalog
    destination: Destination
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
                self._add(entry, Way.CHUNKS | Way.UNCHECKED, is_new=is_new)
            else:
                self._uncertain.append((entry, is_new))
        elif (found.size, found.etag) == (entry.size, entry.etag):
            is_checked = entry.how == How.OBJECT.value and entry.etag == entry.md5 != ""
            self._add(entry, Way.PLAIN if is_checked else Way.UNCHECKED, is_new=is_new)
        elif found.size <= DESCRIPTION_MAX and self._sets(entry):
            self._uncertain.append((entry, is_new))
        else:
            self.replaced.add(entry.name)
            self._add(entry, Way.UNCHECKED, is_new=is_new)

    def bring_object(self, name: bytes, way: Way, *, is_new: bool, size: int) -> None:
        """Take an object that is no file of the table by this name, or is known to be in chunks."""
        way |= Way.SPELLED_RAW if is_raw(name) else Way.PLAIN
        work = Work(name, int(way), as_logged(name), size, is_new=is_new, state=State.WAITING)
        self.catalog.add_work([work])

    def settle(self) -> Generator[Event, None, None]:
        """Find out what lies in the bucket for files that are not as recorded; fail those that are gone."""
        small = [entry.name for entry, _ in self._uncertain if self.catalog.stored(entry.name) is not None]
        whole = yield from whole_files(self.operation.remote, small, self.operation.scanner)
        for entry, is_new in self._uncertain:
            found = self.catalog.stored(entry.name)
            if found is not None and entry.name in whole:
                self.replaced.add(entry.name)
                self._add(entry, Way.CHUNKS | Way.UNCHECKED, is_new=is_new)
            elif found is not None and not self._sets(entry):
                self.replaced.add(entry.name)
                self._add(entry, Way.UNCHECKED, is_new=is_new)
            else:
                yield self.destination.fail(entry.name, MISSING)
        self._uncertain.clear()

    def _add(self, entry: Saved, way: Way, *, is_new: bool) -> None:
        self.bring_object(entry.name, way, is_new=is_new, size=entry.size)

    def _has_chunks(self, entry: Saved, found: Object) -> bool:
        sets = {digest_of(chunks) for chunks in self._sets(entry)}
        # A backup that could not tell which of several sets is the file's has recorded none.
        return found.etag == entry.etag and (entry.chunks in sets or (not entry.chunks and bool(sets)))

    def _sets(self, entry: Saved) -> Sequence[Sequence[Object]]:
        sets = chunk_sets(self.catalog.chunks_of(entry.name, CHUNK_SUFFIX))
        return [chunks for mark, chunks in sets.get(entry.name, {}).items() if mark]

    def copy(self, batch: int, staging: bytes) -> Copy:
        """Return what rclone is to do with a batch."""
        way, operation = Way(batch), self.operation
        flags = [*operation.options.flags(log_level="DEBUG"), "--ignore-times", "--inplace"]
        if Way.UNCHECKED in way:
            flags.append("--ignore-checksum")
        if Way.SPELLED_RAW in way:
            flags += RAW
        env, source = operation.storage.env, operation.remote
        if Way.CHUNKS in way:
            # A listing through the overlay would download every small object beside these.
            flags.append("--no-traverse")
            env, source = {**env, **chunked_environment(source)}, f"{CHUNKED}:"
        return Copy(
            batch=batch,
            env=env,
            directory=staging,
            source=source,
            destination=".",
            flags=tuple(flags),
            retry_codes=RETRY_CODES,
            during="restore",
        )
