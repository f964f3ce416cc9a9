"""Whatever goes wrong, every listed file ends as new, changed, unchanged, failed or gone, by its name."""

import os
import random
import sqlite3
import stat
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from adapter.contract.errors import ErrorCode
from adapter.contract.events import Outcome
from adapter.rclone.options import TransferOptions
from tests.qingstor_server import Fault, FaultKind, Moment, QingStorServer
from tests.transfer.cases import only_long
from tests.transfer.in_process import InProcess, Ran
from tests.transfer.kept import content, kept, options_for, stored_in

pytestmark = pytest.mark.usefixtures("small_chunks")

_RCLONE = Path(sys.executable).parent / "rclone"


def _is_settled(done: Ran, *listed: int) -> None:
    """Fail unless all files, so many there may be, are accounted for; a success is only what misses none."""
    summary = done.summary
    assert summary.total_files in listed
    known = summary.files_new + summary.files_changed + summary.files_unmodified + summary.files_failed
    gone = summary.total_files - known
    assert gone >= 0
    assert (gone > 0) == ("files_vanished" in done.warnings)
    if done.code is not ErrorCode.MANIFEST_UNWRITTEN:
        assert (summary.outcome is Outcome.SUCCESS) == (summary.files_failed == 0)


def _wrapped(tmp_path: Path, script: str) -> Path:
    """An rclone that does something besides."""
    path = tmp_path / "wrapped" / "rclone"
    path.parent.mkdir()
    path.write_text(f'#!/bin/sh\n{script}\nexec {_RCLONE} "$@"\n')
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def _using(machine: InProcess, rclone: Path) -> InProcess:
    return replace(machine, variables={**machine.variables, "PLUTON_QINGSTOR_RCLONE": str(rclone)})


def test_a_dry_run_in_disguise_is_no_success(
    machine: InProcess, server: QingStorServer, source: Path, tmp_path: Path, quick: None
) -> None:
    (source / "file").write_bytes(b"x")
    done = _using(machine, _wrapped(tmp_path, "export RCLONE_DRY_RUN=1")).backup(source)
    assert (done.summary.exit_status, done.code) == (1, ErrorCode.UNKNOWN)
    assert "dry run" in str(done.summary.error)
    assert list(done.failed) == ["file"]
    assert server.files("bucket-one") == {}


def test_an_upload_that_stores_nothing_is_the_servers_error(
    machine: InProcess, server: QingStorServer, source: Path, quick: None
) -> None:
    """201 to the PUT and 404 to the HEAD after it: that was told as a path that does not exist, exit 10."""
    server.configure(drops_bodies=True)
    for name in ("one", "two"):
        (source / name).write_bytes(b"x")
    done = machine.backup(source)
    assert done.failed == dict.fromkeys(("one", "two"), ErrorCode.SERVER_ERROR)
    assert (done.summary.exit_status, done.code) == (1, ErrorCode.SERVER_ERROR)


@pytest.mark.parametrize("way", ["one PUT", *only_long("parts", "chunks")])
def test_an_object_that_is_not_found_after_its_upload_is_the_servers_error(
    machine: InProcess, server: QingStorServer, source: Path, quick: None, way: str
) -> None:
    (source / "file").write_bytes(content("x", way))
    server.add_fault(
        Fault(
            FaultKind.STATUS, operation="head_object", key="srv/file*", status=404, code="object_not_exists"
        )
    )
    done = stored_in(way, machine).backup(source, options=options_for(way))
    assert done.failed == {"file": ErrorCode.SERVER_ERROR}


@pytest.mark.parametrize(
    "ending", ["kill -9 $$", "exit 0", *only_long("kill -TERM $$", "exit 2", "echo 'panic: x' >&2; exit 2")]
)
def test_an_rclone_that_ends_before_its_work_fails_every_file_and_deletes_nothing(
    machine: InProcess, server: QingStorServer, source: Path, tmp_path: Path, quick: None, ending: str
) -> None:
    """A crash was taken for a damaged cache: counts doubled, and the cache was deleted."""
    for number in range(5):
        (source / f"{number}").write_bytes(b"x")
    machine.backup(source).good()
    (source / "0").write_bytes(b"changed")
    broken = _wrapped(tmp_path, f'case "$1" in copy) {ending};; esac')

    done = _using(machine, broken).backup(source)

    assert list(done.failed) == ["0"]
    assert (done.summary.files_unmodified, done.summary.files_new) == (4, 0)
    _is_settled(done, 5)
    (index,) = machine.machine.state_dir.rglob("*.sqlite")
    with closing(sqlite3.connect(index)) as connection:
        assert connection.execute("SELECT count(*) FROM files WHERE how <> ''").fetchone() == (5,)
    assert machine.backup(source).good().files_changed == 1


def test_a_file_that_stalls_a_run_is_named_and_holds_up_no_other(
    machine: InProcess, server: QingStorServer, source: Path, quick: None
) -> None:
    """It stalled the run as often as it was tried again, and was not named."""
    for number in range(30):
        (source / f"{number:02}").write_bytes(b"x")
    server.add_fault(Fault(FaultKind.HANG, operation="put_object", key="srv/03"))
    server.add_fault(Fault(FaultKind.LATENCY, operation="list_objects", seconds=0.1))
    options = TransferOptions(stall_timeout_s=1.5, transfers=1)
    done = replace(machine, settings={"connection_retries": 2}).backup(source, options=options)
    assert done.failed == {"03": ErrorCode.STALLED}
    assert (done.summary.exit_status, done.summary.files_new) == (3, 29)
    assert done.summary.retries == 2
    _is_settled(done, 30)


def test_a_list_that_never_ends_is_ended(
    machine: InProcess, server: QingStorServer, source: Path, quick: None
) -> None:
    for number in range(1500):
        server.put_object("bucket-one", f"srv/{number:04}", b"x")
    (source / "0001").write_bytes(b"x")
    server.configure(stuck_marker=True)
    done = machine.backup(source)
    assert done.code is ErrorCode.SERVER_ERROR
    assert "without an end" in str(done.summary.error)


def test_a_file_that_becomes_a_directory_and_one_behind_a_link_are_gone(
    machine: InProcess, server: QingStorServer, source: Path
) -> None:
    """The first was told as a destination that cannot be written; rclone is silent about the second."""
    for name in ("slow", "file", "deep/inside"):
        (source / name).parent.mkdir(exist_ok=True)
        (source / name).write_bytes(b"x")
    server.add_fault(Fault(FaultKind.LATENCY, operation="list_objects", seconds=1.0, skip=1))

    def change() -> None:
        server.wait_for("list_objects", 2)
        (source / "file").unlink()
        (source / "file").mkdir()
        (source / "deep").rename(source / "moved")
        (source / "deep").symlink_to("moved")

    with ThreadPoolExecutor(1) as aside:
        changing = aside.submit(change)
        done = machine.backup(source)
        changing.result()
    _is_settled(done, 3)
    assert done.failed == {}


def _first_version(source: Path, chance: random.Random) -> list[str]:
    """Write many small files and a large one; return the names of the small ones."""
    names = [f"d{number % 5}/{number}" for number in range(60)]
    for name in names:
        (source / name).parent.mkdir(exist_ok=True)
        (source / name).write_bytes(name.encode() * chance.randrange(1, 400))
    (source / "large").write_bytes(chance.randbytes(5 << 20))
    return names


def _fault(chance: random.Random) -> Fault:
    """Answers that are refused, or lost before or after the work is done."""
    return Fault(
        chance.choice([FaultKind.STATUS, FaultKind.RESET]),
        operation=chance.choice(["put_object", "head_object", "upload_part", "list_objects"]),
        moment=chance.choice(list(Moment)),
        skip=chance.randrange(1, 20),
        times=chance.randrange(1, 8),
    )


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.deep) for seed in range(1, 40))])
def test_generated_faults(
    machine: InProcess, server: QingStorServer, source: Path, quick: None, seed: int
) -> None:
    """rclone killed, answers lost or refused, files that vanish or change while it all goes on."""
    chance = random.Random(seed)
    way = chance.choice(["one PUT", "parts", "parallel parts", "chunks"])
    storing, options = stored_in(way, machine), options_for(way)
    storing = replace(storing, settings={**storing.settings, "connection_retries": 1})
    names = _first_version(source, chance)
    storing.backup(source, options=options).good()
    for name in chance.sample(names, 30):
        (source / name).write_bytes(chance.randbytes(chance.randrange(1, 3000)))
    for number in range(20):
        (source / f"new {number}").write_bytes(b"%d" % number)
    for _ in range(chance.randrange(1, 4)):
        server.add_fault(_fault(chance))
    server.add_fault(Fault(FaultKind.LATENCY, operation="put_object", seconds=0.01))
    kills, vanishing, when = chance.random() < 0.5, chance.sample(names, 5), chance.randrange(61, 80)

    def disturb() -> None:
        with suppress(TimeoutError):
            server.wait_for("put_object", when, timeout=5)
        for name in vanishing:
            (source / name).unlink()
        for child in psutil.Process().children() if kills else ():
            with suppress(psutil.Error):
                if "copy" in child.cmdline():
                    child.kill()

    with ThreadPoolExecutor(1) as aside:
        disturbing = aside.submit(disturb)
        done = storing.backup(source, options=options)
        disturbing.result()

    if done.summary.total_files is None:
        assert done.summary.exit_status != 0  # the list could not be made
    else:
        most = len(names) + 21
        _is_settled(done, *range(most - len(vanishing), most + 1))  # some may be gone before the walk
    server.clear_faults()
    storing.backup(source, options=options).good()
    there = kept(server)
    files = {os.path.relpath(path, source): path for path in source.rglob("*") if path.is_file()}
    assert {name: there.get(name) for name in files} == {
        name: path.read_bytes() for name, path in files.items()
    }
