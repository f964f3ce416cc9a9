"""The record of a run and the journal of its events, written while it runs.

Neither can fail a run: a state directory that cannot be written is a warning.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from types import TracebackType
from typing import Self

import msgspec

from adapter.contract.errors import AdapterError, ExitStatus
from adapter.contract.events import Event, Outcome, Status, Summary, WarningEvent
from adapter.contract.json_lines import Envelope, EventLine, encode
from adapter.machine.held_file import append, hold
from adapter.machine.private import make_directory, openness
from adapter.runs.record import RunRecord
from adapter.runs.store import Runs, now_utc

_STATUS_INTERVAL_S = 1.0
MOST_BYTES = 4 << 20
"""Size at which a journal is emptied and begun again; a status a second fills it in three hours."""


class Journal:
    """The writer of one run's record and events, used as a `with` block around the run."""

    def __init__(
        self, runs: Runs, record: RunRecord, envelope: Envelope, clock: Callable[[], datetime] = now_utc
    ) -> None:
        self._runs = runs
        self._record = record
        self._envelope = envelope
        self._clock = clock
        self._descriptor: int | None = None
        self._size = 0
        self._last_status = float("-inf")
        self._write_error: OSError | None = None
        self._ended = False

    def __enter__(self) -> Self:
        """Begin the record: from here on the run is known as running."""
        runs = self._runs
        try:
            make_directory(runs.directory)
            self._descriptor = hold(runs.journal_path(self._record.run_id))
            runs.write(self._record)
            runs.forget_old(self._record.started)
        except OSError as error:
            self._write_error = error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the journal. A run without a summary was abandoned by its caller, and its rclone stopped."""
        if not self._ended:
            bug = kind is not None and issubclass(kind, Exception)
            outcome = (
                (Outcome.FAILED, ExitStatus.INTERNAL) if bug else (Outcome.CANCELLED, ExitStatus.CANCELLED)
            )
            self._write_end(self._record.abandoned(self._clock(), outcome[0], int(outcome[1])))
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def follow(self, events: Iterator[Event]) -> Iterator[EventLine]:
        """Yield the events as lines, each written to the journal first, and warnings about the records.

        The end of the run is in its record before the summary is yielded.
        """
        warnings = self._first_warnings()
        try:
            for event in events:
                if isinstance(event, Summary):
                    yield from self._noted(warnings)
                    # The journal first: if the record has its end, the journal has the summary.
                    line = self._note(event)
                    self._write_failed_files(event)
                    self._write_end(self._record.ended_with(event, self._clock()))
                    yield from map(self._encode, self._unwritable_warning())
                    yield line
                    continue
                yield self._note(event)
                # After the first event, which is a status: it shows at once that the run has begun.
                yield from self._noted(warnings)
                warnings = ()
        except Exception as error:
            # The caller makes a summary of it, which does not pass through here.
            internal = ExitStatus.INTERNAL
            status = error.failure.code.exit_status if isinstance(error, AdapterError) else internal
            if not self._ended:
                self._write_end(self._record.abandoned(self._clock(), Outcome.FAILED, int(status)))
            raise
        finally:
            close = getattr(events, "close", None)
            if close is not None:
                close()

    def _first_warnings(self) -> tuple[WarningEvent, ...]:
        target = self._record.target
        found: list[RunRecord] = []
        if target is not None and self._write_error is None:
            with suppress(OSError):
                found += self._runs.claim_crashed(target)
        return (
            *(WarningEvent("earlier_run_crashed", _crash_sentence(run)) for run in found),
            *(WarningEvent("state_open", f"{told} `chmod o-w` corrects it.") for told in self._open()),
        )

    def _open(self) -> Iterator[str]:
        return filter(None, map(openness, (self._runs.directory.parent, self._runs.directory)))

    def _unwritable_warning(self) -> tuple[WarningEvent, ...]:
        if self._write_error is None:
            return ()
        return (
            WarningEvent(
                "state_unwritable",
                f"Cannot write the record of this run in {self._runs.directory}: "
                f"{self._write_error.strerror}. `runs` may not show this run or how it ended.",
            ),
        )

    def _noted(self, warnings: tuple[WarningEvent, ...]) -> Iterator[EventLine]:
        yield from map(self._note, warnings)

    def _encode(self, event: Event) -> EventLine:
        return encode(event, self._envelope, self._clock())

    def _note(self, event: Event) -> EventLine:
        """Append to the journal, a status at most once a second; return the line."""
        line = self._encode(event)
        if self._descriptor is None:
            return line
        if isinstance(event, Status):
            now = time.monotonic()
            if now - self._last_status < _STATUS_INTERVAL_S:
                return line
            self._last_status = now
        self._append(self._descriptor, line.text.encode() + b"\n")
        return line

    def _append(self, descriptor: int, data: bytes) -> None:
        try:
            if self._size + len(data) > MOST_BYTES:
                os.ftruncate(descriptor, 0)
                self._size = 0
            append(descriptor, data)
            self._size += len(data)
        except OSError as error:
            self._write_error = error

    def _write_failed_files(self, summary: Summary) -> None:
        """Write all of them: the line of the summary has room for some."""
        if self._descriptor is None or not summary.failed_files:
            return
        try:
            self._runs.write_failed_files(self._record.run_id, summary.failed_files)
        except OSError as error:
            self._write_error = error

    def _write_end(self, record: RunRecord) -> None:
        self._ended = True
        if self._descriptor is None:
            return
        try:
            self._runs.write(record)
        except OSError as error:
            self._write_error = error
            with suppress(OSError):
                # Without error and counts it fits into the space that the record has, so that a run that has
                # ended does not look like one that was killed.
                self._runs.overwrite(msgspec.structs.replace(record, error=None, counts=None))


def _crash_sentence(run: RunRecord) -> str:
    return (
        f"The {run.command} {run.run_id}, started {run.started:%Y-%m-%d %H:%M} UTC, was killed before it "
        "could end. What it copied is kept and will not be copied again. An unfinished upload of a large "
        "file may be left in the bucket; `cleanup` removes it."
    )
