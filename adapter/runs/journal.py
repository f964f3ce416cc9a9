"""A run writes down what happens to it: its record, and its events for whoever watches.

Nothing of this may fail a run: a state directory that cannot be written is a warning.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from types import TracebackType
from typing import Self

from adapter.contract.errors import AdapterError, ExitStatus
from adapter.contract.events import Event, Outcome, Status, Summary, WarningEvent
from adapter.contract.json_lines import Envelope, EventLine, encode
from adapter.machine.held_file import append, hold
from adapter.runs.record import RunRecord
from adapter.runs.store import Runs, now_utc

_STATUS_INTERVAL_S = 1.0
MOST_BYTES = 4 << 20
"""Of events on disk; then they begin anew. A status a second fills it in about three hours."""


class Journal:
    """Writes the record and the events of one run, inside a `with` block that lasts as long as the run."""

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
        self._trouble: OSError | None = None
        self._ended = False

    def __enter__(self) -> Self:
        """Begin: from here on the run is known, and seen to be alive."""
        runs = self._runs
        try:
            runs.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._descriptor = hold(runs.journal_path(self._record.run_id))
            runs.write(self._record)
            runs.forget_old(self._record.started)
        except OSError as error:
            self._trouble = error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let go. A run without a summary by now was given up by its caller, and its rclone stopped."""
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
        """The events as lines, each written down before it is passed on, and warnings of our own among them.

        The record has its end before the summary is passed on.
        """
        warnings = self._about_crashes()
        try:
            for event in events:
                if isinstance(event, Summary):
                    yield from self._noted(warnings)
                    # The journal first: who finds the record ended finds the summary too.
                    line = self._note(event)
                    self._write_end(self._record.ended_with(event, self._clock()))
                    yield from map(self._encode, self._about_trouble())
                    yield line
                    continue
                yield self._note(event)
                # After the first event: a status that shows at once that the run has begun.
                yield from self._noted(warnings)
                warnings = ()
        except Exception as error:
            # Whoever reads us makes a summary of it, which we do not see.
            internal = ExitStatus.INTERNAL
            status = error.failure.code.exit_status if isinstance(error, AdapterError) else internal
            if not self._ended:
                self._write_end(self._record.abandoned(self._clock(), Outcome.FAILED, int(status)))
            raise
        finally:
            close = getattr(events, "close", None)
            if close is not None:
                close()

    def _about_crashes(self) -> tuple[WarningEvent, ...]:
        target = self._record.target
        found: list[RunRecord] = []
        if target is not None and self._trouble is None:
            with suppress(OSError):
                found += self._runs.take_up_crashed(target)
        return tuple(WarningEvent("earlier_run_crashed", _crash_sentence(run)) for run in found)

    def _about_trouble(self) -> tuple[WarningEvent, ...]:
        if self._trouble is None:
            return ()
        return (
            WarningEvent(
                "state_unwritable",
                f"No full record of this run could be kept in {self._runs.directory}: "
                f"{self._trouble.strerror}. `runs` may not know it or how it ended.",
            ),
        )

    def _noted(self, warnings: tuple[WarningEvent, ...]) -> Iterator[EventLine]:
        yield from map(self._note, warnings)

    def _encode(self, event: Event) -> EventLine:
        return encode(event, self._envelope, self._clock())

    def _note(self, event: Event) -> EventLine:
        """Append to the journal; statuses at most once a second, whatever the run's own interval is."""
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
            self._trouble = error

    def _write_end(self, record: RunRecord) -> None:
        self._ended = True
        if self._descriptor is None:
            return
        try:
            self._runs.write(record)
        except OSError as error:
            self._trouble = error
            with suppress(OSError):
                # Without its reasons, so that it fits where its beginning is. A run that has ended must not
                # look like one that was killed.
                self._runs.overwrite(record.model_copy(update={"error": None, "counts": None}))


def _crash_sentence(run: RunRecord) -> str:
    return (
        f"The {run.command} {run.run_id}, begun {run.started:%Y-%m-%d %H:%M} UTC, was killed before it could "
        "end. What it had copied is kept and will not be copied again; an unfinished upload of a large file "
        "may be left in the bucket, which `cleanup` removes."
    )
