"""Calls on files that hang: only their own thread waits for them."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future

import pytest

from adapter.contract.errors import AdapterError, ErrorCode
from adapter.contract.events import Event, Status
from adapter.machine.cancellation import Cancellation
from adapter.runs.run import Run
from adapter.runs.slow_disk import NoAnswer, TimedDisk, wait_for
from tests.machine.children import DEADLINE_S


@pytest.fixture
def hanging() -> Iterator[Future[int]]:
    """Yield a call that hangs until the test sets its result or ends."""
    future: Future[int] = Future()
    yield future
    if not future.done():
        future.set_result(0)


def _fails() -> int:
    raise TimeoutError("as a network file system says it")


def test_the_caller_gets_what_a_call_returns_or_raises() -> None:
    with TimedDisk() as disk:
        assert disk.ask(lambda: 7) == 7
        with pytest.raises(TimeoutError, match="network file system"):
            disk.ask(_fails)
        assert disk.ask(lambda: 8) == 8


def test_a_call_that_hangs_times_out_and_the_next_ones_fail_at_once(hanging: Future[int]) -> None:
    with TimedDisk() as disk:
        with pytest.raises(NoAnswer):
            disk.ask(hanging.result, timeout_s=0.05)
        with pytest.raises(NoAnswer):
            disk.ask(lambda: 7, timeout_s=1e6)
        hanging.set_result(1)
        assert _until_answered(lambda: disk.ask(lambda: 7)) == 7


def _until_answered(ask: Callable[[], int]) -> int:
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        try:
            return ask()
        except NoAnswer:
            time.sleep(0.01)
    pytest.fail("no answer at all")


def test_the_threads_end_with_their_block() -> None:
    before = threading.active_count()
    for _ in range(20):
        with TimedDisk() as disk:
            assert disk.ask(lambda: 1) == 1
    deadline = time.monotonic() + DEADLINE_S
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert threading.active_count() <= before


def _run(cancel: Cancellation, *, stall_timeout_s: float = 600.0, max_duration_s: float | None = None) -> Run:
    return Run(cancel, interval_s=0.1, stall_timeout_s=stall_timeout_s, max_duration_s=max_duration_s)


def _waited(hanging: Future[int], run: Run) -> tuple[list[Event], ErrorCode]:
    events: list[Event] = []
    with pytest.raises(AdapterError) as caught:
        events.extend(wait_for(hanging.result, "The disk", run))
    return events, caught.value.failure.code


def test_a_first_call_that_hangs_is_stalled_and_its_statuses_say_so(
    hanging: Future[int], cancel: Cancellation
) -> None:
    steps = wait_for(hanging.result, "The disk", _run(cancel, stall_timeout_s=1.0))
    statuses: list[Event] = []
    with pytest.raises(AdapterError, match="The disk has not answered") as caught:
        statuses.extend(steps)
    assert caught.value.failure.code is ErrorCode.STALLED
    assert isinstance(statuses[-1], Status)
    assert statuses[-1].stalled_seconds > 0


def test_a_first_call_that_hangs_can_be_cancelled_and_has_a_time_limit(
    hanging: Future[int], cancel: Cancellation
) -> None:
    assert _waited(hanging, _run(cancel, max_duration_s=0.3))[1] is ErrorCode.PARTIAL
    cancel.request()
    assert _waited(hanging, _run(cancel))[1] is ErrorCode.CANCELLED
