"""What tests of backups share: a machine of its own whose storage is on the local server."""

from pathlib import Path

import pytest

from adapter.rclone import environment
from adapter.runs.backoff import Backoff
from adapter.transfer import plan
from tests.program import remember
from tests.qingstor_server import QingStorServer
from tests.transfer.in_process import InProcess


@pytest.fixture(autouse=True)
def _no_garbage_collection(monkeypatch: pytest.MonkeyPatch) -> None:
    """An rclone that runs for a moment needs none, and a quarter of what its start costs is for that."""
    monkeypatch.setattr(environment, "_PASSED", environment._PASSED | {"GOGC"})


@pytest.fixture
def machine(server: QingStorServer, tmp_path: Path, looked_at: bytes) -> InProcess:
    """Backups run inside the test; there is a bucket `bucket-one`."""
    server.add_bucket("bucket-one")
    machine = InProcess(tmp_path / "machine", server)
    remember(machine.machine.state_dir, looked_at)
    return machine


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """An empty directory to back up."""
    source = tmp_path / "source"
    source.mkdir()
    return source


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of 5 MiB are large enough for chunks: two of them."""
    monkeypatch.setattr(plan, "_SMALLEST_CHUNK", 1 << 20)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses between tries take no time."""
    monkeypatch.setattr(Backoff, "seconds", lambda *_, **__: 0.01)
