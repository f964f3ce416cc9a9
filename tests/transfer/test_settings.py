"""What Pluton's documents ask of a run: its `performance`, its defaults that are no choice, its bucket."""

import sys
from pathlib import Path

import pytest

from tests.program import Json, Program, as_object, document
from tests.qingstor_server import QingStorServer

TARGET = "QingStor Backups:bucket-one/srv"
_MIB = 1 << 20


@pytest.fixture
def source(server: QingStorServer, tmp_path: Path) -> Path:
    """Return an empty directory; there is a bucket `bucket-one`."""
    server.add_bucket("bucket-one")
    source = tmp_path / "source"
    source.mkdir()
    return source


def _job(source: Path, **more: object) -> dict[str, object]:
    return {"source": str(source), "target": TARGET, "storage": document(), **more}


def _codes(lines: list[dict[str, Json]]) -> list[Json]:
    return [line["code"] for line in lines]


def test_a_default_of_the_form_leaves_the_way_of_a_file_to_us(
    program: Program, server: QingStorServer, source: Path
) -> None:
    """A section says `upload_cutoff = 200Mi`; a larger file goes as one PUT all the same."""
    with (source / "large").open("wb") as file:
        file.truncate(201 * _MIB)
    posted = {"upload_cutoff": "200mi", "chunk_size": "4mi", "upload_concurrency": 1, "connection_retries": 3}
    program.save(**posted)
    assert "upload_cutoff = 200Mi" in program.conf.read_text()
    done = program.run("backup", source, TARGET, "--json")
    assert done.status == 0, done.stderr
    # The other one is the manifest.
    assert (len(server.requests("put_object")), len(server.requests("initiate_upload"))) == (2, 0)
    assert "multipart_memory" not in _codes(done.of_type("warning"))


def test_another_value_is_the_persons(program: Program, server: QingStorServer, source: Path) -> None:
    (source / "large").write_bytes(bytes(9 * _MIB))
    program.save(upload_cutoff="8mi")
    assert program.run("backup", source, TARGET).status == 0
    assert server.requests("initiate_upload")


def test_settings_of_pluton_that_mean_nothing_are_one_warning(program: Program, source: Path) -> None:
    (source / "file").write_bytes(b"x")
    performance = {"maxProcessor": 2, "packSize": "16", "scan": False, "transfers": 0, "bufferSize": "16M"}
    done = program.run("backup", "--job", "-", "--json", document=_job(source, performance=performance))
    assert done.status == 0, done.stderr
    (warning,) = (line for line in done.of_type("warning") if line["code"] == "setting_ignored")
    assert "maxProcessor, packSize, scan" in str(warning["message"])


def test_settings_reach_rclone(program: Program, source: Path, tmp_path: Path) -> None:
    (source / "file").write_bytes(b"x")
    log = tmp_path / "arguments"
    fake = tmp_path / "rclone"
    fake.write_text(f'#!/bin/sh\necho "$*" >> {log}\nexec {Path(sys.executable).parent / "rclone"} "$@"\n')
    fake.chmod(0o755)
    performance = {
        "transfers": 3,
        "checkers": 5,
        "bufferSize": "1M",
        "bwlimit": "50M",
        "multiThreadStream": 2,
        "multiThreadCutoff": "300M",
        "multiThreadChunkSize": "32M",
        "maxTransfer": "1G",
    }
    job = _job(source, performance=performance)
    done = program.run("backup", "--job", "-", "--json", "--rclone", fake, document=job)
    assert done.status == 0, done.stderr
    copy, _ = (line for line in log.read_text().splitlines() if line.startswith("copy "))
    for flag in (
        *("--transfers 3", "--checkers 5", "--buffer-size 1Mi", "--bwlimit=50M", "--multi-thread-streams 2"),
        *("--multi-thread-cutoff 300Mi", "--multi-thread-chunk-size 32Mi", "--max-transfer=1073741824b"),
    ):
        assert flag in copy


def test_a_run_that_has_copied_as_much_as_it_may_is_partial(
    program: Program, server: QingStorServer, source: Path
) -> None:
    for number in range(8):
        (source / f"file-{number}").write_bytes(bytes([number]) * _MIB)
    job = _job(source, performance={"maxTransfer": "3M", "transfers": 1})
    done = program.run("backup", "--job", "-", "--json", document=job)
    summary = done.summary
    error = as_object(summary["error"])
    assert (done.status, summary["outcome"], error["code"]) == (3, "partial", "partial")
    assert "3Mi, as set by maxTransfer" in str(error["message"])
    assert summary["retries"] == 0
    assert 1 <= int(str(summary["files_new"])) <= 3
    assert len(server.files("bucket-one")) == summary["files_new"]
    again = program.run("backup", "--job", "-", "--json", document=_job(source))
    assert (again.status, len(server.files("bucket-one"))) == (0, 8)


def test_the_limit_is_that_of_the_run_whatever_its_steps(
    program: Program, server: QingStorServer, source: Path
) -> None:
    """A file in parts is sent by an rclone of its own, which gets what is left."""
    (source / "small").write_bytes(bytes(3 * _MIB))
    (source / "large").write_bytes(bytes(9 * _MIB))
    storage = document(settings={"upload_cutoff": "8mi"})
    job = _job(source, storage=storage, performance={"maxTransfer": "10M"})
    done = program.run("backup", "--job", "-", "--json", document=job)
    assert (done.status, done.summary["outcome"]) == (3, "partial")
    assert list(server.files("bucket-one")) == ["srv/small"]


def test_a_job_creates_its_bucket_when_it_says_so(
    program: Program, server: QingStorServer, source: Path
) -> None:
    (source / "file").write_bytes(b"x")
    job = _job(source, target="QingStor Backups:bucket-new")
    refused = program.run("backup", "--job", "-", "--json", document=job)
    assert (refused.status, as_object(refused.summary["error"])["code"]) == (10, "bucket_not_found")
    assert "createBucket" in refused.stderr
    done = program.run("backup", "--job", "-", "--json", document={**job, "createBucket": True})
    assert done.status == 0, done.stderr
    assert list(server.files("bucket-new")) == ["file"]


def test_absolute_includes_are_the_sources_or_narrow_them(
    program: Program, server: QingStorServer, source: Path
) -> None:
    """Pluton's plan holds places by their absolute paths."""
    for name in ("one", "two"):
        (source / name).mkdir()
        (source / name / "file").write_bytes(name.encode())
    places = [str(source / "one"), str(source / "two" / "file")]
    job = _job(source, includes=places)
    done = program.run("backup", "--job", "-", "--json", document={**job, "source": ""})
    assert done.status == 0, done.stderr
    below = str(source).lstrip("/")
    assert sorted(server.files("bucket-one")) == [f"srv/{below}/one/file", f"srv/{below}/two/file"]

    narrowed = _job(source, includes=places[1:], target="QingStor Backups:bucket-one/narrow")
    assert program.run("backup", "--job", "-", "--json", document=narrowed).status == 0
    assert [key for key in server.files("bucket-one") if key.startswith("narrow")] == ["narrow/two/file"]

    outside = program.run("backup", "--job", "-", "--json", document=_job(source, includes=["/etc"]))
    error = as_object(outside.summary["error"])
    assert (outside.status, error["code"], error["field"]) == (2, "invalid_form", "includes")


def test_a_document_with_all_that_pluton_has_beside_it(program: Program, source: Path) -> None:
    (source / "file").write_bytes(b"x")
    storage = {
        **document(settings={"upload_concurrency": 0, "connection_retries": 0}),
        "id": 7,
        "storageId": "s7",
        "authTypes": ["client"],
        "defaultPath": "",
        "createdAt": 1,
        "updatedAt": "2026-01-01T00:00:00Z",
        "tags": ["nightly"],
    }
    checked = program.run("form", "check", "--json", document=storage)
    assert checked.status == 0, checked.stderr
    advice = as_object(checked.answer["data"])["advice"]
    assert isinstance(advice, list)
    assert "retries_off" in {as_object(one)["code"] for one in advice}
    assert program.run("backup", "--job", "-", document=_job(source, storage=storage)).status == 0
