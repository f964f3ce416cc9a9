"""A backup that runs as long as a test needs it, and what it leaves behind."""

import contextlib
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.program import Finished, Json, Program, as_object
from tests.qingstor_server import Fault, FaultHandle, FaultKind, QingStorServer

TARGET = "QingStor Backups:bucket-one/srv"
DEADLINE_S = 60.0


@dataclass(frozen=True, slots=True)
class Running:
    """A program that runs; its output has not been read."""

    process: "subprocess.Popen[bytes]"

    def end(self) -> Finished:
        """Wait for its end and return its output."""
        stdout, stderr = self.process.communicate(timeout=DEADLINE_S)
        return Finished(self.process.returncode, stdout.decode(), stderr.decode())

    def children(self) -> list[psutil.Process]:
        """Return its child processes, and theirs."""
        return psutil.Process(self.process.pid).children(recursive=True)


@dataclass(frozen=True, slots=True)
class Scene:
    """A program with a saved storage, a bucket and a source."""

    program: Program
    server: QingStorServer
    source: Path

    def stuck(self, operation: str = "put_object") -> FaultHandle:
        """Make every upload hang until the fault is removed."""
        return self.server.add_fault(Fault(FaultKind.HANG, operation=operation))

    @contextlib.contextmanager
    def running(self, *more: str, target: str = TARGET) -> Iterator[Running]:
        """Yield a backup in the middle of an upload that hangs; killed if the test leaves it running."""
        self.server.clear_requests()
        process = self.program.start("backup", self.source, target, "--json", *more)
        try:
            self.server.wait_for("put_object")
            yield Running(process)
        finally:
            process.kill()
            process.communicate()

    def listed(self) -> list[dict[str, Json]]:
        """Return the rows of `runs list`."""
        rows = as_object(self.program.run("runs", "list", "--json").answer["data"])["runs"]
        assert isinstance(rows, list)
        return [as_object(row) for row in rows]

    def newest(self) -> dict[str, Json]:
        """Return the row of the newest run."""
        return self.listed()[0]


def error_code(summary: dict[str, Json]) -> object:
    """Return the code of a summary's error, or None."""
    error = summary["error"]
    return as_object(error)["code"] if error is not None else None


def until(holds: Callable[[], bool]) -> bool:
    """Wait until `holds` is true; return whether it was in time."""
    deadline = time.monotonic() + DEADLINE_S
    while not (held := holds()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return held


def is_alive(process: psutil.Process) -> bool:
    """Return whether a process runs and is not a zombie."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
