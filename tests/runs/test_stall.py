"""Stalls: a paused rclone is stopped, one that reads or sends is not."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace

import psutil
import pytest

from adapter.contract.events import Event
from adapter.diagnosis.logline import LogRecord, PlainLine
from adapter.machine.cancellation import Cancellation
from adapter.machine.liveness import reading
from adapter.runs.run import Run
from adapter.runs.supervise import Ended, supervise
from tests.program import number
from tests.qingstor_server import Fault, FaultKind
from tests.runs.scene import TARGET, Running, Scene, error_code, is_alive, until

_READS = """
import time
end = time.monotonic() + 8
with open("/dev/zero", "rb", buffering=0) as file:
    while time.monotonic() < end:
        file.read(1 << 20)
        time.sleep(0.05)
"""
_SENDS = """
import time
end = time.monotonic() + 8
with open("/dev/null", "wb", buffering=0) as file:
    while time.monotonic() < end:
        file.write(bytes(1 << 14))
        time.sleep(0.05)
"""
_WRITES_ONLY = """
import sys, time
while True:
    sys.stderr.write("still here" * 1000 + "\\n")
    time.sleep(0.05)
"""
_BUSY = """
with open("/dev/zero", "rb", buffering=0) as file:
    while True:
        file.read(1 << 16)
"""
_PAUSES = "import os, signal; os.kill(os.getpid(), signal.SIGSTOP)"
_STALL_TIMEOUT = ("--stall-timeout", "6s")
"""Long enough for a busy machine to find and pause an rclone before the run stops it."""


def _supervised(script: str, stall_timeout_s: float) -> tuple[Ended, list[Event]]:
    def take(_record: LogRecord | PlainLine) -> Iterator[Event]:
        yield from ()

    events: list[Event] = []
    with Cancellation() as cancel:
        run = Run(cancel, interval_s=0.1, stall_timeout_s=stall_timeout_s)
        steps = supervise(
            (sys.executable, "-I", "-S", "-c", script),
            {"PATH": os.environ["PATH"]},
            take,
            run,
        )
        while True:
            try:
                events.append(next(steps))
            except StopIteration as stop:
                return stop.value, events


@pytest.mark.parametrize(
    "script", [pytest.param(_READS, id="reads"), pytest.param(_SENDS, id="sends", marks=pytest.mark.deep)]
)
def test_a_process_that_reads_or_sends_is_not_stalled(script: str) -> None:
    ended, _ = _supervised(script, stall_timeout_s=6.0)
    assert ended.stopped is None
    assert ended.exit_status == 0


@pytest.mark.parametrize(
    "script",
    [pytest.param(_WRITES_ONLY, id="talks"), pytest.param(_PAUSES, id="pauses", marks=pytest.mark.deep)],
)
def test_a_process_that_neither_reads_nor_sends_is_stopped(script: str) -> None:
    ended, _ = _supervised(script, stall_timeout_s=2.0)
    assert ended.stopped is not None
    assert ended.stopped.code == "stalled"


def test_a_paused_rclone_is_stopped_and_the_pass_is_retried(scene: Scene) -> None:
    scene.program.save(connection_retries=1)
    fault = scene.stuck()
    with scene.running(*_STALL_TIMEOUT, "--progress-interval", "0.2") as running:
        (rclone,) = running.children()
        rclone.suspend()
        fault.remove()
        done = running.end()
    assert done.status == 0, done.stdout[-2000:]
    assert max(number(status["stalled_seconds"]) for status in done.of_type("status")) > 2
    assert done.summary["retries"] == 1
    assert not is_alive(rclone)


def test_a_paused_rclone_is_an_error_if_no_retry_is_left(scene: Scene) -> None:
    scene.stuck()
    with scene.running(*_STALL_TIMEOUT) as running:
        (rclone,) = running.children()
        rclone.suspend()
        done = running.end()
    assert (done.status, error_code(done.summary)) == (22, "stalled")
    assert not is_alive(rclone)


@pytest.mark.parametrize(("retries", "end"), [(0, (22, "stalled")), (1, (0, None))])
def test_an_rclone_that_is_paused_while_it_lists_is_stopped(
    scene: Scene, retries: int, end: tuple[int, str | None]
) -> None:
    """Lists had no time-out: a run whose list stalled never ended."""
    scene.program.save(connection_retries=retries)
    scene.server.put_object("bucket-one", "srv/there", b"x")
    assert scene.program.run("backup", scene.source, TARGET, "--json").status == 0
    slow = Fault(FaultKind.LATENCY, operation="list_objects", seconds=30, skip=1)
    scene.server.add_fault(slow)
    scene.server.clear_requests()
    back = scene.source.parent / "back"
    process = scene.program.start("restore", TARGET, back, "--json", *_STALL_TIMEOUT)
    scene.server.wait_for("list_objects", 2)
    (rclone,) = psutil.Process(process.pid).children()
    assert "lsf" in rclone.cmdline()
    rclone.suspend()
    scene.server.clear_faults()
    done = Running(process).end()
    assert (done.status, error_code(done.summary)) == end
    assert not is_alive(rclone)


_PROGRAM_ON_A_DEAD_MOUNT = """
import os, sys
from adapter.cli import main
fifo, real = sys.argv.pop(1), os.stat

def stat(path, *args, **options):
    if path == b"/dead/mount":
        open(fifo).close()  # whose other end is never opened
    return real(path, *args, **options)

os.stat = stat
sys.exit(main())
"""


@pytest.mark.parametrize("command", ["backup", "verify"])
def test_a_source_that_does_not_answer_ends_the_run(scene: Scene, command: str) -> None:
    """The adapter's first call on it hung, and no signal could end that."""
    fifo = scene.source.parent / "fifo"
    os.mkfifo(fifo)
    program = replace(scene.program, python=("-c", _PROGRAM_ON_A_DEAD_MOUNT, str(fifo)))
    done = program.run(
        *(command, "/dead/mount", TARGET, "--json"),
        *("--stall-timeout", "2s", "--progress-interval", "0.2"),
    )
    assert (done.status, error_code(done.summary)) == (22, "stalled")
    assert "/dead/mount has not answered" in str(done.summary["error"])
    assert max(number(status["stalled_seconds"]) for status in done.of_type("status")) > 1


def test_a_paused_process_shows_no_activity() -> None:
    busy = subprocess.Popen([sys.executable, "-I", "-S", "-c", _BUSY])
    try:
        activity = reading(busy.pid)
        assert until(activity.moved)
        psutil.Process(busy.pid).suspend()
        assert until(lambda: psutil.Process(busy.pid).status() == psutil.STATUS_STOPPED)
        activity.moved()
        assert not activity.moved()
    finally:
        busy.kill()
        busy.wait()
    assert not reading(busy.pid).moved()


def test_a_paused_adapter_continues(scene: Scene) -> None:
    fault = scene.stuck()
    with scene.running() as running:
        adapter = psutil.Process(running.process.pid)
        adapter.suspend()
        assert until(lambda: adapter.status() == psutil.STATUS_STOPPED)
        fault.remove()
        adapter.resume()
        assert running.end().status == 0


def test_a_nul_in_a_pattern_is_wrong_usage(scene: Scene) -> None:
    job = {"source": str(scene.source), "target": TARGET, "includes": ["a\0b"]}
    done = scene.program.run("backup", "--job", "-", "--json", document=job)
    assert (done.status, error_code(done.summary)) == (2, "invalid_form")
