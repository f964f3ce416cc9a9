"""Output from a thread of its own, so that a reader that stalls cannot keep the program from ending."""

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from adapter.machine.cancellation import Cancellation

_Item = TypeVar("_Item")
_POLL_S = 0.1


class ReaderGone(Exception):
    """Raised by `write`: nobody reads any more."""


class Outlet(Generic[_Item]):
    """A queue whose thread passes items to `write`, in order.

    If the reader is slow a new status replaces the one that waits. Other items queue up, and a full queue
    makes the run wait, until the run is asked to stop.
    """

    def __init__(
        self,
        write: Callable[[_Item], None],
        cancel: Cancellation,
        *,
        on_trouble: Callable[[Exception], None],
        capacity: int = 1000,
        grace_s: float = 5.0,
        last_grace_s: float = 1.0,
    ) -> None:
        """After a request to stop `finish` waits `grace_s` for the reader, after two `last_grace_s`.

        `on_trouble` gets what `write` raised, once, unless it was ReaderGone; the run goes on, unseen.
        """
        self._write = write
        self._cancel = cancel
        self._on_trouble = on_trouble
        self._capacity = capacity
        self._grace_s = (grace_s, last_grace_s)
        self._waiting: deque[tuple[_Item, bool]] = deque()
        self._busy = False
        self._closed = False
        self._finished = False
        self._changed = threading.Condition()
        # A daemon: the program must be able to end while the thread waits for the reader.
        threading.Thread(target=self._work, name="outlet", daemon=True).start()

    @property
    def closed(self) -> bool:
        """Whether nothing more can be written: items are dropped."""
        return self._closed

    def put(self, item: _Item, *, is_status: bool) -> None:
        """Queue an item; wait while the queue is full and the run is not asked to stop."""
        with self._changed:
            if is_status and self._waiting and self._waiting[-1][1]:
                self._waiting.pop()
            while len(self._waiting) >= self._capacity and not self._cancel.requested:
                self._changed.wait(
                    _POLL_S
                )  # polled: a signal handler cannot notify, it may interrupt the holder of the lock
            if not self._closed:
                self._waiting.append((item, is_status))
                self._changed.notify_all()

    def finish(self) -> bool:
        """Wait until all is written and return True, or False if the reader stalls too long. Call it once."""
        asked: float | None = None
        with self._changed:
            while (self._waiting or self._busy) and not self._closed:
                if self._cancel.requested:
                    asked = asked or time.monotonic()
                    grace_s = self._grace_s[self._cancel.requests > 1]
                    if time.monotonic() - asked >= grace_s:
                        return False
                self._changed.wait(_POLL_S)
            self._finished = True
            self._changed.notify_all()
        return True

    def _work(self) -> None:
        while True:
            with self._changed:
                self._busy = False
                self._changed.notify_all()
                while not self._waiting:
                    if self._finished:
                        return
                    self._changed.wait()
                item, _ = self._waiting.popleft()
                self._busy = True
                self._changed.notify_all()
            try:
                self._write(item)
            except ReaderGone:
                # A second request kills rclone at once, and Ctrl-C in a pipeline reaches the reader and us.
                if not self._cancel.requested:
                    self._cancel.request()
                self._close()
                return
            except Exception as error:  # noqa: BLE001  # whatever it is, nothing more can be written
                self._on_trouble(error)
                self._close()
                return

    def _close(self) -> None:
        with self._changed:
            self._closed = True
            self._waiting.clear()
            self._changed.notify_all()
