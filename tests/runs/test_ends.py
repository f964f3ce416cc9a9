"""Every exit status and signal of rclone, after every log: the right outcome, and always one summary."""

import signal
from collections.abc import Iterator
from itertools import pairwise
from typing import Self

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from adapter.contract.errors import ErrorCode
from adapter.contract.events import Event, Outcome, Summary
from adapter.machine.child import Chunk
from tests.golden.record import GOLDEN
from tests.played import LISTED, logged, play

_503 = (
    'QingStor Error: StatusCode \\"503\\", Code \\"service_unavailable\\", Message \\"m\\", '
    'Request ID \\"r\\", Reference URL \\"u\\"'
)
_COPIED = b'{"level":"info","msg":"Copied (new)","object":"a","objectType":"*local.Object","size":4}\n'
_FILE = (
    f'{{"level":"error","msg":"Failed to copy: {_503}","object":"b","objectType":"*local.Object"}}\n'.encode()
)
_LIST = (
    f'{{"level":"error","msg":"error reading: {_503}","object":"q","objectType":"*qingstor.Fs"}}\n'.encode()
)
_LOGS = {
    "nothing": b"",
    "a copy": _COPIED,
    "a file's error": _FILE,
    "a copy and a file's error": _COPIED + _FILE,
    "a copy and a list's error": _COPIED + _LIST,
}
_STATS = (GOLDEN / "1.75.2" / "first.jsonl").read_bytes().splitlines(keepends=True)[-1]
"""rclone's last line, with the stats of a finished transfer."""

_SUCCESS = (Outcome.SUCCESS, None)
_PARTIAL = (Outcome.PARTIAL, ErrorCode.PARTIAL)
_OUTAGE = (Outcome.FAILED, ErrorCode.SERVER_ERROR)
_UNKNOWN = (Outcome.FAILED, ErrorCode.UNKNOWN)
_WENT_THROUGH = (_UNKNOWN, _PARTIAL, _PARTIAL, _PARTIAL, _PARTIAL)
_BROKEN_OFF = (_UNKNOWN, _PARTIAL, _OUTAGE, _PARTIAL, _PARTIAL)
_EXPECTED = {
    # For each of the logs above, of a copy of `a` and `b`. What rclone passes over without an error is
    # unchanged
    # when it went through everything; when it broke off, or said nothing of an error, it has failed.
    0: (_SUCCESS, _SUCCESS, _PARTIAL, _PARTIAL, _PARTIAL),
    1: _WENT_THROUGH,  # any error
    2: _BROKEN_OFF,  # wrong usage, or a panic of Go's
    3: _BROKEN_OFF,  # directory not found
    4: _BROKEN_OFF,  # file not found
    5: _WENT_THROUGH,  # a temporary error
    6: _WENT_THROUGH,  # a permanent error
    7: _BROKEN_OFF,  # a fatal error
    8: _BROKEN_OFF,  # --max-transfer
    9: _WENT_THROUGH,  # nothing transferred
    10: _BROKEN_OFF,  # --max-duration
}
_SURVIVED = {
    *(signal.SIGCHLD, signal.SIGCONT, signal.SIGURG, signal.SIGWINCH),
    *(signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU),
}
_DEADLY = sorted({*range(1, 32), signal.SIGRTMIN, signal.SIGRTMAX} - _SURVIVED)


class _Plays:
    """A child that writes these blocks and ends with that exit status."""

    blocks: tuple[bytes, ...] = ()
    end: int | None = 0
    pid = 0
    stopping = False

    def __init__(self, *_: object, **__: object) -> None:
        self.exit_status = self.end

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def chunks(self, _tick_s: float) -> Iterator[Chunk | None]:
        for block in self.blocks:
            yield Chunk("stderr", block) if block else None

    def stop(self) -> None:
        """Do nothing: no process runs."""


def _summary(blocks: tuple[bytes, ...], status: int) -> Summary:
    """Return the summary of a run whose rclone writes these blocks and ends with that status."""
    _Plays.blocks, _Plays.end = blocks, status
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("adapter.runs.supervise.Child", _Plays)
        return _only_summary(play())


def _only_summary(events: list[Event]) -> Summary:
    (summary,) = (event for event in events if isinstance(event, Summary))
    assert events[-1] is summary
    return summary


def _outcome(summary: Summary) -> tuple[Outcome, ErrorCode | None]:
    return summary.outcome, summary.error.code if summary.error else None


def _without_times(summary: Summary) -> tuple[object, ...]:
    """Return what a summary says, without its times."""
    return summary.outcome, summary.error, summary.failed_files, summary.files_new


@pytest.mark.parametrize("status", [*_EXPECTED, *(-number for number in _DEADLY)])
def test_a_real_process_ends_as_a_fake_one(status: int) -> None:
    """The tests below use a fake child: every end with every log, without a process."""
    log = _COPIED + _FILE
    end = f"exit:{status}" if status >= 0 else f"die:{-status}"
    real, played = _only_summary(play(*logged(log), end)), _summary((log,), status)
    assert (_outcome(real), real.failed_files) == (_outcome(played), played.failed_files)
    for summary in (real, played):
        assert summary.error is not None
        assert summary.error.evidence.rclone_exit_code == status


@pytest.mark.parametrize("stats", [b"", _STATS], ids=["without stats", "with stats"])
@pytest.mark.parametrize("status", _EXPECTED)
def test_every_exit_status(status: int, stats: bytes) -> None:
    ended = tuple(_outcome(_summary((log, stats), status)) for log in _LOGS.values())
    assert ended == _EXPECTED[status]


@pytest.mark.parametrize("stats", [b"", _STATS], ids=["without stats", "with stats"])
def test_every_signal(stats: bytes) -> None:
    for number in _DEADLY:
        for log in _LOGS.values():
            summary = _summary((log, stats), -number)
            assert summary.error is not None
            assert summary.error.evidence.rclone_exit_code == -number
            assert summary.outcome is not Outcome.SUCCESS
            assert summary.files_new + summary.files_failed == len(LISTED)
            if log == b"":
                assert f"signal {number} " in summary.error.message


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_signal_after_which_rclone_exits_with_a_status(number: int) -> None:
    """It cleans up first and exits with 128 and the signal's number (lib/atexit, 1.75.2)."""
    ended = tuple(_outcome(_summary((log, _STATS), 128 + number)) for log in _LOGS.values())
    assert ended == _BROKEN_OFF


_LINES = st.one_of(
    st.sampled_from([*_LOGS.values(), _STATS, b"panic: runtime error\n", b"\n"]),
    st.binary(max_size=60).map(lambda data: data + b"\n"),
    st.binary(max_size=60),
)
_STATUSES = st.integers(-64, 255)


@given(st.lists(_LINES, max_size=12).map(b"".join), st.lists(st.integers(0, 400), max_size=8), _STATUSES)
@example(_COPIED + _FILE, [10, 20], 0)
def test_any_bytes_in_any_chunks_end_in_one_summary_and_the_same(
    log: bytes, cuts: list[int], status: int
) -> None:
    edges = [0, *sorted(cuts), len(log)]
    blocks = tuple(log[start:end] for start, end in pairwise(edges))
    cut, whole = _summary(blocks, status), _summary((log,), status)
    assert _without_times(cut) == _without_times(whole)
    if cut.outcome is Outcome.SUCCESS:
        assert status == 0
        assert b'"level":"error"' not in log
