"""A file that travels another way than last time: in chunks, in one piece, and back."""

from pathlib import Path

import pytest

from tests.program import Program
from tests.qingstor_server import QingStorServer
from tests.trees import digest, make_big

TARGET = "QingStor Backups:bucket-one/srv"
MIB = 1 << 20


@pytest.mark.deep
def test_a_file_in_chunks_becomes_one_piece_and_chunks_again(
    program: Program, server: QingStorServer, tmp_path: Path
) -> None:
    server.add_bucket("bucket-one")
    source = tmp_path / "source"
    source.mkdir()
    (source / "small").write_bytes(b"small")
    for step, (cutoff, size) in enumerate([("64mi", 70), ("", 70), ("64mi", 75), ("64mi", 3)]):
        program.save(upload_cutoff=cutoff)
        make_big(source / "large", size * MIB, seed=step)

        done = program.run("backup", source, TARGET, "--json", "--memory-budget", "150Mi")
        assert done.status == 0, done.stdout[-2000:]
        destination = tmp_path / f"out {step}"
        restored = program.run("restore", TARGET, destination, "--json")
        assert restored.status == 0, restored.stdout[-2000:]
        assert digest(destination) == digest(source), step
    verified = program.run("verify", source, TARGET, "--json", "--download")
    assert verified.status == 0, verified.stdout[-2000:]
