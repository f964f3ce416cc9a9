"""What a run costs, looked at from outside while it goes on: memory and bytes read, from /proc."""

import threading
from contextlib import suppress
from typing import Self

import psutil

_INTERVAL_S = 0.01


class Watch:
    """Samples the children of this process that start inside the block: the rclones of in-process runs."""

    def __init__(self) -> None:
        self.peak_rss = 0
        """In bytes, of the children together at one moment."""
        self._read: dict[int, int] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._sample)
        self._earlier = {child.pid for child in psutil.Process().children()}

    @property
    def bytes_read(self) -> int:
        """By the children, of files and of sockets, as of the last look at each."""
        return sum(self._read.values())

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._over.wait(_INTERVAL_S):
            together = 0
            for child in psutil.Process().children():
                # It may end between any two looks.
                with suppress(psutil.Error, OSError):
                    if child.pid not in self._earlier:
                        together += child.memory_info().rss
                        self._read[child.pid] = child.io_counters().read_chars
            self.peak_rss = max(self.peak_rss, together)
