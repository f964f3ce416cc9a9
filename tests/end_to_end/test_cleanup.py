"""Unfinished multipart uploads: listed with their age, removed when they are old enough."""

import pytest

from tests.program import Program, document
from tests.qingstor_server import Fault, FaultKind, QingStorServer, Right

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
    assert any("2 days, 2:00:0" in message for message in told)
    assert len(_left(server)) == 3


def test_an_age_and_a_path_choose(littered: Program, server: QingStorServer) -> None:
    assert littered.run("cleanup", f"{BUCKET}/srv", "--older-than", "40h", "--json").status == 0
    assert _left(server) == ["other", "srv/a day"]
    assert littered.run("cleanup", BUCKET, "--older-than", "30m", "--json").status == 0
    assert _left(server) == []


def test_many_uploads_of_one_key_over_several_pages(littered: Program, server: QingStorServer) -> None:
    for _ in range(450):
        server.add_upload("bucket-one", "many", age=30 * HOUR)

    done = littered.run("cleanup", BUCKET, "--json")

    assert done.status == 0
    assert done.summary["files_changed"] == 452
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
