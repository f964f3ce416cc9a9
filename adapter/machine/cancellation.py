"""A request to stop, made by a signal handler; `poll` can wait for it."""

import os
import select
import time
from contextlib import suppress
from types import TracebackType
from typing import Self


class Cancellation:
    """Counts requests to stop: the first asks for an orderly end, the second for an immediate one.

    `request` is safe in a signal handler. `fileno` is readable from a request until `acknowledge`, so that a
    `poll` for something else can end at once.
    """

    def __init__(self) -> None:
        self.requests = 0
        self._reader, self._writer = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._open = True

    def request(self) -> None:
        """Request a stop; the second time an immediate one."""
        self.requests += 1
        if self._open:
            with suppress(BlockingIOError):  # full after 65,536 requests: the reader is awake already
                os.write(self._writer, b"x")

    @property
    def requested(self) -> bool:
        """Return whether a stop was requested."""
        return self.requests > 0

    def fileno(self) -> int:
        """Return the descriptor that a request makes readable."""
        return self._reader

    def acknowledge(self) -> None:
        """Make `fileno` unreadable until the next request."""
        with suppress(BlockingIOError):
            os.read(self._reader, 65536)

    def sleep(self, seconds: float) -> bool:
        """Wait for `seconds` or until a request; return whether one was made."""
        deadline = time.monotonic() + seconds
        while not self.requested and (left := deadline - time.monotonic()) > 0:
            poller = select.poll()
            poller.register(self._reader, select.POLLIN)
            poller.poll(left * 1000)
        return self.requested

    def close(self) -> None:
        """Close both descriptors; a later request is only counted."""
        if self._open:
            self._open = False  # first: a signal that comes now must not write to a reused descriptor
            os.close(self._reader)
            os.close(self._writer)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
