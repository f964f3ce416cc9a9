"""Large files with odd names, behind filters, in dry runs, in a source that moves while it is read."""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from adapter.contract.errors import ErrorCode
from adapter.rclone.options import TransferOptions
from adapter.transfer.selection import Selection
from tests.qingstor_server import Fault, FaultKind, QingStorServer
from tests.transfer.in_process import InProcess
from tests.transfer.whole_tree import whole_tree
from tests.trees import digest, make_big

MIB = 1 << 20
PARALLEL: dict[str, object] = {"upload_cutoff": "4mi", "chunk_size": "4mi", "upload_concurrency": 3}
CHUNKS: dict[str, object] = {"upload_cutoff": "4mi"}
SENDING = ("put_object", "upload_part")


def _fill(source: Path) -> None:
    """Names that are hard to put into a list, of files above the cutoff."""
    names = (b"new\nline", b"bytes \xff", b" blank ", b"# no comment", b"[a-z]*{1,2}", b"\xe2\x80\xa8")
    for number, name in enumerate(names):
        make_big(source / os.fsdecode(name), 5 * MIB, seed=number)
        (source / os.fsdecode(name + b" small")).write_bytes(name)


@pytest.mark.parametrize(
    ("settings", "budget"), [(PARALLEL, 512 * MIB), (CHUNKS, 64 * MIB)], ids=["parts", "chunks"]
)
def test_odd_names_of_large_files(
    machine: InProcess,
    server: QingStorServer,
    source: Path,
    tmp_path: Path,
    quick: None,
    settings: dict[str, object],
    budget: int,
) -> None:
    _fill(source)
    odd = replace(machine, settings=settings)
    options = TransferOptions(memory_budget=budget)
    server.add_fault(Fault(FaultKind.STATUS, operation="put_object", times=3))

    dry = odd.backup(source, options=replace(options, dry_run=True)).good()
    assert server.files("bucket-one") == {}
    first = odd.backup(source, options=options).good()

    files = len(digest(source))
    assert (dry.files_new, first.files_new) == (files, files)
    server.clear_requests()
    second = odd.backup(source, options=options).good()
    assert second.files_unmodified == files
    assert not any(server.load().counts.get(operation) for operation in SENDING)
    assert odd.verify(source).good().files_unmodified == files
    odd.restore(tmp_path / "out").good()
    assert digest(tmp_path / "out") == digest(source)


def test_filters_hold_for_large_files_in_backup_and_verification(
    machine: InProcess, server: QingStorServer, source: Path
) -> None:
    """A verification looked at every file in parts or chunks, whatever the filters left out."""
    for name in ("wanted", "other"):
        make_big(source / name, 5 * MIB)
    for settings, budget in ((PARALLEL, 512 * MIB), (CHUNKS, 64 * MIB)):
        way = replace(machine, settings=settings)
        options = TransferOptions(memory_budget=budget)
        way.backup(source, options=options).good()
        make_big(source / "other", 6 * MIB)
        only = Selection(excludes=("other",))

        assert way.backup(source, options=options, selection=only).good().files_unmodified == 1
        assert way.verify(source, options=options, selection=only).good().files_unmodified == 1
        assert way.verify(source, options=options).code is ErrorCode.INTEGRITY_MISMATCH
        make_big(source / "other", 5 * MIB)


def test_a_file_that_grows_while_it_is_sent_is_sent_again_and_never_stored_in_half(
    machine: InProcess, server: QingStorServer, source: Path, quick: None
) -> None:
    make_big(source / "grows", 64 * MIB)
    (source / "stays").write_bytes(b"x")
    server.add_fault(Fault(FaultKind.BANDWIDTH, key="srv/grows", bytes_per_second=40.0 * MIB))

    def grow() -> None:
        server.wait_for("put_object", received=4 * MIB)
        with (source / "grows").open("ab") as file:
            file.write(b"more")

    with ThreadPoolExecutor(1) as aside:
        growing = aside.submit(grow)
        done = machine.backup(source)
        growing.result()

    assert (done.good().files_new, done.summary.retries) == (2, 1)
    assert server.read_object("bucket-one", "srv/grows") == (source / "grows").read_bytes()


def test_a_file_that_vanishes_before_it_is_read_is_gone(
    machine: InProcess, server: QingStorServer, source: Path
) -> None:
    for number in range(4):
        make_big(source / f"slow {number}", 8 * MIB)
    make_big(source / "vanishes", MIB)
    server.add_fault(Fault(FaultKind.BANDWIDTH, key="srv/slow*", bytes_per_second=8.0 * MIB))

    def take_away() -> None:
        server.wait_for("put_object", 4)
        (source / "vanishes").unlink()

    with ThreadPoolExecutor(1) as aside:
        vanishing = aside.submit(take_away)
        done = machine.backup(source)
        vanishing.result()

    assert done.good().files_new == 4
    assert "files_vanished" in done.warnings
    assert len(server.files("bucket-one")) == 4


LARGE: dict[str, dict[str, object]] = {
    "parts": {"upload_cutoff": "4mi", "chunk_size": "4mi"},
    "parallel parts": {"upload_cutoff": "4mi", "chunk_size": "4mi", "upload_concurrency": 3},
}


@pytest.mark.parametrize("way", [pytest.param("parts", marks=pytest.mark.deep), "parallel parts"])
def test_a_file_that_changes_while_its_parts_are_sent_is_sent_again(
    machine: InProcess, server: QingStorServer, source: Path, quick: None, way: str
) -> None:
    make_big(source / "changes", 40 * MIB)
    changing = replace(machine, settings=LARGE[way])
    server.add_fault(Fault(FaultKind.LATENCY, operation="upload_part", seconds=0.3))

    def change() -> None:
        server.wait_for("upload_part", 3)
        with (source / "changes").open("r+b") as file:
            for offset in (10, 39 * MIB):  # in a part that is sent already, and in one that is not
                file.seek(offset)
                file.write(b"new")

    with ThreadPoolExecutor(1) as aside:
        edit = aside.submit(change)
        done = changing.backup(source)
        edit.result()
    assert (done.good().files_new, done.summary.retries) == (1, 1)
    assert server.read_object("bucket-one", "srv/changes") == (source / "changes").read_bytes()
    assert changing.backup(source).good().files_unmodified == 1


@pytest.mark.parametrize("way", LARGE)
def test_a_large_file_that_vanishes_before_its_turn_is_gone(
    machine: InProcess, server: QingStorServer, source: Path, way: str
) -> None:
    make_big(source / "large", 20 * MIB)
    (source / "small").write_bytes(b"small")
    server.add_fault(Fault(FaultKind.LATENCY, key="srv/small", operation="put_object", seconds=2.0))

    def take_away() -> None:
        server.wait_for("put_object")
        (source / "large").unlink()

    with ThreadPoolExecutor(1) as aside:
        vanishing = aside.submit(take_away)
        done = replace(machine, settings=LARGE[way]).backup(source)
        vanishing.result()
    assert done.good().files_new == 1
    assert "files_vanished" in done.warnings


def test_a_link_and_a_file_that_rclone_takes_for_one_are_both_kept(
    machine: InProcess, server: QingStorServer, source: Path, tmp_path: Path
) -> None:
    (source / "bar.rclonelink").write_bytes(b"a file")
    (source / "bar").symlink_to("elsewhere")
    machine.backup(source).good()
    assert list(server.files("bucket-one")) == ["srv/bar.rclonelink"]
    machine.restore(tmp_path / "out").good()
    assert whole_tree(tmp_path / "out") == whole_tree(source)
