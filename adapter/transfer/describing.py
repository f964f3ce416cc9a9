"""What rclone's log does not tell of files that it has sent: in parts, in chunks, or without an MD5.

Their rows for the index, and whether every chunk in the bucket is what was read: rclone compares none.
"""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field

from adapter.contract.errors import AdapterError, ErrorCode, Failure
from adapter.contract.events import ErrorEvent, Event, WarningEvent
from adapter.diagnosis.classify import failure_of
from adapter.diagnosis.local_rules import SOURCE_CHANGED
from adapter.files.catalog import Catalog, Object, State, digest_of
from adapter.files.decision import How, Row, Stored, row_of
from adapter.files.entry import Entry, Root
from adapter.files.hashing import ToHash, hash_files
from adapter.files.names import for_people
from adapter.transfer.chunker import CHUNK_SUFFIX, chunks_in_bucket, compare_chunks, in_order, whole_files
from adapter.transfer.operation import Operation
from adapter.transfer.ways import Way

_UNSEEN = Stored(0, "")
_ALTERED = Failure(
    ErrorCode.INTEGRITY_MISMATCH,
    "It was altered on the way: QingStor has stored other bytes than were read.",
    "Run the backup again. If it stays so, check this machine's memory, and proxies on the way.",
)


@dataclass(frozen=True, slots=True)
class Batch:
    """Files that travel in the same way, from one root."""

    operation: Operation
    catalog: Catalog
    way: Way
    root: Root
    began_ns: int
    """When rclone was started: what it reads, it reads later."""

    def row(self, entry: Entry, md5: str, etag: str, uploaded: str = "", chunks: str = "") -> Row:
        """Return the row of a file that was sent as the entry says."""
        seen = entry._replace(seen_ns=max(entry.seen_ns, self.began_ns))
        return row_of(seen, md5, self.way.how, etag, uploaded=uploaded, chunks=chunks)

    def to_hash(self, name: bytes) -> ToHash:
        """Return what is read to know the content of a file of the batch."""
        return ToHash(self.root.path_of(name), self.catalog.entry(name), self.root.follows)

    def stored(self, names: Sequence[bytes]) -> Generator[Event, None, Mapping[bytes, Stored]]:
        """Return what the bucket holds of these; the time of the upload where there is no MD5."""
        operation = self.operation
        found = yield from operation.scanner.look_at(operation.remote, names)
        nameless = [name for name, file in found.items() if not file.md5]
        times = yield from operation.scanner.look_at(operation.remote, nameless, columns="tsp")
        return {
            name: Stored(file.size, file.md5, uploaded=times[name].modified if name in times else "")
            for name, file in found.items()
        }

    def fail(self, name: bytes, failure: Failure, state: State) -> ErrorEvent:
        """Count a file as failed, in a state, as one that waits to be sent once more; return the event."""
        self.catalog.settle((name,), state)
        self.operation.run.tally.fail(for_people(name), failure)
        return ErrorEvent(failure, "backup", for_people(name), state is State.WAITING)


@dataclass(slots=True)
class Describing:
    """The files of one batch of which no row could be written when they were sent."""

    batch: Batch
    _files: dict[bytes, str] = field(default_factory=dict)
    """With their MD5 if it is known."""
    _altered: set[bytes] = field(default_factory=set)
    """Files that were altered on the way once."""
    _old_chunks: set[bytes] = field(default_factory=set)

    def add(self, name: bytes, md5: str) -> bool:
        """Add a file, with its MD5 if it is known; return whether it is here for the second time."""
        self._files[name] = md5
        return name in self._altered

    def describe(self) -> Generator[Event, None, bool]:
        """Write the rows; return whether files wait to be sent once more, as chunks that were altered on the
        way do. What cannot be learned now costs the next run a look at the file."""
        files, self._files = self._files, {}
        batch, catalog = self.batch, self.batch.catalog
        if not files:
            return False
        if batch.operation.cancel.requested:
            catalog.settle(files, State.UNKNOWN)
            return False
        md5s, stored = dict(files), dict[bytes, Stored]()
        chunks: dict[bytes, Sequence[Object]] = {}
        as_read: dict[bytes, bool] = {}
        try:
            yield from self._hash(md5s)
            stored.update((yield from batch.stored(list(files))))
            chunks.update((yield from self._chunks(list(files))))
            as_read.update((yield from self._compare(md5s, chunks)))
        except AdapterError as error:
            yield WarningEvent(
                "index_incomplete",
                f"{len(files)} files that were sent will be read once by the next run: "
                f"{error.failure.message}",
            )
        rows: list[Row] = []
        altered: list[bytes] = []
        for name, md5 in md5s.items():
            if not as_read.get(name, True):
                altered.append(name)
            elif md5:
                row = self._row_of_sent(name, md5, stored.get(name, _UNSEEN), chunks.get(name, ()))
                rows.append(row)
                if name in as_read or (row.how == How.OBJECT.value and row.etag == md5):
                    batch.operation.run.tally.prove()
            else:
                yield batch.fail(name, failure_of(SOURCE_CHANGED, batch.operation.place), State.UNKNOWN)
        catalog.index.record(rows)
        catalog.index.commit()
        return (yield from self._send_again(altered, chunks))

    def _row_of_sent(self, name: bytes, md5: str, stored: Stored, chunks: Sequence[Object]) -> Row:
        entry = self.batch.catalog.entry(name)
        row = self.batch.row(entry, md5, stored.etag, stored.uploaded, digest_of(chunks) if chunks else "")
        if row.how == How.CHUNKS.value and not chunks and stored.size == entry.size:
            return row._replace(how=How.OBJECT.value)  # not larger than a chunk
        return row

    def _hash(self, md5s: dict[bytes, str]) -> Generator[Event, None, None]:
        """Add the MD5s that are not known."""
        unknown = [self.batch.to_hash(name) for name, md5 in md5s.items() if not md5]
        found = yield from hash_files(unknown, self.batch.operation.run)
        md5s.update((name, md5) for name, md5 in found.items() if isinstance(md5, str))

    def _compare(
        self, md5s: Mapping[bytes, str], chunks: Mapping[bytes, Sequence[Object]]
    ) -> Generator[Event, None, Mapping[bytes, bool]]:
        """Return of files in chunks whether the bucket has the bytes that were read, where that is known: in
        their chunks, and in the description of these.
        """
        files = {name: self.batch.to_hash(name) for name in chunks}
        are_right = yield from compare_chunks(files, chunks, self.batch.operation.run)
        known = [name for name in are_right if md5s[name]]
        whole = yield from whole_files(self.batch.operation.remote, known, self.batch.operation.scanner)
        return {name: are_right[name] and name in whole and whole[name].md5 == md5s[name] for name in known}

    def _chunks(self, names: Sequence[bytes]) -> Generator[Event, None, Mapping[bytes, Sequence[Object]]]:
        """Return the new chunks of each file in chunks, the first one of the file first."""
        if self.batch.way.how is not How.CHUNKS:
            return {}
        found = yield from chunks_in_bucket(names, self.batch.operation)
        old = self._old_chunks.union(
            one.name for name in names for one in self.batch.catalog.chunks_of(name, CHUNK_SUFFIX)
        )
        return {
            name: in_order(chunks)
            for name in names
            for chunks in found.get(name, {}).values()
            if not any(chunk.name in old for chunk in chunks)
        }

    def _send_again(
        self, altered: Sequence[bytes], chunks: Mapping[bytes, Sequence[Object]]
    ) -> Generator[Event, None, bool]:
        """Let files that were altered on the way wait once more; fail those that were twice."""
        once = [name for name in altered if name not in self._altered]
        for name in altered:
            self._old_chunks.update(chunk.name for chunk in chunks[name])
            yield self.batch.fail(name, _ALTERED, State.WAITING if name in once else State.FAILED)
        self._altered.update(once)
        return bool(once)
