"""One server process for all tests here, as new for each of them."""

from collections.abc import Iterator

import pytest

from tests.qingstor_server import QingStorServer
from tests.server.wire import Wire

BUCKET = "first-bucket"


@pytest.fixture(scope="session")
def running_server() -> Iterator[QingStorServer]:
    """The process."""
    with QingStorServer() as server:
        yield server


@pytest.fixture
def server(running_server: QingStorServer) -> QingStorServer:
    """The server as after its start, with one bucket in pek3a."""
    running_server.reset()
    running_server.add_bucket(BUCKET)
    return running_server


@pytest.fixture
def wire(server: QingStorServer) -> Wire:
    """Signed requests of the default key to pek3a."""
    return Wire(server.port)
