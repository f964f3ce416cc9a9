"""What becomes of files once rclone says that it has copied them to the bucket: looked at again, and
recorded.
"""

import os
from collections.abc import Collection, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from adapter.contract.errors import AdapterError, ErrorCode, Failure
from adapter.contract.events import Action, ErrorEvent, Event, VerboseStatus, WarningEvent
from adapter.diagnosis.classify import failure_of
from adapter.diagnosis.local_rules import SOURCE_CHANGED
from adapter.files.catalog import Catalog, State, Work, digest_of
from adapter.files.decision import How, Row, Stored
from adapter.files.hashing import ToHash, hash_files, is_as_listed
from adapter.files.names import for_people
from adapter.files.walk import LINK_SUFFIX, Entry, Root, entry_of
from adapter.runs.backoff import TRANSIENT
from adapter.runs.slow_disk import NoAnswer, TimedDisk
from adapter.transfer.chunker import CHUNK_SUFFIX, chunks_in_bucket
from adapter.transfer.copy_passes import Confirmed
from adapter.transfer.operation import Operation
from adapter.transfer.ways import Way


@dataclass(slots=True)
class Sending:
    """The files of one batch. Used by `copy_passes`; `describe` after each copy completes the index."""

    operation: Operation
    catalog: Catalog
    way: Way
    root: Root
    disk: TimedDisk
    began_ns: int
    """When rclone was started: what it reads, it reads later."""
    _moved: set[bytes] = field(default_factory=set)
    """Files that have changed once since they were listed."""
    _undescribed: dict[bytes, str] = field(default_factory=dict)
    """Files that are in the bucket, of which no row could be written yet, with their MD5 if it is known."""

    def confirmed(self, files: Sequence[Confirmed]) -> Iterator[Event]:
        """Look at the files again: what has moved since it was listed may be stored half old and half new."""
        found = self._look([one.work.name for one in files])
        for one in files:
            work, md5 = one.work, one.md5
            entry, now = self._entry(work), found.get(work.name)
            if isinstance(now, FileNotFoundError | NotADirectoryError):
                self._let_go(work)
            elif isinstance(now, os.stat_result) and is_as_listed(now, entry):
                yield from self._keep(work, entry, md5)
            else:
                yield from self._has_moved(work, now)

    def reconsider(self, work: Work, failure: Failure) -> bool:
        """Settle a failed file as gone, or put it in again when it has changed since it was listed."""
        if failure.code not in {ErrorCode.SOURCE_UNREADABLE, ErrorCode.UNKNOWN}:
            return False
        now = self._look([work.name]).get(work.name)
        if isinstance(now, FileNotFoundError | NotADirectoryError) or (
            isinstance(now, os.stat_result) and self._is_behind_a_link(work)
        ):
            self._let_go(work)
            return True
        if not isinstance(now, os.stat_result) or work.name in self._moved:
            return False
        if is_as_listed(now, self._entry(work)):
            return False
        self._put_in_again(work, now)
        return True

    def passed_over(self, _work: Work) -> Generator[Event, None, bool]:
        """Return False: every file of the list must be sent."""
        yield from ()
        return False

    def told_apart(self, files: Sequence[Work], md5s: Collection[str]) -> Generator[Event, None, None]:
        """Settle files whose names a log cannot tell apart, if the bucket holds them with one of the MD5s."""
        stored = yield from self._stored([work.name for work in files])
        there = [
            Confirmed(work, stored[work.name].etag, work.is_new)
            for work in files
            if work.name in stored and stored[work.name].etag in md5s and stored[work.name].size == work.size
        ]
        yield from self.confirmed(there)

    def describe(self) -> Generator[Event, None, None]:
        """Write the rows of files of which rclone's log does not tell all: in parts, in chunks, or without an
        MD5 for an ETag. What cannot be learned now costs the next run a look at the file."""
        undescribed, self._undescribed = self._undescribed, {}
        if not undescribed or self.operation.cancel.requested:
            return
        try:
            stored = yield from self._stored(list(undescribed))
            chunks = yield from self._chunks(list(undescribed))
            md5s = dict(undescribed)
            unknown = [self._to_hash(name) for name, md5 in undescribed.items() if not md5]

            def take(file: ToHash, md5: str | OSError | None) -> None:
                md5s[file.entry.name] = md5 if isinstance(md5, str) else ""

            yield from hash_files(unknown, take, self.operation.run)
        except AdapterError as error:
            yield WarningEvent(
                "index_incomplete",
                f"{len(undescribed)} files that were sent will be read once by the next run: "
                f"{error.failure.message}",
            )
            return
        for name, object_ in stored.items():
            entry = self.catalog.entry(name)
            if entry is not None and md5s[name]:
                self._record(entry, md5s[name], object_.etag, object_.uploaded, chunks.get(name, ""))
        self.catalog.index.commit()

    def settle_arrived(self, batch: int) -> Generator[Event, None, None]:
        """Settle failed files that the bucket holds as they are: their PUT arrived, its answer did not."""
        failed = self.operation.run.tally.failed
        works = {
            work.name: work
            for state in (State.FAILED, State.AGAIN)
            for work in self.catalog.work(state, batch)
            if (failure := failed.get(for_people(work.name))) is not None and failure.code in TRANSIENT
        }
        if not works or self.way.how is not How.OBJECT or self.operation.cancel.requested:
            return
        try:
            stored = yield from self._stored(list(works))
        except AdapterError:
            return  # they stay failed, and the next run looks at them
        there = [name for name, one in stored.items() if one.etag and one.size == works[name].size]
        arrived: list[Confirmed] = []

        def take(file: ToHash, md5: str | OSError | None) -> None:
            name = file.entry.name
            if isinstance(md5, str) and md5 == stored[name].etag:
                arrived.append(Confirmed(works[name], md5, works[name].is_new))

        yield from hash_files([self._to_hash(name) for name in there], take, self.operation.run)
        yield from self.confirmed(arrived)

    def _keep(self, work: Work, entry: Entry, md5: str) -> Iterator[Event]:
        """Count a file that is in the bucket as it is here, and write its row."""
        self.catalog.settle(work.name, State.DONE)
        action = Action.NEW if work.is_new else Action.MODIFIED
        item = for_people(work.name)
        by_hash = self.way.how is How.OBJECT and bool(md5)
        self.operation.run.tally.settle(item, action, entry.size, "by_hash" if by_hash else "by_size")
        if by_hash and not entry.is_link:
            self._record(entry, md5, md5)
        elif not entry.is_link:
            self._undescribed[work.name] = md5
        if self.operation.options.verbose_files:
            yield VerboseStatus(action, item, entry.size)

    def _record(self, entry: Entry, md5: str, etag: str, uploaded: str = "", chunks: str = "") -> None:
        seen = max(entry.seen_ns, self.began_ns)
        fields = entry[:8]
        self.catalog.index.record(Row(*fields, seen, md5, self.way.how.value, etag, uploaded, chunks))

    def _has_moved(self, work: Work, now: object) -> Iterator[Event]:
        if isinstance(now, os.stat_result) and work.name not in self._moved:
            self._put_in_again(work, now)
            return
        failure = failure_of(SOURCE_CHANGED, self.operation.place)
        item = for_people(work.name)
        self.catalog.settle(work.name, State.FAILED)
        self.operation.run.tally.fail(item, failure)
        yield ErrorEvent(failure, "backup", item)

    def _put_in_again(self, work: Work, now: os.stat_result) -> None:
        """Let the next pass send a file as it is now; a file that keeps changing fails after that."""
        self._moved.add(work.name)
        entry = self._entry(work)
        self.catalog.replace_entry(entry_of(entry.name, now, self.began_ns, entry.link_md5))
        self.catalog.settle(work.name, State.AGAIN)

    def _let_go(self, work: Work) -> None:
        self.catalog.settle(work.name, State.GONE)
        self.operation.run.tally.let_go(for_people(work.name))

    def _entry(self, work: Work) -> Entry:
        entry = self.catalog.entry(work.name)
        assert entry is not None  # noqa: S101  # all work was found by the walk
        return entry

    def _path(self, name: bytes) -> bytes:
        return self.root.path_of(name.removesuffix(LINK_SUFFIX) if self.way.is_link else name)

    def _to_hash(self, name: bytes) -> ToHash:
        entry = self.catalog.entry(name)
        assert entry is not None  # noqa: S101
        return ToHash(self._path(name), entry, self.root.follows)

    def _look(self, names: Sequence[bytes]) -> Mapping[bytes, os.stat_result | OSError]:
        """Return what there is now under these names; nothing for what does not answer."""
        try:
            return self.disk.ask(partial(_stats, {name: self._path(name) for name in names}, self.root))
        except NoAnswer:
            return {}

    def _is_behind_a_link(self, work: Work) -> bool:
        """Return whether a directory of the file has become a link, which rclone passes over in silence."""
        parent = os.path.dirname(self._path(work.name))  # noqa: PTH120
        root = os.path.realpath(self.root.directory)
        below = os.path.relpath(parent, self.root.directory)
        return os.path.realpath(parent) != os.path.normpath(os.path.join(root, below))  # noqa: PTH118

    def _stored(self, names: Sequence[bytes]) -> Generator[Event, None, Mapping[bytes, Stored]]:
        """Return what the bucket holds of these; the time of the upload where there is no MD5."""
        operation = self.operation
        found = yield from operation.scanner.look_at(operation.remote, names, stored=True)
        nameless = [name for name, file in found.items() if not file.md5]
        times = yield from operation.scanner.look_at(operation.remote, nameless, columns="tsp", stored=True)
        return {
            name: Stored(file.size, file.md5, uploaded=times[name].modified if name in times else "")
            for name, file in found.items()
        }

    def _chunks(self, names: Sequence[bytes]) -> Generator[Event, None, Mapping[bytes, str]]:
        """Return a digest of the new chunks of each file in chunks."""
        if self.way.how is not How.CHUNKS:
            return {}
        before = {name: {one.name for one in self.catalog.chunks_of(name, CHUNK_SUFFIX)} for name in names}
        found = yield from chunks_in_bucket(names, self.operation)
        return {
            name: digest_of(chunks)
            for name in names
            for chunks in found.get(name, {}).values()
            if not any(chunk.name in before[name] for chunk in chunks)
        }


def _stats(paths: Mapping[bytes, bytes], root: Root) -> Mapping[bytes, os.stat_result | OSError]:
    found: dict[bytes, os.stat_result | OSError] = {}
    for name, path in paths.items():
        try:
            found[name] = os.stat(path, follow_symlinks=root.follows)  # noqa: PTH116  # bytes
        except OSError as error:
            found[name] = error
    return found
