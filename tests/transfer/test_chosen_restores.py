"""Restores of some files, of files in chunks, and of buckets that hold what no directory can."""

from dataclasses import replace
from pathlib import Path

import pytest

from adapter.contract.errors import ErrorCode
from adapter.rclone.options import TransferOptions, escape
from adapter.transfer.selection import Selection
from tests.qingstor_server import QingStorServer
from tests.transfer.cases import only_long
from tests.transfer.in_process import STORAGE, TARGET, InProcess
from tests.trees import digest, make_big

BUCKET = f"{STORAGE}:bucket-one"
MIB = 1 << 20
SMALL_BUDGET = TransferOptions(memory_budget=64 * MIB)


@pytest.fixture
def chunky(machine: InProcess, source: Path, small_chunks: None) -> InProcess:
    """A machine after a backup of `deep/large` (in two chunks) and some small files beside it."""
    storing = replace(machine, settings={"upload_cutoff": "4mi"})
    (source / "deep").mkdir()
    make_big(source / "deep" / "large", 7 * MIB)
    for number in range(20):
        (source / "deep" / f"small {number}").write_bytes(b"%d" % number)
    storing.backup(source, options=SMALL_BUDGET).good()
    return storing


def _chunks(server: QingStorServer) -> list[str]:
    return sorted(name for name in server.files("bucket-one") if ".pluton_chunk." in name)


CHOICES: tuple[tuple[str, Selection, list[str]], ...] = (
    (f"{TARGET}/deep/large", Selection(), ["large"]),
    (f"{TARGET}/deep/small 7", Selection(), ["small 7"]),
    (TARGET, Selection(includes=("large",)), ["deep/large"]),
    (TARGET, Selection(includes=("/deep/*7",)), ["deep/small 17", "deep/small 7"]),
    (TARGET, Selection(excludes=("small*",)), ["deep/large"]),
    (f"{TARGET}/deep", Selection(excludes=("small 1*", "small [2-9]", "large")), ["small 0"]),
)


def test_what_was_chosen_comes_back_whole(chunky: InProcess, source: Path, tmp_path: Path) -> None:
    """A file in chunks came back as its 94 bytes of description when a path or a pattern chose it."""
    wanted = digest(source) | digest(source / "deep")
    for number, (target, selection, expected) in enumerate(CHOICES):
        out = tmp_path / f"out {number}"
        chunky.restore(out, target, selection=selection).good()
        assert digest(out) == {name: wanted[name] for name in expected}


def test_a_dry_run_counts_what_was_chosen(chunky: InProcess, tmp_path: Path) -> None:
    out = tmp_path / "out"
    for (target, selection, expected), size in zip(CHOICES[2:4], (7 * MIB, 3), strict=True):
        dry = chunky.restore(out, target, TransferOptions(dry_run=True), selection=selection).good()
        assert (dry.files_new, dry.data_added) == (len(expected), size)
    assert not out.exists()


def test_a_file_in_chunks_costs_no_download_of_its_neighbours(
    chunky: InProcess, server: QingStorServer, source: Path
) -> None:
    server.clear_requests()
    assert chunky.backup(source, options=SMALL_BUDGET).good().files_unmodified == 21

    assert server.requests("get_object") == []
    assert server.requests("put_object") == []


@pytest.mark.parametrize("number", ["002", *only_long("001")])
def test_a_missing_chunk_is_an_error_and_the_next_backup_sends_it_again(
    chunky: InProcess, server: QingStorServer, source: Path, tmp_path: Path, quick: None, number: str
) -> None:
    """rclone leaves such a file out of a restore in silence (backend/chunker, 1.75.2)."""
    (lost,) = [name for name in _chunks(server) if f".{number}_" in name]
    server.remove_object("bucket-one", lost)

    restored = chunky.restore(tmp_path / "out")
    assert restored.summary.exit_status == 3
    assert list(restored.failed) == ["deep/large"]
    assert len(digest(tmp_path / "out")) == 20
    assert chunky.verify(source).code is ErrorCode.INTEGRITY_MISMATCH

    chunky.backup(source, options=SMALL_BUDGET).good()
    chunky.verify(source).good()
    chunky.restore(tmp_path / "out").good()
    assert digest(tmp_path / "out") == digest(source)


@pytest.mark.deep
def test_a_file_that_shrinks_and_grows_again_is_right_among_leftover_chunks(
    chunky: InProcess, server: QingStorServer, source: Path, tmp_path: Path
) -> None:
    large = source / "deep" / "large"
    for number, size in enumerate((10, 13 * MIB)):
        make_big(large, size, seed=number)
        chunky.backup(source, options=SMALL_BUDGET).good()
        chunky.verify(source, download=True).good()
        chunky.restore(tmp_path / "out").good()
        assert digest(tmp_path / "out") == digest(source)
    assert len(_chunks(server)) == 5


def test_chunks_of_an_upload_that_never_ended_are_told_and_left_out(
    chunky: InProcess, server: QingStorServer, tmp_path: Path
) -> None:
    server.remove_object("bucket-one", "srv/deep/large")

    restored = chunky.restore(tmp_path / "out")
    assert list(restored.failed) == ["deep/large"]
    assert len(digest(tmp_path / "out")) == 20

    whole_bucket = chunky.restore(tmp_path / "bucket", at="bucket")
    whole_bucket.good()
    assert "chunks_without_file" in whole_bucket.warnings
    assert len(digest(tmp_path / "bucket")) == 20


def _age(server: QingStorServer) -> None:
    """Let everything in the bucket be of long ago: QingStor knows seconds only."""
    for key, one in server.files("bucket-one").items():
        server.put_object(
            "bucket-one", key, server.read_object("bucket-one", key), modified=one.modified - 60
        )


def test_a_file_that_became_a_directory_and_a_directory_that_became_a_file(
    machine: InProcess, server: QingStorServer, source: Path, tmp_path: Path
) -> None:
    """The bucket holds both, since a backup never deletes: the manifest tells, and without it the time."""
    (source / "a").write_bytes(b"a file")
    (source / "b" / "deep").mkdir(parents=True)
    (source / "b" / "deep" / "file").write_bytes(b"in a directory")
    machine.backup(source).good()
    _age(server)
    (source / "a").unlink()
    (source / "a").mkdir()
    (source / "a" / "inside").write_bytes(b"a directory now")
    (source / "b" / "deep" / "file").unlink()
    (source / "b" / "deep").rmdir()
    (source / "b").rmdir()
    (source / "b").write_bytes(b"a file now")
    machine.backup(source).good()
    machine.verify(source).good()

    restored = machine.restore(tmp_path / "out")

    restored.good()
    assert digest(tmp_path / "out") == digest(source)
    assert restored.warnings == ["foreign_objects"]
    bucket = machine.restore(tmp_path / "bucket", at="bucket")
    assert (bucket.summary.exit_status, set(bucket.failed)) == (3, {"a", "b/"})
    assert digest(tmp_path / "bucket") == digest(source)
    machine.restore(tmp_path / "a", f"{TARGET}/a").good()
    assert list(digest(tmp_path / "a")) == ["inside"]


def test_a_file_below_a_file_is_told_how_to_restore(
    machine: InProcess, server: QingStorServer, tmp_path: Path
) -> None:
    """It was `unknown`: rclone takes the parent for the file that it also is."""
    for key in ("both", "both/a [1]"):
        server.put_object("bucket-one", key, key.encode())

    refused = machine.restore(tmp_path / "out", f"{BUCKET}/both/a [1]")

    assert refused.code is ErrorCode.USAGE
    assert refused.summary.error is not None
    _, pattern, _ = refused.summary.error.hint.split("'")
    machine.restore(tmp_path / "out", BUCKET, selection=Selection(includes=(pattern,))).good()
    assert list(digest(tmp_path / "out")) == ["both/a [1]"]


@pytest.mark.parametrize("parent", ["", "deep/"])
def test_a_path_that_is_a_file_and_a_directory_is_the_file_and_says_so(
    machine: InProcess, server: QingStorServer, tmp_path: Path, parent: str
) -> None:
    """The files below it were left out without a word."""
    name = "both [1] = ü"
    for key in (f"{parent}{name}", f"{parent}{name}/deep/inside", f"{parent}{name} too"):
        server.put_object("bucket-one", key, key.encode())

    restored = machine.restore(tmp_path / "out", f"{BUCKET}/{parent}{name}")

    assert (restored.summary.exit_status, list(restored.failed)) == (3, [f"{name}/"])
    assert list(digest(tmp_path / "out")) == [name]
    machine.restore(tmp_path / "2", f"{BUCKET}/{parent}{name} too").good()
    below = Selection(includes=(f"/{parent}{escape(name)}/**",))
    machine.restore(tmp_path / "below", BUCKET, selection=below).good()
    assert list(digest(tmp_path / "below")) == [f"{parent}{name}/deep/inside"]


def test_a_directory_below_a_path_that_is_a_file_too_can_be_restored(
    machine: InProcess, server: QingStorServer, tmp_path: Path
) -> None:
    """It ended as unknown: rclone does not look for anything below an object."""
    server.put_object("bucket-one", "srv", b"a file")
    server.put_object("bucket-one", "srv/deep/inside", b"inside")

    machine.restore(tmp_path / "out", f"{TARGET}/deep").good()

    assert list(digest(tmp_path / "out")) == ["inside"]


def test_a_file_in_the_way_of_a_restore_is_named_as_the_user_knows_it(
    machine: InProcess, server: QingStorServer, tmp_path: Path
) -> None:
    server.put_object("bucket-one", "srv/taken", b"a file")
    server.put_object("bucket-one", "srv/free", b"a file")
    (tmp_path / "out" / "taken").mkdir(parents=True)
    (tmp_path / "out" / "taken" / "mine").write_bytes(b"mine")

    restored = machine.restore(tmp_path / "out")

    assert restored.summary.exit_status == 3
    assert list(restored.failed) == ["taken"]
    assert sorted(digest(tmp_path / "out")) == ["free", "taken/mine"]
