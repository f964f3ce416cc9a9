"""Source and bucket compared by `rclone check`, and by which means each file was compared."""

import re
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from adapter.contract.errors import AdapterError, ErrorCode, Failure, cancelled
from adapter.contract.events import ErrorEvent, Event, Phase, Verification
from adapter.diagnosis.classify import classify
from adapter.diagnosis.logline import Level, LogRecord, PlainLine
from adapter.machine.private import temporary_directory
from adapter.rclone.file_lists import files_one_by_one, rules_from
from adapter.rclone.options import escape
from adapter.runs.scan import Scanner
from adapter.runs.supervise import supervise
from adapter.transfer.bucket_contents import join_chunks
from adapter.transfer.chunker import CHUNKED, chunked_environment, chunked_paths, is_chunk
from adapter.transfer.operation import Operation
from adapter.transfer.parallel_parts import Parallel, open_parallel
from adapter.transfer.plan import single_put_max
from adapter.transfer.source import LocalSource

# fs/operations/check.go, 1.65.2 to 1.75.2
_MATCHED = "OK"
_HASH_MATCHED = re.compile(r"md5 = [0-9a-f]{32} OK$")
_DIFFERENT = re.compile(r"(?:md5|contents|sizes?) differ", re.IGNORECASE)
_MISSING = re.compile(r"file not in ")


class Means(StrEnum):
    """How a file was compared."""

    HASH = "by_hash"
    SIZE = "by_size"
    DOWNLOAD = "by_download"


@dataclass(slots=True)
class Comparison:
    """One comparison; after `compare` the counts are in `verification` and what differs in `wrong`."""

    operation: Operation
    source: LocalSource
    parallel: Parallel
    """Knows the files of which the stored checksum is none; its list of files is not used."""
    settles: bool
    """Whether files that are right are counted in the run: not so after a backup, which counted them."""
    wrong: dict[str, Failure] = field(default_factory=dict)
    _means: Counter[Means] = field(default_factory=Counter)
    _hash_matched: set[str] = field(default_factory=set)
    _done: frozenset[str] = frozenset()
    _is_explained: bool = False
    """Whether rclone named a file because of which the comparison that runs now ends with an error."""
    _messages: list[str] = field(default_factory=list)

    @property
    def verification(self) -> Verification:
        """How many files were right, by how they were compared; what could not be compared is unverified."""
        unverified = sum(1 for failure in self.wrong.values() if not is_difference(failure))
        means = self._means
        return Verification(means[Means.HASH], means[Means.SIZE], means[Means.DOWNLOAD], unverified)

    def compare(self, *, download: bool, sample: Sequence[str] = ()) -> Iterator[Event]:
        """Compare everything that the filters let through; download all of it, or those in `sample`.

        Raises AdapterError when the two cannot be compared at all.
        """
        self.operation.run.progress.phase = Phase.VERIFYING
        remote, scanner = self.operation.remote, self.operation.scanner
        found = yield from scanner.scan_stored(remote, (), is_chunk)
        chunked, recorded = yield from self._special(chunked_paths(found.kept), scanner, download=download)
        if sample:
            plain = [name for name in sample if name not in chunked]
            yield from self._check_these(plain, remote, download=True)
            yield from self._check_these([n for n in sample if n in chunked], f"{CHUNKED}:", download=True)
            self._done = frozenset(sample)
        with temporary_directory() as directory:
            selection = self._all_but((*chunked, *recorded), directory)
            yield from self._check(remote, selection, download=download)
        yield from self._check_these(chunked, f"{CHUNKED}:", download=download)
        yield from self._by_record(recorded)

    def _special(
        self, paths: Sequence[str], scanner: Scanner, *, download: bool
    ) -> Generator[Event, None, tuple[tuple[str, ...], tuple[str, ...]]]:
        """Files of the source that are stored in chunks, and files whose stored checksum is none.

        Of the latter our record says what was sent; a download needs neither.
        """
        joined = yield from join_chunks(self.operation.remote, paths, scanner)
        chunked = {*(file.path for file in joined.whole), *joined.damaged}
        special = chunked if download else chunked | set(self.parallel.records.load())
        if not special:
            return (), ()
        view, flags = self.source.plain(), self.source.filters(self.operation.options)
        there = yield from scanner.scan(
            view.path, (self.source.link_flag, *flags), lambda file: file.path in special
        )
        names = tuple(file.path for file in there.kept)
        return (
            tuple(name for name in names if name in chunked),
            tuple(name for name in names if name not in chunked),
        )

    def _all_but(self, names: Sequence[str], directory: Path) -> tuple[str, ...]:
        if not names:
            return self.source.filters(self.operation.options)
        # The first rule that fits wins, so ours stand before the user's own.
        left_out = (f"- /{escape(name)}" for name in names)
        return rules_from((*left_out, *self.source.rules(self.operation.options)), directory)

    def _check_these(self, names: Sequence[str], remote: str, *, download: bool) -> Iterator[Event]:
        if names:
            with temporary_directory() as directory:
                yield from self._check(remote, files_one_by_one(names, directory), download=download)

    def _check(self, remote: str, selection: tuple[str, ...], *, download: bool) -> Iterator[Event]:
        operation = self.operation
        storage, cancel = operation.storage, operation.cancel
        argv = operation.rclone.argv(
            "check", self.source.plain().path, remote, "--one-way", self.source.link_flag,
            *self.operation.options.flags(storage.env), *(("--download",) if download else ()), *selection,
        )  # fmt: skip
        overlay = chunked_environment(operation.remote, 1 << 30)
        env = {**storage.env, **overlay}
        self._is_explained = False
        self._messages.clear()

        def take(record: LogRecord | PlainLine) -> Iterator[Event]:
            return self._take(record, download=download)

        ended = yield from supervise(argv, env, take, operation.run)
        if cancel.requested:
            raise AdapterError(cancelled())
        if ended.stopped is not None:
            raise AdapterError(ended.stopped)
        if ended.exit_status != 0 and not self._is_explained:
            raise AdapterError(classify(self._messages, operation.place, storage.redactor, ended.exit_status))

    def _take(self, record: LogRecord | PlainLine, *, download: bool) -> Iterator[Event]:
        if isinstance(record, PlainLine) or record.level >= Level.NOTICE:
            self._messages.append(record.message)
            del self._messages[:-40]
        if isinstance(record, PlainLine) or not record.item:
            return
        if record.level >= Level.ERROR and record.is_about_item:
            self._is_explained = True
            # rclone compares what was in the sample once more with the rest, and would be told twice.
            if record.item not in self._done or record.item not in self.wrong:
                yield self._differs(record.item, record.message)
        elif record.item in self._done:
            return
        elif _HASH_MATCHED.match(record.message):
            self._hash_matched.add(record.item)
        elif record.message == _MATCHED:
            self._matches(record.item, Means.DOWNLOAD if download else Means.HASH)

    def _matches(self, item: str, means: Means) -> None:
        size = self.operation.run.tally.size_of(item)
        by_server = (
            item in self._hash_matched and size is not None and size <= single_put_max(self.operation.limits)
        )
        self._hash_matched.discard(item)
        self._means[means if means is not Means.HASH or by_server else Means.SIZE] += 1
        if self.settles:
            self.operation.run.tally.settle_unchanged(item, size or 0)

    def _differs(self, item: str, message: str) -> ErrorEvent:
        if _MISSING.match(message):
            failure = _difference("The file is not in the bucket.")
        elif _DIFFERENT.match(message):
            failure = _difference("The file in the bucket differs from the source.")
        else:
            failure = classify([message], self.operation.place, self.operation.storage.redactor)
        self.wrong[item] = failure
        return ErrorEvent(failure, "verify", item)

    def _by_record(self, recorded: Sequence[str]) -> Iterator[Event]:
        there = [name for name in recorded if name not in self._done]
        unchanged, changed = yield from self.parallel.sort(there)
        for file in unchanged:
            self._matches(file.path, Means.SIZE)
        for name in changed:
            yield self._differs(name, "contents differ")

    def verdict(self) -> Failure | None:
        """What is wrong, or None: `integrity_mismatch` before anything that could not be compared."""
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


def open_comparison(operation: Operation, source: LocalSource, *, settles: bool) -> Comparison:
    """A comparison of a source with a target. The source is read anew, whatever the cache says."""
    return Comparison(operation, source, open_parallel(operation, source, reread=True), settles)


def is_difference(failure: Failure) -> bool:
    """Return whether a file was compared and is not the same; not so when it could not be compared."""
    return failure.code is ErrorCode.INTEGRITY_MISMATCH


def _difference(message: str) -> Failure:
    return Failure(
        ErrorCode.INTEGRITY_MISMATCH,
        message,
        "If the source has not changed since, run the backup again; with --download a damaged object shows.",
    )
