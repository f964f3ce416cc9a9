"""A request to stop that a signal handler can make and a `select` can wait for."""

import os
import select
import time
from contextlib import suppress
from types import TracebackType
from typing import Self


class Cancellation:
    """Counts requests to stop: the first is polite, the second means at once.

    `request` is safe in a signal handler. `fileno` becomes readable with the first request and stays so
    until `acknowledge`, so a wait for something else ends at once.
    """

    def __init__(self) -> None:
        self.requests = 0
        self._reader, self._writer = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._open = True

    def request(self) -> None:
        """Ask to stop, or to stop at once."""
        self.requests += 1
        if self._open:
            with suppress(BlockingIOError):  # full after 65,536 requests: the reader is awake already
                os.write(self._writer, b"x")

    @property
    def requested(self) -> bool:
        """Whether anybody asked."""
        return self.requests > 0

    def fileno(self) -> int:
        """The descriptor that `select` may wait on."""
        return self._reader

    def acknowledge(self) -> None:
        """Make `fileno` quiet until the next request."""
        with suppress(BlockingIOError):
            os.read(self._reader, 65536)

    def sleep(self, seconds: float) -> bool:
        """Wait, but no longer than until a request; whether one was made."""
        deadline = time.monotonic() + seconds
        while not self.requested and (left := deadline - time.monotonic()) > 0:
            poller = select.poll()
            poller.register(self._reader, select.POLLIN)
            poller.poll(left * 1000)
        return self.requested

    def close(self) -> None:
        """Give the two descriptors back; a later request is counted and wakes nobody."""
        if self._open:
            self._open = False  # first: a signal may come in between, and the numbers may be somebody else's
            os.close(self._reader)
            os.close(self._writer)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
