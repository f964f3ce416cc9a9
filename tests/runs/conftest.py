"""The scene that most of these tests use."""

from pathlib import Path

import pytest

from tests.program import Program
from tests.qingstor_server import QingStorServer
from tests.runs.scene import Scene


@pytest.fixture
def scene(program: Program, server: QingStorServer, tmp_path: Path) -> Scene:
    """Return a scene with a saved storage, an empty bucket `bucket-one`, and two small source files."""
    server.add_bucket("bucket-one")
    program.save(connection_retries=0)
    source = tmp_path / "source"
    source.mkdir()
    (source / "one").write_bytes(b"one" * 1000)
    (source / "two").write_bytes(b"two" * 1000)
    return Scene(program, server, source)
