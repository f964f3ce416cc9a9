"""Sources and destinations that are not what they seem, and directories of our own among the data."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.program import Finished, Json, Program, as_object
from tests.qingstor_server import QingStorServer

TARGET = "QingStor Backups:bucket-one/srv"


def _code(done: Finished) -> Json:
    return as_object(done.summary["error"])["code"]


def _warnings(done: Finished) -> dict[Json, str]:
    return {line["code"]: str(line["message"]) for line in done.of_type("warning")}


def test_a_home_is_backed_up_without_what_we_keep_in_it(
    program: Program, server: QingStorServer, tmp_path: Path
) -> None:
    """Our state changes during the run, so such a backup was partial every time."""
    server.add_bucket("bucket-one")
    program.save()
    home = tmp_path / "program" / "home"
    (home / "[notes]").mkdir(parents=True)
    (home / "[notes]" / "one").write_bytes(b"1")

    for word in ("backup", "backup", "verify"):
        done = program.run(word, home, TARGET, "--json")
        assert done.status == 0, done.stdout[-2000:]
    assert list(server.files("bucket-one")) == ["srv/[notes]/one"]

    again = program.run("backup", home, TARGET, "--json")
    assert ".local/state/pluton-qingstor" in _warnings(again)["own_state_left_out"]


@pytest.mark.parametrize("command", ["backup", "verify"])
def test_a_device_is_no_source(program: Program, server: QingStorServer, command: str) -> None:
    server.add_bucket("bucket-one")
    program.save()
    done = program.run(command, "/dev/null", TARGET, "--json")
    assert (_code(done), done.status) == ("source_unreadable", 3)


@pytest.mark.parametrize("command", ["backup", "verify"])
def test_a_name_that_no_disk_can_hold_is_no_source(program: Program, command: str) -> None:
    program.save()
    done = program.run(command, "x" * 300, TARGET, "--json")
    assert (_code(done), done.status) == ("source_not_found", 1)


@pytest.mark.parametrize("command", ["backup", "verify"])
def test_one_file_and_patterns_do_not_go_together(program: Program, tmp_path: Path, command: str) -> None:
    program.save()
    (tmp_path / "file").write_bytes(b"x")
    done = program.run(command, tmp_path / "file", TARGET, "--exclude", "f*", "--json")
    assert (_code(done), done.status) == ("usage", 2)


def test_a_destination_that_no_disk_can_hold(
    program: Program, server: QingStorServer, tmp_path: Path
) -> None:
    program.save()
    (tmp_path / "file").write_bytes(b"x")
    done = program.run("restore", TARGET, tmp_path / "file" / "inside", "--json")
    assert (_code(done), done.status) == ("destination_unwritable", 1)


def test_a_filter_file_that_is_not_there(program: Program, server: QingStorServer, tmp_path: Path) -> None:
    server.add_bucket("bucket-one")
    server.put_object("bucket-one", "srv/file", b"x")
    program.save()
    done = program.run("restore", TARGET, tmp_path / "out", "--filter-from", tmp_path / "none", "--json")
    assert (_code(done), done.status) == ("usage", 2)


def test_a_filter_does_not_hide_that_a_path_is_not_there(
    program: Program, server: QingStorServer, tmp_path: Path
) -> None:
    server.add_bucket("bucket-one")
    server.put_object("bucket-one", "srv/file", b"x")
    program.save()

    gone = program.run("restore", f"{TARGET}x", tmp_path / "out", "--include", "*.doc", "--json")
    assert (_code(gone), gone.status) == ("path_not_found", 10)

    none = program.run("restore", TARGET, tmp_path / "out", "--include", "*.doc", "--json")
    assert (none.summary["outcome"], none.status) == ("success", 0)


def test_stray_variables_are_named_also_when_the_bucket_is_missing(program: Program, tmp_path: Path) -> None:
    program.save()
    (tmp_path / "file").write_bytes(b"x")
    done = replace(program, variables={"RCLONE_DRY_RUN": "1"}).run(
        "backup", tmp_path / "file", TARGET, "--json"
    )
    assert _code(done) == "bucket_not_found"
    assert "RCLONE_DRY_RUN" in _warnings(done)["environment_ignored"]


def test_stray_variables_are_named_by_a_connection_test(program: Program, server: QingStorServer) -> None:
    server.add_bucket("bucket-one")
    program.save()
    done = replace(program, variables={"RCLONE_DRY_RUN": "1"}).run(
        "storage", "test", "QingStor Backups", "--json"
    )
    advice = as_object(done.answer["data"])["advice"]
    assert isinstance(advice, list)
    (said,) = [as_object(one) for one in advice if as_object(one)["code"] == "environment_ignored"]
    assert "RCLONE_DRY_RUN" in str(said["message"])


def test_a_bucket_that_is_created_on_purpose_is_told_of_and_a_dry_run_creates_none(
    program: Program, server: QingStorServer, tmp_path: Path
) -> None:
    program.save()
    (tmp_path / "file").write_bytes(b"x")
    backup = ("backup", tmp_path / "file", TARGET, "--create-bucket", "--json")

    assert _code(program.run(*backup, "--dry-run")) == "bucket_not_found"
    assert list(server.buckets()) == []

    done = program.run(*backup)
    assert done.status == 0, done.stdout[-2000:]
    assert "bucket-one" in _warnings(done)["bucket_created_on_upload"]
