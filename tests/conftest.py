"""What every test may ask for: a local QingStor, a program with a conf of its own, the real rclone."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from adapter.machine.cancellation import Cancellation
from adapter.machine.settings import Settings
from adapter.rclone.binary import probe_and_cache
from tests.program import Program, remember
from tests.qingstor_server import QingStorServer

# pytest keeps what it makes of the test modules: each of its workers would need seconds to make it again.
sys.dont_write_bytecode = False

# No limit in time for one example: other work shares the machine.
_QUIET = (HealthCheck.too_slow, HealthCheck.data_too_large)
settings.register_profile("default", max_examples=50, deadline=None, suppress_health_check=_QUIET)
settings.register_profile("deep", max_examples=2_500, deadline=None, suppress_health_check=_QUIET)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


_LONGEST = ("transfer", "runs", "rclone_conf", "connection", "cli")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest tests begin first, so that no worker is left alone with one of them at the end."""
    folders = {item: item.path.parent.name for item in items}
    items.sort(key=lambda item: (*_LONGEST, folders[item]).index(folders[item]))
    for item in items:
        if folders[item] == "server":
            item.add_marker("server")


@pytest.fixture(scope="session")
def _session_server() -> Iterator[QingStorServer]:
    with QingStorServer() as server:
        yield server


@pytest.fixture
def server(_session_server: QingStorServer) -> QingStorServer:
    """A local QingStor without buckets, faults or settings of an earlier test."""
    _session_server.reset()
    return _session_server


@pytest.fixture
def program(tmp_path: Path, server: QingStorServer, looked_at: bytes) -> Program:
    """The program, with a private rclone.conf, talking to the local QingStor."""
    directory = tmp_path / "program"
    directory.mkdir()
    program = Program(directory, server)
    remember(program.state_dir, looked_at)
    return program


@pytest.fixture
def cancel() -> Iterator[Cancellation]:
    """A request to stop that nobody has made yet."""
    with Cancellation() as cancellation:
        yield cancellation


@pytest.fixture(scope="session")
def looked_at(rclone: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """What a look at the rclone at hand leaves in the state directory."""
    home = tmp_path_factory.mktemp("looked at")
    machine = Settings(os.environ, home, home / "conf", home / "state", None, lambda: None, lambda: None)
    with Cancellation() as cancel:
        probe_and_cache(rclone, machine, cancel, 60)
    return (home / "state" / "rclone.json").read_bytes()


@pytest.fixture(scope="session")
def rclone() -> Path:
    """The real rclone that `make setup` installs. Its absence is a failure, never a reason to skip."""
    path = Path(sys.executable).parent / "rclone"
    assert os.access(path, os.X_OK), f"{path} is missing: run `make setup`"
    return path
