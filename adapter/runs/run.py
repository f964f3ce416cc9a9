"""One run of a command that streams events: its counts, and exactly one Summary at the end."""

import logging
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from datetime import UTC, datetime
from typing import Self, TypeVar

from adapter.contract.errors import AdapterError, ErrorCode, Failure, bug, cancelled, run_cancelled
from adapter.contract.events import Action, Event, Outcome, Summary, Verification, WarningEvent
from adapter.contract.os_errors import refusal
from adapter.diagnosis.progress import Progress
from adapter.diagnosis.tally import Tally
from adapter.machine.cancellation import Cancellation
from adapter.rclone.options import TransferOptions

_T = TypeVar("_T")
_log = logging.getLogger(__name__)
_OUTCOMES = {
    ErrorCode.CANCELLED: Outcome.CANCELLED,
    ErrorCode.PARTIAL: Outcome.PARTIAL,
    ErrorCode.MANIFEST_UNWRITTEN: Outcome.PARTIAL,
}


class Run:
    """The state of a run. The operation sets `outcome` and `error` at its end."""

    def __init__(
        self,
        cancel: Cancellation,
        command: str = "backup",
        *,
        dry_run: bool = False,
        interval_s: float = 1.0,
        stall_timeout_s: float = 600.0,
        max_duration_s: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.cancel = cancel
        self.command = command
        self.tally = Tally()
        self.progress = Progress(self.tally, clock, interval_s, stall_timeout_s, max_duration_s)
        self.dry_run = dry_run
        self.retries = 0
        self.verification: Verification | None = None
        """How files were compared, if more was done than rclone does while copying."""
        self.bytes_downloaded: int | None = None
        """Of a comparison: how many bytes it has read back; None for any other run."""
        self.outcome = Outcome.FAILED
        self.error: Failure | None = None
        self._held = ExitStack()

    @classmethod
    def of(cls, options: TransferOptions, cancel: Cancellation, command: str) -> Self:
        """Return a run of `command` with the options of a transfer."""
        return cls(
            cancel,
            command,
            dry_run=options.dry_run,
            interval_s=options.progress_interval_s,
            stall_timeout_s=options.stall_timeout_s,
            max_duration_s=options.max_duration_s,
        )

    def enter(self, context: AbstractContextManager[_T]) -> _T:
        """Enter a context that is left just before the summary; return its value."""
        return self._held.enter_context(context)

    def hold(self, lock: AbstractContextManager[None]) -> Iterator[Event]:
        """Hold a lock until just before the summary; yield a warning if the machine cannot give it."""
        try:
            self.enter(lock)
        except OSError as error:
            yield WarningEvent(
                "not_locked",
                f"This run has no lock on its target: {error.strerror} (in the state directory).",
            )

    def events(self, steps: Iterator[Event]) -> Iterator[Event]:
        """Yield a first status, what `steps` yields, and the Summary, which has any failure of `steps`."""
        yield from self.progress.due()
        try:
            with self._held:
                yield from steps
        except AdapterError as error:
            self.fail(error.failure)
        except Exception as error:  # noqa: BLE001  # the contract: one summary, whatever happened
            refused = refusal(error)
            if refused is None:
                _log.info("internal error", exc_info=error)
            self.fail(refused or bug(error))
        yield self._summary()

    def raise_if_over(self) -> None:
        """Raise AdapterError if the run is cancelled, has stalled or has reached its time limit."""
        if self.cancel.requested:
            raise AdapterError(cancelled())
        if (overdue := self.progress.overdue()) is not None:
            raise AdapterError(overdue)

    def fail(self, failure: Failure) -> None:
        """Set the error of the run, and the outcome that follows from it."""
        self.error = failure
        self.outcome = _OUTCOMES.get(failure.code, Outcome.FAILED)

    def _summary(self) -> Summary:
        tally = self.tally
        error = self.error
        if error is not None and error.code is ErrorCode.CANCELLED:
            error = run_cancelled(self.command, has_copied=tally.data_added > 0)
        return Summary(
            outcome=self.outcome,
            error=error,
            files_new=tally.files_new,
            files_changed=tally.files_changed,
            files_unmodified=tally.files_unmodified,
            dirs_new=tally.directories[Action.NEW] + tally.directories[Action.RESTORED],
            dirs_changed=tally.directories[Action.MODIFIED] + tally.directories[Action.UPDATED],
            dirs_unmodified=tally.directories[Action.UNCHANGED],
            data_added=tally.data_added,
            total_bytes_processed=tally.bytes_settled,
            total_duration=round(self.progress.seconds_elapsed, 3),
            dry_run=self.dry_run,
            files_failed=len(tally.failed),
            failed_files=tally.failed_files(),
            retries=self.retries,
            verification=self.verification or tally.verification,
            total_files=self.progress.total_files,
            total_bytes=self.progress.total_bytes,
            bytes_downloaded=self.bytes_downloaded,
        )


def new_run_id() -> str:
    """Return a unique id that sorts by time, to the microsecond."""
    now = datetime.now(UTC)
    return f"{now:%Y%m%dT%H%M%SZ}-{now.microsecond:05x}{secrets.randbelow(1 << 12):03x}"
