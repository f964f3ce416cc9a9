"""What a next run reads and sends: nothing that did not change, everything that did."""

import os
import random
import time
from collections.abc import Generator, Iterable
from pathlib import Path

import pytest

from adapter.contract.events import Event
from adapter.files import hashing
from adapter.runs.run import Run
from adapter.transfer import changes, sending
from tests.program import Program
from tests.qingstor_server import QingStorServer
from tests.transfer.in_process import InProcess
from tests.transfer.watching import Watch
from tests.trees import digest, make_big, make_tree, total_size

TARGET = "QingStor Backups:bucket-one/srv"
PROGRAMS = 1 << 20
"""Bytes that rclone and its launcher read of themselves: modules, time zones."""


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The names of all files that this program reads."""
    read: list[bytes] = []
    real = hashing.hash_files

    def hash_files(
        files: Iterable[hashing.ToHash], run: Run
    ) -> Generator[Event, None, dict[bytes, str | OSError | None]]:
        files = list(files)
        read.extend(file.entry.name for file in files)
        return (yield from real(files, run))

    for module in (changes, sending):
        monkeypatch.setattr(module, "hash_files", hash_files)
    return read


@pytest.fixture
def backed_up(program: Program, server: QingStorServer, tmp_path: Path) -> Path:
    """A tree that has been backed up once."""
    server.add_bucket("bucket-one")
    program.save()
    source = tmp_path / "source"
    make_tree(source, 60)
    assert program.run("backup", source, TARGET, "--json").status == 0
    return source


@pytest.mark.parametrize(
    ("files", "size"),
    [(500, 60_000), pytest.param(20_000, 100_000, marks=pytest.mark.deep)],
    ids=["30 MB", "2 GB"],
)
def test_an_unchanged_run_hardly_reads_the_source_and_sends_listings_only(
    machine: InProcess, server: QingStorServer, source: Path, files: int, size: int
) -> None:
    content = random.Random(files).randbytes(size)
    for number in range(files):
        directory = source / f"d{number % 20}"
        directory.mkdir(exist_ok=True)
        (directory / f"{number}").write_bytes(b"%d" % number + content)
    machine.backup(source).good()

    server.clear_requests()
    with Watch() as watch:
        again = machine.backup(source).good()

    assert (again.files_unmodified, again.data_added) == (files, 0)
    counts = server.load().counts
    # rclone looks whether a root that it is given is a file: two HEADs, whatever the source holds.
    assert counts.pop("head_object", 0) <= 2
    assert set(counts) <= {"list_objects", "list_buckets"}
    assert watch.bytes_read - _received(server) < total_size(source) * 0.01 + PROGRAMS


def _received(server: QingStorServer) -> int:
    """Bytes of the server's answers, which the clients read too."""
    return sum(entry.sent for entry in server.requests())


def test_a_first_backup_reads_every_file_once(machine: InProcess, source: Path, hashed: list[bytes]) -> None:
    for number in range(8):
        make_big(source / f"{number}", 8 << 20, seed=number)
    with Watch() as watch:
        machine.backup(source).good()
    assert hashed == []
    assert watch.bytes_read < total_size(source) * 1.05 + PROGRAMS


def test_rereading_reads_everything_and_the_index_nothing(
    machine: InProcess, source: Path, hashed: list[bytes]
) -> None:
    make_tree(source, 60)
    time.sleep(0.15)  # a file that is younger than the clock's step is read once more
    machine.backup(source).good()

    machine.backup(source).good()
    assert hashed == []
    machine.backup(source, reread=True).good()
    assert len(hashed) == len(digest(source))


def test_an_edit_that_puts_the_old_time_back_is_found_by_rereading(
    program: Program, server: QingStorServer, backed_up: Path
) -> None:
    edited = backed_up / "d3" / "e3" / "file 3.bin"
    times = edited.stat()
    edited.write_bytes(bytes(255 - byte for byte in edited.read_bytes()))
    os.utime(edited, ns=(times.st_atime_ns, times.st_mtime_ns))

    done = program.run("backup", backed_up, TARGET, "--json", "--reread-source")

    assert done.summary["files_changed"] == 1
    assert server.read_object("bucket-one", "srv/d3/e3/file 3.bin") == edited.read_bytes()


def test_two_runs_share_a_source(program: Program, server: QingStorServer, backed_up: Path) -> None:
    server.add_bucket("bucket-two")
    targets = (TARGET, "QingStor Backups:bucket-two/srv")
    runs = [program.start("backup", backed_up, target, "--json") for target in targets]
    for run in runs:
        stdout, _ = run.communicate(timeout=120)
        assert run.returncode == 0, stdout[-2000:]
    assert len(server.files("bucket-two")) == len(digest(backed_up))


def test_symbolic_links_come_back_as_links(program: Program, server: QingStorServer, tmp_path: Path) -> None:
    server.add_bucket("bucket-one")
    program.save()
    source = tmp_path / "source"
    source.mkdir()
    (source / "file").write_bytes(b"x")
    (source / "link").symlink_to("file")
    (source / "dangling").symlink_to("/nowhere/at/all")

    assert program.run("backup", source, TARGET, "--json").status == 0
    assert program.run("restore", TARGET, tmp_path / "out", "--json").status == 0

    assert (tmp_path / "out" / "link").readlink() == Path("file")
    assert (tmp_path / "out" / "dangling").readlink() == Path("/nowhere/at/all")


def test_what_cannot_be_stored_is_named(program: Program, server: QingStorServer, tmp_path: Path) -> None:
    server.add_bucket("bucket-one")
    program.save()
    source = tmp_path / "source"
    source.mkdir()
    (source / "file").write_bytes(b"x")
    os.mkfifo(source / "pipe")
    deep = source
    for _ in range(6):
        deep = deep / ("d" * 200)
        deep.mkdir()
    (deep / "too deep").write_bytes(b"x")

    done = program.run("backup", source, TARGET, "--json")

    assert (done.status, done.summary["outcome"]) == (3, "partial")
    assert done.summary["files_failed"] == 1
    assert "special_file_skipped" in [warning["code"] for warning in done.of_type("warning")]
    assert list(server.files("bucket-one")) == ["srv/file"]
