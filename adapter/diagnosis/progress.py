"""The progress of a run as `Status` events: counters never decrease, at most one event in an interval."""

import math
from collections.abc import Callable, Iterator

from adapter.contract.errors import Failure, out_of_time, stalled
from adapter.contract.events import Phase, Status
from adapter.diagnosis.logline import Stats
from adapter.diagnosis.tally import Tally

_SMOOTHING = 0.3
"""Weight of the newest measurement in the rate: steady to read, but a stall shows quickly."""
_ALMOST = 0.9999
"""The highest `percent_done` of a running run: after the last byte, the last answer is still missing."""
_STANDSTILL = 1.0
"""Bytes per second; below it no remaining time is given, because the smoothed rate never reaches 0."""


class Progress:
    """Makes status events of a tally and rclone's stats. `clock` returns monotonic seconds."""

    def __init__(
        self,
        tally: Tally,
        clock: Callable[[], float],
        interval_s: float,
        stall_timeout_s: float = 600.0,
        max_duration_s: float | None = None,
    ) -> None:
        """Seconds: `stall_timeout_s` limits the time without progress, `max_duration_s` the whole run."""
        self._stall_timeout_s = stall_timeout_s
        self._max_duration_s = math.inf if max_duration_s is None else max_duration_s
        self.phase = Phase.SCANNING
        self.attempt = 1
        self.total_files: int | None = None
        self.total_bytes: int | None = None
        self._tally = tally
        self._clock = clock
        self._interval_s = interval_s
        self._started = clock()
        self._last_status: float | None = None
        self._bytes_done = 0
        self._bytes_copied = 0
        self._percent_done = 0.0
        self._stats = Stats()
        self._settled_then = 0
        self._rate: float | None = None
        self._rate_at = self._started
        self._rate_bytes = 0
        self._moved_at = self._started

    @property
    def stalled_seconds(self) -> float:
        """Return the seconds without progress: no byte, file, check, error, listing or new pass."""
        return self._clock() - self._moved_at

    @property
    def in_flight(self) -> tuple[str, ...]:
        """Return the files, as rclone logs them, that were being copied when it last said so."""
        return tuple(file.name for file in self._stats.transferring or ())

    @property
    def is_out_of_time(self) -> bool:
        """Return whether the run has reached its --max-duration."""
        return self.seconds_elapsed >= self._max_duration_s

    def overdue(self) -> Failure | None:
        """Return why the run must stop now (out of time, or stalled); None if it need not."""
        if self.is_out_of_time:
            return out_of_time(self._max_duration_s)
        return stalled(self._stall_timeout_s) if self.stalled_seconds >= self._stall_timeout_s else None

    @property
    def seconds_elapsed(self) -> float:
        """Return the seconds since the run began."""
        return self._clock() - self._started

    def begin_pass(self, attempt: int) -> None:
        """Begin a pass; its rclone counts from 0 again."""
        self.attempt = attempt
        self._stats = Stats()
        self._rate_bytes = 0
        self._moved_at = self._clock()

    def touch(self) -> None:
        """Record progress that rclone does not count."""
        self._moved_at = self._clock()

    def take(self, stats: Stats) -> None:
        """Take rclone's newest counters."""
        if stats.activity != self._stats.activity:
            self._moved_at = self._clock()
        self._stats = stats
        self._settled_then = self._tally.bytes_settled
        self._update_rate()

    def due(self) -> Iterator[Status]:
        """Yield a status if the interval has passed since the last one."""
        now = self._clock()
        if self._last_status is None or now - self._last_status >= self._interval_s:
            self._last_status = now
            yield self.status()

    def status(self) -> Status:
        """Return the current status."""
        transferring = self._stats.transferring or ()
        on_the_way = sum(max(0, file.bytes_done) for file in transferring)
        # A file in transfer at the last stats may be settled by now: it must not count twice.
        done = max(self._tally.bytes_settled, self._settled_then + on_the_way)
        if self.total_bytes is not None:
            done = min(done, self.total_bytes)
        self._bytes_done = max(self._bytes_done, done)
        unchanged = self._tally.bytes_settled - self._tally.data_added
        self._bytes_copied = max(self._bytes_copied, self._bytes_done - unchanged)
        return Status(
            phase=self.phase,
            seconds_elapsed=round(self.seconds_elapsed, 3),
            seconds_remaining=self._seconds_remaining(),
            percent_done=self._percent(),
            total_files=None
            if self.total_files is None
            else max(self.total_files, self._tally.files_settled),
            files_done=self._tally.files_settled,
            total_bytes=None if self.total_bytes is None else max(self.total_bytes, self._bytes_done),
            bytes_done=self._bytes_done,
            bytes_per_second=None if self._rate is None else round(self._rate, 1),
            current_files=tuple(file.name for file in transferring),
            error_count=self._tally.errors_seen,
            attempt=self.attempt,
            stalled_seconds=round(self.stalled_seconds, 3),
            files_copied=self._tally.files_new + self._tally.files_changed,
            bytes_copied=self._bytes_copied,
        )

    def _percent(self) -> float | None:
        if self.total_bytes is None or self.total_files is None:
            return None
        if self.total_bytes:
            share = self._bytes_done / self.total_bytes
        elif self.total_files:
            share = self._tally.files_settled / self.total_files
        else:
            share = 0.0
        self._percent_done = max(self._percent_done, min(share, _ALMOST))
        return round(self._percent_done, 6)

    def _seconds_remaining(self) -> float | None:
        if self.total_bytes is None or self._rate is None or self._rate < _STANDSTILL:
            return None
        return round(max(0, self.total_bytes - self._bytes_done) / self._rate, 1)

    def _update_rate(self) -> None:
        now = self._clock()
        elapsed = now - self._rate_at
        if elapsed < 0.2:
            return
        newest = max(0, self._stats.bytes_sent - self._rate_bytes) / elapsed
        self._rate = newest if self._rate is None else self._rate + _SMOOTHING * (newest - self._rate)
        self._rate_at = now
        self._rate_bytes = self._stats.bytes_sent
