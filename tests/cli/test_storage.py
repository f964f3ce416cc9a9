"""Storages: Test Connection, save, list, show, delete; rclone itself can use the saved section."""

import json
import subprocess
from dataclasses import replace
from pathlib import Path

from tests.program import Program, as_object, document
from tests.qingstor_server import ACCESS_KEY_ID, SECRET_ACCESS_KEY, QingStorServer


def test_a_saved_storage_is_a_remote_for_bare_rclone(
    program: Program, server: QingStorServer, rclone: Path
) -> None:
    server.add_bucket("bucket-one")
    server.add_bucket("bucket-two")

    done = program.run("storage", "save", "--json", document=document())

    assert done.status == 0, done.stdout
    bare = subprocess.run(
        [rclone, "--config", program.conf, "lsd", "QingStor Backups:"],
        env={"PATH": "", **server.environment()},
        capture_output=True,
        text=True,
        check=True,
    )
    assert [line.split()[-1] for line in bare.stdout.splitlines()] == ["bucket-one", "bucket-two"]
    assert program.conf.stat().st_mode & 0o777 == 0o600


def test_all_ten_options_survive_the_round_trip_through_rclone(program: Program, rclone: Path) -> None:
    given = document(
        name="All of it",
        endpoint="http://qingstor.test:8080",
        settings={
            "zone": "sh1a",
            "env_auth": True,
            "connection_retries": "5",
            "upload_cutoff": "100mi",
            "chunk_size": "16M",
            "upload_concurrency": 4,
        },
    )

    assert program.run("storage", "save", "--no-test", "--json", document=given).status == 0

    dump = subprocess.run(
        [rclone, "--config", program.conf, "config", "dump"], capture_output=True, text=True, check=True
    )
    assert json.loads(dump.stdout) == {
        "All of it": {
            "type": "qingstor",
            "env_auth": "true",
            "access_key_id": as_object(given["credentials"])["access_key_id"],  # type: ignore[arg-type]
            "secret_access_key": SECRET_ACCESS_KEY,
            "endpoint": "http://qingstor.test:8080",
            "zone": "sh1a",
            "connection_retries": "5",
            "upload_cutoff": "100Mi",
            "chunk_size": "16Mi",
            "upload_concurrency": "4",
        }
    }


def test_a_connection_test_saves_nothing_and_says_what_it_found(
    program: Program, server: QingStorServer
) -> None:
    server.add_bucket("bucket-one")

    done = program.run("storage", "test", "--bucket", "bucket-one", "--json", document=document())

    assert done.status == 0, done.stdout
    assert done.answer["success"] is True
    data = as_object(done.answer["data"])
    stages = data["stages"]
    assert isinstance(stages, list)
    assert [as_object(stage)["name"] for stage in stages] == [
        "rclone",
        "credentials",
        "connect",
        "zone",
        "bucket",
    ]
    assert all(as_object(stage)["ok"] for stage in stages)
    assert (data["buckets"], data["zone"]) == (["bucket-one"], "pek3a")
    assert not program.conf.exists()


def test_a_failed_test_saves_nothing(program: Program) -> None:
    program.conf.write_text("[other]\ntype = local\n")
    before = program.conf.read_bytes()

    done = program.run("storage", "save", "--json", document=document(secret_access_key="SKwrongcanary"))

    assert done.status == 12
    assert as_object(done.answer["error"])["code"] == "secret_key_invalid"
    assert program.conf.read_bytes() == before


def test_a_saved_storage_is_replaced_only_with_replace(program: Program) -> None:
    program.save()
    before = program.conf.read_bytes()

    refused = program.run(
        "storage", "save", "--no-test", "--json", document=document(settings={"zone": "sh1a"})
    )
    assert refused.status == 2
    assert as_object(refused.answer["error"])["code"] == "storage_exists"
    assert program.conf.read_bytes() == before

    replaced = program.run(
        "storage", "save", "--no-test", "--replace", "--json", document=document(settings={"zone": "sh1a"})
    )
    assert replaced.status == 0
    assert b"zone = sh1a" in program.conf.read_bytes()


def test_a_remote_of_another_type_is_not_replaced(program: Program) -> None:
    program.conf.write_text("[QingStor Backups]\ntype = s3\n")
    refused = program.run("storage", "save", "--no-test", "--replace", "--json", document=document())
    error = as_object(refused.answer["error"])
    assert (refused.status, error["code"], error["field"]) == (2, "storage_exists", "name")
    assert "'s3'" in str(error["message"])
    assert program.conf.read_text() == "[QingStor Backups]\ntype = s3\n"


def test_list_show_and_delete(program: Program) -> None:
    program.conf.write_text("# mine\n[other]\ntype = local\n")
    program.save()

    listed = program.run("storage", "list", "--json").answer
    storages = as_object(listed["data"])["storages"]
    assert isinstance(storages, list)
    assert [as_object(storage)["name"] for storage in storages] == ["QingStor Backups"]

    shown = program.run("storage", "show", "QingStor Backups")
    assert "zone" in shown.stdout
    assert SECRET_ACCESS_KEY not in shown.stdout

    missing = program.run("storage", "show", "QingStor Backup", "--json")
    assert missing.status == 10
    assert "QingStor Backups" in str(as_object(missing.answer["error"])["hint"])

    assert program.run("storage", "delete", "QingStor Backups", "--json").status == 0
    # The blank line between the two sections may stay.
    assert program.conf.read_text().rstrip("\n") == "# mine\n[other]\ntype = local"


def test_keys_from_the_environment(program: Program, server: QingStorServer, tmp_path: Path) -> None:
    server.add_bucket("bucket-one")
    blank = document(access_key_id="", secret_access_key="", settings={"env_auth": True})

    nowhere = program.run("storage", "test", "--json", document=blank)
    assert nowhere.status == 12
    error = as_object(nowhere.answer["error"])
    assert error["code"] == "credentials_missing"
    for place in ("QINGSTOR_ACCESS_KEY_ID", "QS_ACCESS_KEY_ID", "config.yaml"):
        assert place in str(error["message"]) + str(error["hint"])

    for names in (
        ("QINGSTOR_ACCESS_KEY_ID", "QINGSTOR_SECRET_ACCESS_KEY"),
        ("QS_ACCESS_KEY_ID", "QS_SECRET_ACCESS_KEY"),
        ("QS_ACCESS_KEY", "QS_SECRET_KEY"),
    ):
        with_keys = replace(
            program, variables=dict(zip(names, (ACCESS_KEY_ID, SECRET_ACCESS_KEY), strict=True))
        )
        assert with_keys.run("storage", "test", "--json", document=blank).status == 0

    home = Path(program.environment["HOME"])
    (home / ".qingstor").mkdir()
    (home / ".qingstor" / "config.yaml").write_text(
        f"access_key_id: '{ACCESS_KEY_ID}'\nsecret_access_key: '{SECRET_ACCESS_KEY}'\n"
    )
    assert program.run("storage", "save", "--json", document=blank).status == 0
    assert SECRET_ACCESS_KEY not in program.conf.read_text()
    source = tmp_path / "source"
    source.mkdir()
    (source / "file").write_bytes(b"x")
    assert program.run("backup", source, "QingStor Backups:bucket-one", "--json").status == 0
