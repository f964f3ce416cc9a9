"""What a child inherits: a session, an empty stdin, three descriptors, exactly the given environment."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from adapter.machine.cancellation import Cancellation
from adapter.machine.child import Child, run
from tests.machine.children import DEADLINE_S, read_all, replay

_REPOSITORY = Path(__file__).resolve().parents[2]


def _ask(cancel: Cancellation, *steps: str, env: dict[str, str] | None = None) -> str:
    done = run(replay(*steps), env or {}, cancel, timeout_s=DEADLINE_S)
    assert done.exit_status == 0, done.stderr
    return done.stdout.decode().strip()


def _start(mode: str, *argv: str) -> list[str]:
    """Return what a starter prints after its child's process id."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.machine.starter", mode, *argv],
        cwd=_REPOSITORY,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=DEADLINE_S,
    )
    return done.stdout.splitlines()[1:]


def test_a_child_has_its_own_session_so_ctrl_c_reaches_only_us(cancel: Cancellation) -> None:
    with Child(replay("session"), {}, cancel, stdout=True) as child:
        pid, group, session = map(int, read_all(child, "stdout").split())
        assert pid == group == session == child.pid != os.getsid(0)


def test_stdin_is_the_null_device(cancel: Cancellation) -> None:
    before = os.dup(0)
    reader, writer = os.pipe()
    os.dup2(reader, 0)  # a stdin of ours that a child could read
    try:
        assert _ask(cancel, "input") == "/dev/null 0"
    finally:
        os.dup2(before, 0)
        for descriptor in (before, reader, writer):
            os.close(descriptor)


def test_no_descriptor_of_ours_reaches_the_child(cancel: Cancellation) -> None:
    with Path(__file__).open() as file:
        os.set_inheritable(file.fileno(), True)  # noqa: FBT003
        assert _ask(cancel, "descriptors").split() == ["0", "1", "2"]


@pytest.mark.parametrize("env", [{}, {"HOME": "/h", "A": "x=y", "B": "", "C": "z\nü\udcff"}, {"LC_ALL": "C"}])
def test_exactly_the_given_environment(cancel: Cancellation, env: dict[str, str]) -> None:
    """Python adds LC_CTYPE to its environment if no locale is set, and passed it on."""
    done = run(replay("environment"), env, cancel, timeout_s=DEADLINE_S)
    block = os.fsdecode(done.stdout).split("\0")
    assert sorted(filter(None, block)) == sorted(f"{name}={value}" for name, value in env.items())


@pytest.mark.parametrize("locale", [{}, {"LC_ALL": "C"}, {"LC_ALL": "C.UTF-8"}, {"LC_ALL": "POSIX"}])
def test_arguments_of_any_bytes_arrive_unchanged(cancel: Cancellation, locale: dict[str, str]) -> None:
    data = bytes(range(1, 256)) + "日本 ü".encode()
    done = run((*replay(), b"arguments:" + data), locale, cancel, timeout_s=DEADLINE_S)
    assert bytes.fromhex(done.stdout.decode()) == data


def test_no_signal_is_blocked_or_ignored(cancel: Cancellation) -> None:
    """Python ignores SIGPIPE and SIGXFSZ, and the launcher must not pass that on.

    Signals 32 and 33 belong to the C library: no program can change them; some shells pass them on.
    """
    done = run(("/bin/grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status"), {}, cancel, timeout_s=DEADLINE_S)
    reserved = 1 << 31 | 1 << 32
    masks = [int(line.split()[1], 16) for line in done.stdout.decode().splitlines()]
    assert [mask & ~reserved for mask in masks] == [0, 0]


@pytest.mark.parametrize("mode", ["ignore-signals", "block-signals"])
def test_a_starter_that_ignores_or_blocks_signals_can_stop_its_child(mode: str) -> None:
    argv = ("/bin/sh", "-c", "echo ready >&2; while :; do read x < /dev/zero; done")
    assert _start(mode, *argv) == [f"status {-signal.SIGTERM}"]


def test_a_starter_that_ignores_sigchld_still_gets_the_status() -> None:
    """If SIGCHLD is ignored the kernel keeps no statuses, and a failure of rclone looked like a success."""
    assert _start("ignore-children", *replay("exit:3")) == ["status 3"]
