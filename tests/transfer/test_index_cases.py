"""What an index must not overlook, and what it must survive (cases 6, 7 and 13 of the design)."""

import hashlib
import os
import shutil
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from adapter.contract.errors import ErrorCode
from tests.qingstor_server import Fault, FaultKind, QingStorServer
from tests.transfer.cases import only_long
from tests.transfer.in_process import InProcess
from tests.transfer.kept import MIB, content, kept, options_for, stored_in

pytestmark = pytest.mark.usefixtures("small_chunks")

WAYS = pytest.mark.parametrize("way", ["one PUT", "chunks", *only_long("parts", "parallel parts")])
_SENDING = ("put_object", "initiate_upload", "upload_part")


def _indexes(machine: InProcess) -> list[Path]:
    return sorted(machine.machine.state_dir.rglob("index/*/*.sqlite"))


def _sent(server: QingStorServer) -> int:
    counts = server.load().counts
    return sum(counts.get(operation, 0) for operation in _SENDING)


@WAYS
def test_an_edit_that_keeps_size_and_time_is_sent(
    machine: InProcess, server: QingStorServer, source: Path, way: str
) -> None:
    storing, options = stored_in(way, machine), options_for(way)
    (source / "file").write_bytes(content("one", way))
    storing.backup(source, options=options).good()
    times = (source / "file").stat()
    with (source / "file").open("r+b") as file:
        file.write(b"two")
    os.utime(source / "file", ns=(times.st_atime_ns, times.st_mtime_ns))

    assert storing.backup(source, options=options).good().files_changed == 1
    assert kept(server) == {"file": (source / "file").read_bytes()}


def test_an_edit_within_one_step_of_the_clock_is_sent(
    machine: InProcess, server: QingStorServer, source: Path
) -> None:
    """Its ctime may be the one of the version that was sent."""
    for number in range(4):
        (source / "file").write_bytes(b"%d" % number)
        machine.backup(source).good()
        assert kept(server) == {"file": b"%d" % number}


@WAYS
def test_another_machine_with_this_state_overlooks_nothing(
    machine: InProcess, server: QingStorServer, source: Path, tmp_path: Path, way: str
) -> None:
    """Two containers with one state directory, and files of the same path, size and time."""
    storing, options = stored_in(way, machine), options_for(way)
    (source / "file").write_bytes(content("one", way))
    storing.backup(source, options=options, series="name").good()
    times = (source / "file").stat()
    other = tmp_path / "other"
    other.mkdir()
    (other / "file").write_bytes(content("two", way))
    os.utime(other / "file", ns=(times.st_atime_ns, times.st_mtime_ns))

    assert storing.backup(other, options=options, series="name").good().files_changed == 1
    assert kept(server) == {"file": content("two", way)}


@WAYS
def test_an_object_that_was_replaced_or_lost_is_sent_again(
    machine: InProcess, server: QingStorServer, source: Path, way: str
) -> None:
    storing, options = stored_in(way, machine), options_for(way)
    files = {name: content(name, way) for name in ("mine", "replaced", "lost", "other")}
    for name, data in files.items():
        (source / name).write_bytes(data)
    storing.backup(source, options=options).good()
    server.put_object("bucket-one", "srv/replaced", content("by somebody else", way))
    server.remove_object("bucket-one", "srv/lost")

    again = storing.backup(source, options=options).good()

    assert again.files_unmodified == 2
    assert (again.files_new, again.files_changed) == (1, 1)
    assert kept(server) == files


@pytest.mark.parametrize("etag", ['""', '"abc-2"', "", '"d41d8cd98f00b204e9800998ecf8427e"'])
def test_an_object_whose_etag_is_no_md5_of_ours_is_never_taken_for_the_file(
    machine: InProcess, server: QingStorServer, source: Path, etag: str
) -> None:
    (source / "file").write_bytes(b"mine")
    server.put_object("bucket-one", "srv/file", b"else", etag=etag)
    assert machine.backup(source).good().files_changed == 1
    assert kept(server) == {"file": b"mine"}


def test_an_etag_of_parallel_parts_that_is_another_files_md5_proves_nothing(
    machine: InProcess, server: QingStorServer, source: Path
) -> None:
    """The index explains the ETag; the file that has this MD5 is not what is stored."""
    storing = stored_in("parallel parts", machine)
    (source / "file").write_bytes(content("one", "parallel parts"))
    storing.backup(source).good()
    wrong = content("two", "parallel parts")
    md5 = hashlib.md5(wrong, usedforsecurity=False).hexdigest()
    stored = server.read_object("bucket-one", "srv/file")
    server.put_object("bucket-one", "srv/file", stored, etag=f'"{md5}"')
    for path in _indexes(storing):
        with closing(sqlite3.connect(path)) as index, index:
            index.execute("UPDATE files SET etag = ?", (md5,))
    assert storing.backup(source).good().files_unmodified == 1
    (source / "file").write_bytes(wrong)

    assert storing.backup(source).good().files_changed == 1
    assert kept(server) == {"file": wrong}


@pytest.mark.parametrize("which", ["expired", "replaced"])
def test_one_chunk_of_several_that_is_not_ours_any_more_costs_an_upload(
    machine: InProcess, server: QingStorServer, source: Path, which: str
) -> None:
    storing, options = stored_in("chunks", machine), options_for("chunks")
    data = content("large", "chunks")
    (source / "file").write_bytes(data)
    storing.backup(source, options=options).good()
    chunks = sorted(key for key in server.files("bucket-one") if ".pluton_chunk." in key)
    assert len(chunks) == 2
    server.clear_requests()
    assert storing.backup(source, options=options).good().files_unmodified == 1
    assert server.requests("get_object") == []

    if which == "expired":
        server.remove_object("bucket-one", chunks[1])
    else:
        size = server.files("bucket-one")[chunks[1]].size
        server.put_object("bucket-one", chunks[1], b"x" * size)
    assert storing.backup(source, options=options).good().files_changed == 1
    assert kept(server) == {"file": data}


def test_old_chunks_that_may_not_be_deleted_are_told_apart_from_the_new_ones(
    machine: InProcess, server: QingStorServer, source: Path
) -> None:
    """rclone logs an error for each, and has stored the new version all the same."""
    storing, options = stored_in("chunks", machine), options_for("chunks")
    (source / "file").write_bytes(content("old", "chunks"))
    storing.backup(source, options=options).good()
    old = {key for key in server.files("bucket-one") if ".pluton_chunk." in key}
    server.add_fault(Fault(FaultKind.STATUS, operation="delete_object", status=403, code="permission_denied"))
    (source / "file").write_bytes(content("new", "chunks"))

    done = storing.backup(source, options=options)

    assert (done.good().files_changed, done.failed) == (1, {})
    assert "chunks_left_behind" in done.warnings
    assert kept(server) == {"file": content("new", "chunks")}
    assert storing.backup(source, options=options).good().files_unmodified == 1
    new = {key for key in server.files("bucket-one") if ".pluton_chunk." in key} - old
    server.remove_object("bucket-one", max(new))
    assert storing.backup(source, options=options).good().files_changed == 1
    assert kept(server) == {"file": content("new", "chunks")}


@pytest.mark.parametrize("way", ["one PUT", *only_long("parts", "parallel parts", "chunks")])
@pytest.mark.parametrize(
    "damage", ["lost", "garbage", "read-only", "locked", *only_long("cut", "directory", "another version")]
)
def test_an_index_that_cannot_be_used_costs_time_and_a_warning_but_no_file(
    machine: InProcess, server: QingStorServer, source: Path, damage: str, way: str
) -> None:
    storing, options = stored_in(way, machine), options_for(way)
    for name in ("same", "edited"):
        (source / name).write_bytes(content(name, way))
    storing.backup(source, options=options).good()
    (index,) = _indexes(storing)
    holder = None
    if damage == "lost":
        shutil.rmtree(storing.machine.state_dir / "index")
    elif damage == "garbage":
        index.write_bytes(b"no database " * 1000)
    elif damage == "cut":
        index.write_bytes(index.read_bytes()[: index.stat().st_size // 2])
    elif damage == "directory":
        index.unlink()
        index.mkdir()
    elif damage == "read-only":
        index.replace(index.with_suffix(".kept"))
        index.symlink_to(index.with_suffix(".kept"))
    elif damage == "another version":
        with closing(sqlite3.connect(index)) as connection:
            connection.execute("PRAGMA user_version = 99")
    else:
        holder = sqlite3.connect(index, isolation_level=None)
        holder.execute("BEGIN EXCLUSIVE")
    (source / "edited").write_bytes(content("EDITED", way))
    server.clear_requests()

    done = storing.backup(source, options=options)

    if holder is not None:
        holder.close()
    assert ("index_new" if damage == "lost" else "index_unusable") in done.warnings
    assert done.good().files_new == 0
    # Of parallel parts only the index knows the content, unless their ETag happens to be the MD5.
    assert done.summary.files_unmodified == 1 or way == "parallel parts"
    assert kept(server) == {name: (source / name).read_bytes() for name in ("same", "edited")}
    # The index that was locked meanwhile does not know the new objects; their ETags do not tell the content.
    sent_again = {"parallel parts": {"directory", "read-only", "locked"}, "chunks": {"locked"}}
    if damage not in sent_again.get(way, set()):
        assert storing.backup(source, options=options).good().files_unmodified == 2


@pytest.mark.parametrize(
    ("way", "retries"),
    [
        ("one PUT", 0),
        ("chunks", 3),
        *(
            pytest.param(way, retries, marks=pytest.mark.deep)
            for way, retries in (
                *(("one PUT", 3), ("chunks", 0), ("parts", 0), ("parts", 3)),
                *(("parallel parts", 0), ("parallel parts", 3)),
            )
        ),
    ],
)
def test_a_file_that_changes_while_it_is_sent_with_its_time_put_back_is_sent_again(
    machine: InProcess, server: QingStorServer, source: Path, quick: None, retries: int, way: str
) -> None:
    """rclone said Copied, and the object was half old and half new."""
    storing, options = stored_in(way, machine), options_for(way)
    storing = replace(storing, settings={**storing.settings, "connection_retries": retries})
    path = source / "file"
    path.write_bytes(content("old", "chunks") * 4)
    times = path.stat()
    operation = "upload_part" if "parts" in way else "put_object"
    server.add_fault(Fault(FaultKind.BANDWIDTH, operation=operation, bytes_per_second=24.0 * MIB))

    def edit() -> None:
        server.wait_for(operation, received=MIB)
        with path.open("r+b") as file:
            file.write(b"new")
            file.seek(-3, os.SEEK_END)
            file.write(b"new")
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))

    with ThreadPoolExecutor(1) as aside:
        editing = aside.submit(edit)
        done = storing.backup(source, options=options)
        editing.result()
    server.clear_faults()

    if not retries:
        assert (done.failed, done.summary.exit_status) == ({"file": ErrorCode.SOURCE_UNREADABLE}, 3)
        done = storing.backup(source, options=options)
        assert kept(server) == {"file": path.read_bytes()}
        return
    assert (done.good().files_new, done.summary.retries) == (1, 1)
    assert kept(server) == {"file": path.read_bytes()}
    assert storing.backup(source, options=options).good().files_unmodified == 1


def test_a_file_that_changes_all_the_time_fails_and_has_no_row(
    machine: InProcess, server: QingStorServer, source: Path, quick: None
) -> None:
    (source / "file").write_bytes(b"first")
    server.add_fault(Fault(FaultKind.LATENCY, operation="head_object", seconds=0.5))

    def edit() -> None:
        for number in (1, 2):
            server.wait_for("put_object", number, ended=True)
            (source / "file").write_bytes(b"%d" % number)

    with ThreadPoolExecutor(1) as aside:
        editing = aside.submit(edit)
        done = machine.backup(source)
        editing.result()
    assert done.failed == {"file": ErrorCode.SOURCE_UNREADABLE}
    assert done.summary.exit_status == 3
    (index,) = _indexes(machine)
    with closing(sqlite3.connect(index)) as connection:
        assert connection.execute("SELECT count(*) FROM files WHERE how <> ''").fetchone() == (0,)
    server.clear_faults()
    machine.backup(source).good()
    assert kept(server) == {"file": b"2"}
