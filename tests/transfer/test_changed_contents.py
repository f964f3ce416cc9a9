"""Edits that hide, sources that do not hold still: no success with wrong bytes, and the next run right."""

import errno
import os
import shutil
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from adapter.contract.errors import ErrorCode
from tests.qingstor_server import Fault, FaultKind, QingStorServer
from tests.transfer.cases import only_long
from tests.transfer.in_process import InProcess
from tests.transfer.kept import content
from tests.transfer.there_and_back import ThereAndBack, there_and_back
from tests.transfer.whole_tree import whole_tree

pytestmark = pytest.mark.usefixtures("small_chunks", "quick")


@pytest.fixture(params=["one PUT", *only_long("parts", "chunks")])
def both(request: pytest.FixtureRequest, machine: InProcess, source: Path, tmp_path: Path) -> ThereAndBack:
    """Files that are stored in one PUT, in parts, in chunks."""
    return there_and_back(machine, source, tmp_path, request.param)


def _edit_in_place(path: Path) -> None:
    """Other content, of the same size and time."""
    times = path.stat()
    with path.open("r+b") as file:
        file.write(b"edited in place")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def test_an_edit_that_keeps_size_and_time_comes_back(both: ThereAndBack) -> None:
    path = both.write("file", "content that is longer than the edit")
    both.change(lambda: _edit_in_place(path))


def test_edits_within_one_step_of_the_clock_come_back(
    machine: InProcess, source: Path, tmp_path: Path
) -> None:
    both = there_and_back(machine, source, tmp_path, "one PUT")
    both.write("file", "0")
    both.backup().good()
    both.restore("old").good()
    for number in range(1, 3):
        both.write("file", f"{number}")
        both.backup().good()
        both.check()


def test_two_containers_with_one_state_directory_are_not_confused(both: ThereAndBack, tmp_path: Path) -> None:
    """Each has the same path, with files of the same size and time."""
    path = both.write("file", "of the first")
    both.machine.backup(both.source, options=both.options, series="container").good()
    both.restore("old").good()
    times = path.stat()
    shutil.move(both.source, tmp_path / "first")
    both.source.mkdir()
    both.write("file", "of the other")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    both.machine.backup(both.source, options=both.options, series="container").good()
    both.check()


def test_a_file_that_changes_while_it_is_read_comes_back_as_it_is(
    both: ThereAndBack, server: QingStorServer
) -> None:
    both.backup_while(_edit_in_place, server)
    (both.place / "old").mkdir()
    both.check()


def test_a_file_that_vanishes_is_no_part_of_the_backup(
    machine: InProcess, server: QingStorServer, source: Path, tmp_path: Path
) -> None:
    both = there_and_back(machine, source, tmp_path, "one PUT")
    for name in ("a", "b", "z"):
        both.write(name, name)
    server.add_fault(Fault(FaultKind.LATENCY, operation="list_objects", seconds=0.5))

    def take_away() -> None:
        server.wait_for("list_objects")
        (source / "z").unlink()

    with ThreadPoolExecutor(1) as aside:
        taking = aside.submit(take_away)
        done = both.backup()
        taking.result()
    server.clear_faults()
    done.good()
    (tmp_path / "old").mkdir()
    restored = both.restore("fresh")
    restored.good()
    names = {path.name for path in (tmp_path / "fresh").iterdir()}
    assert names == {"a", "b"}
    both.backup().good()
    both.check()


@contextmanager
def _closed(directory: bytes) -> Iterator[None]:
    """A directory that cannot be read, by root either."""
    real = os.scandir

    def scandir(path: object) -> object:
        if isinstance(path, bytes) and path.endswith(directory):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return real(path)  # type: ignore[call-overload]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "scandir", scandir)
        yield


def test_what_cannot_be_read_comes_back_as_it_was(machine: InProcess, source: Path, tmp_path: Path) -> None:
    both = there_and_back(machine, source, tmp_path, "one PUT")
    for name in ("closed/one", "closed/deep/two", "open"):
        both.write(name, "first")
    (source / "closed" / "link").symlink_to("one")
    both.backup().good()
    before = whole_tree(source, with_root=False)
    both.write("closed/one", "second")
    both.write("open", "second")
    with _closed(b"/closed"):
        done = both.backup()
    assert (done.failed, done.summary.exit_status) == ({"closed": ErrorCode.SOURCE_UNREADABLE}, 3)
    restored = both.restore("old")
    restored.good()
    assert "older_versions" in restored.warnings
    there = whole_tree(tmp_path / "old", with_root=False)
    for path in (b"closed/one", b"closed/deep", b"closed/deep/two", b"closed/link"):
        assert there[path] == before[path]
    assert there[b"open"] == whole_tree(source)[b"open"]
    both.backup().good()
    both.check()


def test_a_disk_that_is_not_mounted_keeps_its_files_in_the_backup(
    machine: InProcess, source: Path, tmp_path: Path
) -> None:
    both = there_and_back(machine, source, tmp_path, "one PUT")
    both.write("disk/photo", "photo")
    both.write("file", "file")
    both.backup().good()
    (index,) = machine.machine.state_dir.rglob("*.sqlite")
    with closing(sqlite3.connect(index)) as connection, connection:
        connection.execute("INSERT INTO mounts VALUES (?)", (b"disk",))
    (source / "disk" / "photo").rename(tmp_path / "photo")
    done = both.backup()
    assert (done.failed, done.summary.exit_status) == ({"disk": ErrorCode.SOURCE_UNREADABLE}, 3)
    both.restore("old").good()
    assert (tmp_path / "old" / "disk" / "photo").read_bytes() == content("photo")
    (tmp_path / "photo").rename(source / "disk" / "photo")
    both.backup().good()
    both.check()
