"""`storage usage`: what each bucket holds by QingStor's own statistics, and what unfinished uploads hold."""

import json
import signal
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from adapter.machine.settings import Settings
from adapter.rclone.open_storage import open_storage
from adapter.storage.saved import Storages
from adapter.transfer import qingstor_api
from adapter.transfer.qingstor_api import Statistics, open_api
from adapter.transfer.usage import MOST_SUMMED, BucketUsage
from tests.connection.sockets import Listener, answering
from tests.program import Finished, Json, Program, as_object, document
from tests.qingstor_server import (
    ACCESS_KEY_ID,
    ALL_RIGHTS,
    SECRET_ACCESS_KEY,
    Fault,
    FaultKind,
    QingStorServer,
    Right,
)
from tests.trees import make_big

HOUR = 3600
NAME = "QingStor Backups"
ONE = f"{NAME}:bucket-one"


@pytest.fixture
def stocked(program: Program, server: QingStorServer) -> Program:
    """A program with a storage of two buckets, the first with objects and unfinished uploads."""
    program.save()
    server.add_bucket("bucket-one")
    server.add_bucket("bucket-two")
    server.put_object("bucket-one", "a", b"x" * 1000)
    server.put_object("bucket-one", "b/c", b"x" * 500)
    server.add_upload("bucket-one", "left & 'odd' ü", age=50 * HOUR, data=b"x" * 7)
    server.add_upload("bucket-one", "left", age=HOUR, data=b"x" * 20)
    return program


def _data(done: Finished) -> dict[str, Json]:
    return as_object(done.answer["data"])


def _rows(done: Finished) -> list[dict[str, Json]]:
    rows = _data(done)["buckets"]
    assert isinstance(rows, list)
    return [as_object(row) for row in rows]


def _code(value: Json) -> Json:
    return as_object(value)["code"]


def test_each_bucket_of_the_zone_with_its_unfinished_uploads(
    stocked: Program, server: QingStorServer
) -> None:
    server.add_bucket("bucket-far", "sh1a")

    done = stocked.run("storage", "usage", NAME, "--json")

    assert done.status == 0, done.stdout
    assert (_data(done)["zone"], _data(done)["complete"]) == ("pek3a", True)
    one, two = _rows(done)
    assert (one["name"], one["objects"], one["bytes"], one["error"]) == ("bucket-one", 2, 1500, None)
    assert (one["unfinished_uploads"], one["unfinished_bytes"], one["uploads_error"]) == (2, 27, None)
    oldest = datetime.fromisoformat(str(one["oldest_upload"]))
    assert abs(datetime.now(UTC) - oldest - timedelta(hours=50)) < timedelta(minutes=10)
    assert (one["status"], one["storage_classes"]) == ("active", None)
    assert str(one["created"]).endswith("Z")
    assert (two["name"], two["objects"], two["bytes"]) == ("bucket-two", 0, 0)
    assert (two["unfinished_uploads"], two["unfinished_bytes"], two["oldest_upload"]) == (0, 0, None)
    assert server.load().counts["get_bucket_stats"] == 2


def test_people_get_a_table_with_the_sums_first(stocked: Program) -> None:
    done = stocked.run("storage", "usage", NAME)

    assert done.status == 0, done.stderr
    assert done.stdout.splitlines() == [
        "2 buckets in zone pek3a: 2 objects, 1.5 kB; besides 2 unfinished uploads, 27 bytes.",
        "bucket-one  2 objects   1.5 kB  2 unfinished uploads, 27 bytes, the oldest begun 2d2h ago",
        "bucket-two  0 objects  0 bytes",
        "QingStor's statistics may lag behind what was stored or deleted just now.",
    ]


def test_a_bucket_that_is_named_is_the_only_one_asked(stocked: Program, server: QingStorServer) -> None:
    done = stocked.run("storage", "usage", ONE, "--json")

    assert done.status == 0, done.stdout
    assert [row["name"] for row in _rows(done)] == ["bucket-one"]
    assert "list_buckets" not in server.load().counts
    assert server.load().counts["get_bucket_stats"] == 1


def test_a_path_in_a_bucket_is_refused(stocked: Program, server: QingStorServer) -> None:
    done = stocked.run("storage", "usage", f"{ONE}/srv/data", "--json")

    assert done.status == 2
    error = as_object(done.answer["error"])
    assert error["code"] == "usage"
    assert "srv/data is a path" in str(error["message"])
    assert ONE in str(error["hint"])
    assert server.load().counts == {}


def test_keys_from_the_environment(stocked: Program) -> None:
    blank = document(access_key_id="", secret_access_key="", settings={"env_auth": True})
    blank_keys = stocked.run("storage", "save", "--no-test", "--json", document={**blank, "name": "Env"})
    assert blank_keys.status == 0, blank_keys.stdout
    keys = {"QINGSTOR_ACCESS_KEY_ID": ACCESS_KEY_ID, "QINGSTOR_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY}

    assert stocked.run("storage", "usage", "Env:bucket-one", "--json").status == 12
    with_keys = replace(stocked, variables={**keys, "RCLONE_DRY_RUN": "1"})
    done = with_keys.run("storage", "usage", "Env:bucket-one", "--json")

    assert [row["bytes"] for row in _rows(done)] == [1500]
    advice = _data(done)["advice"]
    assert isinstance(advice, list)
    assert [_code(one) for one in advice] == ["environment_ignored"]
    assert "[environment_ignored]" in with_keys.run("storage", "usage", "Env:bucket-one").stdout


def _with_key(program: Program, rights: frozenset[Right], buckets: set[str] | None = None) -> None:
    assert program.server is not None
    program.server.add_key("AKLIMITEDcanary00001", "SKlimitedcanary", rights=rights, buckets=buckets)
    limited = document(access_key_id="AKLIMITEDcanary00001", secret_access_key="SKlimitedcanary")
    assert program.run("storage", "save", "--no-test", "--replace", document=limited).status == 0


def test_a_bucket_that_refuses_does_not_hide_the_others(stocked: Program, server: QingStorServer) -> None:
    _with_key(stocked, ALL_RIGHTS, {"bucket-one"})
    server.add_bucket("bucket-gone")
    gone = Fault(
        FaultKind.STATUS,
        operation="get_bucket_stats",
        bucket="bucket-gone",
        status=404,
        code="bucket_not_exists",
    )
    server.add_fault(gone)

    done = stocked.run("storage", "usage", NAME, "--json")

    assert done.status == 0, done.stdout
    gone_row, one, two = _rows(done)
    assert (one["bytes"], one["unfinished_bytes"], one["error"]) == (1500, 27, None)
    assert _code(gone_row["error"]) == "bucket_not_found"
    assert _code(two["error"]) == "permission_denied"
    assert "get_bucket_stats" in str(as_object(two["error"])["hint"])
    unknown = ("objects", "bytes", "unfinished_uploads", "unfinished_bytes", "oldest_upload", "created")
    assert [two[name] for name in unknown] == [None] * len(unknown)
    for_people = stocked.run("storage", "usage", NAME)
    assert for_people.status == 0
    assert for_people.stdout.startswith("1 of 3 buckets in zone pek3a: 2 objects, 1.5 kB; besides 2 unf")
    assert "This key may not read the statistics of bucket bucket-two." in for_people.stdout
    assert "canary" not in done.stdout + done.stderr + for_people.stdout + for_people.stderr


def test_it_fails_if_every_bucket_refuses(stocked: Program) -> None:
    _with_key(stocked, ALL_RIGHTS - {Right.LIST})

    done = stocked.run("storage", "usage", NAME, "--json")

    assert done.status == 12
    assert _code(done.answer["error"]) == "permission_denied"
    assert str(done.answer["result"]).startswith("None of the 2 buckets in zone pek3a could be asked.")
    assert [_code(row["error"]) for row in _rows(done)] == ["permission_denied"] * 2
    assert stocked.run("storage", "usage", ONE).status == 12
    assert "canary" not in done.stdout + done.stderr


def test_a_key_that_may_not_list_buckets_is_told_to_name_one(stocked: Program) -> None:
    _with_key(stocked, ALL_RIGHTS - {Right.LIST_BUCKETS})

    refused = stocked.run("storage", "usage", NAME, "--json")

    assert refused.status == 12
    assert "storage usage 'QingStor Backups:BUCKET'" in str(as_object(refused.answer["error"])["hint"])
    assert [row["objects"] for row in _rows(stocked.run("storage", "usage", ONE, "--json"))] == [2]


@pytest.mark.parametrize(
    ("operation", "known", "hint"),
    [
        ("list_uploads", (None, None), "use a key of the bucket's owner"),
        ("list_parts", (2, None), "list_object_parts"),
    ],
)
def test_uploads_that_are_refused_leave_the_statistics(
    stocked: Program, server: QingStorServer, operation: str, known: tuple[int | None, ...], hint: str
) -> None:
    server.add_fault(Fault(FaultKind.STATUS, operation=operation, status=403, code="permission_denied"))

    done = stocked.run("storage", "usage", ONE, "--json")

    assert done.status == 0, done.stdout
    (row,) = _rows(done)
    assert (row["objects"], row["bytes"], row["error"]) == (2, 1500, None)
    assert (row["unfinished_uploads"], row["unfinished_bytes"]) == known
    assert (row["oldest_upload"] is None) == (known[0] is None)
    assert _code(row["uploads_error"]) == "permission_denied"
    assert hint in str(as_object(row["uploads_error"])["hint"])
    for_people = stocked.run("storage", "usage", ONE).stdout
    assert "[permission_denied]" in for_people
    assert "not known" in for_people


def test_an_upload_that_ends_in_between_is_not_counted(stocked: Program, server: QingStorServer) -> None:
    ended = Fault(
        FaultKind.STATUS, operation="list_parts", key="left", status=404, code="upload_not_exists", times=1
    )
    server.add_fault(ended)

    (row,) = _rows(stocked.run("storage", "usage", ONE, "--json"))

    assert (row["unfinished_uploads"], row["unfinished_bytes"], row["uploads_error"]) == (1, 7, None)


def test_of_very_many_uploads_the_parts_are_not_asked_for(stocked: Program, server: QingStorServer) -> None:
    for _ in range(MOST_SUMMED):
        server.add_upload("bucket-one", "many", age=HOUR)

    done = stocked.run("storage", "usage", ONE, "--json")

    (row,) = _rows(done)
    assert (row["unfinished_uploads"], row["unfinished_bytes"]) == (MOST_SUMMED + 2, None)
    assert (row["bytes"], row["uploads_error"]) == (1500, None)
    assert "list_parts" not in server.load().counts


def test_the_parts_of_an_upload_come_in_pages(
    program: Program, server: QingStorServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(qingstor_api, "_PARTS_PAGE", 1)
    server.add_bucket("bucket-one")
    program.save(upload_cutoff="4mi", chunk_size="4mi")
    make_big(tmp_path / "large", 12 << 20)
    server.add_fault(Fault(FaultKind.HANG, operation="upload_part", skip=2))
    process = program.start("backup", tmp_path / "large", f"{ONE}/srv", "--json")
    try:
        server.wait_for("upload_part", 3)
        machine = Settings(
            program.environment, tmp_path, program.conf, program.state_dir, None, lambda: None, lambda: None
        )
        storage = open_storage(Storages(machine).get(NAME), machine)
        api = open_api(storage, "bucket-one")
        assert [api.uploaded_bytes(upload) for upload in api.pending_uploads()] == [8 << 20]
    finally:
        process.kill()
        process.communicate()
    # A page for each part, and one that is empty.
    assert server.load().counts["list_parts"] == 3


def test_the_bucket_of_another_zone_is_told_with_its_zone(stocked: Program, server: QingStorServer) -> None:
    server.add_bucket("bucket-far", "sh1a")

    done = stocked.run("storage", "usage", f"{NAME}:bucket-far", "--json")

    assert done.status == 10
    error = as_object(done.answer["error"])
    assert (error["code"], error["field"]) == ("zone_mismatch", "zone")
    assert "sh1a" in str(error["hint"])
    stocked.save(zone="zz9")
    unknown = stocked.run("storage", "usage", ONE, "--json")
    assert unknown.status == 10
    assert _code(unknown.answer["error"]) == "zone_mismatch"


def test_a_bucket_that_does_not_exist_is_told_with_the_nearest_name(stocked: Program) -> None:
    missing = stocked.run("storage", "usage", f"{NAME}:bucket-oen", "--json")
    assert missing.status == 10
    assert _code(missing.answer["error"]) == "bucket_not_found"
    assert "bucket-one" in str(as_object(missing.answer["error"])["hint"])


def test_a_zone_without_buckets(program: Program, server: QingStorServer) -> None:
    program.save()
    empty = program.run("storage", "usage", NAME, "--json")
    assert (empty.status, _rows(empty)) == (0, [])
    assert empty.answer["result"] == "There is no bucket in zone pek3a."

    server.add_bucket("bucket-far", "sh1a")
    wrong = program.run("storage", "usage", NAME, "--json")
    assert wrong.status == 10
    assert _code(wrong.answer["error"]) == "zone_mismatch"


def test_a_host_that_does_not_answer_is_given_up(program: Program, server: QingStorServer) -> None:
    program.save()
    for number in range(20):
        server.add_bucket(f"bucket-{number:02}")
    server.add_fault(Fault(FaultKind.RESET, operation="get_bucket_stats"))

    done = program.run("storage", "usage", NAME, "--json")

    assert done.status == 21
    assert [_code(row["error"]) for row in _rows(done)] == ["endpoint_unreachable"] * 20
    # Three, and those that were under way.
    assert server.load().counts["get_bucket_stats"] <= 3 + 3


def test_it_can_be_cancelled_while_nobody_answers(stocked: Program, server: QingStorServer) -> None:
    """It does not wait for the host's time-out, which is a minute."""
    server.add_fault(Fault(FaultKind.HANG, operation="get_bucket_stats"))
    process = stocked.start("storage", "usage", NAME, "--json")
    try:
        server.wait_for("get_bucket_stats", 2)
        process.send_signal(signal.SIGINT)
        stdout, _ = process.communicate(timeout=30)
    finally:
        process.kill()
        process.communicate()

    assert process.returncode == 130
    assert json.loads(stdout)["error"]["code"] == "cancelled"


def test_another_server_than_qingstor(program: Program, server: QingStorServer) -> None:
    program.save()
    server.add_bucket("bucket-one")
    server.add_fault(Fault(FaultKind.HTML, operation="get_bucket_stats", status=200))
    page = program.run("storage", "usage", ONE, "--json")
    assert page.status == 21, page.stdout

    with Listener(answering(b"SSH-2.0-OpenSSH_9.2\r\n")) as listener:
        proxy = f"http://127.0.0.1:{listener.port}"
        strange = replace(program, variables={"HTTP_PROXY": proxy, "http_proxy": proxy})
        done = strange.run("storage", "usage", ONE, "--json")
    assert done.status == 21, done.stdout
    assert "not in HTTP" in str(done.answer["result"])


def test_no_secret_in_what_it_prints(stocked: Program, server: QingStorServer) -> None:
    server.add_fault(Fault(FaultKind.STATUS, operation="list_parts", status=500, code="internal_error"))
    for words in (("--json",), ("--json", "-vv")):
        for place in (NAME, f"{NAME}:bucket-none"):
            done = stocked.run("storage", "usage", place, *words)
            assert done.stdout + done.stderr
            for secret in (ACCESS_KEY_ID, SECRET_ACCESS_KEY):
                assert secret not in done.stdout + done.stderr


def test_storage_classes_where_the_server_tells_them() -> None:
    """The local server has one class only; the form is that of QingStor's newer answers."""
    said = b"""{"count": 3, "size": 30, "status": "active", "created": "2026-01-02T03:04:05.000Z",
        "storage_classes": {"STANDARD": {"count": 1, "size": 10, "billing_size": 10},
                            "STANDARD_IA": {"count": 2, "size": 20}}}"""

    row = BucketUsage("bucket-one", Statistics.model_validate_json(said)).as_dict()

    assert row["created"] == "2026-01-02T03:04:05.000Z"
    assert row["storage_classes"] == {
        "STANDARD": {"objects": 1, "bytes": 10, "billed_bytes": 10},
        "STANDARD_IA": {"objects": 2, "bytes": 20, "billed_bytes": None},
    }
