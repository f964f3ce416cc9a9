"""Whether a process is at work although rclone's counters stand still.

For minutes rclone hashes a huge file, walks a huge tree that a filter leaves out, or sends over a slow line
what it has read, without a log line. A paused rclone, one whose server hangs and one whose disk is dead do
not.
"""

from collections.abc import Callable

import psutil

_ENOUGH_BYTES = 64 << 10
"""An rclone whose server hangs reads some 10 bytes a second to wake itself up (measured with 1.75.2), so in a
stall time-out of an hour it stays below; a hash of the slowest disk is above it at once."""
_ENOUGH_SECONDS = 0.1
"""Of processor time; an `rclone lsf` that waits needs less in an hour."""


class Activity:
    """Watches a number that grows while a process works; `measure` returns None if it is not known."""

    def __init__(self, measure: Callable[[], float | None], enough: float) -> None:
        self._measure = measure
        self._enough = enough
        self._seen = measure() or 0

    def moved(self) -> bool:
        """Return whether it has grown noticeably since this was last true."""
        total = self._measure()
        if total is None or total - self._seen < self._enough:
            return False
        self._seen = total
        return True


def reading(pid: int) -> Activity:
    """Return what a process reads, in bytes, from files and connections together (`rchar` in proc(5))."""
    return Activity(_of(pid, lambda process: process.io_counters().read_chars), _ENOUGH_BYTES)


def sending(pid: int, said: Callable[[], int]) -> Activity:
    """Return what a process writes (`wchar` in proc(5)) beyond what it has `said` to us, its log, in bytes.

    A part of an upload is read at once, and leaves as slowly as the line is.
    """
    return Activity(_of(pid, lambda process: process.io_counters().write_chars - said()), _ENOUGH_BYTES)


def computing(pid: int) -> Activity:
    """Return the processor time of a process, in seconds."""
    return Activity(_of(pid, lambda process: sum(process.cpu_times()[:2])), _ENOUGH_SECONDS)


def _of(pid: int, measure: Callable[[psutil.Process], float]) -> Callable[[], float | None]:
    """Return the measure of that process; None when it is gone or may not be looked at."""
    try:
        process = psutil.Process(pid)
    except psutil.Error:
        return lambda: None

    def measured() -> float | None:
        try:
            return measure(process)
        except psutil.Error:
            return None

    return measured
