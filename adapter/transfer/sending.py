"""What becomes of files once rclone says that it has copied them to the bucket: looked at again, and
recorded.
"""

import os
import stat
from collections.abc import Collection, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from adapter.contract.errors import ErrorCode, Failure
from adapter.contract.events import Action, Event, VerboseStatus
from adapter.diagnosis.classify import failure_of
from adapter.diagnosis.local_rules import SOURCE_CHANGED
from adapter.files.catalog import State, Work
from adapter.files.decision import How, Row, Stored
from adapter.files.entry import Entry, Root, entry_of
from adapter.files.hashing import hash_files, is_as_listed
from adapter.files.names import for_people
from adapter.runs.backoff import TRANSIENT
from adapter.runs.scan import File
from adapter.runs.slow_disk import NoAnswer, TimedDisk
from adapter.transfer.chunker import whole_files
from adapter.transfer.copy_passes import Confirmed
from adapter.transfer.describing import Batch, Describing

_ROUNDS = 3
"""Of looking at what failed: the look itself may fail for some of it."""
_MAY_BE_OURS = frozenset({ErrorCode.SOURCE_UNREADABLE, ErrorCode.INTEGRITY_MISMATCH, ErrorCode.UNKNOWN})
"""What rclone says of a file that has changed or gone: that it is updated, corrupted, missing, or nothing."""

_NOT_STORED = Failure(
    ErrorCode.SERVER_ERROR,
    "QingStor has answered that the file is stored, and then that it is not there.",
    "Run it again later; if it stays so, send QingStor's support the request id.",
)


@dataclass(slots=True)
class Sending:
    """The files of one batch. Used by `copy_passes`."""

    batch: Batch
    disk: TimedDisk
    describing: Describing
    _moved: set[bytes] = field(default_factory=set)
    """Files that have changed once since they were listed."""

    def confirmed(self, files: Sequence[Confirmed]) -> Iterator[Event]:
        """Look at the files again: what has moved since it was listed may be stored half old and half new."""
        names = [one.work.name for one in files]
        found, entries = self._look(names), self.batch.catalog.entries(names)
        kept: list[tuple[Confirmed, Entry]] = []
        for one in files:
            entry, now = entries[one.work.name], found.get(one.work.name)
            if _is_gone(now, entry):
                self._let_go(one.work)
            elif isinstance(now, os.stat_result) and is_as_listed(now, entry):
                kept.append((one, entry))
            else:
                yield from self._has_moved(one.work, now)
        yield from self._keep(kept)

    def reconsider(self, work: Work, failure: Failure) -> Failure | None:
        """Settle a failed file as gone, or put it in again when it has changed since it was listed."""
        if failure.code is ErrorCode.PATH_NOT_FOUND:
            return replace(_NOT_STORED, evidence=failure.evidence)
        if failure.code not in _MAY_BE_OURS:
            return failure
        now, entry = self._look([work.name]).get(work.name), self.batch.catalog.entry(work.name)
        if _is_gone(now, entry) or self._is_behind_a_link(work):
            self._let_go(work)
            return None
        if not isinstance(now, os.stat_result) or is_as_listed(now, entry):
            return failure
        if work.name in self._moved:
            return failure_of(SOURCE_CHANGED, self.batch.operation.place)
        self._put_in_again(work, now)
        return None

    def passed_over(self, _work: Work) -> Generator[Event, None, bool]:
        """Return False: every file of the list must be sent."""
        yield from ()
        return False

    def told_apart(self, files: Sequence[Work], md5s: Collection[str]) -> Generator[Event, None, None]:
        """Settle files whose names a log cannot tell apart, if the bucket holds what was sent."""
        names = [work.name for work in files]
        stored: Mapping[bytes, Stored]
        if self.batch.way.how is How.CHUNKS:
            whole = yield from whole_files(self.batch.operation.remote, names, self.batch.operation.scanner)
            stored = {name: Stored(file.size, file.md5) for name, file in whole.items()}
        else:
            stored = yield from self.batch.stored(names)
        there: list[Confirmed] = []
        for work in files:
            now, before = stored.get(work.name), self.batch.catalog.stored(work.name)
            if now is None or now.size != work.size:
                continue
            if now.etag in md5s:
                there.append(Confirmed(work, now.etag, work.is_new))
            elif md5s == {""} and (before is None or before.etag != now.etag):
                # In parallel parts, of which rclone tells no MD5.
                there.append(Confirmed(work, "", work.is_new))
        yield from self.confirmed(there)

    def settle_arrived(self, number: int) -> Generator[Event, None, None]:
        """Settle failed files that the bucket holds as they are: their PUT arrived, its answer did not."""
        failed = self.batch.operation.run.tally.failed
        works = {
            work.name: work
            for state in (State.FAILED, State.AGAIN)
            for work in self.batch.catalog.work(state, number)
            if (failure := failed.get(for_people(work.name))) is not None and failure.code in TRANSIENT
        }
        if not works or self.batch.way.how is not How.OBJECT or self.batch.operation.cancel.requested:
            return
        scanner, stored = self.batch.operation.scanner, dict[bytes, File]()
        for _ in range(_ROUNDS):
            unseen = [name for name in works if name not in stored]
            stored |= yield from scanner.look_at(self.batch.operation.remote, unseen, is_whole=False)
        there = [name for name, one in stored.items() if one.md5 and one.size == works[name].size]
        md5s = yield from hash_files([self.batch.to_hash(name) for name in there], self.batch.operation.run)
        yield from self.confirmed(
            [
                Confirmed(works[name], stored[name].md5, works[name].is_new)
                for name, md5 in md5s.items()
                if md5 == stored[name].md5
            ]
        )

    def _keep(self, files: Sequence[tuple[Confirmed, Entry]]) -> Iterator[Event]:
        """Count files that are in the bucket as they are here, and write their rows."""
        self.batch.catalog.settle((one.work.name for one, _ in files), State.DONE)
        is_object = self.batch.way.how is How.OBJECT
        rows: list[Row] = []
        for (work, md5, _), entry in files:
            is_known = is_object and bool(md5)
            if is_known:
                rows.append(self.batch.row(entry, md5, md5))
            item = for_people(work.name)
            if not is_known and self.describing.add(work.name, md5):
                self.batch.operation.run.tally.forget_failure(item)
                continue
            action = Action.NEW if work.is_new else Action.MODIFIED
            compared = "by_hash" if is_known else "by_size"
            self.batch.operation.run.tally.settle(item, action, entry.size, compared)
            if self.batch.operation.options.verbose_files:
                yield VerboseStatus(action, item, entry.size)
        self.batch.catalog.index.record(rows)

    def _has_moved(self, work: Work, now: object) -> Iterator[Event]:
        if isinstance(now, os.stat_result) and work.name not in self._moved:
            self._put_in_again(work, now)
            return
        yield self.batch.fail(work.name, failure_of(SOURCE_CHANGED, self.batch.operation.place), State.FAILED)

    def _put_in_again(self, work: Work, now: os.stat_result) -> None:
        """Let the next pass send a file as it is now; until then, and if there is none, it has failed."""
        self._moved.add(work.name)
        entry = self.batch.catalog.entry(work.name)
        self.batch.catalog.replace_entry(entry_of(entry.name, now, self.batch.began_ns))
        self.batch.fail(work.name, failure_of(SOURCE_CHANGED, self.batch.operation.place), State.AGAIN)

    def _let_go(self, work: Work) -> None:
        self.batch.catalog.settle((work.name,), State.GONE)
        self.batch.operation.run.tally.let_go(for_people(work.name))

    def _look(self, names: Sequence[bytes]) -> Mapping[bytes, os.stat_result | OSError]:
        """Return what there is now under these names; nothing for what does not answer."""
        try:
            return self.disk.ask(
                partial(_stats, {name: self.batch.root.path_of(name) for name in names}, self.batch.root)
            )
        except NoAnswer:
            return {}

    def _is_behind_a_link(self, work: Work) -> bool:
        """Return whether a directory of the file has become a link, which rclone passes over in silence."""
        parent = os.path.dirname(self.batch.root.path_of(work.name))  # noqa: PTH120
        root = os.path.realpath(self.batch.root.directory)
        below = os.path.relpath(parent, self.batch.root.directory)
        return os.path.realpath(parent) != os.path.normpath(os.path.join(root, below))  # noqa: PTH118


def _is_gone(now: os.stat_result | OSError | None, entry: Entry) -> bool:
    """Return whether a file is not there any more, or something of another kind is there instead."""
    if isinstance(now, os.stat_result):
        return stat.S_IFMT(now.st_mode) != stat.S_IFMT(entry.mode)
    return isinstance(now, FileNotFoundError | NotADirectoryError)


def _stats(paths: Mapping[bytes, bytes], root: Root) -> Mapping[bytes, os.stat_result | OSError]:
    found: dict[bytes, os.stat_result | OSError] = {}
    for name, path in paths.items():
        try:
            found[name] = os.stat(path, follow_symlinks=root.follows)  # noqa: PTH116  # bytes
        except OSError as error:
            found[name] = error
    return found
