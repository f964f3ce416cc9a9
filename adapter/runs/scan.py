"""Lists of files by `rclone lsf`: those that a caller wants to keep.

The list is read as a stream and not kept: a source of ten million files takes no memory here.
A list of a bucket is complete or an error; in a source some directories may be unreadable.
"""

import re
from collections import deque
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import NamedTuple, Self

from adapter.contract.errors import AdapterError, Failure, cancelled
from adapter.contract.events import Event
from adapter.contract.redact import Redactor
from adapter.diagnosis.classify import Place, classify
from adapter.diagnosis.logline import Level, LineSplitter, LogRecord, parse_line
from adapter.machine.child import Child
from adapter.machine.private import temporary_directory
from adapter.rclone.binary import Rclone
from adapter.rclone.file_lists import files_one_by_one
from adapter.rclone.open_storage import OpenStorage
from adapter.runs.backoff import TRANSIENT, Backoff
from adapter.runs.run import Run

_TICK_S = 0.2
_KEPT_MESSAGES = 40
_MD5 = re.compile(rb"[0-9a-f]{32}")


class File(NamedTuple):
    """A file as rclone spells its path, relative to the root that was listed; `size` in bytes.

    `md5` is set if it was requested and is known; for an object it is the ETag. `modified` is set if it was
    requested: `2026-11-23 01:44:00` in UTC; for an object it is the time of its upload.
    """

    path: bytes
    size: int
    md5: str = ""
    modified: str = ""

    @property
    def moment(self) -> datetime | None:
        """Return `modified` as a time; None if it was not requested or is none."""
        try:
            return datetime.fromisoformat(self.modified).replace(tzinfo=UTC)
        except ValueError:
            return None


@dataclass(slots=True)
class Scan:
    """The result of a list. `messages` are rclone's errors if a part could not be listed."""

    kept: list[File] = field(default_factory=list)
    exit_status: int = 0
    messages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Scanner:
    """Lists files with one rclone and one environment, and yields the run's statuses meanwhile."""

    rclone: Rclone
    env: Mapping[str, str] = field(repr=False)
    run: Run
    place: Place
    redactor: Redactor
    retries: int
    """How often a list of a bucket is retried: the form's Connection Retries."""
    backoff: Backoff

    def with_variables(self, variables: Mapping[str, str]) -> Self:
        """Return the same scanner with more variables for rclone."""
        return replace(self, env={**self.env, **variables})

    def lines(
        self,
        path: str,
        flags: tuple[str, ...],
        columns: str,
        take: Callable[[list[bytes]], bool],
        meanwhile: Callable[[], None] = lambda: None,
    ) -> Generator[Event, None, Scan]:
        """Hand the lines of a list of files to `take`, as they come, and return how it ended.

        `take` returns whether they say anything new: a list that repeats itself for ever has stalled. Between
        them `meanwhile` is called. Raises AdapterError if the run is cancelled, stalls or has reached its
        time limit.
        """
        messages: deque[str] = deque(maxlen=_KEPT_MESSAGES)
        lines = {"stdout": LineSplitter(), "stderr": LineSplitter()}
        wanted = ("--format", columns, "--hash", "md5") if "h" in columns else ("--format", columns)
        argv = self.rclone.argv("lsf", path, "--recursive", "--files-only", *wanted, *flags)
        progress = self.run.progress
        progress.touch()
        stopped: Failure | None = None
        with Child(argv, {**self.env, "TZ": "UTC"}, self.run.cancel, stdout=True) as child:
            for chunk in child.chunks(_TICK_S):
                if chunk is not None and chunk.stream == "stdout":
                    if take(list(lines["stdout"].feed(chunk.data))):
                        progress.touch()
                elif chunk is not None:
                    for line in lines["stderr"].feed(chunk.data):
                        _note(messages, line)
                meanwhile()
                if not child.stopping and (overdue := progress.overdue()) is not None:
                    stopped = overdue
                    child.stop()
                yield from progress.due()
        if self.run.cancel.requested:
            raise AdapterError(cancelled())
        if stopped is not None:
            raise AdapterError(stopped)
        return Scan(
            exit_status=-1 if child.exit_status is None else child.exit_status, messages=tuple(messages)
        )

    def scan(
        self, path: str, flags: tuple[str, ...], keep: Callable[[File], bool], columns: str = "sp"
    ) -> Generator[Event, None, Scan]:
        """Return the files below `path` that pass the filters in `flags`; `keep` chooses the kept ones.

        `columns` are those of `parse_entry`. What cannot be listed is in `messages`. Raises AdapterError as
        `lines` does.
        """
        found = Scan()

        def take(lines: list[bytes]) -> bool:
            for line in lines:
                if (file := parse_entry(line, columns)) is not None and keep(file):
                    found.kept.append(file)
            return True

        ended = yield from self.lines(path, flags, columns, take)
        found.exit_status, found.messages = ended.exit_status, ended.messages
        return found

    def scan_stored(
        self, path: str, flags: tuple[str, ...], keep: Callable[[File], bool], columns: str = "sp"
    ) -> Generator[Event, None, Scan]:
        """Return the same below a path of the bucket, complete: a TRANSIENT failure is retried.

        `keep` may get a file more than once. Raises AdapterError if the list is not complete.
        """

        def listed() -> Generator[Event, None, Scan]:
            found = yield from self.scan(path, flags, keep, columns)
            failure = self.incomplete(found)
            if failure is not None:
                raise AdapterError(failure)
            return found

        return (yield from self.backoff.retry(listed, self.retries, self.run))

    def look_at(
        self, path: str, names: Sequence[bytes], columns: str = "shp", *, is_whole: bool = True
    ) -> Generator[Event, None, dict[bytes, File]]:
        """Return those of the named files that exist below a path of the bucket; else as `scan_stored`.

        Without `is_whole` what could be looked at is enough, and nothing is tried again.
        """
        if not names:
            return {}
        scan = self.scan_stored if is_whole else self.scan
        with temporary_directory() as directory:
            selection = files_one_by_one(names, directory)
            found = yield from scan(path, selection, lambda _: True, columns)
        return {file.path: file for file in found.kept}

    def incomplete(self, found: Scan) -> Failure | None:
        """Return why a list is incomplete, or None; rclone may exit 0 after one that broke off (1.75.2)."""
        failure = classify(found.messages, self.place, self.redactor, found.exit_status)
        return failure if found.exit_status != 0 or failure.code in TRANSIENT else None


def open_scanner(rclone: Rclone, storage: OpenStorage, place: Place, run: Run) -> Scanner:
    """Return a scanner for local directories and one storage."""
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
    """Return the file in a line of `lsf --format COLUMNS`, or None if it is not such a line.

    Columns are `t` time, `s` size, `h` MD5 (or a word), and last `p`, the path. The separator is a semicolon;
    a path may have some too.
    """
    values = line.split(b";", len(columns) - 1)
    if len(values) != len(columns):
        return None
    value = dict(zip(columns, values, strict=True))
    md5 = value.get("h", b"")
    try:
        return File(
            value["p"],
            int(value["s"]),
            md5.decode() if _MD5.fullmatch(md5) else "",
            value.get("t", b"").decode("ascii", "replace"),
        )
    except ValueError:
        return None


def _note(messages: deque[str], line: bytes) -> None:
    record = parse_line(line)
    if not isinstance(record, LogRecord) or record.level > Level.INFO:
        messages.append(record.message)
