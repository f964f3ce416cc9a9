"""Verification: what was compared how, and what is different."""

from pathlib import Path

import pytest

from adapter.contract.errors import ErrorCode
from adapter.contract.events import ErrorEvent
from tests.program import Json, Program, as_object
from tests.qingstor_server import Fault, FaultKind, QingStorServer
from tests.transfer.in_process import InProcess
from tests.trees import make_big

TARGET = "QingStor Backups:bucket-one/srv"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A few small files, one in parts, one in chunks."""
    source = tmp_path / "source"
    (source / "deep").mkdir(parents=True)
    for name in ("one", "two", "deep/three"):
        (source / name).write_bytes(name.encode() * 100)
    make_big(source / "in parts", 20 << 20)
    make_big(source / "deep" / "in chunks", 70 << 20)
    return source


@pytest.fixture
def stored(program: Program, server: QingStorServer, source: Path) -> Program:
    """The program after a backup of `source`."""
    server.add_bucket("bucket-one")
    program.save(upload_cutoff="8mi", upload_concurrency=4)
    done = program.run("backup", source, TARGET, "--json", "--memory-budget", "150Mi")
    assert done.status == 0, done.stdout[-2000:]
    return program


def _failed(summary: dict[str, Json]) -> dict[str, Json]:
    failed = summary["failed_files"]
    assert isinstance(failed, list)
    return {str(as_object(file)["item"]): as_object(file)["code"] for file in failed}


def test_everything_is_compared_and_it_is_said_how(stored: Program, source: Path) -> None:
    done = stored.run("verify", source, TARGET, "--json")
    assert done.status == 0, done.stdout[-2000:]
    assert done.summary["verification"] == {"by_hash": 3, "by_size": 2, "by_download": 0, "unverified": 0}
    assert done.summary["files_unmodified"] == 5

    full = stored.run("verify", source, TARGET, "--download", "--json")
    assert full.status == 0, full.stdout[-2000:]
    assert full.summary["verification"] == {"by_hash": 0, "by_size": 0, "by_download": 5, "unverified": 0}

    sample = stored.run("verify", source, TARGET, "--sample", "100", "--json")
    assert as_object(sample.summary["verification"])["by_download"] == 5
    assert sample.status == 0


def test_what_is_missing_or_different_is_named(stored: Program, server: QingStorServer, source: Path) -> None:
    server.remove_object("bucket-one", "srv/one")
    (source / "two").write_bytes(b"TWO" * 100)
    with (source / "in parts").open("r+b") as file:
        file.seek(9_000_000)
        file.write(b"another")

    done = stored.run("verify", source, TARGET, "--json")

    assert done.status == 23
    assert as_object(done.summary["error"])["code"] == "integrity_mismatch"
    assert _failed(done.summary) == dict.fromkeys(("one", "two", "in parts"), "integrity_mismatch")


def test_what_a_sample_finds_is_named_once(machine: InProcess, tmp_path: Path) -> None:
    """The comparison of the rest met the difference again, found nothing new in it, and ended as unknown."""
    source = tmp_path / "small"
    source.mkdir()
    (source / "same").write_bytes(b"the same")
    (source / "changed").write_bytes(b"before")
    machine.backup(source).good()
    (source / "changed").write_bytes(b"after!")
    (source / "new").write_bytes(b"new")

    done = machine.verify(source, sample_percent=100)

    assert done.code is ErrorCode.INTEGRITY_MISMATCH
    assert done.summary.exit_status == 23
    assert done.failed == dict.fromkeys(("changed", "new"), ErrorCode.INTEGRITY_MISMATCH)
    named = [event.item for event in done.events if isinstance(event, ErrorEvent)]
    assert sorted(map(str, named)) == ["changed", "new"]
    assert done.summary.files_unmodified == 1


@pytest.mark.parametrize(
    "key", ["srv/two", pytest.param("srv/in parts", marks=pytest.mark.deep), "srv/deep/in chunks"]
)
def test_a_byte_flipped_at_rest_is_found_by_reading_back(
    stored: Program, server: QingStorServer, source: Path, key: str
) -> None:
    chunks = [name for name in server.files("bucket-one") if name.startswith(f"{key}.pluton_chunk.")]
    server.flip_at_rest("bucket-one", chunks[0] if chunks else key, 100)

    assert stored.run("verify", source, TARGET, "--json").status == 0
    found = stored.run("verify", source, TARGET, "--download", "--json")

    assert found.status == 23
    assert list(_failed(found.summary)) == [key.removeprefix("srv/")]


def test_a_byte_flipped_in_transit_is_found_by_the_backup_itself(
    program: Program, server: QingStorServer, tmp_path: Path
) -> None:
    server.add_bucket("bucket-one")
    program.save(connection_retries=2)
    (tmp_path / "file").write_bytes(b"content" * 1000)
    server.add_fault(Fault(FaultKind.FLIP_UPLOAD, operation="put_object", times=1, offset=50))

    done = program.run("backup", tmp_path / "file", TARGET, "--json")

    assert done.status == 0, done.stdout
    assert done.summary["retries"] == 1
    assert [as_object(error["error"])["code"] for error in done.of_type("error")] == ["integrity_mismatch"]
    assert server.read_object("bucket-one", "srv/file") == (tmp_path / "file").read_bytes()


def test_a_backup_can_verify_at_its_end(program: Program, server: QingStorServer, tmp_path: Path) -> None:
    server.add_bucket("bucket-one")
    program.save()
    (tmp_path / "file").write_bytes(b"x")

    done = program.run("backup", tmp_path / "file", TARGET, "--verify", "--json")

    assert done.status == 0, done.stdout
    assert as_object(done.summary["verification"])["by_hash"] == 1
    assert "verifying" in {line["phase"] for line in done.of_type("status")} or done.summary["success"]


def test_a_backup_that_is_not_whole_says_that_it_verified_nothing(
    machine: InProcess, server: QingStorServer, tmp_path: Path
) -> None:
    (tmp_path / "a").mkdir()
    for name in ("good", "refused"):
        (tmp_path / "a" / name).write_bytes(b"x")
    server.add_fault(Fault(FaultKind.STATUS, operation="put_object", key="srv/refused", status=403))

    done = machine.backup(tmp_path / "a", verify_too=True)

    assert done.summary.exit_status == 3
    assert "not_verified" in done.warnings
