"""Signals as requests to stop, from before the first heavy import to the end of the program."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

from adapter.machine.cancellation import Cancellation

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Interrupted(Exception):
    """A signal came while a person was asked."""


@contextmanager
def heard(cancel: Cancellation) -> Iterator[None]:
    """Signals are requests to stop: the first is polite, the second means at once."""

    def request(_number: int, _frame: FrameType | None) -> None:
        cancel.request()
        if cancel.requests > 1:
            # Nothing more can be asked for, and a flood of signals would nest this handler without end.
            for number in numbers:
                signal.signal(number, signal.SIG_IGN)

    # nohup has SIGHUP ignored, and means it. For `… &` in a script SIGINT is ignored by mere custom: whoever
    # sends one all the same wants an end.
    kept = {signal.SIGHUP} if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else set()
    numbers = [number for number in _SIGNALS if number not in kept]
    for number in numbers:
        signal.signal(number, request)
    # What whoever started us has blocked would never be heard.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, numbers)
    try:
        yield
    finally:
        # The outcome has been told: a signal while the interpreter ends must not change the exit status.
        for number in numbers:
            signal.signal(number, signal.SIG_IGN)


@contextmanager
def interrupting() -> Iterator[None]:
    """Signals end what is in this block with Interrupted: a prompt would go on waiting after a request."""

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
