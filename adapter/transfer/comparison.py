"""Source and bucket compared: by the MD5 of every file, read anew, or by reading the objects back."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum

from adapter.contract.errors import AdapterError, ErrorCode, Failure, cancelled
from adapter.contract.events import Action, ErrorEvent, Event, Phase, Verification
from adapter.diagnosis.classify import classify, failure_of
from adapter.diagnosis.local_rules import SOURCE_CHANGED
from adapter.diagnosis.logline import Level, LogRecord, PlainLine
from adapter.files.catalog import Catalog, State, Work
from adapter.files.decision import How, Row, Stored, holds, is_as_recorded
from adapter.files.entry import Entry
from adapter.files.hashing import ToHash, hash_files
from adapter.files.listing import list_objects
from adapter.files.names import RAW, as_logged, for_people, is_raw
from adapter.machine.private import temporary_directory
from adapter.rclone.file_lists import files_from
from adapter.runs.supervise import supervise
from adapter.transfer.chunker import CHUNK_SUFFIX, CHUNKED, DESCRIPTION_MAX, chunked_environment, whole_files
from adapter.transfer.operation import Operation
from adapter.transfer.plan import single_put_max
from adapter.transfer.source import Sources, root_of, unreadable

_AT_ONCE = 1000
# fs/operations/check.go, 1.65.2 to 1.75.2
_MATCHED = "OK"
_DIFFERENT = re.compile(r"(?:md5|contents|sizes?) differ", re.IGNORECASE)
_MISSING = re.compile(r"file not in ")


class Means(StrEnum):
    """How a file was compared: the fields of Verification."""

    HASH = "by_hash"
    SIZE = "by_size"
    DOWNLOAD = "by_download"


class _Part(IntEnum):
    """How the files of a batch are compared; with RAW added, by rclone without its own spelling."""

    READ = 200
    READ_CHUNKED = 201
    DOWNLOAD = 202
    DOWNLOAD_CHUNKED = 203
    RAW = 10


@dataclass(slots=True)
class Comparison:
    """One comparison; after `compare` the counts are in `verification` and what differs in `wrong`."""

    operation: Operation
    catalog: Catalog
    """Has what the walk found; the list of the bucket is made here."""
    sources: Sources
    sent: Mapping[bytes, tuple[int, str, str]] = field(default_factory=dict)
    """Size, ETag and MD5 of files whose ETag is not their MD5, where the catalog's index has no row of them.
    """
    settles: bool = True
    """Whether files that are right are counted in the run: not so after a backup, which counted them."""
    wrong: dict[str, Failure] = field(default_factory=dict)
    _means: Counter[Means] = field(default_factory=Counter)
    _messages: list[str] = field(default_factory=list)
    _is_explained: bool = False
    """Whether rclone named a file because of which the comparison that runs now ends with an error."""

    @property
    def verification(self) -> Verification:
        """Return how many files were right, by how they were compared; what could not be is unverified."""
        unverified = sum(1 for failure in self.wrong.values() if not is_difference(failure))
        means = self._means
        return Verification(means[Means.HASH], means[Means.SIZE], means[Means.DOWNLOAD], unverified)

    def compare(self, *, download: bool, is_sampled: Callable[[], bool] = lambda: False) -> Iterator[Event]:
        """Compare every file that was found; download all of them, or those that `is_sampled` says.

        Raises AdapterError when the two cannot be compared at all.
        """
        operation = self.operation
        operation.run.progress.phase = Phase.VERIFYING
        yield from list_objects(operation.scanner, operation.remote, self.catalog)
        yield from self._distribute(lambda: download or is_sampled())
        yield from self._read(_Part.READ)
        yield from self._read(_Part.READ_CHUNKED)
        for number in range(len(self.sources.roots)):
            for raw in (0, _Part.RAW):
                yield from self._check(_Part.DOWNLOAD + raw, number)
                yield from self._check(_Part.DOWNLOAD_CHUNKED + raw, number)

    def _distribute(self, is_downloaded: Callable[[], bool]) -> Iterator[Event]:
        """Compare what the lists tell, and put all else into batches."""
        work: list[Work] = []
        for number, (entry, row, stored) in enumerate(self.catalog.compared()):
            if number % _AT_ONCE == 0:
                self.operation.run.progress.touch()
                self.operation.run.raise_if_over()
                yield from self.operation.run.progress.due()
            if stored is None:
                yield self._differs(entry.name, _NOT_THERE)
            else:
                work.append(self._work(entry, row, stored, download=is_downloaded()))
            if len(work) >= _AT_ONCE:
                self.catalog.add_work(work)
                work.clear()
        self.catalog.add_work(work)

    def _work(self, entry: Entry, row: Row | None, stored: Stored, *, download: bool) -> Work:
        is_chunked = (row is not None and row.how == How.CHUNKS.value) or (
            stored.size <= DESCRIPTION_MAX
            and stored.size != entry.size
            and next(self.catalog.chunks_of(entry.name, CHUNK_SUFFIX), None) is not None
        )
        root = self.sources.roots[root_of(self.sources.roots, entry.name)]
        inner = entry.name[len(root.prefix) :]
        if not download:
            part = _Part.READ_CHUNKED if is_chunked else _Part.READ
            return Work(entry.name, part, as_logged(entry.name), entry.size, is_new=False, state=State.HASH)
        part = _Part.DOWNLOAD_CHUNKED if is_chunked else _Part.DOWNLOAD
        batch = part + (_Part.RAW if is_raw(inner) else 0)
        return Work(entry.name, batch, as_logged(inner), entry.size, is_new=False, state=State.WAITING)

    def _read(self, part: _Part) -> Iterator[Event]:
        """Read files of the source, some at a time, and compare their MD5."""
        while waiting := list(self.catalog.work(State.HASH, part, _AT_ONCE)):
            files = []
            stored: dict[bytes, tuple[Row | None, Stored]] = {}
            for work in waiting:
                entry, row, found = self.catalog.facts(work.name)
                if found is not None:
                    files.append(self._to_hash(entry))
                    stored[entry.name] = (row, found)
                self.catalog.settle((work.name,), State.DONE)
            if part is _Part.READ_CHUNKED:
                # Nothing of a damaged one.
                whole = yield from whole_files(self.operation.remote, tuple(stored), self.operation.scanner)
                stored = {name: (None, Stored(file.size, file.md5)) for name, file in whole.items()}
            yield from self._hash(files, stored)

    def _hash(
        self, files: Sequence[ToHash], stored: Mapping[bytes, tuple[Row | None, Stored]]
    ) -> Iterator[Event]:
        md5s = yield from hash_files(files, self.operation.run)
        for file in files:
            name = file.entry.name
            yield from self._compared(file.entry, md5s[name], *stored.get(name, (None, None)))

    def _compared(
        self, entry: Entry, md5: str | OSError | None, row: Row | None, stored: Stored | None
    ) -> Iterator[Event]:
        if isinstance(md5, OSError):
            yield self._differs(entry.name, unreadable(for_people(entry.name), md5))
        elif md5 is None:
            yield self._differs(entry.name, failure_of(SOURCE_CHANGED, self.operation.place))
        elif stored is None:
            yield self._differs(entry.name, _DAMAGED)
        elif row is not None and is_as_recorded(row, stored) and row.how != How.OBJECT.value:
            yield from self._by_record(entry, md5 == row.md5)
        elif (sent := self.sent.get(entry.name)) is not None and sent[:2] == (stored.size, stored.etag):
            yield from self._by_record(entry, md5 == sent[2])
        elif not holds(stored, entry.size, md5):
            yield self._differs(entry.name, _OTHER_CONTENT)
        else:
            # Of a larger file the server has not computed the ETag itself.
            by_server = entry.size <= single_put_max(self.operation.limits)
            self._matches(entry.name, entry.size, Means.HASH if by_server else Means.SIZE)

    def _by_record(self, entry: Entry, is_same: bool) -> Iterator[Event]:  # noqa: FBT001
        if is_same:
            self._matches(entry.name, entry.size, Means.SIZE)
        else:
            yield self._differs(entry.name, _OTHER_CONTENT)

    def _to_hash(self, entry: Entry) -> ToHash:
        root = self.sources.roots[root_of(self.sources.roots, entry.name)]
        return ToHash(root.path_of(entry.name), entry, root.follows)

    def _check(self, batch: int, number: int) -> Iterator[Event]:
        """Let rclone read the files of a batch on both sides."""
        root, operation = self.sources.roots[number], self.operation
        names = [
            work.name[len(root.prefix) :]
            for work in self.catalog.work(State.WAITING, batch)
            if root_of(self.sources.roots, work.name) == number
        ]
        if not names:
            return
        storage = operation.storage
        destination = operation.remote_below(root.prefix)
        is_chunked = batch % _Part.RAW == _Part.DOWNLOAD_CHUNKED % _Part.RAW
        flags = ["--one-way", "--download", *operation.options.flags(log_level="DEBUG")]
        flags += RAW if batch >= _Part.DOWNLOAD + _Part.RAW else ()
        flags += ["--copy-links"] if root.follows else []
        flags += ["--no-traverse"] if is_chunked else []
        self._is_explained = False
        self._messages.clear()
        with temporary_directory() as directory:
            argv = operation.rclone.argv(
                "check", ".", f"{CHUNKED}:" if is_chunked else destination, "--no-unicode-normalization",
                *flags, *files_from(names, directory),
            )  # fmt: skip
            env = {**storage.env, **chunked_environment(destination)}

            def take(record: LogRecord | PlainLine) -> Iterator[Event]:
                return self._take(record, batch)

            ended = yield from supervise(argv, env, take, operation.run, directory=root.directory)
        if operation.cancel.requested:
            raise AdapterError(cancelled())
        if ended.stopped is not None:
            raise AdapterError(ended.stopped)
        if ended.exit_status != 0 and not self._is_explained:
            raise AdapterError(classify(self._messages, operation.place, storage.redactor, ended.exit_status))

    def _take(self, record: LogRecord | PlainLine, batch: int) -> Iterator[Event]:
        if isinstance(record, PlainLine) or record.level >= Level.NOTICE:
            self._messages.append(record.message)
            del self._messages[:-40]
        if isinstance(record, PlainLine) or not record.item:
            return
        works = self.catalog.find_logged((record.item,), batch).get(record.item, ())
        if record.level >= Level.ERROR and record.is_about_item:
            self._is_explained = True
            for work in works:
                yield self._differs(work.name, self._failure(record.message))
        elif record.message == _MATCHED and works:
            work = next((one for one in works if one.state is State.WAITING), works[0])
            self.catalog.settle((work.name,), State.DONE)
            self._matches(work.name, work.size, Means.DOWNLOAD)

    def _matches(self, name: bytes, size: int, means: Means) -> None:
        self._means[means] += 1
        if self.settles:
            self.operation.run.tally.settle(for_people(name), Action.UNCHANGED, size, means.value)

    def _differs(self, name: bytes, failure: Failure) -> ErrorEvent:
        self.wrong[for_people(name)] = failure
        return ErrorEvent(failure, "verify", for_people(name))

    def _failure(self, message: str) -> Failure:
        if _MISSING.match(message):
            return _NOT_THERE
        if _DIFFERENT.match(message):
            return _OTHER_CONTENT
        return classify([message], self.operation.place, self.operation.storage.redactor)

    def verdict(self) -> Failure | None:
        """Return what is wrong, or None: `integrity_mismatch` before anything that could not be compared."""
        if not self.wrong:
            return None
        different = {item: failure for item, failure in self.wrong.items() if is_difference(failure)}
        item, first = next(iter((different or self.wrong).items()))
        what = "differ or are missing" if different else "could not be compared"
        return Failure(
            ErrorCode.INTEGRITY_MISMATCH if different else ErrorCode.PARTIAL,
            f"{len(different or self.wrong)} of the files {what}, the first: {item}: {first.message}",
            first.hint,
            evidence=first.evidence,
        )


def is_difference(failure: Failure) -> bool:
    """Return whether a file was compared and is not the same; not so when it could not be compared."""
    return failure.code is ErrorCode.INTEGRITY_MISMATCH


def _difference(message: str) -> Failure:
    return Failure(
        ErrorCode.INTEGRITY_MISMATCH,
        message,
        "If the source has not changed since, run the backup again; with --download a damaged object shows.",
    )


_NOT_THERE = _difference("The file is not in the bucket.")
_OTHER_CONTENT = _difference("The file in the bucket differs from the source.")
_DAMAGED = _difference("Some chunks of the file are missing in the bucket.")
