"""Calls on local files with a time-out, in a thread: on a dead mount a call never returns, even on a signal.

The threads are daemons, so that the program can end while one of them hangs.
"""

import threading
from collections.abc import Callable, Generator
from concurrent.futures import Future, wait
from queue import SimpleQueue
from typing import Self, TypeVar

from adapter.contract.errors import AdapterError, ErrorCode, Failure, cancelled
from adapter.contract.events import Event
from adapter.diagnosis.progress import Progress
from adapter.runs.run import Run

_T = TypeVar("_T")
_TICK_S = 0.2
_PATIENCE_S = 5.0
"""For one call during a run: longer than a disk needs to spin up."""


class NoAnswer(Exception):
    """A call has not returned in time, or an earlier one still hangs."""


class TimedDisk:
    """Makes one call after the other in a thread, which ends with the `with` block."""

    def __init__(self) -> None:
        self._looks: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._hangs: Callable[[], bool] = lambda: False
        threading.Thread(target=self._work, name="looker", daemon=True).start()

    def begin(self, look: Callable[[], _T]) -> Future[_T]:
        """Return the future result of `look`."""
        future: Future[_T] = Future()

        def make() -> None:
            try:
                future.set_result(look())
            except BaseException as error:  # noqa: BLE001 - whatever it is, the caller gets it
                future.set_exception(error)

        self._looks.put(make)
        return future

    def ask(self, look: Callable[[], _T], timeout_s: float = _PATIENCE_S) -> _T:
        """Return what `look` returns. Raises NoAnswer after `timeout_s`, and at once while a call hangs."""
        if self._hangs():
            raise NoAnswer
        future = self.begin(look)
        try:
            return future.result(timeout_s)
        except TimeoutError:  # which may be what the look itself raised
            if future.done():
                return future.result()
        self._hangs = lambda: not future.done()
        raise NoAnswer

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._looks.put(None)

    def _work(self) -> None:
        while (look := self._looks.get()) is not None:
            look()


def wait_for(look: Callable[[], _T], what: str, run: Run) -> Generator[Event, None, _T]:
    """Return what `look` returns; yield the run's statuses meanwhile.

    Raises AdapterError `stalled` about `what` after the stall time-out, or if the run was cancelled or has
    reached its time limit.
    """
    progress = run.progress
    with TimedDisk() as disk:
        future = disk.begin(look)
        while not wait([future], _TICK_S).done:
            if run.cancel.requested:
                raise AdapterError(cancelled())
            if (overdue := progress.overdue()) is not None:
                raise AdapterError(
                    _no_answer(what, progress) if overdue.code is ErrorCode.STALLED else overdue
                )
            yield from progress.due()
        return future.result()


def _no_answer(what: str, progress: Progress) -> Failure:
    return Failure(
        ErrorCode.STALLED,
        f"{what} has not answered for {progress.stalled_seconds:.0f} seconds.",
        "Check its disk or network share, then run it again.",
    )
