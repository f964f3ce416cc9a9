"""A run that is cancelled, or whose surroundings die: nothing is left behind, nothing is claimed."""

import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.program import Finished, Program, as_object
from tests.qingstor_server import Fault, FaultKind, QingStorServer
from tests.trees import make_big

TARGET = "QingStor Backups:bucket-one/srv"
_DEADLINE_S = 20.0


@pytest.fixture
def uploading(program: Program, server: QingStorServer, tmp_path: Path) -> "subprocess.Popen[bytes]":
    """A backup in the middle of a multipart upload of 120 MiB."""
    server.add_bucket("bucket-one")
    program.save(upload_cutoff="8mi", chunk_size="4mi")
    make_big(tmp_path / "big.bin", 120 << 20)
    server.add_fault(Fault(FaultKind.LATENCY, operation="upload_part", seconds=0.2))
    running = program.start("backup", tmp_path / "big.bin", TARGET, "--json")
    server.wait_for("upload_part", 5)
    return running


def _until(holds: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + _DEADLINE_S
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.05)
    return holds()


def _end(running: "subprocess.Popen[bytes]") -> Finished:
    stdout, stderr = running.communicate(timeout=60)
    return Finished(running.returncode, stdout.decode(), stderr.decode())


def _children(running: "subprocess.Popen[bytes]") -> list[psutil.Process]:
    return psutil.Process(running.pid).children(recursive=True)


@pytest.mark.parametrize(
    "number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.deep), signal.SIGHUP]
)
def test_a_signal_ends_the_run_in_good_order(
    uploading: "subprocess.Popen[bytes]", server: QingStorServer, number: signal.Signals
) -> None:
    children = _children(uploading)
    assert children

    uploading.send_signal(number)
    done = _end(uploading)

    assert done.status == 130
    assert done.summary["outcome"] == "cancelled"
    error = as_object(done.summary["error"])
    assert error["code"] == "cancelled"
    assert "BACKUP_CANCELLED" in str(error["message"])
    assert not any(child.is_running() for child in children)
    assert server.uploads("bucket-one") == []
    assert server.files("bucket-one") == {}


def test_a_second_signal_kills_at_once_and_still_tells(
    uploading: "subprocess.Popen[bytes]", server: QingStorServer
) -> None:
    # A server that never answers the abort would hold rclone for its whole grace time.
    server.add_fault(Fault(FaultKind.HANG, operation="abort_upload"))
    children = _children(uploading)
    uploading.send_signal(signal.SIGTERM)
    server.wait_for("abort_upload")
    uploading.send_signal(signal.SIGTERM)
    done = _end(uploading)

    assert done.status == 130
    assert done.summary["outcome"] == "cancelled"
    assert not any(child.is_running() for child in children)


def test_when_the_adapter_is_killed_rclone_goes_with_it(uploading: "subprocess.Popen[bytes]") -> None:
    children = _children(uploading)
    assert children
    uploading.kill()
    uploading.communicate(timeout=60)

    assert _until(lambda: not any(_alive(child) for child in children))


def test_when_the_reader_goes_away_the_run_stops(
    uploading: "subprocess.Popen[bytes]", server: QingStorServer
) -> None:
    children = _children(uploading)
    assert uploading.stdout is not None
    assert uploading.stderr is not None
    uploading.stdout.close()

    assert uploading.wait(timeout=60) == 130
    assert b"Traceback" not in uploading.stderr.read()
    uploading.stderr.close()
    assert not any(_alive(child) for child in children)
    assert server.uploads("bucket-one") == []


def test_a_run_ends_in_good_order_after_its_longest_duration(
    program: Program, server: QingStorServer, tmp_path: Path
) -> None:
    server.add_bucket("bucket-one")
    program.save()
    make_big(tmp_path / "big.bin", 8 << 20)
    server.add_fault(Fault(FaultKind.BANDWIDTH, operation="put_object", bytes_per_second=200_000))

    done = program.run("backup", tmp_path / "big.bin", TARGET, "--json", "--max-duration", "3s")

    assert (done.status, done.summary["outcome"]) == (3, "partial")
    assert server.files("bucket-one") == {}


def test_the_longest_duration_holds_for_lists_too(
    program: Program, server: QingStorServer, tmp_path: Path
) -> None:
    server.add_bucket("bucket-one")
    server.put_object("bucket-one", "srv/file", b"x")
    program.save()
    server.add_fault(Fault(FaultKind.HANG, operation="list_objects", skip=1))

    done = program.run("restore", TARGET, tmp_path / "out", "--json", "--max-duration", "4s")

    assert (done.status, done.summary["outcome"]) == (3, "partial")


def test_a_run_in_which_nothing_moves_is_ended(
    program: Program, server: QingStorServer, tmp_path: Path
) -> None:
    server.add_bucket("bucket-one")
    program.save(connection_retries=0)
    (tmp_path / "file").write_bytes(b"x")
    server.add_fault(Fault(FaultKind.HANG, operation="put_object"))

    done = program.run("backup", tmp_path / "file", TARGET, "--json", "--stall-timeout", "2s")

    assert (done.status, as_object(done.summary["error"])["code"]) == (22, "stalled")


def _alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
