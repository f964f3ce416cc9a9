"""The main job: save, back up, back up again, restore."""

from pathlib import Path

import pytest

from tests.program import Json, Program, document, number
from tests.qingstor_server import QingStorServer
from tests.trees import digest, make_big, make_tree, total_size

TARGET = "QingStor Backups:bucket-one/srv/data"


@pytest.fixture
def saved(program: Program, server: QingStorServer) -> Program:
    """A program with a saved storage and a bucket `bucket-one`."""
    server.add_bucket("bucket-one")
    program.save()
    return program


def _assert_monotone(statuses: list[dict[str, Json]]) -> None:
    for name in ("percent_done", "files_done", "bytes_done", "seconds_elapsed", "error_count"):
        values = [number(status[name]) for status in statuses if status[name] is not None]
        assert values == sorted(values), name


@pytest.mark.parametrize(
    ("small", "big"), [(300, 20 << 20), pytest.param(2000, 300 << 20, marks=pytest.mark.deep)]
)
def test_many_files_and_a_big_one_there_and_back(
    saved: Program, server: QingStorServer, tmp_path: Path, small: int, big: int
) -> None:
    source = tmp_path / "source"
    make_tree(source, small)
    make_big(source / "big file.bin", big)
    files, size = len(digest(source)), total_size(source)

    first = saved.run("backup", source, TARGET, "--json", "--progress-interval", "0.2")

    assert first.status == 0, first.stdout[-3000:]
    assert first.lines[0]["message_type"] == "status"
    assert number(first.lines[0]["seconds_elapsed"]) < 2
    _assert_monotone(first.of_type("status"))
    percents = [status["percent_done"] for status in first.of_type("status")]
    assert percents[0] is None
    assert all(number(percent) < 1 for percent in percents if percent is not None)
    summary = first.summary
    assert (summary["outcome"], summary["success"], summary["exit_code"]) == ("success", True, 0)
    assert (summary["files_new"], summary["files_changed"], summary["files_unmodified"]) == (files, 0, 0)
    assert (summary["total_files_processed"], summary["total_bytes_processed"]) == (files, size)
    assert summary["data_added"] == size
    assert len(server.files("bucket-one")) == files
    assert server.uploads("bucket-one") == []

    destination = tmp_path / "restored"
    back = saved.run("restore", TARGET, destination, "--json")
    assert back.status == 0, back.stdout[-3000:]
    assert back.summary["files_new"] == files
    _assert_monotone(back.of_type("status"))
    assert digest(destination) == digest(source)


def test_a_second_run_moves_only_what_changed_even_at_the_same_size(
    saved: Program, server: QingStorServer, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    make_tree(source, 60)
    files = len(digest(source))
    assert saved.run("backup", source, TARGET, "--json").status == 0

    server.clear_requests()
    unchanged = saved.run("backup", source, TARGET, "--json")
    assert unchanged.status == 0
    assert unchanged.summary["files_unmodified"] == files
    assert unchanged.summary["data_added"] == 0
    assert server.requests("put_object") == []

    edited = source / "d3" / "e3" / "file 3.bin"
    before = edited.read_bytes()
    edited.write_bytes(bytes(255 - byte for byte in before))
    server.clear_requests()
    again = saved.run("backup", source, TARGET, "--json", "--verbose-files")
    assert again.status == 0
    assert (again.summary["files_changed"], again.summary["files_new"]) == (1, 0)
    assert again.summary["files_unmodified"] == files - 1
    moved = [line for line in again.of_type("verbose_status") if line["action"] == "modified"]
    assert [line["item"] for line in moved] == ["d3/e3/file 3.bin"]
    sent = [one.path for one in server.requests("put_object") if "/.pluton/" not in one.path]
    assert len(sent) == 1
    assert server.read_object("bucket-one", "srv/data/d3/e3/file 3.bin") == edited.read_bytes()


def test_a_single_file_goes_up_without_an_attempt_to_create_the_bucket(
    saved: Program, server: QingStorServer, tmp_path: Path
) -> None:
    source = tmp_path / "one [file] {of} *many*.txt"
    source.write_bytes(b"alone")
    (tmp_path / "one f.txt").write_bytes(b"not this one")

    done = saved.run("backup", source, TARGET, "--json")

    assert done.status == 0, done.stdout
    assert done.summary["total_files_processed"] == 1
    assert list(server.files("bucket-one")) == [f"srv/data/{source.name}"]
    assert server.requests("create_bucket") == []


def test_filters_dry_run_and_ids(saved: Program, server: QingStorServer, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for name in ("keep.txt", "drop.tmp", "also.txt"):
        (source / name).write_bytes(name.encode())
    common = ("--json", "--exclude", "*.tmp", "--plan-id", "p1", "--backup-id", "b1")

    dry = saved.run("backup", source, TARGET, *common, "--dry-run")
    assert dry.status == 0
    assert (dry.summary["files_new"], dry.summary["dry_run"]) == (2, True)
    assert server.files("bucket-one") == {}

    done = saved.run("backup", source, TARGET, *common)
    assert sorted(server.files("bucket-one")) == ["srv/data/also.txt", "srv/data/keep.txt"]
    assert {(line["planId"], line["backupId"]) for line in done.lines} == {("p1", "b1")}
    assert len({line["run_id"] for line in done.lines}) == 1
    assert done.summary["snapshot_id"] == done.summary["run_id"]


@pytest.mark.parametrize(
    ("overwrite", "expected"),
    [("always", b"remote"), ("if-changed", b"remote"), ("never", b"local!")],
)
def test_overwrite_words_of_a_restore(
    saved: Program, server: QingStorServer, tmp_path: Path, overwrite: str, expected: bytes
) -> None:
    server.put_object("bucket-one", "srv/data/file", b"remote")
    destination = tmp_path / "there already"
    destination.mkdir()
    (destination / "file").write_bytes(b"local!")

    done = saved.run("restore", TARGET, destination, "--overwrite", overwrite, "--json")

    assert done.status == 0, done.stdout
    assert (destination / "file").read_bytes() == expected


@pytest.mark.parametrize(("uploaded", "expected"), [(2_000_000_000, b"remote"), (1_000_000_000, b"local!")])
def test_if_newer_compares_with_the_time_of_the_upload(
    saved: Program, server: QingStorServer, tmp_path: Path, uploaded: float, expected: bytes
) -> None:
    server.put_object("bucket-one", "srv/data/file", b"remote", modified=uploaded)
    destination = tmp_path / "there already"
    destination.mkdir()
    (destination / "file").write_bytes(b"local!")

    done = saved.run("restore", TARGET, destination, "--overwrite", "if-newer", "--json")

    assert done.status == 0, done.stdout
    assert (destination / "file").read_bytes() == expected


def test_a_job_document_carries_a_storage_that_is_never_saved(
    program: Program, server: QingStorServer, tmp_path: Path
) -> None:
    server.add_bucket("bucket-one")
    source = tmp_path / "source"
    source.mkdir()
    (source / "a.txt").write_bytes(b"a")
    (source / "b.tmp").write_bytes(b"b")
    (source / "c.log").write_bytes(b"c")
    job = {
        "storage": document(),
        "source": str(source),
        "target": "QingStor Backups:bucket-one/job",
        "planId": "p1",
        "backupId": "b1",
        "includes": [],
        "excludes": ["*.tmp"],
        "performance": {"transfers": 8, "bufferSize": "16M", "maxDuration": "6h", "bwlimit": ""},
        "dryRun": False,
    }

    done = program.run("backup", "--job", "-", "--exclude", "*.log", "--json", document=job)

    assert done.status == 0, done.stdout
    # Patterns of the document and of the command line add up.
    assert list(server.files("bucket-one")) == ["job/a.txt"]
    assert done.summary["planId"] == "p1"
    assert not program.conf.exists()
