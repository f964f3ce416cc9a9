"""Output that holds up nobody: a thread writes, so a reader who does not read cannot keep us from ending."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from adapter.machine.cancellation import Cancellation

_log = logging.getLogger(__name__)
_Item = TypeVar("_Item")
_POLL_S = 0.1


class Outlet(Generic[_Item]):
    """Hands items to `write` in order, in a thread of its own.

    When the reader is slow a newer status takes the place of the one that still waits, and everything else
    makes the run wait, as any pipe does; but never once the run has been asked to stop.
    """

    def __init__(
        self,
        write: Callable[[_Item], None],
        cancel: Cancellation,
        *,
        capacity: int = 1000,
        grace_s: float = 5.0,
        last_grace_s: float = 1.0,
    ) -> None:
        """After a request to stop the reader has `grace_s` for what waits, after a second one less."""
        self._write = write
        self._cancel = cancel
        self._capacity = capacity
        self._grace_s = (grace_s, last_grace_s)
        self._waiting: deque[tuple[_Item, bool]] = deque()
        self._busy = False
        self._gone = False
        self._finished = False
        self._changed = threading.Condition()
        # A daemon: the interpreter must be able to end while it waits for a reader.
        threading.Thread(target=self._work, name="outlet", daemon=True).start()

    @property
    def gone(self) -> bool:
        """Whether the reader has gone away; the run has been asked to stop then, and items are dropped."""
        return self._gone

    def put(self, item: _Item, *, is_status: bool) -> None:
        """Have an item written soon."""
        with self._changed:
            if is_status and self._waiting and self._waiting[-1][1]:
                self._waiting.pop()
            while len(self._waiting) >= self._capacity and not self._cancel.requested:
                self._changed.wait(_POLL_S)  # a signal handler cannot notify: it might hold the lock itself
            if not self._gone:
                self._waiting.append((item, is_status))
                self._changed.notify_all()

    def finish(self) -> bool:
        """Wait until everything is written, once; False when a reader who does not read was given up."""
        asked: float | None = None
        with self._changed:
            while (self._waiting or self._busy) and not self._gone:
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
            except Exception as error:  # noqa: BLE001  # whatever it is, nothing can be told any more
                if not isinstance(error, OSError):
                    _log.exception("a bug of this adapter")
                self._reader_is_gone()
                return

    def _reader_is_gone(self) -> None:
        with self._changed:
            if (
                not self._cancel.requested
            ):  # a second request would kill rclone: ^C in a pipeline reaches both
                self._cancel.request()
            self._gone = True
            self._waiting.clear()
            self._changed.notify_all()
