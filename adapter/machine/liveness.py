"""Whether a process does something that rclone does not count.

rclone hashes a huge file, walks through a huge tree of which a filter wants nothing, or sends what it has
long read over a slow line, for minutes without a word; a paused one, one whose server hangs and one whose
disk is dead do none of these.
"""

import re
from collections.abc import Callable
from pathlib import Path

_ENOUGH_BYTES = 64 << 10
"""An rclone whose server hangs reads some 10 bytes a second to wake itself up (measured with 1.75.2), so in a
stall time-out of an hour it stays below; a hash of the slowest disk is above it at once."""
_ENOUGH_TICKS = 10
"""Hundredths of a second of work; an `rclone lsf` that waits needs fewer in an hour."""
_IO = re.compile(rb"^rchar: (\d+)\nwchar: (\d+)$", re.MULTILINE)


class Activity:
    """Watches a number that grows while a process is at work; None from `measure` means not known."""

    def __init__(self, measure: Callable[[], int | None], enough: int) -> None:
        self._measure = measure
        self._enough = enough
        self._seen = measure() or 0

    def moved(self) -> bool:
        """Whether it has grown by more than a trifle since this was last true."""
        total = self._measure()
        if total is None or total - self._seen < self._enough:
            return False
        self._seen = total
        return True


def reading(pid: int) -> Activity:
    """What a process reads, from files and connections together (`rchar` in proc(5))."""

    def measure() -> int | None:
        found = _IO.search(_read(pid, "io"))
        return int(found[1]) if found else None

    return Activity(measure, _ENOUGH_BYTES)


def sending(pid: int, said: Callable[[], int]) -> Activity:
    """What a process writes (`wchar` in proc(5)) beyond what it has `said` to us, its log, in bytes.

    A part of an upload is read at once, and leaves as slowly as the line is.
    """

    def measure() -> int | None:
        found = _IO.search(_read(pid, "io"))
        return int(found[2]) - said() if found else None

    return Activity(measure, _ENOUGH_BYTES)


def computing(pid: int) -> Activity:
    """The processor time of a process, in clock ticks (fields 14 and 15 of its stat in proc(5))."""

    def measure() -> int | None:
        fields = _read(pid, "stat").rpartition(b")")[2].split()
        return int(fields[11]) + int(fields[12]) if fields else None

    return Activity(measure, _ENOUGH_TICKS)


def _read(pid: int, name: str) -> bytes:
    try:
        return Path("/proc", str(pid), name).read_bytes()
    except OSError:  # not Linux, not allowed, or gone
        return b""
