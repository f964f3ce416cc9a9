"""A request to stop is counted, ends a wait, and is safe at any time."""

import os
import select
import signal
from types import FrameType

from adapter.machine.cancellation import Cancellation
from tests.machine.children import DEADLINE_S


def _is_readable(cancel: Cancellation) -> bool:
    poller = select.poll()
    poller.register(cancel.fileno(), select.POLLIN)
    return bool(poller.poll(0))


def test_requests_are_counted(cancel: Cancellation) -> None:
    counts = [(cancel.requests, cancel.requested)]
    for _ in range(2):
        cancel.request()
        counts.append((cancel.requests, cancel.requested))
    assert counts == [(0, False), (1, True), (2, True)]


def test_a_request_makes_the_descriptor_readable_until_it_is_acknowledged(cancel: Cancellation) -> None:
    readable = [_is_readable(cancel)]
    cancel.request()
    cancel.request()
    readable += [_is_readable(cancel), _is_readable(cancel)]
    cancel.acknowledge()
    cancel.acknowledge()
    readable.append(_is_readable(cancel))
    cancel.request()
    readable.append(_is_readable(cancel))
    assert readable == [False, True, True, False, True]
    assert cancel.requests == 3


def test_a_sleep_ends_with_a_request_from_a_signal_handler(cancel: Cancellation) -> None:
    def handler(_number: int, _frame: FrameType | None) -> None:
        cancel.request()

    before = signal.signal(signal.SIGALRM, handler)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.01)
        assert cancel.sleep(1e6)
    finally:
        signal.signal(signal.SIGALRM, before)


def test_a_sleep_without_a_request_returns_false(cancel: Cancellation) -> None:
    assert not cancel.sleep(0.001)


def test_a_sleep_after_a_request_does_not_wait(cancel: Cancellation) -> None:
    cancel.request()
    cancel.acknowledge()
    assert cancel.sleep(DEADLINE_S * 1e6)


def test_more_requests_than_the_pipe_holds_are_counted(cancel: Cancellation) -> None:
    for _ in range(70_000):  # more than the pipe holds
        cancel.request()
    assert cancel.requests == 70_000


def test_a_request_after_the_close_writes_to_no_other_descriptor() -> None:
    """A late signal wrote to the file that had got the descriptor of the closed pipe."""
    with Cancellation() as cancel:
        number = cancel._writer
    with os.fdopen(os.memfd_create("others"), "rb") as file:
        os.dup2(file.fileno(), number)
        try:
            cancel.request()
            cancel.close()
            assert os.fstat(number).st_size == 0
        finally:
            os.close(number)
    assert cancel.requests == 1
