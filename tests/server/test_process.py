"""The server as a process: starting, ending, keeping what it stored, and what it tells about requests."""

import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest

from tests.qingstor_server import DEFAULT_KEY, SECRET_ACCESS_KEY, Fault, FaultKind, QingStorServer
from tests.server.wire import Wire

REPOSITORY = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-m", "tests.qingstor_server"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_command_line(number: signal.Signals) -> None:
    argv = [*COMMAND, "--bucket", "first-bucket", "--bucket", "second-bucket@sh1a"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        variables = dict(re.findall(r"(\w+)=(\S*)", line))
        address = variables["HTTP_PROXY"]
        assert variables["RCLONE_CONFIG_Q_ENDPOINT"] == "http://qingstor.test:80"
        assert Wire(int(address.rpartition(":")[2]))("GET", "/first-bucket").status == 200
        process.send_signal(number)
        assert process.wait(timeout=30) == 0
        assert process.stdout.read() == ""


def test_help_teaches() -> None:
    text = subprocess.run(
        [*COMMAND, "--help"], capture_output=True, text=True, check=True, cwd=REPOSITORY
    ).stdout
    for word in ("--port", "--root", "--bucket", "HTTP_PROXY", "rclone", "add_fault", "requests"):
        assert word in text


def test_what_is_stored_is_there_after_a_restart(tmp_path: Path) -> None:
    with QingStorServer(root=tmp_path) as server:
        server.add_bucket("first-bucket")
        server.put_object("first-bucket", "small", b"data")
        server.put_object("first-bucket", "large", b"data" * 100_000)
        server.add_upload("first-bucket", "unfinished", age=0)
    with QingStorServer(root=tmp_path) as server:
        server.put_object("first-bucket", "second", b"more")
        assert server.read_object("first-bucket", "small") == b"data"
        assert server.read_object("first-bucket", "large") == b"data" * 100_000
        assert [upload.key for upload in server.uploads("first-bucket")] == ["unfinished"]


def test_it_ends_with_its_parent() -> None:
    """A parent that is killed cannot stop its server; the closed pipe does."""
    script = (
        "from tests.qingstor_server import *\nwith QingStorServer() as s: print(s.pid, flush=True); input()"
    )
    argv = [sys.executable, "-c", script]
    with subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY
    ) as parent:
        assert parent.stdout is not None
        server = psutil.Process(int(parent.stdout.readline()))
        temporary = [file.path for file in server.open_files() if file.path.endswith("pack")]
        parent.kill()
        psutil.wait_procs([server], timeout=30)
        assert not server.is_running()
    assert len(temporary) == 1
    assert not Path(temporary[0]).exists()


def test_large_bodies_are_not_in_memory(server: QingStorServer, wire: Wire, tmp_path: Path) -> None:
    process = psutil.Process(server.pid)
    before = process.memory_info().rss
    connection = wire.begin("PUT", "/first-bucket/large", 200 * 1024 * 1024, b"")
    block = os.urandom(1024 * 1024)
    for _ in range(200):
        connection.send(block)
    assert connection.getresponse().status == 201
    connection.close()
    assert process.memory_info().rss - before < 60 * 1024 * 1024
    assert server.objects("first-bucket")["large"].size == 200 * 1024 * 1024


def test_waiting_for_requests(server: QingStorServer, wire: Wire) -> None:
    done = threading.Event()

    def wait() -> None:
        server.wait_for("get_object", 2)
        done.set()

    thread = threading.Thread(target=wait)
    thread.start()
    wire("GET", "/first-bucket/k")
    assert not done.is_set()
    wire("GET", "/first-bucket/k")
    assert done.wait(30)
    thread.join()
    with pytest.raises(TimeoutError, match="get_object"):
        server.wait_for("get_object", 3, timeout=0.01)


def test_log_and_gauges(server: QingStorServer, wire: Wire) -> None:
    connections = [wire.begin("PUT", f"/first-bucket/k{number}", 10, b"") for number in range(3)]
    server.wait_for("put_object", 3)
    load = server.load()
    assert (load.counts, load.uploads_in_flight, load.uploads_peak) == ({"put_object": 3}, 3, 3)
    for connection in connections:
        connection.send(b"0123456789")
        assert connection.getresponse().status == 201
        connection.close()
    server.wait_for("put_object", 3, ended=True)
    load = server.load()
    assert (load.uploads_in_flight, load.uploads_peak) == (0, 3)
    entry = server.requests()[0]
    assert (entry.method, entry.host, entry.path, entry.query) == (
        "PUT",
        "pek3a.qingstor.test",
        "/first-bucket/k0",
        "",
    )
    assert (entry.operation, entry.bucket, entry.key) == ("put_object", "first-bucket", "k0")
    assert (entry.status, entry.received, entry.access_key) == (201, 10, DEFAULT_KEY.id)
    server.clear_requests()
    assert (server.requests(), server.load().uploads_peak) == ([], 0)


def test_secrets_are_not_shown(server: QingStorServer) -> None:
    assert SECRET_ACCESS_KEY not in repr(DEFAULT_KEY)
    assert SECRET_ACCESS_KEY not in " ".join(psutil.Process(server.pid).cmdline())


def test_unknown_names(server: QingStorServer) -> None:
    with pytest.raises(LookupError):
        server.objects("absent-bucket")
    with pytest.raises(LookupError):
        server.read_object("first-bucket", "absent")


def test_an_operation_that_does_not_exist(server: QingStorServer) -> None:
    with pytest.raises(ValueError, match="put_objekt"):
        Fault(FaultKind.STATUS, operation="put_objekt")
    with pytest.raises(ValueError, match="put_objekt"):
        server.wait_for("put_objekt")
    with pytest.raises(ValueError, match="put_objekt"):
        server.requests("put_objekt")
