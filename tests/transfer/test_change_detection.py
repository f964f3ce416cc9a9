"""What a next run reads and sends: nothing that did not change, everything that did."""

import os
import random
import time
from pathlib import Path

import psutil
import pytest

from tests.program import Program
from tests.qingstor_server import QingStorServer
from tests.transfer.in_process import InProcess
from tests.transfer.watching import Watch
from tests.trees import digest, make_big, make_tree, total_size

TARGET = "QingStor Backups:bucket-one/srv"
PROGRAMS = 1 << 20
"""Bytes that rclone and its launcher read of themselves: modules, time zones, the checksum cache."""


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


def test_the_cache_spares_reading(program: Program, backed_up: Path) -> None:
    make_big(backed_up / "big", 30 << 20)
    assert program.run("backup", backed_up, TARGET, "--json").status == 0
    with_cache = _bytes_read(program, "backup", str(backed_up), TARGET, "--json")
    without = _bytes_read(program, "backup", str(backed_up), TARGET, "--json", "--reread-source")

    assert without - with_cache > total_size(backed_up) * 0.9


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


@pytest.mark.parametrize(
    "damage",
    [
        *("garbage", "directory", "unwritable"),
        *(pytest.param(damage, marks=pytest.mark.deep) for damage in ("half", "deleted")),
    ],
)
def test_a_damaged_cache_fails_nothing(
    program: Program, server: QingStorServer, backed_up: Path, damage: str
) -> None:
    (cache,) = program.directory.rglob("*hasher.bolt")
    content = cache.read_bytes()
    cache.unlink()
    if damage == "garbage":
        cache.write_bytes(b"no database " * 1000)
    elif damage == "half":
        cache.write_bytes(content[: len(content) // 2])
    elif damage == "directory":
        cache.mkdir()
    elif damage == "unwritable":
        cache.parent.rmdir()
        cache.parent.write_bytes(b"a file in the place of the directory")
    edited = backed_up / "d3" / "e3" / "file 3.bin"
    edited.write_bytes(bytes(255 - byte for byte in edited.read_bytes()))

    done = program.run("backup", backed_up, TARGET, "--json")

    assert done.status == 0, done.stdout[-2000:]
    assert done.summary["files_changed"] == 1
    assert done.summary["files_unmodified"] == len(digest(backed_up)) - 1
    assert server.read_object("bucket-one", "srv/d3/e3/file 3.bin") == edited.read_bytes()


def test_two_runs_share_a_source(program: Program, server: QingStorServer, backed_up: Path) -> None:
    server.add_bucket("bucket-two")
    targets = (TARGET, "QingStor Backups:bucket-two/srv")
    runs = [program.start("backup", backed_up, target, "--json") for target in targets]
    for run in runs:
        stdout, _ = run.communicate(timeout=120)
        assert run.returncode == 0, stdout[-2000:]
    assert len(server.objects("bucket-two")) == len(digest(backed_up))


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
    assert list(server.objects("bucket-one")) == ["srv/file"]


def _bytes_read(program: Program, *words: str) -> int:
    """What the program's rclones read of files, most of it by their last look at /proc/PID/io."""
    running = program.start(*words)
    seen: dict[int, int] = {}
    while running.poll() is None:
        for child in psutil.Process(running.pid).children():
            try:
                seen[child.pid] = max(seen.get(child.pid, 0), child.io_counters().read_chars)
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
        time.sleep(0.002)
    running.communicate()
    assert running.returncode == 0
    return sum(seen.values())
