"""Fixtures for the tests of Test Connection."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.connection.scene import Scene
from tests.program import Program
from tests.qingstor_server import QingStorServer


@pytest.fixture
def scene(server: QingStorServer, program: Program, tmp_path: Path) -> Iterator[Scene]:
    """Yield a scene for one situation; everything in it is closed afterwards."""
    with ExitStack() as stack:
        yield Scene(server, program, stack, tmp_path)
