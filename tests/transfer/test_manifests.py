"""When a manifest is written, which are deleted, and what is told where that cannot be done."""

import gzip
import json
import os
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from adapter.contract.errors import ErrorCode
from adapter.contract.events import Node, Outcome
from adapter.files.index import Index
from adapter.rclone.options import TransferOptions
from adapter.runs.run import new_run_id
from adapter.transfer.manifests import next_id, superseded
from adapter.transfer.selection import Selection
from tests.program import Program, as_object
from tests.qingstor_server import Fault, FaultKind, QingStorServer, Right
from tests.transfer.cases import MANIFESTS
from tests.transfer.in_process import TARGET, InProcess


def manifests(server: QingStorServer) -> list[str]:
    """The keys of the manifests, the oldest first."""
    return sorted(key for key in server.objects("bucket-one") if key.startswith(MANIFESTS))


def lines_of(server: QingStorServer, key: str) -> list[dict[str, object]]:
    """What a manifest says."""
    text = gzip.decompress(server.read_object("bucket-one", key)).decode()
    return [json.loads(line) for line in text.splitlines()]


def test_a_manifest_is_written_when_it_says_something_new(
    machine: InProcess, server: QingStorServer, source: Path
) -> None:
    (source / "file").write_bytes(b"one")
    machine.backup(source).good()
    assert len(manifests(server)) == 1
    machine.backup(source).good()
    assert len(manifests(server)) == 1
    (source / "file").chmod(0o600)
    machine.backup(source).good()
    (source / "empty").mkdir()
    machine.backup(source).good()
    (source / "link").symlink_to("file")
    machine.backup(source).good()
    (source / "file").unlink()
    machine.backup(source).good()
    assert len(manifests(server)) == 5
    newest = lines_of(server, manifests(server)[-1])
    assert [entry["path"] for entry in newest[1:-1]] == [".", "empty", "link"]


def test_a_manifest_that_was_lost_is_written_again(
    machine: InProcess, server: QingStorServer, source: Path
) -> None:
    (source / "file").write_bytes(b"one")
    machine.backup(source).good()
    (lost,) = manifests(server)
    server.remove_object("bucket-one", lost)
    machine.backup(source).good()
    assert len(manifests(server)) == 1


def test_one_that_was_cut_in_the_bucket_is_replaced_although_nothing_has_changed(
    machine: InProcess, server: QingStorServer, source: Path, tmp_path: Path
) -> None:
    """Else every backup would be a success, and no restore."""
    (source / "file").write_bytes(b"content")
    machine.backup(source).good()
    (key,) = manifests(server)
    server.put_object("bucket-one", key, server.read_object("bucket-one", key)[:-5])

    done = machine.backup(source)

    assert "manifest_damaged" in done.warnings
    assert (done.good().files_unmodified, len(manifests(server))) == (1, 2)
    machine.restore(tmp_path / "out").good()
    assert "manifest_damaged" not in machine.backup(source).warnings


def test_a_dry_run_writes_none(machine: InProcess, server: QingStorServer, source: Path) -> None:
    (source / "file").write_bytes(b"one")
    machine.backup(source, options=TransferOptions(dry_run=True)).good()
    assert server.objects("bucket-one") == {}


def test_the_first_line_tells_of_the_run(machine: InProcess, server: QingStorServer, source: Path) -> None:
    (source / "file").write_bytes(b"one")
    (source / "left.tmp").write_bytes(b"out")
    os.mkfifo(source / "pipe")
    machine.backup(source, selection=Selection(excludes=("*.tmp",)), series="photos").good()
    header = lines_of(server, manifests(server)[0])[0]
    assert header["schema_version"] == 1
    assert (header["series"], header["sources"]) == ("photos", [str(source)])
    assert (header["patterns"], header["outcome"]) == (["exclude *.tmp"], "success")
    assert header["host"] == os.uname().nodename
    counts = as_object(header["counts"])  # type: ignore[arg-type]
    assert (counts["files"], counts["dirs"], counts["left_out"], counts["bytes"]) == (1, 1, 1, 3)


def test_one_that_cannot_be_written_is_no_success(
    machine: InProcess, server: QingStorServer, source: Path, tmp_path: Path, quick: None
) -> None:
    (source / "file").write_bytes(b"one")
    server.add_fault(Fault(FaultKind.STATUS, operation="put_object", key=f"{MANIFESTS}*"))
    done = machine.backup(source)
    assert (done.code, done.summary.exit_status) == (ErrorCode.MANIFEST_UNWRITTEN, 3)
    assert done.summary.outcome is Outcome.PARTIAL
    server.clear_faults()
    again = machine.backup(source)
    assert (again.good().files_unmodified, len(manifests(server))) == (1, 1)
    machine.restore(tmp_path / "out").good()


def test_an_index_that_lost_rows_makes_no_manifest(
    machine: InProcess, server: QingStorServer, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The files that were sent would be missing in it, and in every restore."""
    for number in range(50):
        (source / f"{number}").write_bytes(b"x" * number)
    machine.backup(source).good()
    (source / "new").write_bytes(b"new")
    with monkeypatch.context() as patch:

        def refuse(self: Index, statement: str, *_: object, **__: object) -> None:
            with self._guarded():
                raise sqlite3.OperationalError(f"database or disk is full: {statement}")

        patch.setattr(Index, "_write", refuse)
        done = machine.backup(source)
    assert (done.code, len(manifests(server))) == (ErrorCode.MANIFEST_UNWRITTEN, 1)
    again = machine.backup(source)
    assert (again.good().files_new, again.summary.files_unmodified, len(manifests(server))) == (0, 51, 2)


def test_old_ones_are_deleted_but_for_one_a_month() -> None:
    days = [f"2026{month:02}{day:02}T000000Z-00000000" for month in (5, 6, 7) for day in range(1, 29)]
    newest_first = sorted(days, reverse=True)
    deleted = set(superseded(newest_first))
    kept = [one for one in newest_first if one not in deleted]
    assert kept[:30] == newest_first[:30]
    assert kept[30:] == ["20260528T000000Z-00000000"]
    assert superseded(newest_first[:30]) == ()


def test_the_31st_is_deleted_with_its_series_only(
    machine: InProcess, server: QingStorServer, source: Path
) -> None:
    for number in range(3):
        (source / "file").write_bytes(b"%d" % number)
        machine.backup(source).good()
    (oldest, *_) = manifests(server)
    data = server.read_object("bucket-one", oldest)
    text = gzip.decompress(data).decode()
    other = text.replace(str(source), "another", 1).encode()
    for number in range(30):
        one = f"20200101T0000{number:02}Z-00000000"
        content = other if number == 5 else text.encode()
        run_id = json.loads(text.splitlines()[0])["run_id"]
        packed = gzip.compress(content.replace(run_id.encode(), one.encode(), 1))
        server.put_object("bucket-one", f"{MANIFESTS}{one}.jsonl.gz", packed)
    (source / "file").write_bytes(b"changed")
    machine.backup(source).good()
    kept = [Path(key).name[:16] for key in manifests(server)]
    assert "20200101T000005Z" in kept  # of another series
    assert len(kept) == 31


def test_a_key_that_may_not_delete_is_told_once(
    machine: InProcess, server: QingStorServer, source: Path
) -> None:
    server.add_key(
        "AKNODELETEcanary0001", "SKnodelete", rights={Right.LIST, Right.READ, Right.WRITE},
        buckets={"bucket-one"},
    )  # fmt: skip
    (source / "file").write_bytes(b"x")
    machine.backup(source).good()
    (first,) = manifests(server)
    data = gzip.decompress(server.read_object("bucket-one", first)).decode()
    run_id = json.loads(data.splitlines()[0])["run_id"]
    for number in range(40):
        one = f"20200101T0000{number:02}Z-00000000"
        packed = gzip.compress(data.replace(run_id, one, 1).encode())
        server.put_object("bucket-one", f"{MANIFESTS}{one}.jsonl.gz", packed)
    limited = replace(machine, keys=("AKNODELETEcanary0001", "SKnodelete"))
    (source / "file").write_bytes(b"y")
    told = limited.backup(source)
    told.good()
    assert "manifests_not_deleted" in told.warnings
    (source / "file").write_bytes(b"z")
    quiet = limited.backup(source)
    quiet.good()
    assert "manifests_not_deleted" not in quiet.warnings
    assert len(manifests(server)) == 43


def test_a_clock_that_was_set_back_does_not_hide_the_newest() -> None:
    run_id = new_run_id()
    assert next_id(run_id, None) == run_id
    assert next_id(run_id, "20200101T000000Z-ffffffff") == run_id
    later = next_id(run_id, "29991231T235959Z-ffffffff")
    assert later > "29991231T235959Z-ffffffff"
    assert later[-8:] == run_id[-8:]


def test_what_is_reserved_is_refused_by_name(
    machine: InProcess, server: QingStorServer, source: Path, tmp_path: Path
) -> None:
    (source / ".pluton" / "manifests").mkdir(parents=True)
    (source / ".pluton" / "manifests" / "20990101T000000Z-00000000.jsonl.gz").write_bytes(b"planted")
    (source / "deep" / ".pluton").mkdir(parents=True)
    (source / "deep" / ".pluton" / "file").write_bytes(b"mine")
    done = machine.backup(source)
    assert (done.failed, done.summary.exit_status) == ({".pluton": ErrorCode.SOURCE_UNREADABLE}, 3)
    assert len(manifests(server)) == 1
    machine.restore(tmp_path / "out").good()
    assert (tmp_path / "out" / "deep" / ".pluton" / "file").read_bytes() == b"mine"
    machine.backup(source, selection=Selection(excludes=("/.pluton/**",))).good()


def test_a_lost_index_is_made_again_and_nothing_is_sent(
    machine: InProcess, server: QingStorServer, source: Path
) -> None:
    (source / "file").write_bytes(b"x")
    (source / "directory").mkdir()
    machine.backup(source).good()
    (index,) = machine.machine.state_dir.rglob("*.sqlite")
    index.unlink()
    server.clear_requests()
    again = machine.backup(source)
    assert (again.good().files_unmodified, again.summary.dirs_unmodified) == (1, 2)
    assert server.requests("put_object") == []


def test_ls_and_the_list_of_backups(saved: Program, server: QingStorServer, source: Path) -> None:
    (source / "a").mkdir()
    (source / "a" / "file").write_bytes(b"content")
    (source / "link").symlink_to("a/file")
    assert saved.run("backup", source, TARGET).status == 0
    flat = saved.run("ls", TARGET, "--json")
    assert [(node["path"], node["type"]) for node in flat.of_type("node")] == [
        ("a", "dir"),
        ("link", "symlink"),
    ]
    deep = saved.run("ls", "-R", TARGET, "--json")
    nodes = {node["path"]: node for node in deep.of_type("node")}
    assert list(nodes) == ["a", "a/file", "link"]
    assert (nodes["a/file"]["size"], nodes["link"]["linktarget"]) == (7, "a/file")
    assert str(nodes["a/file"]["mtime"]).startswith("20")
    assert (deep.summary["total_files"], deep.summary["total_bytes"]) == (2, 7)
    inner = saved.run("ls", f"{TARGET}/a", "--json")
    assert [node["path"] for node in inner.of_type("node")] == ["file"]
    chosen = saved.run("ls", "-R", TARGET, "--include", "file", "--json")
    assert [node["path"] for node in chosen.of_type("node")] == ["a", "a/file"]
    text = saved.run("ls", "-R", TARGET)
    assert "a/file" in text.stdout
    assert "link -> a/file" in text.stdout
    runs = saved.run("runs", "list", "--remote", TARGET, "--json").answer["data"]
    rows = as_object(runs)["runs"]
    assert isinstance(rows, list)
    (row,) = rows
    assert (as_object(row)["state"], as_object(row)["files"]) == ("success", 1)
    assert saved.run("ls", f"{TARGET}/none", "--json").status == 10


@pytest.fixture
def saved(program: Program, server: QingStorServer) -> Program:
    """A program with a saved storage and a bucket `bucket-one`."""
    server.add_bucket("bucket-one")
    program.save()
    return program


def test_ls_of_the_bucket_itself(machine: InProcess, server: QingStorServer, source: Path) -> None:
    server.put_object("bucket-one", "srv/a/b", b"x")
    listed = machine.ls(at="bucket")
    nodes = {event.path: event for event in listed.events if isinstance(event, Node)}
    assert list(nodes) == ["a", "a/b"]
    assert (nodes["a/b"].size, nodes["a/b"].mode) == (1, None)
    machine.ls().good()  # without a manifest it is the same
