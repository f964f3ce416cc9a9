"""What the bucket does not hold as it was backed up any more is found by a restore, and named."""

import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from adapter.contract.errors import ErrorCode
from adapter.rclone.options import TransferOptions
from tests.program import Program
from tests.qingstor_server import Fault, FaultKind, QingStorServer
from tests.transfer.cases import only_long
from tests.transfer.in_process import TARGET, InProcess
from tests.transfer.kept import content
from tests.transfer.there_and_back import STORED, there_and_back
from tests.transfer.whole_tree import whole_tree

pytestmark = pytest.mark.usefixtures("small_chunks", "quick")
WAYS = pytest.mark.parametrize("way", [*STORED, *only_long("parallel parts")])


def _elsewhere(storing: InProcess, tmp_path: Path) -> InProcess:
    """Another machine, which knows nothing but the storage."""
    return replace(storing, directory=tmp_path / "another machine")


@WAYS
def test_a_flipped_byte_is_found_by_a_machine_that_knows_nothing(
    machine: InProcess, server: QingStorServer, source: Path, tmp_path: Path, way: str
) -> None:
    both = there_and_back(machine, source, tmp_path, way)
    both.write("deep/file", "content")
    both.write("fine", "fine")
    both.backup().good()
    (key,) = [
        key
        for key, one in server.files("bucket-one").items()
        if "deep/file" in key and (way != "chunks" or "chunk.002" in key) and one.size
    ][:1]
    server.flip_at_rest("bucket-one", key, 7)
    out = tmp_path / "out"
    (out / "deep").mkdir(parents=True)
    (out / "deep" / "file").write_bytes(b"mine")
    done = _elsewhere(both.machine, tmp_path).restore(out, options=both.options)
    assert done.failed == {"deep/file": ErrorCode.INTEGRITY_MISMATCH}
    assert (out / "deep" / "file").read_bytes() == b"mine"
    assert (out / "fine").read_bytes() == content("fine", way)


@WAYS
def test_another_object_and_none_are_named(
    machine: InProcess, server: QingStorServer, source: Path, tmp_path: Path, way: str
) -> None:
    both = there_and_back(machine, source, tmp_path, way)
    for name in ("lost", "replaced", "fine"):
        both.write(name, name)
    both.backup().good()
    server.remove_object("bucket-one", "srv/lost")
    server.put_object("bucket-one", "srv/replaced", b"by another program", modified=1_000_000_000.0)
    done = _elsewhere(both.machine, tmp_path).restore(tmp_path / "out", options=both.options)
    assert (done.failed["lost"], done.failed["replaced"]) == (ErrorCode.INTEGRITY_MISMATCH, ErrorCode.PARTIAL)
    assert done.summary.exit_status == 3
    out = tmp_path / "out"
    assert {path.name for path in out.iterdir()} == {"replaced", "fine"}
    assert (out / "replaced").read_bytes() == b"by another program"
    assert (out / "replaced").stat().st_mtime == 1_000_000_000


@pytest.mark.parametrize("way", ["chunks", *only_long("one PUT", "parts")])
@pytest.mark.parametrize("etag", ['"abc-2"', *only_long("", '""', '"d41d8cd98f00b204e9800998ecf8427e"')])
def test_etags_that_lie_do_not_keep_a_file_from_coming_back(
    machine: InProcess, server: QingStorServer, source: Path, tmp_path: Path, *, etag: str, way: str
) -> None:
    both = there_and_back(machine, source, tmp_path, way)
    both.write("file", "content")
    both.backup().good()
    key = next(key for key in server.files("bucket-one") if way != "chunks" or ".001_" in key)
    server.put_object("bucket-one", key, server.read_object("bucket-one", key), etag=etag)
    both.restore("old").good()
    both.check()
    both.write("file", "edited!")
    both.backup().good()
    both.check()
    key = next(key for key in server.files("bucket-one") if way != "chunks" or ".001_" in key)
    data = server.read_object("bucket-one", key)
    server.put_object("bucket-one", key, data[:-1] + b"?", etag=etag)
    assert both.restore("other").failed.keys() == {"file"}


@pytest.mark.parametrize("what", ["expired", *only_long("of another upload")])
def test_a_chunk_that_is_not_there_any_more_is_named(
    machine: InProcess, server: QingStorServer, source: Path, tmp_path: Path, what: str
) -> None:
    both = there_and_back(machine, source, tmp_path, "chunks")
    both.write("file", "content")
    both.write("fine", "fine")
    both.backup().good()
    key = next(key for key in server.files("bucket-one") if "file" in key and ".002_" in key)
    data = server.read_object("bucket-one", key)
    server.remove_object("bucket-one", key)
    if what != "expired":
        server.put_object("bucket-one", f"{key[:-4]}zzzz", data)
    done = both.restore("out")
    assert (done.failed, done.summary.exit_status) == ({"file": ErrorCode.INTEGRITY_MISMATCH}, 3)
    both.backup().good()
    (tmp_path / "old").mkdir()
    both.check()


@pytest.mark.parametrize("way", ["one PUT", *only_long("parts", "chunks")])
def test_a_file_that_could_not_be_sent_comes_back_as_it_was(
    machine: InProcess, server: QingStorServer, source: Path, tmp_path: Path, way: str
) -> None:
    both = there_and_back(machine, source, tmp_path, way)
    both.write("refused", "first")
    both.write("fine", "first")
    both.backup().good()
    before = whole_tree(source, with_root=False)
    both.write("refused", "second")
    both.write("fine", "second")
    for operation in ("put_object", "initiate_upload"):
        server.add_fault(Fault(FaultKind.STATUS, operation=operation, key="srv/refused*", status=400))
    partial = both.backup()
    assert (set(partial.failed), partial.summary.exit_status) == ({"refused"}, 3)
    older = both.restore("old")
    older.good()
    assert "older_versions" in older.warnings
    assert "backup_not_whole" in older.warnings
    now = whole_tree(tmp_path / "old", with_root=False)
    assert now[b"refused"] == before[b"refused"]
    assert now[b"fine"] == whole_tree(source)[b"fine"]
    server.clear_faults()
    both.backup().good()
    both.check()


def test_a_file_that_an_upload_destroyed_is_named_as_lost(
    machine: InProcess, server: QingStorServer, source: Path, tmp_path: Path
) -> None:
    both = there_and_back(machine, source, tmp_path, "one PUT")
    both.write("file", "first")
    both.backup().good()
    both.write("file", "second")
    server.add_fault(Fault(FaultKind.FLIP_UPLOAD, operation="put_object", key="srv/file"))
    partial = both.backup()
    assert set(partial.failed) == {"file"}
    server.clear_faults()
    lost = both.restore("out")
    assert set(lost.failed) == {"file"}
    assert lost.summary.exit_status != 0
    both.backup().good()
    (tmp_path / "old").mkdir()
    both.check()


@pytest.fixture
def saved(program: Program, server: QingStorServer) -> Program:
    """A program with a saved storage and a bucket."""
    server.add_bucket("bucket-one")
    program.save()
    return program


def _kill_in_the_middle(program: Program, server: QingStorServer, source: Path) -> None:
    """Kill a backup once two of its files are stored."""
    server.clear_requests()
    server.add_fault(Fault(FaultKind.LATENCY, operation="put_object", key="srv/z*", seconds=3))
    with program.start("backup", source, TARGET) as running:
        with suppress(TimeoutError):
            server.wait_for("put_object", 2, ended=True, timeout=10)
        running.kill()
    server.clear_faults()


def _edited(program: Program, source: Path) -> None:
    for name in ("a", "b", "z"):
        (source / name).write_bytes(b"first " + name.encode())
    assert program.run("backup", source, TARGET).status == 0
    (source / "a").write_bytes(b"second a")
    (source / "new").write_bytes(b"new")
    (source / "z").write_bytes(b"second z")


def test_after_a_kill_a_quiet_run_says_everything(
    saved: Program, server: QingStorServer, source: Path, tmp_path: Path
) -> None:
    _edited(saved, source)
    _kill_in_the_middle(saved, server, source)
    assert saved.run("backup", source, TARGET).status == 0
    assert saved.run("backup", source, TARGET).status == 0
    assert saved.run("restore", TARGET, tmp_path / "out").status == 0
    assert whole_tree(tmp_path / "out") == whole_tree(source)


def test_after_a_kill_a_restore_names_what_was_replaced(
    saved: Program, server: QingStorServer, source: Path, tmp_path: Path
) -> None:
    _edited(saved, source)
    _kill_in_the_middle(saved, server, source)
    done = saved.run("restore", TARGET, tmp_path / "out", "--json")
    assert done.status == 3
    failed = done.summary["failed_files"]
    assert isinstance(failed, list)
    assert [(one["item"], one["code"]) for one in failed if isinstance(one, dict)] == [("a", "partial")]
    found = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    assert found == {"a": b"second a", "b": b"first b", "z": b"first z"}


def test_with_nothing_but_the_form_all_comes_back(machine: InProcess, source: Path, tmp_path: Path) -> None:
    both = there_and_back(machine, source, tmp_path, "one PUT")
    both.write("deep/file", "content")
    (source / "link").symlink_to("deep/file")
    both.backup().good()
    wanted = whole_tree(source)
    another = _elsewhere(both.machine, tmp_path)
    assert another.ls().good().total_files == 2
    another.restore(tmp_path / "out", owner=True).good()
    assert whole_tree(tmp_path / "out") == wanted


def test_a_list_that_is_cut_too_early_is_named(machine: InProcess, source: Path, tmp_path: Path) -> None:
    """The manifest knows what must be there."""
    for number in range(5):
        (source / f"{number}").write_bytes(b"%d" % number)
    machine.backup(source).good()
    real = Path(sys.executable).parent / "rclone"
    cut = tmp_path / "rclone"
    cut.write_text(
        f'#!/bin/sh\ncase "$2" in *manifests) exec {real} "$@";; esac\n'
        f'case "$1" in lsf) {real} "$@" | head -n 3;; *) exec {real} "$@";; esac\n'
    )
    cut.chmod(0o755)
    done = replace(machine, rclone=str(cut)).restore(tmp_path / "out")
    there = {path.name for path in (tmp_path / "out").iterdir()}
    assert done.summary.exit_status == 3
    assert set(done.failed) == {f"{number}" for number in range(5)} - there
    assert len(there) in {2, 3}


def test_a_list_without_an_end_is_ended(
    machine: InProcess, server: QingStorServer, source: Path, tmp_path: Path
) -> None:
    (source / "file").write_bytes(b"x")
    machine.backup(source).good()
    for number in range(1100):
        server.put_object("bucket-one", f"srv/.pluton/manifests/{number:04}", b"x")
    server.configure(stuck_marker=True)
    hasty = replace(machine, settings={"connection_retries": 0})
    done = hasty.restore(tmp_path / "out", options=TransferOptions(stall_timeout_s=3))
    assert done.code in {ErrorCode.SERVER_ERROR, ErrorCode.TIMEOUT}
