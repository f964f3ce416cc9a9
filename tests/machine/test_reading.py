"""The output of a child arrives complete and in order, and its end is noticed whatever its pipes do."""

import signal

import pytest

from adapter.machine.cancellation import Cancellation
from adapter.machine.child import Child, Chunk, run
from tests.machine.children import (
    DEADLINE_S,
    TICK_S,
    end_orphan,
    read_all,
    read_until,
    replay,
)


def test_output_and_exit_status_of_a_child_that_ends_by_itself(cancel: Cancellation) -> None:
    with Child(replay("say:err=first", "say:err=second", "exit:7"), {}, cancel) as child:
        assert read_all(child) == b"first\nsecond\n"
        assert child.exit_status == 7
        assert not child.stopping


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM, signal.SIGABRT])
def test_the_status_of_a_death_by_signal_is_minus_its_number(
    cancel: Cancellation, number: signal.Signals
) -> None:
    with Child(replay(f"die:{number:d}"), {}, cancel) as child:
        read_all(child)
        assert child.exit_status == -number


def test_any_bytes_arrive_unchanged(cancel: Cancellation) -> None:
    data = bytes(range(256))
    with Child(replay(f"bytes:err={data.hex()}"), {}, cancel) as child:
        assert read_all(child) == data


def test_a_megabyte_without_a_newline_arrives_in_bounded_chunks(cancel: Cancellation) -> None:
    size = 3 << 20
    with Child(replay(f"fill:err={size}"), {}, cancel) as child:
        chunks = [chunk for chunk in child.chunks(TICK_S) if chunk]
    assert sum(len(chunk.data) for chunk in chunks) == size
    assert max(len(chunk.data) for chunk in chunks) <= 1 << 16


def test_a_tick_without_output_yields_none(cancel: Cancellation) -> None:
    with Child(replay("wait"), {}, cancel) as child:
        assert next(child.chunks(0.01)) is None
        assert child.exit_status is None


def test_a_flood_on_one_stream_does_not_block_the_other(cancel: Cancellation) -> None:
    argv = replay("linger:flood:out", "say:err=heard", "wait")
    with Child(argv, {}, cancel, stdout=True) as child:
        said = b""
        for chunk in child.chunks(TICK_S):
            if chunk and chunk.stream == "stderr":
                said += chunk.data
            if b"heard" in said:
                break
        end_orphan(int(said.split()[0]))


def test_stdout_is_read_only_on_request(cancel: Cancellation) -> None:
    argv = replay("say:out=result", "say:err=log")
    with Child(argv, {}, cancel, stdout=True) as child:
        chunks = [chunk for chunk in child.chunks(TICK_S) if chunk]
        assert sorted(chunks, key=lambda c: c.stream) == [
            Chunk("stderr", b"log\n"),
            Chunk("stdout", b"result\n"),
        ]
    with Child(argv, {}, cancel) as child:
        assert {chunk.stream for chunk in child.chunks(TICK_S) if chunk} == {"stderr"}


def test_a_child_that_closes_its_pipe_is_still_waited_for(cancel: Cancellation) -> None:
    argv = replay("on_term:exit:9", "say:err=bye", "close:err", "wait")
    with Child(argv, {}, cancel) as child:
        seen = b""
        silent = 0
        for chunk in child.chunks(0.01):
            if chunk:
                seen += chunk.data
                continue
            silent += seen == b"bye\n"
            if silent == 20:  # long after the end of the pipe
                assert child.exit_status is None
                cancel.request()
        assert seen == b"bye\n"
        assert child.exit_status == 9


def test_a_pipe_held_open_by_another_process_does_not_block_the_reader(cancel: Cancellation) -> None:
    with Child(replay("linger:wait", "say:err=last words", "exit:5"), {}, cancel) as child:
        orphan, *rest = read_all(child).splitlines()
        assert rest == [b"last words"]
        assert child.exit_status == 5
    end_orphan(int(orphan))


def test_a_flood_from_another_process_does_not_block_the_reader_after_the_end(cancel: Cancellation) -> None:
    """The reader mistook it for output of the child and would have read for ever."""
    with Child(replay("linger:flood:err", "exit:5"), {}, cancel) as child:
        said = read_all(child)
        assert child.exit_status == 5
    end_orphan(int(next(word for word in said.split() if word.isdigit())))


def test_everything_written_before_the_end_is_read(cancel: Cancellation) -> None:
    """With a full pipe, whose writer has ended and which another process holds open."""
    with Child(replay("linger:wait", "fill:err=60000", "exit:0"), {}, cancel) as child:
        said = read_until(child, b"\n")
        while child.exit_status is None:
            said += read_all(child)
        assert said.count(b"x") == 60000
    end_orphan(int(said.split()[0]))


def test_a_program_that_cannot_be_run_gives_the_reason(cancel: Cancellation) -> None:
    with Child(("/nonexistent/rclone",), {}, cancel) as child:
        assert read_all(child) == b"No such file or directory\n"
        assert child.exit_status == 127
    with Child(("/etc/passwd",), {}, cancel) as child:
        assert read_all(child) == b"Permission denied\n"
        assert child.exit_status == 127


def test_run_returns_both_streams_and_the_status(cancel: Cancellation) -> None:
    done = run(replay("say:out=a", "say:err=b", "exit:3"), {}, cancel, timeout_s=DEADLINE_S)
    assert (done.exit_status, done.stdout, done.stderr, done.timed_out) == (3, b"a\n", b"b\n", False)


def test_run_keeps_no_more_than_the_limit(cancel: Cancellation) -> None:
    done = run(replay("fill:out=300000", "exit:0"), {}, cancel, timeout_s=DEADLINE_S, limit=1000)
    assert len(done.stdout) == 1000
    assert done.exit_status == 0
