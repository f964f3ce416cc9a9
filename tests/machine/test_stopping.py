"""A child is asked to stop, given a grace time, killed and reaped, on every path."""

import os
import select
import signal
import subprocess
import time
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from adapter.machine.cancellation import Cancellation
from adapter.machine.child import Child, Chunk, run
from tests.machine.children import DEADLINE_S, TICK_S, read_all, read_until, replay

_NEVER_S = 1e6
"""A grace time that never passes: a test that waits for it reaches the time limit of tests."""


def test_a_request_reaches_the_child_as_sigterm(cancel: Cancellation) -> None:
    with Child(replay("on_term:exit:143", "say:err=ready", "wait"), {}, cancel, grace_s=_NEVER_S) as child:
        read_until(child, b"ready")
        cancel.request()
        read_all(child)
        assert child.exit_status == 143
        assert child.stopping


def test_output_after_the_request_is_read(cancel: Cancellation) -> None:
    """rclone logs the abort of its uploads between the signal and its end."""
    argv = replay("on_term:say:err=aborting", "say:err=ready", "wait")
    with Child(argv, {}, cancel, grace_s=_NEVER_S) as child:
        read_until(child, b"ready")
        cancel.request()
        read_until(child, b"aborting")
        child.kill()


def test_a_child_that_ignores_the_request_is_killed_after_the_grace_time(cancel: Cancellation) -> None:
    argv = replay("on_term:say:err=no", "say:err=ready", "wait")
    with Child(argv, {}, cancel, grace_s=0.3) as child:
        read_until(child, b"ready")
        cancel.request()
        read_all(child)
        assert child.exit_status == -signal.SIGKILL


def test_a_second_request_kills_at_once(cancel: Cancellation) -> None:
    argv = replay("on_term:say:err=no", "say:err=ready", "wait")
    with Child(argv, {}, cancel, grace_s=_NEVER_S) as child:
        read_until(child, b"ready")
        cancel.request()
        read_until(child, b"no")
        cancel.request()
        read_all(child)
        assert child.exit_status == -signal.SIGKILL


def test_two_requests_at_the_same_time_kill_at_once(cancel: Cancellation) -> None:
    with Child(replay("on_term:say:err=no", "say:err=ready", "wait"), {}, cancel, grace_s=_NEVER_S) as child:
        read_until(child, b"ready")
        cancel.request()
        cancel.request()
        read_all(child)
        assert child.exit_status == -signal.SIGKILL


def test_a_child_started_after_a_request_is_stopped(cancel: Cancellation) -> None:
    cancel.request()
    with Child(replay("wait"), {}, cancel, grace_s=_NEVER_S) as child:
        read_all(child)
        assert child.exit_status == -signal.SIGTERM


def test_a_request_while_the_pipe_is_closed_is_passed_on(cancel: Cancellation) -> None:
    argv = replay("on_term:exit:6", "say:err=ready", "close:err", "wait")
    with Child(argv, {}, cancel, grace_s=_NEVER_S) as child:
        read_until(child, b"ready")
        cancel.request()
        read_all(child)
        assert child.exit_status == 6


def test_a_paused_child_is_continued_to_end_in_an_orderly_way(cancel: Cancellation) -> None:
    """A paused process gets a signal only when it is continued, so rclone could not abort its uploads."""
    argv = replay("on_term:exit:143", "pause", "wait")
    with Child(argv, {}, cancel, grace_s=DEADLINE_S) as child:
        os.waitid(os.P_PID, child.pid, os.WSTOPPED | os.WNOWAIT)
        cancel.request()
        read_all(child)
        assert child.exit_status == 143


def test_a_child_blocked_on_a_full_pipe_can_end(cancel: Cancellation) -> None:
    """It is stopped outside of the loop that reads, so `close` must read the rest of its output."""
    argv = replay("on_term:exit:0", "say:err=ready", f"fill:err={1 << 22}", "wait")
    with Child(argv, {}, cancel, grace_s=_NEVER_S) as child:
        read_until(child, b"ready")
    assert child.exit_status == 0


def test_a_flooding_child_is_stopped(cancel: Cancellation) -> None:
    with Child(replay("on_term:exit:4", "flood:err"), {}, cancel, grace_s=_NEVER_S) as child:
        read_until(child, b"flood")
        cancel.request()
        read_all(child)
        assert child.exit_status == 4


def test_an_exception_in_the_loop_stops_and_reaps(cancel: Cancellation) -> None:
    argv = replay("on_term:exit:143", "say:err=ready", "wait")
    child = Child(argv, {}, cancel, grace_s=_NEVER_S)

    def read_and_fail() -> None:
        with child:
            read_until(child, b"ready")
            raise LookupError("in the loop")

    with pytest.raises(LookupError, match="in the loop"):
        read_and_fail()
    assert child.exit_status == 143


def test_an_abandoned_generator_stops_and_reaps(cancel: Cancellation) -> None:
    """As if the reader of our stdout goes away and the generator of events is closed."""
    children = []

    def supervise() -> Iterator[Chunk | None]:
        argv = replay("on_term:exit:143", "say:err=ready", "wait")
        with Child(argv, {}, cancel, grace_s=_NEVER_S) as child:
            children.append(child)
            yield from child.chunks(TICK_S)

    events = supervise()
    while not (chunk := next(events)) or b"ready" not in chunk.data:
        continue
    events.close()  # type: ignore[attr-defined]  # typeshed: an Iterator; a generator has it
    assert children[0].exit_status == 143


def test_leaving_the_block_without_reading_stops_and_reaps(cancel: Cancellation) -> None:
    with Child(replay("wait"), {}, cancel) as child:
        pass
    assert child.exit_status == -signal.SIGTERM


def test_closing_twice_changes_nothing(cancel: Cancellation) -> None:
    with Child(replay("exit:3"), {}, cancel) as child:
        read_all(child)
    child.close()
    child.stop()
    child.kill()
    assert child.exit_status == 3


def test_stopping_a_reaped_child_keeps_its_status(cancel: Cancellation) -> None:
    with Child(replay("say:err=done", "exit:3"), {}, cancel) as child:
        read_all(child)
        child.stop()
    assert child.exit_status == 3


def test_a_request_during_the_close_kills(cancel: Cancellation) -> None:
    """After the first request the loop was left; the second kills a child that ignores the first."""
    argv = replay("on_term:say:err=no", "say:err=ready", "wait")
    with Child(argv, {}, cancel, grace_s=_NEVER_S) as child:
        read_until(child, b"ready")
        cancel.request()
        read_until(child, b"no")
        cancel.request()
    assert child.exit_status == -signal.SIGKILL


class _Unkillable(subprocess.Popen[bytes]):
    """A process as if stuck in the kernel: no signal has an effect, and it cannot be reaped."""

    def poll(self) -> int | None:
        return None

    def wait(self, timeout: float | None = None) -> int:
        assert timeout is not None
        time.sleep(min(timeout, 0.05))
        raise subprocess.TimeoutExpired(self.args, timeout)

    def send_signal(self, sig: int) -> None:
        pass

    def end(self) -> None:
        """Really kill and reap it."""
        os.kill(self.pid, signal.SIGKILL)
        super().wait(DEADLINE_S)


@pytest.mark.parametrize("steps", [("wait",), ("close:err", "wait")], ids=["pipe open", "pipe closed"])
@pytest.mark.parametrize("reads", [True, False], ids=["read", "left"])
def test_a_child_that_sigkill_does_not_end_is_given_up(
    cancel: Cancellation,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    steps: tuple[str, ...],
    *,
    reads: bool,
) -> None:
    """A run on a dead network mount hung for ever; now it ends with its summary."""
    monkeypatch.setattr("adapter.machine.child._REAP_S", 0.3)
    with monkeypatch.context() as patched:
        patched.setattr("subprocess.Popen", _Unkillable)
        child = Child(replay(*steps), {}, cancel, grace_s=0.1)
    process = child._process
    assert isinstance(process, _Unkillable)
    try:
        with child:
            cancel.request()
            if reads:
                read_all(child)
        assert child.exit_status == -signal.SIGKILL
        assert [record.levelname for record in caplog.records] == ["WARNING"]
    finally:
        process.end()


def test_output_that_arrived_while_we_were_paused_is_not_a_timeout(
    cancel: Cancellation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after SIGSTOP, or on a laptop that slept: the time was over although the output was there."""
    chunks, paused_s = Child.chunks, 0.0

    def after_the_pause(child: Child, tick_s: float) -> Iterator[Chunk | None]:
        nonlocal paused_s
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        paused_s = 1000.0
        yield from chunks(child, tick_s)

    monkeypatch.setattr(Child, "chunks", after_the_pause)
    # Not `time.monotonic` itself: threads of other tests use it.
    clock = SimpleNamespace(monotonic=lambda: time.monotonic() + paused_s)
    monkeypatch.setattr("adapter.machine.child.time", clock)
    done = run(replay("say:out=a", "say:err=b", "exit:0"), {}, cancel, timeout_s=500)
    assert (done.timed_out, done.exit_status, done.stdout, done.stderr) == (False, 0, b"a\n", b"b\n")


def test_run_stops_a_command_that_takes_too_long(cancel: Cancellation) -> None:
    done = run(replay("say:out=half", "wait"), {}, cancel, timeout_s=1.0, grace_s=_NEVER_S)
    assert done.timed_out
    assert done.exit_status == -signal.SIGTERM


def test_run_kills_a_command_that_ignores_sigterm(cancel: Cancellation) -> None:
    done = run(replay("on_term:say:err=no", "wait"), {}, cancel, timeout_s=1.0, grace_s=0.2)
    assert done.timed_out
    assert done.exit_status in {-signal.SIGTERM, -signal.SIGKILL}


def test_run_ends_on_a_request(cancel: Cancellation) -> None:
    cancel.request()
    done = run(replay("wait"), {}, cancel, timeout_s=DEADLINE_S, grace_s=_NEVER_S)
    assert not done.timed_out
    assert done.exit_status == -signal.SIGTERM


def test_a_request_between_check_and_wait_does_not_make_the_reader_spin(
    cancel: Cancellation,
) -> None:
    """A request that was counted but not read from its pipe made every later wait end at once."""
    argv = replay("on_term:say:err=asked", "say:err=ready", "wait")
    with Child(argv, {}, cancel, grace_s=_NEVER_S) as child:
        read_until(child, b"ready")
        cancel.request()
        read_until(child, b"asked")
        os.write(cancel._writer, b"x")
        assert next(child.chunks(TICK_S)) is None
        poller = select.poll()
        poller.register(cancel.fileno(), select.POLLIN)
        assert poller.poll(0) == []
        child.kill()
