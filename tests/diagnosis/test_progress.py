"""Numbers of a status never decrease, stay within their bounds, and are None until they are known."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapter.contract.events import Action, Phase, Status
from adapter.contract.json_lines import to_json
from adapter.diagnosis.logline import Stats, Transferring
from adapter.diagnosis.progress import Progress
from adapter.diagnosis.tally import Tally


@dataclass
class _Clock:
    """A clock in seconds that tests set."""

    now: float = 100.0

    def __call__(self) -> float:
        return self.now


class _Bench:
    """A progress with its tally and its clock."""

    def __init__(self, interval_s: float = 1.0) -> None:
        self.clock = _Clock()
        self.tally = Tally()
        self.progress = Progress(self.tally, self.clock, interval_s)

    def settle(self, item: str, size: int) -> None:
        """Count a file as copied."""
        self.tally.settle(item, Action.NEW, size, "by_hash")

    def transferring(self, **files: int) -> None:
        """Take stats with these files in transfer, by name and bytes."""
        current = tuple(Transferring(name=name, bytes_done=done) for name, done in files.items())
        self.progress.take(Stats(bytes_sent=sum(files.values()), transferring=current))


def test_nothing_is_known_at_the_start() -> None:
    status = _Bench().progress.status()
    assert status.phase is Phase.SCANNING
    assert status.total_files is None
    assert status.total_bytes is None
    assert status.bytes_per_second is None
    assert status.seconds_remaining is None
    assert (status.files_done, status.bytes_done, status.percent_done) == (0, 0, None)


def test_the_first_status_is_due_at_once_and_the_next_after_the_interval() -> None:
    bench = _Bench(interval_s=2.0)
    assert len(list(bench.progress.due())) == 1
    bench.clock.now += 1.9
    assert list(bench.progress.due()) == []
    bench.clock.now += 0.1
    assert len(list(bench.progress.due())) == 1


def test_bytes_in_transfer_count_until_their_file_is_settled() -> None:
    """A file counted twice between its end and rclone's next stats, and the bar stayed too high."""
    bench = _Bench()
    bench.progress.total_files, bench.progress.total_bytes = 2, 200
    bench.transferring(a=90, b=10)
    done = [bench.progress.status().bytes_done]
    bench.settle("a", 100)
    done.append(bench.progress.status().bytes_done)
    bench.transferring(b=20)
    done.append(bench.progress.status().bytes_done)
    assert done == [100, 100, 120]


def test_percent_is_by_files_if_there_are_no_bytes() -> None:
    bench = _Bench()
    bench.progress.total_files, bench.progress.total_bytes = 4, 0
    bench.settle("a", 0)
    assert bench.progress.status().percent_done == 0.25


def test_percent_stays_below_1_until_the_end() -> None:
    bench = _Bench()
    bench.progress.total_files, bench.progress.total_bytes = 1, 100
    bench.settle("a", 100)
    status = bench.progress.status()
    assert status.percent_done is not None
    assert 0.99 < status.percent_done < 1


def test_more_files_than_counted_raise_the_total() -> None:
    bench = _Bench()
    bench.progress.total_files, bench.progress.total_bytes = 1, 10
    bench.settle("a", 10)
    bench.settle("b", 10)
    status = bench.progress.status()
    assert (status.files_done, status.total_files, status.bytes_done) == (2, 2, 10)


def test_rate_and_remaining_time() -> None:
    bench = _Bench()
    bench.progress.total_files, bench.progress.total_bytes = 1, 1000
    bench.clock.now += 1
    bench.transferring(a=100)
    status = bench.progress.status()
    assert status.bytes_per_second == 100.0
    assert status.seconds_remaining == 9.0


def test_a_long_stall_gives_no_number_that_json_cannot_hold() -> None:
    """The smoothed rate was so near to 0 that the remaining time was infinite, which ended the run."""
    bench = _Bench()
    bench.progress.total_files, bench.progress.total_bytes = 1, 10**12
    for _ in range(4000):
        bench.clock.now += 0.5
        bench.transferring(a=100)
    status = bench.progress.status()
    assert status.seconds_remaining is None
    assert to_json({"rate": status.bytes_per_second}) == '{"rate": 0.0}'


def test_the_stalled_seconds_are_the_time_without_progress() -> None:
    bench = _Bench()
    bench.transferring(a=5)
    bench.clock.now += 30
    bench.transferring(a=5)
    assert bench.progress.stalled_seconds == 30
    bench.transferring(a=6)
    assert bench.progress.stalled_seconds == 0


@pytest.mark.parametrize(
    "moved",
    [Stats(checks=1), Stats(transfers=1), Stats(errors=1), Stats(listed=1), Stats(bytes_sent=1)],
)
def test_every_counter_of_rclone_is_progress(moved: Stats) -> None:
    bench = _Bench()
    bench.clock.now += 30
    bench.progress.take(Stats())
    assert bench.progress.stalled_seconds == 30
    bench.progress.take(moved)
    assert bench.progress.stalled_seconds == 0


def test_a_new_pass_begins_at_0_and_is_progress() -> None:
    bench = _Bench()
    bench.progress.total_bytes = 100
    bench.transferring(a=50)
    bench.clock.now += 30
    bench.progress.begin_pass(2)
    status = bench.progress.status()
    assert (status.attempt, status.stalled_seconds, status.current_files) == (2, 0, ())
    assert status.bytes_done <= 50


_ANY = st.integers(min_value=-(2**70), max_value=2**70)
_STATS = st.builds(
    Stats,
    bytes_sent=_ANY,
    total_bytes=_ANY,
    checks=_ANY,
    transfers=_ANY,
    transferring=st.none()
    | st.lists(st.builds(Transferring, name=st.text(max_size=2), bytes_done=_ANY), max_size=3).map(tuple),
)
_STEPS = st.one_of(
    _STATS,
    st.tuples(st.just("settle"), st.integers(min_value=0, max_value=2**60)),
    st.tuples(st.just("totals"), st.integers(min_value=0, max_value=2**60)),
    st.tuples(st.just("pass"), st.just(0)),
)


@given(st.lists(st.tuples(_STEPS, st.floats(min_value=0, max_value=1e6)), max_size=30))
def test_no_counters_of_rclone_make_ours_decrease(
    steps: list[tuple[Stats | tuple[str, int], float]],
) -> None:
    bench = _Bench()
    previous = bench.progress.status()
    for step, seconds in steps:
        bench.clock.now += seconds
        if isinstance(step, Stats):
            bench.progress.take(step)
        elif step[0] == "settle":
            bench.settle("f", step[1])
        elif step[0] == "pass":
            bench.progress.begin_pass(previous.attempt + 1)
        elif bench.progress.total_bytes is None:
            bench.progress.total_files, bench.progress.total_bytes = 3, step[1]
        status = bench.progress.status()
        _check(previous, status)
        previous = status


def _check(before: Status, after: Status) -> None:
    assert (after.percent_done is None) == (after.total_bytes is None)
    if before.percent_done is not None:
        assert after.percent_done is not None
        assert after.percent_done >= before.percent_done
    for name in ("seconds_elapsed", "files_done", "error_count", "attempt"):
        assert getattr(after, name) >= getattr(before, name), name
    if before.total_bytes == after.total_bytes:
        assert after.bytes_done >= before.bytes_done
    assert after.percent_done is None or 0 <= after.percent_done < 1
    assert after.total_bytes is None or after.bytes_done <= after.total_bytes
    assert after.total_files is None or after.files_done <= after.total_files
    assert after.bytes_per_second is None or after.bytes_per_second >= 0
    assert after.seconds_remaining is None or after.seconds_remaining >= 0
    to_json({"rate": after.bytes_per_second, "left": after.seconds_remaining})
