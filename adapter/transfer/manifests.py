"""The manifests below a target: found, read, written and deleted, by rclone as any other object."""

import os
import re
import secrets
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from adapter.contract.errors import AdapterError, ErrorCode, Failure, cancelled
from adapter.contract.events import Event
from adapter.diagnosis.classify import classify
from adapter.diagnosis.logline import Level, LogRecord, PlainLine
from adapter.files.entry import RESERVED
from adapter.files.listing import ENDLESS, ENOUGH_REPEATS
from adapter.files.manifest import Header, ManifestInvalid, Saved
from adapter.files.manifest_reader import ManifestFile, read_header
from adapter.machine.private import temporary_directory
from adapter.rclone.file_lists import files_from
from adapter.rclone.query import Query
from adapter.runs.scan import File
from adapter.runs.supervise import supervise
from adapter.transfer.copy_passes import RETRY_CODES
from adapter.transfer.operation import Operation

_DIRECTORY = RESERVED + b"/manifests"
_SUFFIX = ".jsonl.gz"
_NAME = re.compile(rb"\.pluton/manifests/(\d{8}T\d{6}Z-[0-9a-f]{8})\.jsonl\.gz")
_BELOW = re.compile(rb".+/" + _NAME.pattern, re.DOTALL)
_HEAD = 1 << 14
"""Bytes in which the first line of a manifest is, unless it names very many patterns."""
_QUESTION_S = 60.0
_LAST_S = 5.0
"""For the manifest of a run that was cancelled or is out of time."""
_KEPT_MESSAGES = 40
_NEWEST_KEPT = 30
_AT_ONCE = 1000
_ALTERED = frozenset({ErrorCode.INTEGRITY_MISMATCH})


def ids_among(names: Iterable[bytes]) -> tuple[str, ...]:
    """Return the ids of the manifests among objects below a target, the newest first."""
    found = (_NAME.fullmatch(name) for name in names)
    return tuple(sorted((match[1].decode() for match in found if match), reverse=True))


def object_name(one: str) -> bytes:
    """Return the name of a manifest's object below the target."""
    return _DIRECTORY + b"/" + _file_name(one).encode()


def is_manifest_below(name: bytes) -> bool:
    """Return whether an object is the manifest of a directory below the target."""
    return _BELOW.fullmatch(name) is not None


@dataclass(frozen=True, slots=True)
class Heads:
    """The first lines of some manifests, by id, the newest first, and what is wrong with the others."""

    headers: Mapping[str, Header]
    invalid: Mapping[str, ManifestInvalid]

    def of_series(self, series: str) -> tuple[str, ...]:
        """Return the ids of one series, the newest first."""
        return tuple(one for one, header in self.headers.items() if header.series == series)

    @property
    def series(self) -> tuple[str, ...]:
        """Return the series, that of the newest manifest first."""
        return tuple(dict.fromkeys(header.series for header in self.headers.values()))


@dataclass(frozen=True, slots=True)
class Manifests:
    """The manifests of the target that an operation is about."""

    operation: Operation

    @property
    def _remote(self) -> str:
        return self.operation.remote_below(_DIRECTORY)

    def ids(self) -> Generator[Event, None, tuple[str, ...]]:
        """Return the ids of all manifests, the newest first. Raises AdapterError."""
        names: set[bytes] = set()
        repeats = 0

        def take(file: File) -> bool:
            nonlocal repeats
            repeats = repeats + 1 if file.path in names else 0
            names.add(file.path)
            if repeats > ENOUGH_REPEATS:
                raise AdapterError(ENDLESS)
            return False

        yield from self.operation.scanner.scan_stored(self._remote, (), take, "sp")
        return ids_among(_DIRECTORY + b"/" + name for name in names)

    def heads(self, ids: Sequence[str]) -> Generator[Event, None, Heads]:
        """Return the first lines of manifests, in one question. Raises AdapterError."""
        if not ids:
            return Heads({}, {})
        mark = secrets.token_hex(16)
        found: dict[str, Header] = {}
        wrong: dict[str, ManifestInvalid] = {}
        for piece in (yield from self._cat(ids, mark)).split(mark.encode()):
            try:
                header = read_header(piece)
            except ManifestInvalid:
                continue
            if header is not None and header.run_id in ids:
                found[header.run_id] = header
        for one in ids:
            if one not in found:
                try:
                    found[one] = yield from self._whole_header(one)
                except ManifestInvalid as error:
                    wrong[one] = error
        return Heads({one: found[one] for one in ids if one in found}, wrong)

    def _cat(self, ids: Sequence[str], mark: str) -> Generator[Event, None, bytes]:
        operation = self.operation
        query = Query(operation.rclone, operation.storage.env, operation.storage.redactor, operation.cancel)

        def ask() -> Generator[Event, None, bytes]:
            yield from operation.run.progress.due()
            with temporary_directory() as directory:
                flags = files_from((_file_name(one).encode() for one in ids), directory)
                options = (f"--head={_HEAD}", f"--separator={mark}", *flags)
                reply = query.run_or_raise(operation.place, _QUESTION_S, "cat", self._remote, *options)
            operation.run.progress.touch()
            return reply.stdout

        return (yield from operation.scanner.backoff.retry(ask, operation.scanner.retries, operation.run))

    def _whole_header(self, one: str) -> Generator[Event, None, Header]:
        """Return the first line of a manifest, from all of it. Raises ManifestInvalid."""
        with temporary_directory() as directory:
            return (yield from self._open(one, directory)).header

    def read(
        self, one: str, take: Callable[[Header, Iterator[Saved]], None]
    ) -> Generator[Event, None, Header]:
        """Download a manifest and hand `take` its first line and its entries; return the first line.

        Raises ManifestInvalid, also for one that is not the one of its name, AdapterError, and what `take`
        raises.
        """
        run = self.operation.run

        def entries(file: ManifestFile) -> Iterator[Saved]:
            for number, entry in enumerate(file.entries()):
                if number % _AT_ONCE == 0:
                    run.progress.touch()
                    run.raise_if_over()
                yield entry

        with temporary_directory() as directory:
            file = yield from self._open(one, directory)
            take(file.header, entries(file))
        yield from run.progress.due()
        return file.header

    def _open(self, one: str, directory: Path) -> Generator[Event, None, ManifestFile]:
        """Download a manifest into a directory and open it. Raises ManifestInvalid, AdapterError."""
        try:
            path = yield from self._fetch(one, directory)
        except AdapterError as error:
            if error.failure.code is ErrorCode.INTEGRITY_MISMATCH:
                raise ManifestInvalid("its content is not what was uploaded") from error
            raise
        file = ManifestFile(path)
        if file.header.run_id != one:
            raise ManifestInvalid(f"it is the manifest of another run, {file.header.run_id}")
        return file

    def _fetch(self, one: str, directory: Path) -> Generator[Event, None, Path]:
        """Download a manifest; return where it is. Raises AdapterError."""
        path = directory / _file_name(one)

        def ask() -> Generator[Event, None, None]:
            yield from self._copy(self._remote, ".", directory, one)

        operation = self.operation
        backoff, run = operation.scanner.backoff, operation.run
        try:
            yield from backoff.retry(ask, operation.scanner.retries, run, RETRY_CODES - _ALTERED)
        except AdapterError as error:
            if error.failure.code not in _ALTERED:
                raise
            # Altered on the way it is right the next time; damaged in the bucket it is always wrong.
            yield from ask()
        if not path.is_file():
            raise AdapterError(_vanished(one))
        return path

    def put(self, one: str, directory: Path) -> Generator[Event, None, None]:
        """Upload a manifest from a directory, also when the run is cancelled or out of time, if that does not
        take long. Raises AdapterError.
        """
        run = self.operation.run
        limit_s = _LAST_S if run.cancel.requested or run.progress.is_out_of_time else None

        def ask() -> Generator[Event, None, None]:
            run.progress.touch()
            yield from self._copy(".", self._remote, directory, one, limit_s=limit_s)

        if limit_s is not None:
            yield from ask()
        else:
            yield from self.operation.scanner.backoff.retry(
                ask, self.operation.scanner.retries, run, RETRY_CODES
            )

    def path_in(self, directory: Path, one: str) -> Path:
        """Return where a manifest is written before it is uploaded."""
        return directory / _file_name(one)

    def _copy(
        self, source: str, destination: str, directory: Path, one: str, *, limit_s: float | None = None
    ) -> Generator[Event, None, None]:
        operation = self.operation
        with temporary_directory() as lists:
            flags = (
                *operation.options.flags(),
                "--ignore-times",
                *files_from((_file_name(one).encode(),), lists),
            )
            yield from self._run_rclone(("copy", source, destination, *flags), directory, limit_s)

    def _run_rclone(
        self, arguments: tuple[str, ...], directory: Path | None, limit_s: float | None
    ) -> Generator[Event, None, None]:
        operation, messages = self.operation, list[str]()

        def take(record: LogRecord | PlainLine) -> Iterator[Event]:
            if isinstance(record, PlainLine) or record.level >= Level.ERROR:
                messages.append(record.message)
                del messages[:-_KEPT_MESSAGES]
            yield from ()

        ended = yield from supervise(
            operation.rclone.argv(*arguments),
            operation.storage.env,
            take,
            operation.run,
            directory=None if directory is None else os.fsencode(directory),
            limit_s=limit_s,
        )
        if ended.stopped is not None:
            raise AdapterError(ended.stopped)
        if ended.exit_status != 0:
            if operation.cancel.requested and not messages:
                raise AdapterError(cancelled())
            raise AdapterError(
                classify(messages, operation.place, operation.storage.redactor, ended.exit_status)
            )

    def delete(self, ids: Sequence[str]) -> Generator[Event, None, None]:
        """Delete manifests. Raises AdapterError."""
        with temporary_directory() as lists:
            flags = files_from((_file_name(one).encode() for one in ids), lists)
            options = self.operation.options.flags()
            yield from self._run_rclone(("delete", self._remote, *options, *flags), None, None)


def superseded(ids: Sequence[str]) -> tuple[str, ...]:
    """Return which manifests of one series, the newest first, are deleted: all but the newest 30, and the
    last one of each month. Pure.
    """
    months = {one[:6] for one in ids[:_NEWEST_KEPT]}
    old: list[str] = []
    for one in ids[_NEWEST_KEPT:]:
        if one[:6] in months:
            old.append(one)
        months.add(one[:6])
    return tuple(old)


def next_id(run_id: str, newest: str | None) -> str:
    """Return the id for a manifest: the run's, unless a clock has been set back since the newest. Pure.

    Then it is one second after that one, since the newest is what a restore takes.
    """
    if newest is None or run_id > newest:
        return run_id
    moment = datetime.strptime(newest[:16], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC) + timedelta(seconds=1)
    return f"{moment:%Y%m%dT%H%M%SZ}{run_id[16:]}"


def _file_name(one: str) -> str:
    return one + _SUFFIX


def _vanished(one: str) -> Failure:
    return Failure(
        ErrorCode.MANIFEST_INVALID,
        f"The manifest {one} was listed and is not there any more.",
        "Another backup may have deleted it just now; run it again.",
    )
