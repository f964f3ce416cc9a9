"""Files read back from the bucket, every byte, by `rclone hashsum --download`; none is kept on the disk."""

import re
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from adapter.contract.errors import AdapterError, ErrorCode, Failure, cancelled
from adapter.contract.events import Event, Phase
from adapter.diagnosis.classify import classify
from adapter.diagnosis.logline import Level, LineSplitter, LogRecord, PlainLine
from adapter.files.catalog import Catalog, State, Work
from adapter.files.names import as_logged
from adapter.machine.private import temporary_directory
from adapter.rclone.file_lists import files_from
from adapter.runs.supervise import supervise
from adapter.transfer.chunker import CHUNKED, chunked_environment, is_damage
from adapter.transfer.copy_passes import RETRY_CODES
from adapter.transfer.locating import MISSING
from adapter.transfer.operation import Operation

_WHOLE, _IN_CHUNKS = 1 << 20, (1 << 20) + 1
"""The batches, beyond all of those that send or fetch."""
_SUM = re.compile(rb"([0-9a-f]{32})  (.+)", re.DOTALL)
_KEPT_MESSAGES = 40


def to_read_back(name: bytes, size: int, *, in_chunks: bool) -> Work:
    """Return a file as a piece of work for `ReadingBack`."""
    batch = _IN_CHUNKS if in_chunks else _WHOLE
    return Work(name, batch, as_logged(name), size, is_new=False, state=State.WAITING)


@dataclass(slots=True)
class ReadingBack:
    """Reads the files of the catalog's work that wait for it; hands each MD5 to `take`."""

    operation: Operation
    catalog: Catalog
    take: Callable[[Work, str], Iterator[Event]]
    fail: Callable[[bytes, Failure], Event]

    def read_all(self) -> Iterator[Event]:
        """Read them; what fails in a way that may pass is tried again.

        Raises AdapterError if the run is over.
        """
        self.operation.run.progress.phase = Phase.VERIFYING
        for batch in (_WHOLE, _IN_CHUNKS):
            attempt = 1
            while self.catalog.has_work(batch, State.WAITING):
                yield from self._read(batch, is_last=attempt > self.operation.scanner.retries)
                if self.catalog.move(batch, State.AGAIN, State.WAITING):
                    yield from self.operation.scanner.backoff.wait(
                        attempt, self.operation.run, throttled=False
                    )
                    self.operation.run.raise_if_over()
                    self.operation.run.progress.begin_pass(attempt + 1)
                    self.operation.run.retries += 1
                attempt += 1

    def _read(self, batch: int, *, is_last: bool) -> Iterator[Event]:
        """Read the files of a batch; those that failed are put into AGAIN, or fail."""
        said: dict[str, str] = {}
        messages: deque[str] = deque(maxlen=_KEPT_MESSAGES)

        def hear(record: LogRecord | PlainLine) -> Iterator[Event]:
            if isinstance(record, PlainLine) or record.level >= Level.ERROR:
                messages.append(record.message)
                if isinstance(record, LogRecord) and record.item:
                    said.setdefault(record.item, record.message)
            yield from ()

        with temporary_directory() as directory:
            sums = directory / "sums"
            sums.touch()
            with sums.open("rb") as output:
                lines = LineSplitter()

                def settle() -> Iterator[Event]:
                    yield from self._settle(batch, lines.feed(output.read()))

                argv, env = self._command(batch, directory, sums)
                ended = yield from supervise(argv, env, hear, self.operation.run, meanwhile=settle)
        if self.operation.cancel.requested:
            raise AdapterError(cancelled())
        if ended.stopped is not None:
            raise AdapterError(ended.stopped)
        for work in list(self.catalog.work(State.WAITING, batch)):
            failure = self._failure(said.get(work.logged), messages, ended.exit_status)
            if failure.code in RETRY_CODES and not is_last and failure is not MISSING:
                self.catalog.settle((work.name,), State.AGAIN)
            else:
                self.catalog.settle((work.name,), State.FAILED)
                yield self.fail(work.name, failure)

    def _command(self, batch: int, directory: Path, sums: Path) -> tuple[tuple[str, ...], Mapping[str, str]]:
        operation = self.operation
        options, names = operation.options, (work.name for work in self.catalog.work(State.WAITING, batch))
        env: Mapping[str, str] = operation.storage.env
        flags, remote = [*options.flags(), *files_from(names, directory)], operation.remote
        if options.transfers and not options.checkers:
            flags += ["--checkers", str(options.transfers)]  # so many files `hashsum` reads at once
        if batch == _IN_CHUNKS:
            # A listing through the overlay would download every small object beside these.
            flags.append("--no-traverse")
            env, remote = {**env, **chunked_environment(remote)}, f"{CHUNKED}:"
        command = ("hashsum", "md5", remote, "--download", f"--output-file={sums}", *flags)
        return operation.rclone.argv(*command), env

    def _settle(self, batch: int, lines: Iterator[bytes]) -> Iterator[Event]:
        for line in lines:
            found = _SUM.fullmatch(line)
            work = None if found is None else self.catalog.work_of(found[2])
            if found is None or work is None or (work.batch, work.state) != (batch, State.WAITING):
                continue
            self.catalog.settle((work.name,), State.DONE)
            yield from self.take(work, found[1].decode())

    def _failure(self, said: str | None, messages: Collection[str], exit_status: int) -> Failure:
        """Return why a file could not be read: what rclone said of it, or by its end."""
        if said is None and exit_status == 0:
            return MISSING  # since the list was made
        operation = self.operation
        heard = messages if said is None else (said,)
        failure = classify(heard, operation.place, operation.storage.redactor, exit_status)
        return MISSING if failure.code is ErrorCode.PATH_NOT_FOUND or is_damage(failure) else failure
