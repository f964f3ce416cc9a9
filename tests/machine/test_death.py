"""If the starter dies its child dies too, even before it has executed its program."""

import signal
import subprocess
import sys
from pathlib import Path

import adapter.machine.launch
from tests.machine.children import DEADLINE_S, replay, wait_for_death

_REPOSITORY = Path(__file__).resolve().parents[2]
_LAUNCHER = Path(adapter.machine.launch.__file__)


def _starter(mode: str, *argv: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.machine.starter", mode, *argv],
        cwd=_REPOSITORY,
        stdout=subprocess.PIPE,
        text=True,
    )


def _first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_the_child_dies_with_a_killed_starter(tmp_path: Path) -> None:
    started = tmp_path / "started"
    argv = ("/bin/sh", "-c", f"mkfifo {started}; echo >{started}; exec sleep 86400")
    with _starter("read", *argv) as starter:
        pid = int(_first_line(starter))
        while not started.exists():
            assert starter.poll() is None
        started.read_text()  # returns when the shell has written, so the launcher has executed it
        starter.kill()
        starter.wait(DEADLINE_S)
    wait_for_death(pid)


def test_the_child_dies_with_a_starter_killed_right_after_the_start() -> None:
    for _ in range(10):
        with _starter("die", *replay("wait")) as starter:
            pid = int(_first_line(starter))
            assert starter.wait(DEADLINE_S) == -signal.SIGKILL
        wait_for_death(pid)


def test_a_launcher_without_its_starter_starts_nothing(tmp_path: Path) -> None:
    """As if the starter had died before the launcher asked for the signal."""
    witness = tmp_path / "witness"
    gone = subprocess.Popen(["/bin/true"])
    gone.wait()
    argv = [sys.executable, "-I", "-S", str(_LAUNCHER), str(gone.pid), "", "/bin/touch", str(witness)]
    assert subprocess.run(argv, check=False, timeout=DEADLINE_S).returncode == 1
    assert not witness.exists()
