"""Requests to stop where they often fail: nohup, scripts, containers, readers that stall."""

import fcntl
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.program import Finished
from tests.runs.scene import DEADLINE_S, TARGET, Running, Scene, is_alive, until

_REPOSITORY = Path(__file__).resolve().parents[2]
_F_SETPIPE_SZ = 1031  # linux/fcntl.h; Python names it from 3.10 on for some systems only


def _started(scene: Scene, *before: str) -> "subprocess.Popen[bytes]":
    """Return a backup started through another program, in the middle of an upload that hangs."""
    scene.stuck()
    scene.server.clear_requests()
    process = subprocess.Popen(
        [*before, *scene.program.argv("backup", scene.source, TARGET, "--json")],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=scene.program.environment,
        cwd=_REPOSITORY,
    )
    scene.server.wait_for("put_object")
    return process


def _ignoring(*names: str) -> tuple[str, ...]:
    """Return a shell that ignores signals, as for `… &` in a script, and becomes the program."""
    return ("/bin/sh", "-c", f'trap "" {" ".join(names)}; exec "$@"', "sh")


def test_sigint_ends_a_run_whose_parent_ignored_it(scene: Scene) -> None:
    running = _started(scene, *_ignoring("INT"))
    running.send_signal(signal.SIGINT)
    done = Running(running).end()
    assert (done.status, done.summary["outcome"]) == (130, "cancelled")


def test_rclone_hears_sigterm_when_every_signal_was_ignored_by_the_parent(scene: Scene) -> None:
    running = _started(scene, *_ignoring("INT", "TERM", "HUP", "CHLD", "PIPE"))
    children = psutil.Process(running.pid).children(recursive=True)
    running.send_signal(signal.SIGTERM)
    done = Running(running).end()
    assert (done.status, done.summary["outcome"]) == (130, "cancelled")
    assert not any(is_alive(child) for child in children)


def test_a_signal_that_the_parent_blocked_stops_the_run(scene: Scene) -> None:
    block = "import os, signal, sys; signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM]); "
    running = _started(scene, sys.executable, "-c", f"{block} os.execv(sys.argv[1], sys.argv[1:])")
    running.send_signal(signal.SIGTERM)
    done = Running(running).end()
    assert (done.status, done.summary["outcome"]) == (130, "cancelled")


_SIGNALLED_WHILE_IMPORTING = """
import os, signal, sys
import adapter.cli

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == "adapter.cli.dispatch":
            os.kill(os.getpid(), signal.{name})

sys.meta_path.insert(0, Finder())
sys.exit(adapter.cli.main(sys.argv[1:]))
"""


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGHUP"])
def test_a_signal_while_the_program_starts_is_a_request_like_any_other(scene: Scene, name: str) -> None:
    """While it imported, the program died without a summary, and as process 1 it ignored the signal."""
    script = _SIGNALLED_WHILE_IMPORTING.replace("{name}", name)
    done = subprocess.run(
        [sys.executable, "-c", script, "backup", str(scene.source), TARGET, "--json"],
        env=scene.program.environment,
        cwd=_REPOSITORY,
        capture_output=True,
        timeout=DEADLINE_S,
        check=False,
    )
    finished = Finished(done.returncode, done.stdout.decode(), done.stderr.decode())
    assert (finished.status, finished.summary["outcome"]) == (130, "cancelled")


def test_sighup_is_ignored_under_nohup(scene: Scene) -> None:
    running = _started(scene, *_ignoring("HUP"))
    running.send_signal(signal.SIGHUP)
    scene.server.clear_faults()  # the uploads lose their connection, and rclone sends them again
    done = Running(running).end()
    assert (done.status, done.summary["outcome"]) == (0, "success")


@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.deep)])
def test_it_works_as_the_first_process_of_a_container(scene: Scene, number: signal.Signals) -> None:
    running = _started(scene, "unshare", "--pid", "--fork", "--kill-child", "--map-root-user")
    (program,) = psutil.Process(running.pid).children()
    tree = program.children(recursive=True)
    assert tree
    program.send_signal(number)
    done = Running(running).end()
    assert done.summary["outcome"] == "cancelled"
    assert not any(is_alive(process) for process in (program, *tree))


def test_when_the_first_process_of_a_container_is_killed_nothing_is_left(scene: Scene) -> None:
    running = _started(scene, "unshare", "--pid", "--fork", "--kill-child", "--map-root-user")
    (program,) = psutil.Process(running.pid).children()
    tree = program.children(recursive=True)
    program.kill()
    Running(running).end()
    assert until(lambda: not any(is_alive(process) for process in (program, *tree)))
    assert scene.newest()["state"] == "crashed"


@pytest.mark.parametrize(
    ("more", "sent"),
    [
        pytest.param(("--json",), 1040, id="JSON"),
        pytest.param((), 200, id="text", marks=pytest.mark.deep),
    ],
)
def test_a_reader_that_stalls_cannot_keep_a_run_from_ending(
    scene: Scene, more: tuple[str, ...], sent: int
) -> None:
    """Writes to stdout block: the request must still reach rclone, and the program must exit.

    By then the pipe is full, and of JSON the queue too, which holds a thousand lines: the run itself waits.
    """
    for number in range(2500):
        (scene.source / f"a long name that fills the pipe {number}").write_bytes(b"x")
    # Statuses would fill the queue too, the more of them the slower the machine.
    words = ("backup", scene.source, TARGET, "--verbose-files", "--progress-interval", "600")
    running = scene.program.start(*words, *more)
    assert running.stdout is not None
    fcntl.fcntl(running.stdout, _F_SETPIPE_SZ, 4096)
    scene.server.wait_for("put_object", sent, timeout=120)
    children = psutil.Process(running.pid).children(recursive=True)

    running.send_signal(signal.SIGTERM)

    assert running.wait(DEADLINE_S) == 130
    assert not any(is_alive(child) for child in children)
    assert scene.newest()["state"] == "cancelled"
    Running(running).end()


def test_a_pipe_that_does_not_block_loses_nothing(scene: Scene) -> None:
    for number in range(100):
        (scene.source / f"file {number}").write_bytes(b"x")
    reader, writer = os.pipe()
    fcntl.fcntl(writer, _F_SETPIPE_SZ, 4096)
    os.set_blocking(writer, False)
    process = subprocess.Popen(
        scene.program.argv("backup", scene.source, TARGET, "--json", "--verbose-files"),
        stdin=subprocess.DEVNULL,
        stdout=writer,
        env=scene.program.environment,
        cwd=_REPOSITORY,
    )
    os.close(writer)
    scene.server.wait_for("put_object", 102)  # by now the pipe is full
    with os.fdopen(reader, "rb") as file:
        output = file.read().decode()
    done = Finished(process.wait(DEADLINE_S), output, "")
    assert done.status == 0
    assert len(done.of_type("verbose_status")) == 102
    assert done.summary["files_new"] == 102


def test_a_shell_that_puts_it_in_the_background_gets_its_summary(scene: Scene) -> None:
    words = " ".join(
        shlex.quote(word) for word in scene.program.argv("backup", scene.source, TARGET, "--json")
    )
    done = subprocess.run(
        ["/bin/sh", "-c", f"{words} & wait $!"],
        env=scene.program.environment,
        cwd=_REPOSITORY,
        capture_output=True,
        timeout=DEADLINE_S,
        check=True,
    )
    assert json.loads(done.stdout.splitlines()[-1])["outcome"] == "success"


def test_a_signal_after_the_summary_does_not_change_the_exit_status(scene: Scene) -> None:
    """Python takes a moment to exit; a signal in that moment once made the exit status -15."""
    running = scene.program.start("backup", scene.source, TARGET, "--json")
    assert running.stdout is not None
    last = b""
    for line in running.stdout:
        last = line
        if b'"message_type": "summary"' in line:
            break
    while running.poll() is None:
        running.send_signal(signal.SIGTERM)
        time.sleep(0.001)
    assert running.returncode == json.loads(last)["exit_code"] == 0
    Running(running).end()
