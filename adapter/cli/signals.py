"""SIGTERM, SIGINT and SIGHUP as requests to stop, from the start of the program to its end."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

from adapter.machine.cancellation import Cancellation

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Interrupted(Exception):
    """A signal came during a prompt."""


@contextmanager
def signals_request_stop(cancel: Cancellation) -> Iterator[None]:
    """Turn signals into requests: the first asks the run to stop, the second kills rclone at once."""

    def request(_number: int, _frame: FrameType | None) -> None:
        cancel.request()
        if cancel.requests > 1:
            # A third request means nothing more, and many signals would nest this handler too deeply.
            for number in numbers:
                signal.signal(number, signal.SIG_IGN)

    # nohup ignores SIGHUP on purpose. For `… &` in a script the shell ignores SIGINT by default: one that
    # is sent anyway must stop the run.
    kept = {signal.SIGHUP} if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else set()
    numbers = [number for number in _SIGNALS if number not in kept]
    for number in numbers:
        signal.signal(number, request)
    # The parent process may have blocked them.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, numbers)
    try:
        yield
    finally:
        # The outcome is printed: a signal while Python exits must not change the exit status.
        for number in numbers:
            signal.signal(number, signal.SIG_IGN)


@contextmanager
def interrupting() -> Iterator[None]:
    """Raise Interrupted in the block on a signal: a prompt would go on waiting after a mere request."""

    def interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
        raise Interrupted

    before = {number: signal.getsignal(number) for number in _SIGNALS}
    try:
        for number in _SIGNALS:
            signal.signal(number, interrupt)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
