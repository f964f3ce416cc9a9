"""Whether a process is working although rclone's counters do not change.

rclone may log nothing for minutes while it hashes a huge file, walks a huge tree that a filter excludes, or
sends over a slow line what it has read. One that is paused, or whose server or disk hangs, does nothing.
"""

from collections.abc import Callable

import psutil

_ENOUGH_BYTES = 64 << 10
"""An rclone whose server hangs reads some 10 bytes a second to wake itself up (measured with 1.75.2), which
is less than this in a stall time-out of an hour; hashing a file on the slowest disk reads more at once."""


class Activity:
    """Watches a number that grows while a process works; `measure` returns None if it is not known."""

    def __init__(self, measure: Callable[[], float | None], enough: float) -> None:
        self._measure = measure
        self._enough = enough
        self._seen = measure() or 0

    def moved(self) -> bool:
        """Return whether it has grown by `enough` since this last returned True."""
        total = self._measure()
        if total is None or total - self._seen < self._enough:
            return False
        self._seen = total
        return True


def reading(pid: int) -> Activity:
    """Return what a process reads, in bytes, from files and connections together (`rchar` in proc(5))."""
    return Activity(_of(pid, lambda process: process.io_counters().read_chars), _ENOUGH_BYTES)


def sending(pid: int, logged: Callable[[], int]) -> Activity:
    """Return what a process writes (`wchar` in proc(5)) beyond what it has `logged`, in bytes.

    rclone reads a part of an upload at once, but sends it only as fast as the line allows.
    """
    return Activity(_of(pid, lambda process: process.io_counters().write_chars - logged()), _ENOUGH_BYTES)


def _of(pid: int, measure: Callable[[psutil.Process], float]) -> Callable[[], float | None]:
    """Return a measuring function; it returns None if the process is gone or not accessible."""
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
