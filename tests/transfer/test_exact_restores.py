"""What a backup consists of comes back, and nothing else: every type, byte, mode and time."""

import os
import stat
from contextlib import suppress
from pathlib import Path

import pytest

from adapter.contract.errors import ErrorCode
from adapter.rclone.options import TransferOptions
from adapter.transfer.overwrite import Overwrite
from adapter.transfer.selection import Selection
from tests.program import Program
from tests.qingstor_server import Fault, FaultKind, QingStorServer
from tests.transfer.in_process import TARGET, InProcess
from tests.transfer.kept import MIB
from tests.transfer.whole_tree import whole_tree


def test_a_tree_of_everything_comes_back(machine: InProcess, source: Path, tmp_path: Path) -> None:
    (source / "a").mkdir()
    (source / "a" / "file").write_bytes(b"content")
    (source / "a" / "script").write_bytes(b"#!")
    (source / "a" / "script").chmod(0o4755)
    (source / "empty").mkdir(mode=0o700)
    (source / "link").symlink_to("a/file")
    (source / "lost").symlink_to("../nowhere")
    (source / "to a directory").symlink_to("a")
    (source / "x.rclonelink").write_bytes(b"no link")
    os.link(source / "a" / "file", source / "twin")
    os.utime(source / "a" / "file", ns=(1, 1_234_567_890_123_456_789))
    os.utime(source / "link", ns=(1, 987_654_321_000_000_001), follow_symlinks=False)
    os.utime(source / "empty", ns=(1, 123_456_789))
    machine.backup(source).good()
    restored = machine.restore(tmp_path / "out", owner=True)
    restored.good()
    assert restored.warnings == []
    assert whole_tree(tmp_path / "out") == whole_tree(source)
    again = machine.restore(tmp_path / "out", owner=True).good()
    assert again.files_new == again.files_changed == 0
    assert whole_tree(tmp_path / "out") == whole_tree(source)


@pytest.fixture
def kept_tree(machine: InProcess, source: Path) -> InProcess:
    """A backup of two files, a link and an empty directory."""
    (source / "deep" / "empty").mkdir(parents=True)
    (source / "deep" / "file").write_bytes(b"deep content")
    (source / "file").write_bytes(b"content")
    (source / "link").symlink_to("file")
    machine.backup(source).good()
    return machine


@pytest.mark.parametrize(
    ("overwrite", "is_replaced"),
    [
        (Overwrite.ALWAYS, True),
        (Overwrite.IF_CHANGED, True),
        (Overwrite.IF_NEWER, False),
        (Overwrite.NEVER, False),
    ],
)
def test_what_is_there_is_replaced_as_it_was_asked_for(
    kept_tree: InProcess, tmp_path: Path, overwrite: Overwrite, *, is_replaced: bool
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "file").write_bytes(b"newer!!")
    (out / "link").symlink_to("elsewhere")
    for path in (out / "file", out / "link"):
        os.utime(path, ns=(0, 4 * 10**18), follow_symlinks=False)
    summary = kept_tree.restore(out, overwrite=overwrite).good()
    assert (out / "file").read_bytes() == (b"content" if is_replaced else b"newer!!")
    assert str((out / "link").readlink()) == ("file" if is_replaced else "elsewhere")
    assert (out / "deep" / "file").read_bytes() == b"deep content"
    assert summary.files_unmodified == (0 if is_replaced else 2)


def test_a_name_that_is_left_as_it_is_is_not_made_a_hard_link(
    machine: InProcess, source: Path, tmp_path: Path
) -> None:
    (source / "one").write_bytes(b"content")
    os.link(source / "one", source / "two")
    machine.backup(source).good()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "two").write_bytes(b"mine")
    machine.restore(tmp_path / "out", overwrite=Overwrite.NEVER).good()
    assert (tmp_path / "out" / "two").read_bytes() == b"mine"
    machine.restore(tmp_path / "out").good()
    assert (tmp_path / "out" / "one").samefile(tmp_path / "out" / "two")


def test_names_that_are_no_hard_links_any_more_are_two_files(
    machine: InProcess, source: Path, tmp_path: Path
) -> None:
    (source / "one").write_bytes(b"content")
    os.link(source / "one", source / "two")
    machine.backup(source).good()
    machine.restore(tmp_path / "out", owner=True).good()
    (source / "two").unlink()
    (source / "two").write_bytes(b"content")
    (source / "two").chmod(0o600)
    machine.backup(source).good()
    machine.restore(tmp_path / "out", owner=True).good()
    assert whole_tree(tmp_path / "out", with_root=False) == whole_tree(source, with_root=False)


def test_a_time_beyond_all_reason_does_not_keep_a_backup_from_being_made(
    machine: InProcess, source: Path, tmp_path: Path
) -> None:
    (source / "far").write_bytes(b"x")
    (source / "long ago").write_bytes(b"y")
    os.utime(source / "far", (13_000_000_000, 13_000_000_000))
    os.utime(source / "long ago", (-2_000_000_000, -2_000_000_000))
    first = machine.backup(source)
    first.good()
    assert first.warnings.count("time_not_kept") == 1
    assert machine.backup(source).good().files_unmodified == 2
    machine.restore(tmp_path / "out").good()
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"far", "long ago"}


def test_one_that_is_older_is_replaced_by_a_newer_one(kept_tree: InProcess, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "file").write_bytes(b"older")
    os.utime(out / "file", ns=(0, 10**18))
    kept_tree.restore(out, overwrite=Overwrite.IF_NEWER).good()
    assert (out / "file").read_bytes() == b"content"


def test_a_link_to_a_directory_is_a_destination(kept_tree: InProcess, source: Path, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "out").symlink_to("real")
    kept_tree.restore(tmp_path / "out").good()
    assert whole_tree(tmp_path / "real", with_root=False) == whole_tree(source, with_root=False)


@pytest.mark.parametrize("kind", ["file", "pipe", "dangling link"])
def test_what_is_no_directory_is_no_destination(kept_tree: InProcess, tmp_path: Path, kind: str) -> None:
    out = tmp_path / "out"
    if kind == "file":
        out.write_bytes(b"mine")
    elif kind == "pipe":
        os.mkfifo(out)
    else:
        out.symlink_to("nowhere")
    for options in (TransferOptions(), TransferOptions(dry_run=True)):
        refused = kept_tree.restore(out, options=options)
        assert refused.code is ErrorCode.DESTINATION_UNWRITABLE
    assert not (tmp_path / "nowhere").exists()


def test_nothing_is_written_through_a_link_at_the_destination(
    kept_tree: InProcess, source: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    out = tmp_path / "out"
    out.mkdir()
    (out / "deep").symlink_to(outside)
    (out / "file").symlink_to(outside / "new")
    kept_tree.restore(out).good()
    assert list(outside.iterdir()) == []
    assert whole_tree(out, with_root=False) == whole_tree(source, with_root=False)


def test_what_is_in_the_way_fails_alone(kept_tree: InProcess, tmp_path: Path) -> None:
    out = tmp_path / "out"
    (out / "file" / "mine").mkdir(parents=True)
    (out / "link").mkdir()
    done = kept_tree.restore(out)
    assert (done.failed, done.summary.exit_status) == ({"file": ErrorCode.DESTINATION_UNWRITABLE}, 3)
    assert (out / "deep" / "file").read_bytes() == b"deep content"
    assert (out / "link").is_symlink()  # an empty directory gives way
    assert (out / "file" / "mine").is_dir()


def test_a_subdirectory_a_file_and_a_link_of_a_backup_are_targets(
    kept_tree: InProcess, source: Path, tmp_path: Path
) -> None:
    kept_tree.restore(tmp_path / "deep", f"{TARGET}/deep").good()
    assert whole_tree(tmp_path / "deep") == whole_tree(source / "deep")
    kept_tree.restore(tmp_path / "one", f"{TARGET}/deep/file").good()
    assert sorted(path.name for path in (tmp_path / "one").iterdir()) == ["file"]
    kept_tree.restore(tmp_path / "two", f"{TARGET}/link").good()
    assert str((tmp_path / "two" / "link").readlink()) == "file"
    missing = kept_tree.restore(tmp_path / "none", f"{TARGET}/deep/none")
    assert (missing.code, (tmp_path / "none").exists()) == (ErrorCode.PATH_NOT_FOUND, False)


def test_patterns_choose_from_the_backup(kept_tree: InProcess, tmp_path: Path) -> None:
    kept_tree.restore(tmp_path / "out", selection=Selection(includes=("deep/file",))).good()
    assert set(whole_tree(tmp_path / "out", with_root=False)) == {b"deep", b"deep/file"}


def test_without_metadata_and_in_a_dry_run_less_is_done(
    kept_tree: InProcess, source: Path, tmp_path: Path
) -> None:
    (source / "file").chmod(0o600)
    kept_tree.backup(source).good()
    kept_tree.restore(tmp_path / "out", metadata=False).good()
    assert stat.S_IMODE((tmp_path / "out" / "file").stat().st_mode) != 0o600
    dry = kept_tree.restore(tmp_path / "dry", options=TransferOptions(dry_run=True)).good()
    assert (dry.files_new, (tmp_path / "dry").exists()) == (3, False)
    again = kept_tree.restore(tmp_path / "out", options=TransferOptions(dry_run=True)).good()
    assert (again.files_new, again.files_unmodified) == (0, 3)
    assert stat.S_IMODE((tmp_path / "out" / "file").stat().st_mode) != 0o600


def test_an_older_backup_is_restored_as_far_as_it_is_there(
    kept_tree: InProcess, server: QingStorServer, source: Path, tmp_path: Path
) -> None:
    (first,) = [key for key in server.objects("bucket-one") if "/.pluton/" in key]
    (source / "deep" / "file").write_bytes(b"changed since")
    (source / "file").unlink()
    kept_tree.backup(source).good()
    run_id = Path(first).name.removesuffix(".jsonl.gz")
    done = kept_tree.restore(tmp_path / "out", at=run_id)
    assert (done.failed, done.summary.exit_status) == ({"deep/file": ErrorCode.PARTIAL}, 3)
    assert (tmp_path / "out" / "file").read_bytes() == b"content"
    assert (tmp_path / "out" / "deep" / "file").read_bytes() == b"changed since"
    newest = kept_tree.restore(tmp_path / "newest")
    newest.good()
    assert not (tmp_path / "newest" / "file").exists()
    assert newest.warnings == ["foreign_objects"]
    assert kept_tree.restore(tmp_path / "x", at="2").code is ErrorCode.USAGE
    assert kept_tree.restore(tmp_path / "x", at="1999").code is ErrorCode.PATH_NOT_FOUND


def test_a_restore_that_is_killed_leaves_whole_files_and_the_next_one_ends_it(
    program: Program, server: QingStorServer, source: Path, tmp_path: Path
) -> None:
    server.add_bucket("bucket-one")
    program.save()
    for number in range(40):
        (source / f"{number}").write_bytes(b"%d" % number * 1000)
    (source / "large").write_bytes(bytes(range(256)) * (8 * MIB // 256))
    assert program.run("backup", source, TARGET).status == 0
    out = tmp_path / "out"
    server.add_fault(Fault(FaultKind.LATENCY, operation="get_object", key="srv/*", seconds=0.05))
    server.add_fault(Fault(FaultKind.SLOW, operation="get_object", key="srv/large", bytes_per_second=4 * MIB))
    with program.start("restore", TARGET, out) as running:
        with suppress(TimeoutError):
            server.wait_for("get_object", 20, timeout=10)
        running.kill()
    wanted = whole_tree(source, with_root=False)
    left = {
        path: seen
        for path, seen in whole_tree(out, with_root=False).items()
        if b".pluton-qingstor-" not in path
    }
    assert left.items() <= wanted.items()
    assert len(left) < len(wanted)
    server.clear_faults()
    assert program.run("restore", TARGET, out).status == 0
    assert whole_tree(out, with_root=False) == wanted
