"""Unfinished multipart uploads: listed with their age, removed when they are old enough."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.program import Program, as_object, document
from tests.qingstor_server import Fault, FaultKind, QingStorServer, Right
from tests.trees import make_big

HOUR = 3600
BUCKET = "QingStor Backups:bucket-one"


@pytest.fixture
def littered(program: Program, server: QingStorServer) -> Program:
    """A program with a storage whose bucket holds old and young unfinished uploads."""
    server.add_bucket("bucket-one")
    program.save()
    for name, age in (("srv/old & 'odd' ü", 50 * HOUR), ("srv/a day", 25 * HOUR), ("other", HOUR)):
        server.add_upload("bucket-one", name, age=age)
    return program


def _left(server: QingStorServer) -> list[str]:
    return [upload.key for upload in server.uploads("bucket-one")]


def test_those_older_than_a_day_are_removed_and_the_rest_is_counted(
    littered: Program, server: QingStorServer
) -> None:
    done = littered.run("cleanup", BUCKET, "--json")

    assert done.status == 0, done.stdout
    assert _left(server) == ["other"]
    removed = done.of_type("verbose_status")
    assert sorted(str(line["item"]) for line in removed) == ["srv/a day", "srv/old & 'odd' ü"]
    assert {line["action"] for line in removed} == {"deleted"}
    (counts,) = [line for line in done.of_type("warning") if line["code"] == "cleanup_counts"]
    assert str(counts["message"]).startswith("2 unfinished uploads removed; 1 younger")


def test_a_dry_run_tells_number_and_age_and_removes_nothing(
    littered: Program, server: QingStorServer
) -> None:
    done = littered.run("cleanup", BUCKET, "--dry-run", "--json")

    assert done.status == 0, done.stdout
    told = [str(line["message"]) for line in done.of_type("warning") if line["code"] == "upload_unfinished"]
    assert len(told) == 2
    assert any("begun 2d2h ago" in message for message in told)
    assert len(_left(server)) == 3


def test_an_age_and_a_path_choose(littered: Program, server: QingStorServer) -> None:
    server.add_upload("bucket-one", "srv-2/old", age=50 * HOUR)
    assert littered.run("cleanup", f"{BUCKET}/srv", "--older-than", "40h", "--json").status == 0
    assert _left(server) == ["other", "srv-2/old", "srv/a day"]
    assert littered.run("cleanup", BUCKET, "--older-than", "30m", "--json").status == 0
    assert _left(server) == []


def test_many_uploads_of_one_key_over_several_pages(littered: Program, server: QingStorServer) -> None:
    for _ in range(202):
        server.add_upload("bucket-one", "many", age=30 * HOUR)

    done = littered.run("cleanup", BUCKET, "--json")

    assert done.status == 0
    assert done.summary["files_changed"] == 204
    assert _left(server) == ["other"]


def test_failures_are_named(littered: Program, server: QingStorServer) -> None:
    assert littered.run("cleanup", "QingStor Backups:bucket-oen", "--json").status == 10
    server.add_fault(Fault(FaultKind.STATUS, operation="abort_upload", status=503, times=1))
    assert littered.run("cleanup", BUCKET, "--json").status == 1
    assert len(_left(server)) == 2

    server.add_key("AKREADONLYcanary0001", "SKreadonlycanary", rights={Right.LIST, Right.READ})
    limited = document(access_key_id="AKREADONLYcanary0001", secret_access_key="SKreadonlycanary")
    assert littered.run("storage", "save", "--no-test", "--replace", document=limited).status == 0
    refused = littered.run("cleanup", BUCKET, "--json")
    assert refused.status == 12
    assert "canary" not in refused.stdout + refused.stderr


@contextmanager
def _backup_under_way(
    program: Program, server: QingStorServer, source: Path
) -> Iterator["subprocess.Popen[bytes]"]:
    """A backup to `bucket-one/srv` in the middle of a first part; killed if the test leaves it running."""
    server.add_bucket("bucket-one")
    program.save(upload_cutoff="4mi", chunk_size="4mi")
    source.mkdir()
    make_big(source / "large", 12 << 20)
    process = program.start("backup", source, f"{BUCKET}/srv", "--json")
    try:
        server.wait_for("upload_part")
        yield process
    finally:
        process.kill()
        process.communicate()


def test_a_backup_that_runs_keeps_its_upload(
    program: Program, server: QingStorServer, tmp_path: Path
) -> None:
    """Its upload was removed from under it with `--older-than 0`."""
    server.add_fault(Fault(FaultKind.HANG, operation="upload_part"))
    with _backup_under_way(program, server, tmp_path / "source"):
        (running,) = (tmp_path / "program").rglob("*.lock")

        refused = program.run("cleanup", BUCKET, "--older-than", "0", "--json")

        assert refused.status == 11, refused.stdout
        assert running.stem in str(as_object(refused.summary["error"])["message"])
        assert program.run("cleanup", BUCKET, "--older-than", "0", "--dry-run", "--json").status == 0
        assert program.run("cleanup", f"{BUCKET}/other", "--older-than", "0", "--json").status == 0
        assert _left(server) == ["srv/large"]


def test_no_backup_begins_where_a_cleanup_is_removing(
    littered: Program, server: QingStorServer, tmp_path: Path
) -> None:
    server.add_fault(Fault(FaultKind.HANG, operation="abort_upload"))
    process = littered.start("cleanup", BUCKET, "--json")
    try:
        server.wait_for("abort_upload")
        (running,) = (tmp_path / "program").rglob("*.lock")
        (tmp_path / "file").write_bytes(b"x")
        refused = littered.run("backup", tmp_path / "file", f"{BUCKET}/srv", "--json")
    finally:
        process.kill()
        stdout, _ = process.communicate()

    assert refused.status == 11, refused.stdout
    assert running.stem in str(as_object(refused.summary["error"])["message"])
    assert running.stem in stdout.decode()  # its own lines have the same id


def test_an_upload_that_another_machine_removed_is_begun_again(
    program: Program, server: QingStorServer, tmp_path: Path
) -> None:
    """It was told as a missing bucket, and nobody tried again."""
    server.add_bucket("bucket-one")
    program.save(upload_cutoff="4mi", chunk_size="4mi")
    make_big(tmp_path / "large", 6 << 20)
    gone = Fault(FaultKind.STATUS, operation="upload_part", status=404, code="upload_not_exists", times=1)
    server.add_fault(gone)

    done = program.run("backup", tmp_path / "large", f"{BUCKET}/srv", "--json")

    assert done.status == 0, done.stdout
    assert [as_object(line["error"])["code"] for line in done.of_type("error")] == ["server_error"]
    assert done.summary["retries"] == 1
    assert server.read_object("bucket-one", "srv/large") == (tmp_path / "large").read_bytes()
