"""What there is to copy, by `rclone lsf` with the run's own filters: totals, and the few files that matter.

The list is read as a stream and not kept: a source of ten million files costs no memory here.
A list of a bucket is whole or an error; of a source some directories may be unreadable.
"""

import re
import tempfile
from collections import deque
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from adapter.contract.errors import AdapterError, Failure, cancelled
from adapter.contract.events import Event
from adapter.contract.redact import Redactor
from adapter.diagnosis.classify import Place, classify
from adapter.diagnosis.logline import Level, LineSplitter, LogRecord, parse_line
from adapter.machine.child import Child
from adapter.machine.liveness import computing, reading
from adapter.rclone.binary import Rclone
from adapter.rclone.file_lists import files_one_by_one
from adapter.rclone.open_storage import OpenStorage
from adapter.runs.backoff import TRANSIENT, Backoff
from adapter.runs.run import Run

_TICK_S = 0.2
_KEPT_MESSAGES = 40


@dataclass(frozen=True, slots=True)
class File:
    """A file as rclone names it, relative to the root that was listed; `size` in bytes.

    `md5` is given when it was asked for and known: of an object in the bucket it is what the ETag says.
    `modified` when it was asked for: `2026-11-23 01:44:00` in UTC, of an object the time of its upload.
    """

    path: str
    size: int
    md5: str = ""
    modified: str = ""


@dataclass(slots=True)
class Scan:
    """The result. `messages` are rclone's errors, when some of it could not be listed."""

    files: int = 0
    bytes: int = 0
    kept: list[File] = field(default_factory=list)
    exit_status: int = 0
    messages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Scanner:
    """Lists with one rclone and one environment, keeping a run's status alive meanwhile."""

    rclone: Rclone
    env: Mapping[str, str] = field(repr=False)
    run: Run
    place: Place
    redactor: Redactor
    retries: int
    """How often a list of a bucket is asked for again: the form's Connection Retries."""
    backoff: Backoff

    def scan(
        self, path: str, flags: tuple[str, ...], keep: Callable[[File], bool], columns: str = "sp"
    ) -> Generator[Event, None, Scan]:
        """Every file below `path` that the filters in `flags` let through; those that `keep` wants are kept.

        `columns` are those of `parse_entry`. To ask for the MD5 of local files means reading them, unless a
        cache knows it. What cannot be listed is in `messages`. Raises AdapterError when the run is cancelled
        or stalls.
        """
        found = Scan()
        messages: deque[str] = deque(maxlen=_KEPT_MESSAGES)
        lines = {"stdout": LineSplitter(), "stderr": LineSplitter()}
        wanted = ("--format", columns, "--hash", "md5") if "h" in columns else ("--format", columns)
        argv = self.rclone.argv("lsf", path, "--recursive", "--files-only", *wanted, *flags)
        progress = self.run.progress
        progress.touch()
        gave_up: Failure | None = None
        with Child(argv, {**self.env, "TZ": "UTC"}, self.run.cancel, stdout=True) as child:
            signs = reading(child.pid), computing(child.pid)
            for chunk in child.chunks(_TICK_S):
                if chunk is not None or any(sign.moved() for sign in signs):
                    progress.touch()
                if not child.stopping and (overdue := progress.overdue()) is not None:
                    gave_up = overdue
                    child.stop()
                for line in lines[chunk.stream].feed(chunk.data) if chunk else ():
                    if chunk is not None and chunk.stream == "stdout":
                        _count(found, parse_entry(line, columns), keep)
                    else:
                        _note(messages, line)
                yield from progress.due()
        if self.run.cancel.requested:
            raise AdapterError(cancelled())
        if gave_up is not None:
            raise AdapterError(gave_up)
        found.exit_status = -1 if child.exit_status is None else child.exit_status
        found.messages = tuple(messages)
        return found

    def scan_stored(
        self, path: str, flags: tuple[str, ...], keep: Callable[[File], bool], columns: str = "sp"
    ) -> Generator[Event, None, Scan]:
        """The same below a path of the bucket, and whole: what fails for a while is asked for again.

        `keep` may meet a file more than once. Raises AdapterError when the list cannot be had.
        """

        def listed() -> Generator[Event, None, Scan]:
            found = yield from self.scan(path, flags, keep, columns)
            failure = self._gap(found)
            if failure is not None:
                raise AdapterError(failure)
            return found

        return (yield from self.backoff.retry(listed, self.retries, self.run))

    def look_at(
        self,
        path: str,
        names: Sequence[str],
        flags: tuple[str, ...] = (),
        columns: str = "shp",
        *,
        stored: bool,
    ) -> Generator[Event, None, dict[str, File]]:
        """Those of the named files that are below `path`, by name; `stored` as in `scan_stored`."""
        if not names:
            return {}
        with tempfile.TemporaryDirectory(prefix="pluton-qingstor-") as directory:
            scan = self.scan_stored if stored else self.scan
            selection = files_one_by_one(names, Path(directory))
            found = yield from scan(path, (*flags, *selection), lambda _: True, columns)
        return {file.path: file for file in found.kept}

    def _gap(self, found: Scan) -> Failure | None:
        """Why a list is not whole, if it is not: rclone may exit 0 after one that broke off (1.75.2)."""
        failure = classify(found.messages, self.place, self.redactor, found.exit_status)
        return failure if found.exit_status != 0 or failure.code in TRANSIENT else None


def open_scanner(rclone: Rclone, storage: OpenStorage, place: Place, run: Run) -> Scanner:
    """A scanner of local directories and of a storage."""
    return Scanner(
        rclone,
        storage.env,
        run,
        place,
        storage.redactor,
        storage.form.connection_retries,
        Backoff(),
    )


def parse_entry(line: bytes, columns: str = "sp") -> File | None:
    """A line of `lsf --format COLUMNS`: `t` time, `s` size, `h` MD5 (or a word); at its end `p`, the path.

    Values are separated by semicolons; the path may hold more of them. None for what is no such line.
    """
    values = line.split(b";", len(columns) - 1)
    if len(values) != len(columns):
        return None
    value = dict(zip(columns, values, strict=True))
    md5 = value.get("h", b"")
    try:
        return File(
            value["p"].decode("utf-8", "surrogateescape"),
            int(value["s"]),
            md5.decode() if re.fullmatch(rb"[0-9a-f]{32}", md5) else "",
            value.get("t", b"").decode("ascii", "replace"),
        )
    except ValueError:
        return None


def _count(found: Scan, file: File | None, keep: Callable[[File], bool]) -> None:
    if file is not None:
        found.files += 1
        found.bytes += max(0, file.size)
        if keep(file):
            found.kept.append(file)


def _note(messages: deque[str], line: bytes) -> None:
    record = parse_line(line)
    if not isinstance(record, LogRecord) or record.level > Level.INFO:
        messages.append(record.message)
