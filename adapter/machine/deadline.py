"""A deadline, as seconds that are left."""

import time


class Deadline:
    """Counts down from `total_s` seconds, beginning now."""

    def __init__(self, total_s: float) -> None:
        self.total_s = total_s
        self._end = time.monotonic() + total_s

    @property
    def left_s(self) -> float:
        """Return the seconds that are left, never less than 0."""
        return max(0.0, self._end - time.monotonic())
