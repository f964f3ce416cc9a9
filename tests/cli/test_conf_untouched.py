"""A save that fails does not change the bytes, the mode or the inode of rclone.conf."""

import os

import pytest

from tests.program import Program, as_object, document
from tests.qingstor_server import Fault, FaultKind, QingStorServer


def _state(program: Program) -> tuple[bytes, int, int, int, list[str]]:
    """Return everything that a save could change in rclone.conf and beside it."""
    status = program.conf.stat()
    beside = sorted(name for name in os.listdir(program.directory) if "rclone" in name)  # noqa: PTH208
    return program.conf.read_bytes(), status.st_mode, status.st_ino, status.st_mtime_ns, beside


@pytest.mark.parametrize("mode", [0o600, 0o644])
def test_a_replacement_that_fails_its_test_changes_nothing(program: Program, mode: int) -> None:
    program.conf.write_text("# mine\n[other]\ntype = local\n\n")
    program.save(zone="pek3a")
    program.conf.chmod(mode)
    before = _state(program)

    done = program.run(
        "storage", "save", "--replace", "--json", document=document(secret_access_key="SKwrongcanary")
    )

    assert done.status == 12, done.stdout
    assert as_object(done.answer["error"])["code"] == "secret_key_invalid"
    assert _state(program) == before


def test_a_replacement_without_an_answer_changes_nothing(program: Program, server: QingStorServer) -> None:
    program.save()
    before = _state(program)
    server.add_fault(Fault(FaultKind.HANG))

    done = program.run("storage", "save", "--replace", "--timeout", "2", "--json", document=document())

    assert done.status in {21, 22}, done.stdout
    assert _state(program) == before
