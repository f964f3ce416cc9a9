"""Which files a backup is about: places, patterns, markers, file systems, and a source that is not there."""

import errno
import os
import re
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from adapter.contract.errors import ErrorCode
from adapter.transfer.selection import Selection
from tests.program import Program, as_object
from tests.qingstor_server import QingStorServer
from tests.transfer.cases import only_long
from tests.transfer.in_process import EVERYTHING, TARGET, InProcess, Ran
from tests.transfer.kept import content, kept, options_for, stored_in

pytestmark = pytest.mark.usefixtures("small_chunks")


def _write(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(name.encode())


def _put(server: QingStorServer) -> set[str]:
    """The files that were sent since the log was cleared, in whatever way."""
    sent = [*server.requests("put_object"), *server.requests("initiate_upload")]
    server.clear_requests()
    keys = (entry.key.removeprefix("srv/") for entry in sent)
    return {re.sub(r"\.pluton_chunk\..*", "", key) for key in keys if not key.startswith(".pluton/")}


def _said(warnings: list[dict[str, object]], code: str) -> str:
    return " ".join(str(warning["message"]) for warning in warnings if warning["code"] == code)


@pytest.fixture
def saved(program: Program, server: QingStorServer) -> Program:
    """The program with a storage and a bucket."""
    server.add_bucket("bucket-one")
    program.save()
    return program


@pytest.mark.parametrize("way", ["one PUT", *only_long("parts", "parallel parts", "chunks")])
def test_only_what_is_new_or_changed_is_sent_whatever_was_looked_at_in_between(
    machine: InProcess, server: QingStorServer, source: Path, tmp_path: Path, way: str
) -> None:
    machine, options = stored_in(way, machine), options_for(way)
    for name in ("a.txt", "b.bin", "deep/c.txt", "deep/d.bin", "empty/e"):
        _write(source, name)
        (source / name).write_bytes(content(name, way))

    def back_up(selection: Selection = EVERYTHING) -> Ran:
        return machine.backup(source, options=options, selection=selection)

    back_up().good()
    assert _put(server) == {"a.txt", "b.bin", "deep/c.txt", "deep/d.bin", "empty/e"}
    (source / "a.txt").rename(source / "renamed.txt")
    (source / "b.bin").unlink()
    (source / "empty" / "e").unlink()
    (source / "deep" / "c.txt").write_bytes(content("changed c", way))
    (source / "deep" / "d.bin").write_bytes(content("changed d", way))

    only = back_up(Selection(includes=("*.txt",)))
    assert (only.good().total_files, _put(server)) == (2, {"renamed.txt", "deep/c.txt"})
    (tmp_path / "list").write_text("# these\n/deep/d.bin\nnone\n")
    listed = back_up(Selection(files_from=tmp_path / "list"))
    assert (listed.good().total_files, _put(server)) == (1, {"deep/d.bin"})
    assert "pattern_unused" in listed.warnings
    assert (back_up().good().files_unmodified, _put(server)) == (3, set())

    without = back_up(Selection(excludes=("/deep/**",)))
    assert (without.good().total_files, _put(server)) == (1, set())
    # What an exclude hid is compared by its content once, and not sent, if the ETag tells the content: of
    # parallel parts only by luck.
    stored = server.files("bucket-one")
    hidden = (
        {
            name
            for name in ("deep/c.txt", "deep/d.bin")
            if stored[f"srv/{name}"].etag != stored[f"srv/{name}"].md5
        }
        if way == "parallel parts"
        else set()
    )
    assert back_up().good().total_files == 3
    assert _put(server) == hidden
    there = kept(server)
    assert {name: there[name] for name in hidden} == {name: (source / name).read_bytes() for name in hidden}


@pytest.mark.parametrize("how", ["options", "job", "state below the source"])
def test_an_exclude_is_not_undone_by_an_include(
    saved: Program, server: QingStorServer, tmp_path: Path, how: str
) -> None:
    """The excluded file was copied, in four passes, and the run ended with exit 3."""
    source = saved.directory if how == "state below the source" else tmp_path / "source"
    _write(source, "in.txt", "tmp/out.txt", "other.bin")
    words = ("backup", str(source), TARGET, "--include", "*.txt", "--exclude", "/tmp/**", "--json")
    if how == "job":
        job = {
            "source": str(source),
            "target": TARGET,
            "includes": ["*.txt"],
            "excludes": [f"{source}/tmp"],
        }
        done = saved.run("backup", "--job", "-", "--json", document=job)
    else:
        done = saved.run(*words)
    assert done.status == 0, done.stderr
    assert (done.summary["files_new"], done.summary["retries"]) == (1, 0)
    assert list(kept(server)) == ["in.txt"]


def test_rules_of_a_job_stand_after_its_patterns(
    saved: Program, server: QingStorServer, tmp_path: Path
) -> None:
    _write(tmp_path / "source", "a.txt", "a.bak", "deep/b.txt", "deep/b.bak", "x.log")
    job = {
        "source": str(tmp_path / "source"),
        "target": TARGET,
        "excludes": ["x.log", "no such name"],
        "filters": ["+ /deep/*.bak", "- *.bak"],
    }
    done = saved.run("backup", "--job", "-", "--json", document=job)
    assert done.status == 0, done.stderr
    assert set(kept(server)) == {"a.txt", "deep/b.txt", "deep/b.bak"}
    assert "no such name" in _said(done.of_type("warning"), "pattern_unused")  # type: ignore[arg-type]


def test_options_that_leave_directories_out(saved: Program, server: QingStorServer, tmp_path: Path) -> None:
    source = tmp_path / "source"
    _write(source, "a", "cache/.nobackup", "cache/b", "c d/e", "c d/f")
    done = saved.run(
        *("backup", source, TARGET, "--exclude-if-present", ".nobackup", "--one-file-system", "--json")
    )
    assert (done.status, set(kept(server))) == (0, {"a", "c d/e", "c d/f"})
    (tmp_path / "list").write_bytes(b"c d/f\r\n\n; no\n  a  \n")
    done = saved.run("backup", source, f"{TARGET}2", "--files-from", tmp_path / "list", "--json")
    assert (done.status, set(kept(server, "srv2/"))) == (0, {"a", "c d/f"})
    wrong = saved.run("backup", source, TARGET, "--exclude-if-present", "a/b", "--json")
    assert (wrong.status, as_object(wrong.summary["error"])["code"]) == (2, "usage")


def test_a_source_that_is_empty_while_the_target_is_not_changes_nothing(
    saved: Program, server: QingStorServer, tmp_path: Path
) -> None:
    """As when its disk is not mounted."""
    source = tmp_path / "source"
    source.mkdir()
    first = saved.run("backup", source, TARGET, "--json")
    assert first.status == 0
    assert _said(first.of_type("warning"), "source_empty")  # type: ignore[arg-type]
    _write(source, "file")
    assert saved.run("backup", source, TARGET, "--json").status == 0
    (source / "file").unlink()

    for words in ((), ("--dry-run",)):
        empty = saved.run("backup", source, TARGET, "--json", *words)
        assert (empty.status, as_object(empty.summary["error"])["code"]) == (1, "source_empty")
    assert saved.run("backup", source, TARGET, "--json", "--allow-empty").status == 0
    assert list(kept(server)) == ["file"]
    _write(source, "file")
    assert saved.run("backup", source, TARGET).status == 0
    hidden = saved.run("backup", source, TARGET, "--json", "--exclude", "*")
    assert as_object(hidden.summary["error"])["code"] == "source_empty"


def test_a_mount_point_that_is_empty_now_is_no_success(
    machine: InProcess, server: QingStorServer, source: Path
) -> None:
    _write(source, "file", "disk/photo")
    machine.backup(source).good()
    (index,) = machine.machine.state_dir.rglob("*.sqlite")
    with closing(sqlite3.connect(index)) as connection, connection:
        connection.execute("INSERT INTO mounts VALUES (?)", (b"disk",))
    (source / "disk" / "photo").rename(source / "photo")

    for _ in range(2):  # until somebody does something about it
        done = machine.backup(source)
        assert (done.failed, done.summary.exit_status) == ({"disk": ErrorCode.SOURCE_UNREADABLE}, 3)
    (source / "photo").rename(source / "disk" / "photo")
    server.clear_requests()
    assert machine.backup(source).good().files_unmodified == 2
    assert _put(server) == set()
    shutil.rmtree(source / "disk")
    machine.backup(source).good()


def test_a_directory_that_cannot_be_read_is_not_taken_for_an_empty_one(
    machine: InProcess, server: QingStorServer, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _write(source, "file", "closed/one", "closed/deep/two")
    machine.backup(source).good()
    real = os.scandir

    def scandir(path: object) -> object:
        if isinstance(path, bytes) and path.endswith(b"/closed"):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return real(path)  # type: ignore[call-overload]

    with monkeypatch.context() as patch:
        patch.setattr(os, "scandir", scandir)
        done = machine.backup(source)
    assert (done.failed, done.summary.exit_status) == ({"closed": ErrorCode.SOURCE_UNREADABLE}, 3)
    assert "Permission denied" in str(done.summary.error)
    server.clear_requests()
    # What was below it is still known: nothing is sent.
    assert machine.backup(source).good().files_unmodified == 3
    (index,) = machine.machine.state_dir.rglob("*.sqlite")
    with closing(sqlite3.connect(index)) as connection:
        assert connection.execute("SELECT count(*) FROM files WHERE how <> ''").fetchone() == (3,)
    assert _put(server) == set()


def test_inodes_that_change_by_themselves_cost_reading_and_can_be_ignored(
    machine: InProcess, server: QingStorServer, source: Path, tmp_path: Path
) -> None:
    """As on a snapshot, which is a new file system each day, at another path."""
    for number in range(120):
        _write(source, f"{number}")
    machine.backup(source, series="photos").good()
    snapshot = tmp_path / "snapshot"
    shutil.copytree(source, snapshot)
    server.clear_requests()

    read = machine.backup(snapshot, series="photos")
    assert (read.good().files_unmodified, _put(server)) == (120, set())
    assert "inodes_change" in read.warnings
    another = tmp_path / "another"
    shutil.copytree(snapshot, another)
    for path in another.iterdir():
        os.utime(path, ns=(1, 10**18))
    machine.backup(another, series="photos").good()
    third = tmp_path / "third"
    shutil.copytree(another, third)
    ignored = machine.backup(third, series="photos", ignore_inode=True)
    assert (ignored.good().files_unmodified, "inodes_change" in ignored.warnings) == (120, False)


def test_a_bucket_of_an_older_version_is_compared_once_and_not_sent_again(
    machine: InProcess, server: QingStorServer, source: Path
) -> None:
    for name in ("one", "two", "changed"):
        _write(source, name)
        server.put_object("bucket-one", f"srv/{name}", name.encode())
    (machine.machine.state_dir / "uploads").mkdir()
    (machine.machine.state_dir / "uploads" / "old.json").write_text("{}")
    (source / "changed").write_bytes(b"CHANGED")

    first = machine.backup(source)
    assert (first.good().files_unmodified, _put(server)) == (2, {"changed"})
    assert first.warnings.count("index_new") == 1
    second = machine.backup(source)
    assert (second.good().files_unmodified, "index_new" in second.warnings) == (3, False)
