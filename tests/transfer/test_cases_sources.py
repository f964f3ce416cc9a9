"""Case 13: sources that move, vanish, cannot be read or are not there; and places that do not let us in."""

import os
from pathlib import Path

import pytest

from adapter.contract.errors import ErrorCode
from adapter.files.catalog import open_catalog
from adapter.files.entry import entry_of
from adapter.files.hashing import is_as_listed
from tests.ordinary_user import run_as_user
from tests.program import Program
from tests.qingstor_server import QingStorServer
from tests.transfer.cases import MIXED, below, only_long
from tests.transfer.in_process import TARGET, InProcess
from tests.transfer.kept import MIB, content, kept
from tests.transfer.there_and_back import there_and_back
from tests.transfer.whole_tree import whole_tree

pytestmark = [pytest.mark.usefixtures("small_chunks", "quick"), pytest.mark.deep]


@pytest.fixture
def saved(program: Program, server: QingStorServer) -> Program:
    """The program with a storage and a bucket."""
    server.add_bucket("bucket-one")
    program.save()
    return program


@pytest.mark.parametrize("way", MIXED)
def test_a_file_that_another_one_takes_the_place_of_while_it_is_read(
    machine: InProcess, server: QingStorServer, source: Path, tmp_path: Path, way: str
) -> None:
    """As editors save: a new file of the same size and time is renamed over it."""
    both = there_and_back(machine, source, tmp_path, way)

    def replace(path: Path) -> None:
        times = path.stat()
        (tmp_path / "new").write_bytes(content("new", "chunks") * 2)
        os.utime(tmp_path / "new", ns=(times.st_atime_ns, times.st_mtime_ns))
        (tmp_path / "new").replace(path)

    both.backup_while(replace, server)
    both.restore("old").good()
    assert below(tmp_path / "old") == below(source)
    both.backup().good()
    both.check()


@pytest.mark.parametrize("way", MIXED)
def test_a_file_that_becomes_a_link_to_a_secret_or_empty_while_it_is_read(
    machine: InProcess, server: QingStorServer, source: Path, tmp_path: Path, way: str
) -> None:
    both = there_and_back(machine, source, tmp_path, way)
    (tmp_path / "secret").write_bytes(b"secret " * MIB)

    def lead_away(path: Path) -> None:
        path.unlink()
        path.symlink_to(tmp_path / "secret")

    path = both.backup_while(lead_away, server)
    assert not any(b"secret" in data for data in kept(server).values())
    path.unlink()
    both.restore("old").good()
    assert below(tmp_path / "old") == below(source)
    both.backup_while(lambda path: os.truncate(path, 0), server)
    both.restore("old").good()
    assert below(tmp_path / "old") == below(source)
    both.backup().good()
    both.check()


def test_what_a_user_may_not_read_comes_back_as_it_was(
    saved: Program, server: QingStorServer, source: Path, tmp_path: Path
) -> None:
    (source / "closed" / "deep").mkdir(parents=True)
    names = ("closed/deep/a", "closed/b", "shut", "open")
    for name in names:
        (source / name).write_bytes(b"first " + name.encode())
    assert run_as_user(saved, "backup", source, TARGET).status == 0
    for name in names:
        (source / name).write_bytes(b"second " + name.encode())
    (source / "shut").chmod(0)
    (source / "closed").chmod(0o300)
    partial = run_as_user(saved, "backup", source, TARGET, "--json")
    failed = partial.summary["failed_files"]
    assert isinstance(failed, list)
    assert partial.status == 3
    assert [(one["item"], one["code"]) for one in failed if isinstance(one, dict)] == [
        ("closed", "source_unreadable"),
        ("shut", "source_unreadable"),
    ]
    older = saved.run("restore", TARGET, tmp_path / "out", "--json")
    assert older.status == 0
    assert {"older_versions", "backup_not_whole"} <= {one["code"] for one in older.of_type("warning")}
    for name in names:
        version = b"second " if name == "open" else b"first "
        assert (tmp_path / "out" / name).read_bytes() == version + name.encode()
    (source / "shut").chmod(0o400)
    (source / "closed").chmod(0o500)
    assert run_as_user(saved, "backup", source, TARGET).status == 0
    assert saved.run("restore", TARGET, tmp_path / "out").status == 0
    assert run_as_user(saved, "restore", TARGET, tmp_path / "fresh").status == 0
    for destination in ("out", "fresh"):
        assert below(tmp_path / destination) == below(source)


@pytest.mark.parametrize("mode", [0o300, pytest.param(0, marks=pytest.mark.deep)])
def test_a_directory_that_its_owner_may_not_list_is_restored_a_second_time(
    saved: Program, source: Path, tmp_path: Path, mode: int
) -> None:
    (source / "locked").mkdir()
    (source / "locked" / "file").write_bytes(b"x")
    (source / "locked").chmod(mode)
    assert saved.run("backup", source, TARGET).status == 0
    for _ in range(2):
        assert run_as_user(saved, "restore", TARGET, tmp_path / "out").status == 0
    assert below(tmp_path / "out") == below(source)


@pytest.mark.parametrize("how", ["empty", "not there", *only_long("a link to nothing")])
def test_a_source_that_is_not_mounted_keeps_its_backup(
    machine: InProcess, source: Path, tmp_path: Path, how: str
) -> None:
    (source / "deep").mkdir()
    (source / "deep" / "file").write_bytes(b"x")
    machine.backup(source).good()
    wanted = whole_tree(source)
    source.rename(tmp_path / "aside")
    if how == "empty":
        source.mkdir()
    elif how == "a link to nothing":
        source.symlink_to(tmp_path / "nowhere")
    done = machine.backup(source)
    expected = ErrorCode.SOURCE_EMPTY if how == "empty" else ErrorCode.SOURCE_NOT_FOUND
    assert (done.code, done.summary.exit_status) == (expected, 1)
    machine.restore(tmp_path / "out", owner=True).good()
    assert whole_tree(tmp_path / "out") == wanted
    if how == "empty":
        source.rmdir()
    source.unlink(missing_ok=True)
    (tmp_path / "aside").rename(source)
    (source / "deep" / "file").write_bytes(b"y")
    assert machine.backup(source).good().files_changed == 1
    machine.restore(tmp_path / "out", owner=True).good()
    assert whole_tree(tmp_path / "out") == whole_tree(source)


def test_an_inode_above_63_bits_is_no_crash(source: Path) -> None:
    (source / "file").touch()
    found = os.lstat(source / "file")
    fields = {name: getattr(found, name) for name in dir(found) if name.startswith("st_")}
    large = os.stat_result((found.st_mode, (1 << 63) + 1, *found[2:]), fields)
    with open_catalog(None) as catalog:
        catalog.add_entries([entry_of(b"file", large, 0)])
        assert is_as_listed(large, catalog.entry(b"file"))
