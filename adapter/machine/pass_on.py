"""Bytes and signals passed on between a program and its child, as if the child were the program."""

import errno
import os
import select
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from types import FrameType
from typing import NoReturn

from adapter.machine.brief_child import stop

_AT_ONCE = 1 << 20
_CHUNK = 1 << 16
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)
_ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_CANNOT_SPLICE = {errno.EINVAL, errno.ENOSYS, errno.EBADF}
"""As for a terminal, or a descriptor opened for appending."""


class Signalled(Exception):
    """A signal that ends this program, once what it has started is cleared away."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@contextmanager
def raising_signals() -> Iterator[None]:
    """In the block, raise Signalled for a signal that would end this program."""

    def ended(number: int, _frame: FrameType | None) -> NoReturn:
        raise Signalled(number)

    with _handled(_ENDING, ended):
        yield


@contextmanager
def forwarding_signals(child: int) -> Iterator[None]:
    """In the block, pass signals on to a child instead of acting on them."""

    def forward(number: int, _frame: FrameType | None) -> None:
        stop(child, number)

    with _handled(_SIGNALS, forward):
        yield


@contextmanager
def _handled(
    numbers: Sequence[signal.Signals], handler: Callable[[int, FrameType | None], None]
) -> Iterator[None]:
    # What the starter has told this program to ignore, the child ignores, too.
    heard = [number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, handler) for number in heard}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)


def move(source: int, sink: int) -> bool:
    """Move what can be read now, without copying it where the kernel can; return whether more may come.

    A sink that nobody reads takes no more, and neither does the source then.
    """
    try:
        try:
            return os.splice(source, sink, _AT_ONCE) > 0
        except OSError as error:
            if error.errno not in _CANNOT_SPLICE:
                raise
        data = os.read(source, _CHUNK)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return write_all(sink, data) and bool(data)


def write_all(sink: int, data: bytes) -> bool:
    """Write all of the data; return False if the sink takes no more."""
    rest = memoryview(data)
    while rest:
        try:
            rest = rest[os.write(sink, rest) :]
        except BlockingIOError:
            poller = select.poll()
            poller.register(sink, select.POLLOUT)
            poller.poll()
        except OSError:
            return False
    return True


def is_ready(source: int) -> bool:
    """Return whether a read would not wait."""
    poller = select.poll()
    poller.register(source, select.POLLIN)
    return bool(poller.poll(0))


def end_as(exit_status: int) -> None:
    """End by the signal of a child's exit status, minus its number; return if it is a plain status."""
    if exit_status < 0:
        with suppress(OSError, ValueError):
            signal.signal(-exit_status, signal.SIG_DFL)
        stop(os.getpid(), -exit_status)
