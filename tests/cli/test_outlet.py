"""A reader that is slow, stalled or gone: what is written, what is dropped, and no endless wait."""

import threading
from collections.abc import Iterator

import pytest

from adapter.cli.outlet import Outlet, ReaderGone
from adapter.machine.cancellation import Cancellation

_DEADLINE_S = 30.0


class Reader:
    """A reader that takes items only once `may` is set."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.began = threading.Event()
        self.may = threading.Event()

    def write(self, item: str) -> None:
        """Take the item once that is allowed."""
        self.began.set()
        assert self.may.wait(_DEADLINE_S)
        self.taken.append(item)


def unexpected(error: Exception) -> None:
    """Fail: there is no trouble but that of the reader."""
    raise AssertionError(error)


@pytest.fixture
def reader() -> Iterator[Reader]:
    """Yield a reader that takes nothing until it may; released at the end, so that no thread is left."""
    reader = Reader()
    yield reader
    reader.may.set()


def test_everything_comes_in_order(reader: Reader, cancel: Cancellation) -> None:
    reader.may.set()
    outlet = Outlet(reader.write, cancel, on_trouble=unexpected, capacity=3)
    for number in range(1000):
        outlet.put(str(number), is_status=False)
    assert outlet.finish()
    assert reader.taken == [str(number) for number in range(1000)]


def test_of_the_statuses_that_wait_only_the_newest_is_kept(reader: Reader, cancel: Cancellation) -> None:
    outlet = Outlet(reader.write, cancel, on_trouble=unexpected)
    outlet.put("first", is_status=False)
    assert reader.began.wait(_DEADLINE_S)
    for number in range(100):
        outlet.put(f"status {number}", is_status=True)
    outlet.put("error", is_status=False)
    outlet.put("last status", is_status=True)
    outlet.put("summary", is_status=False)
    reader.may.set()
    assert outlet.finish()
    assert reader.taken == ["first", "status 99", "error", "last status", "summary"]


def test_a_full_queue_makes_the_run_wait_until_it_is_asked_to_stop(
    reader: Reader, cancel: Cancellation
) -> None:
    outlet = Outlet(reader.write, cancel, on_trouble=unexpected, capacity=2)
    through = threading.Event()

    def put_all() -> None:
        for number in range(10):
            outlet.put(str(number), is_status=False)
        through.set()

    thread = threading.Thread(target=put_all)
    thread.start()
    assert reader.began.wait(_DEADLINE_S)
    assert not through.is_set()
    cancel.request()
    assert through.wait(_DEADLINE_S)
    thread.join()
    reader.may.set()
    assert outlet.finish()
    assert reader.taken == [str(number) for number in range(10)]


def test_a_reader_that_never_reads_is_given_up_after_a_request(reader: Reader, cancel: Cancellation) -> None:
    outlet = Outlet(reader.write, cancel, on_trouble=unexpected, grace_s=0.05)
    outlet.put("summary", is_status=False)
    cancel.request()
    assert not outlet.finish()


def test_a_reader_that_has_gone_asks_the_run_to_stop(cancel: Cancellation) -> None:
    def write(_item: str) -> None:
        raise ReaderGone

    outlet = Outlet(write, cancel, on_trouble=unexpected, capacity=1)
    for number in range(10):
        outlet.put(str(number), is_status=False)
    assert outlet.finish()
    assert outlet.closed
    assert cancel.requested


@pytest.mark.parametrize("trouble", [OSError(28, "No space left on device"), ZeroDivisionError("a bug")])
def test_any_other_trouble_is_told_once_and_the_run_goes_on(cancel: Cancellation, trouble: Exception) -> None:
    told: list[Exception] = []

    def write(_item: str) -> None:
        raise trouble

    outlet = Outlet(write, cancel, on_trouble=told.append, capacity=1)
    for number in range(10):
        outlet.put(str(number), is_status=False)
    assert outlet.finish()
    assert outlet.closed
    assert told == [trouble]
    assert not cancel.requested


@pytest.mark.parametrize("asked", [0, 1])
def test_a_reader_that_goes_away_is_one_request_at_most(cancel: Cancellation, asked: int) -> None:
    """Two requests kill rclone at once, and Ctrl-C in a pipeline reaches the program and its reader."""

    def gone(_item: str) -> None:
        raise ReaderGone

    for _ in range(asked):
        cancel.request()
    outlet = Outlet(gone, cancel, on_trouble=unexpected)
    outlet.put("anything", is_status=False)
    outlet.finish()
    assert outlet.closed
    assert cancel.requests == 1
