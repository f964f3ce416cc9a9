"""Large files: parts that go up in parallel, chunks that come back as one file, bounded memory."""

import hashlib
import subprocess
from pathlib import Path

import pytest

from tests.program import Program, as_object, document
from tests.qingstor_server import Fault, FaultKind, QingStorServer, Right
from tests.trees import digest, make_big

TARGET = "QingStor Backups:bucket-one/srv"
MIB = 1 << 20


def _put_requests(server: QingStorServer) -> dict[str, int]:
    counts = server.load().counts
    return {name: counts.get(name, 0) for name in ("put_object", "upload_part", "initiate_upload")}


@pytest.mark.parametrize("concurrency", [4, pytest.param(8, marks=pytest.mark.deep)])
def test_parts_go_up_in_parallel_and_the_next_run_knows_them(
    program: Program, server: QingStorServer, tmp_path: Path, concurrency: int
) -> None:
    server.add_bucket("bucket-one")
    program.save(upload_cutoff="8mi", chunk_size="4mi", upload_concurrency=concurrency)
    source = tmp_path / "source"
    source.mkdir()
    make_big(source / "large one", 34 * MIB, seed=1)
    make_big(source / "large two", 18 * MIB, seed=2)
    (source / "small").write_bytes(b"small")
    server.add_fault(Fault(FaultKind.LATENCY, operation="upload_part", seconds=0.3))

    first = program.run("backup", source, TARGET, "--json")

    assert first.status == 0, first.stdout[-2000:]
    assert first.summary["files_new"] == 3
    assert server.load().uploads_peak >= concurrency
    stored = server.files("bucket-one")
    assert stored["srv/large one"].multipart
    for name, one in stored.items():
        assert one.md5 == _md5(source / name.removeprefix("srv/"))

    server.clear_requests()
    second = program.run("backup", source, TARGET, "--json")
    assert second.status == 0, second.stdout[-2000:]
    assert (second.summary["files_unmodified"], second.summary["data_added"]) == (3, 0)
    assert sum(_put_requests(server).values()) == 0

    _flip(source / "large two", 14 * MIB)
    third = program.run("backup", source, TARGET, "--json")
    assert third.status == 0, third.stdout[-2000:]
    assert (third.summary["files_changed"], third.summary["files_unmodified"]) == (1, 2)
    assert server.files("bucket-one")["srv/large two"].md5 == _md5(source / "large two")

    assert program.run("restore", TARGET, tmp_path / "out", "--json").status == 0
    assert digest(tmp_path / "out") == digest(source)


def test_a_lost_index_costs_reading_and_misses_nothing(
    program: Program, server: QingStorServer, tmp_path: Path
) -> None:
    server.add_bucket("bucket-one")
    program.save(upload_cutoff="8mi", upload_concurrency=4)
    make_big(tmp_path / "large", 20 * MIB)
    # The first part ends last, so rclone's MD5 is wrong for certain and not by chance.
    server.add_fault(Fault(FaultKind.LATENCY, operation="upload_part", seconds=1, times=1))
    assert program.run("backup", tmp_path / "large", TARGET, "--json").status == 0
    for index in program.directory.rglob("index/*/*.sqlite"):
        index.write_text("damaged")

    again = program.run("backup", tmp_path / "large", TARGET, "--json")
    assert again.summary["files_unmodified"] == 1
    once_more = program.run("backup", tmp_path / "large", TARGET, "--json")
    assert once_more.summary["files_unmodified"] == 1


def test_chunks_are_one_file_for_restore_and_for_the_next_backup(
    program: Program, server: QingStorServer, tmp_path: Path, rclone: Path
) -> None:
    server.add_bucket("bucket-one")
    program.save(upload_cutoff="64mi")
    source = tmp_path / "source"
    (source / "deep [down]").mkdir(parents=True)
    large = source / "deep [down]" / "large {one}.bin"
    make_big(large, 70 * MIB)
    (source / "small").write_bytes(b"small")
    budget = ("--json", "--memory-budget", "150Mi")

    first = program.run("backup", source, TARGET, *budget)

    assert first.status == 0, first.stdout[-2000:]
    assert first.summary["files_new"] == 2
    codes = [warning["code"] for warning in first.of_type("warning")]
    assert "huge_files_chunked" in codes
    names = [name for name in server.files("bucket-one") if ".pluton_chunk." in name]
    assert len(names) == 2
    assert _put_requests(server)["upload_part"] == 0

    server.clear_requests()
    second = program.run("backup", source, TARGET, *budget)
    assert second.summary["files_unmodified"] == 2
    assert sum(_put_requests(server).values()) == 0

    _flip(large, 66 * MIB)
    third = program.run("backup", source, TARGET, *budget)
    assert (third.summary["files_changed"], third.summary["files_unmodified"]) == (1, 1)

    restored = program.run("restore", TARGET, tmp_path / "out", "--json")
    assert restored.status == 0, restored.stdout[-2000:]
    assert restored.summary["files_new"] == 2
    assert digest(tmp_path / "out") == digest(source)
    chosen = program.run("restore", TARGET, tmp_path / "chosen", "--include", "small", "--json")
    assert chosen.status == 0
    assert list(digest(tmp_path / "chosen")) == ["small"]

    _restore_with_bare_rclone(program, server, rclone, tmp_path / "bare")
    assert digest(tmp_path / "bare") == digest(source)


def _restore_with_bare_rclone(
    program: Program, server: QingStorServer, rclone: Path, destination: Path
) -> None:
    """As docs/large-files.md tells."""
    conf = program.conf.read_text() + (
        "\n[whole]\ntype = chunker\nremote = QingStor Backups:bucket-one/srv\nhash_type = md5\n"
        "name_format = *.pluton_chunk.###\ntransactions = norename\n"
    )
    bare = program.directory / "bare.conf"
    bare.write_text(conf)
    subprocess.run(
        [rclone, "--config", bare, "copy", "--exclude", "/.pluton/**", "whole:", destination],
        env={"PATH": "", "HOME": str(program.directory), **server.environment()},
        check=True,
    )


def test_a_key_for_one_bucket_sends_files_of_every_kind_and_creates_nothing(
    program: Program, server: QingStorServer, tmp_path: Path
) -> None:
    server.add_bucket("bucket-one")
    server.add_key(
        "AKLIMITEDcanary00001",
        "SKlimitedcanary",
        rights={Right.LIST, Right.READ, Right.WRITE, Right.DELETE},
        buckets={"bucket-one"},
    )
    limited = document(
        access_key_id="AKLIMITEDcanary00001",
        secret_access_key="SKlimitedcanary",
        settings={"upload_cutoff": "8mi", "upload_concurrency": 2},
    )
    saved = program.run("storage", "save", "--bucket", "bucket-one", "--json", document=limited)
    assert saved.status == 0, saved.stdout
    source = tmp_path / "source"
    source.mkdir()
    make_big(source / "in parts", 20 * MIB)
    make_big(source / "in chunks", 70 * MIB)
    (source / "in one").write_bytes(b"x")

    done = program.run("backup", source, TARGET, "--json", "--memory-budget", "150Mi")

    assert done.status == 0, done.stdout[-2000:]
    assert server.requests("create_bucket") == []
    assert server.files("bucket-one")["srv/in parts"].multipart


def test_the_bucket_is_created_only_on_purpose(
    program: Program, server: QingStorServer, tmp_path: Path
) -> None:
    program.save()
    (tmp_path / "file").write_bytes(b"x")

    refused = program.run("backup", tmp_path / "file", "QingStor Backups:bucket-two", "--json")
    assert as_object(refused.summary["error"])["code"] == "bucket_not_found"
    assert server.requests("create_bucket") == []

    done = program.run(
        "backup", tmp_path / "file", "QingStor Backups:bucket-two", "--create-bucket", "--json"
    )
    assert done.status == 0, done.stdout
    assert list(server.buckets()) == ["bucket-two"]


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()


def _flip(path: Path, offset: int) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        byte = file.read(1)
        file.seek(offset)
        file.write(bytes([byte[0] ^ 1]))
