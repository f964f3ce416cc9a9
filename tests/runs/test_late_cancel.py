"""A request to stop that comes just as one of several copies ends well: what was to follow is missing."""

import signal
import sys
from pathlib import Path

import pytest

from tests.program import Program
from tests.qingstor_server import Fault, FaultKind, QingStorServer
from tests.runs.scene import TARGET, Running, until
from tests.trees import digest, make_big


@pytest.fixture
def deaf(tmp_path: Path) -> Path:
    """An rclone that does not hear SIGTERM, as one that is about to exit: it does its work to the end."""
    rclone = Path(sys.executable).parent / "rclone"
    script = tmp_path / "deaf-rclone"
    # The child is in the background, so the shell takes the signal while it waits, and waits again.
    script.write_text(
        f'#!/bin/sh\ntrap : TERM\n"{rclone}" "$@" &\nchild=$!\nwhile :; do wait $child; code=$?\n'
        "kill -0 $child 2>/dev/null || exit $code; done\n"
    )
    script.chmod(0o755)
    return script


@pytest.mark.parametrize(
    "more", [("--memory-budget", "512Mi"), ("--memory-budget", "128Mi")], ids=["parts", "chunks"]
)
def test_a_backup_is_not_a_success_when_its_large_files_were_left_out(
    program: Program, server: QingStorServer, tmp_path: Path, deaf: Path, more: tuple[str, ...]
) -> None:
    """Seen in the torture test: the reader had gone, and `success` was on record without the largest file."""
    server.add_bucket("bucket-one")
    program.save(connection_retries=0, upload_cutoff="8mi")
    source = tmp_path / "source"
    source.mkdir()
    (source / "small").write_bytes(b"small")
    make_big(source / "large", 70 << 20)
    server.add_fault(Fault(FaultKind.LATENCY, operation="put_object", key="srv/small", seconds=1))

    process = program.start("backup", source, TARGET, "--json", "--rclone", str(deaf), *more)
    server.wait_for("put_object")
    process.send_signal(signal.SIGTERM)
    done = Running(process).end()

    assert (done.status, done.summary["outcome"]) == (130, "cancelled")
    # Where rclone needs longer than the grace time, only the shell was killed, and rclone is still at it.
    assert until(lambda: list(server.files("bucket-one")) == ["srv/small"])


def test_a_restore_is_not_a_success_when_its_chunked_files_were_left_out(
    program: Program, server: QingStorServer, tmp_path: Path, deaf: Path
) -> None:
    server.add_bucket("bucket-one")
    program.save(connection_retries=0, upload_cutoff="8mi")
    source = tmp_path / "source"
    source.mkdir()
    (source / "small").write_bytes(b"small")
    make_big(source / "large", 70 << 20)
    budget = ("--memory-budget", "128Mi")
    assert program.run("backup", source, TARGET, "--json", *budget).status == 0
    slow = server.add_fault(Fault(FaultKind.LATENCY, operation="get_object", key="srv/small", seconds=1))

    process = program.start("restore", TARGET, tmp_path / "back", "--json", "--rclone", str(deaf))
    assert until(lambda: slow.fired > 0)
    process.send_signal(signal.SIGTERM)
    done = Running(process).end()

    assert (done.status, done.summary["outcome"]) == (130, "cancelled")
    assert digest(tmp_path / "back") != digest(source)
