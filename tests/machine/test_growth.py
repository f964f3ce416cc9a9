"""A process that starts many children does not grow in threads, descriptors, zombies or memory."""

import threading
from collections.abc import Iterator

import psutil
import pytest

from adapter.machine.cancellation import Cancellation
from adapter.machine.child import Child, run
from tests.machine.children import TICK_S, own_children, own_descriptors, read_all, read_until, replay


def _ends_by_itself(cancel: Cancellation) -> None:
    with Child(replay("say:err=log", "exit:1"), {}, cancel, stdout=True) as child:
        read_all(child)


def _is_cancelled(_cancel: Cancellation) -> None:
    with Cancellation() as cancel, Child(replay("say:err=ready", "wait"), {}, cancel) as child:
        read_until(child, b"ready")
        cancel.request()
        read_all(child)


def _is_killed(_cancel: Cancellation) -> None:
    with Cancellation() as cancel, Child(replay("wait"), {}, cancel) as child:
        cancel.request()
        cancel.request()
        read_all(child)


def _is_abandoned(cancel: Cancellation) -> None:
    def supervise() -> Iterator[object]:
        with Child(replay("wait"), {}, cancel) as child:
            yield from child.chunks(TICK_S)

    for _ in supervise():
        break


def _meets_an_exception(cancel: Cancellation) -> None:
    with pytest.raises(ZeroDivisionError), Child(replay("wait"), {}, cancel):
        raise ZeroDivisionError


def _cannot_start(cancel: Cancellation) -> None:
    run(("/nonexistent",), {}, cancel, timeout_s=60)


def _takes_too_long(cancel: Cancellation) -> None:
    assert run(replay("wait"), {}, cancel, timeout_s=0.02).timed_out


_WAYS = (
    _ends_by_itself,
    _is_cancelled,
    _is_killed,
    _is_abandoned,
    _meets_an_exception,
    _cannot_start,
    _takes_too_long,
)


def _grow(cancel: Cancellation, runs: int) -> None:
    process = psutil.Process()
    for way in _WAYS * 2:
        way(cancel)
    before = own_descriptors(), own_children(), threading.active_count()
    memory = process.memory_info().rss
    for number in range(runs):
        _WAYS[number % len(_WAYS)](cancel)
    assert (own_descriptors(), own_children(), threading.active_count()) == before
    assert process.memory_info().rss <= memory * 1.1


def test_some_runs_leave_nothing_behind(cancel: Cancellation) -> None:
    _grow(cancel, 3 * len(_WAYS))


@pytest.mark.deep
def test_five_hundred_runs_leave_nothing_behind(cancel: Cancellation) -> None:
    _grow(cancel, 500)
