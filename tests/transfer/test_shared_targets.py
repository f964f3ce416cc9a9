"""Several sources, hosts and plans at one target."""

import os
from pathlib import Path

import pytest

from adapter.contract.errors import ErrorCode
from tests.qingstor_server import QingStorServer
from tests.transfer.cases import manifest_ids
from tests.transfer.in_process import InProcess
from tests.transfer.whole_tree import whole_tree


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """Another source."""
    other = tmp_path / "other"
    other.mkdir()
    (other / "theirs").write_bytes(b"theirs")
    return other


def test_the_target_of_another_source_is_not_written_to(
    machine: InProcess, server: QingStorServer, source: Path, other: Path
) -> None:
    (source / "mine").write_bytes(b"mine")
    machine.backup(source).good()
    before = set(server.objects("bucket-one"))
    server.clear_requests()
    refused = machine.backup(other)
    assert (refused.code, refused.summary.exit_status) == (ErrorCode.TARGET_IN_USE, 11)
    assert str(source) in str(refused.summary.error)
    assert server.requests("put_object") == []
    assert set(server.objects("bucket-one")) == before
    assert machine.backup(other, series="a plan").code is ErrorCode.TARGET_IN_USE
    machine.backup(other, "QingStor Backups:bucket-one/other").good()


def test_sources_that_share_a_target_are_both_kept(
    machine: InProcess, server: QingStorServer, source: Path, other: Path, tmp_path: Path
) -> None:
    (source / "mine").write_bytes(b"mine")
    machine.backup(source).good()
    machine.backup(other, share=True).good()
    first, second = manifest_ids(server)
    which = machine.restore(tmp_path / "which")
    assert (which.code, which.summary.exit_status) == (ErrorCode.USAGE, 2)
    assert all(text in str(which.summary.error) for text in (str(source), str(other), first, second))
    assert not (tmp_path / "which").exists()
    machine.restore(tmp_path / "newest", at="latest", owner=True).good()
    assert whole_tree(tmp_path / "newest") == whole_tree(other)
    machine.restore(tmp_path / "first", at=first, owner=True).good()
    assert whole_tree(tmp_path / "first") == whole_tree(source)
    machine.restore(tmp_path / "all", at="bucket").good()
    assert {path.name for path in (tmp_path / "all").iterdir()} == {"mine", "theirs"}
    assert machine.ls().code is ErrorCode.USAGE
    (source / "mine").write_bytes(b"edited")
    assert machine.backup(source).code is ErrorCode.TARGET_IN_USE  # the newest is the other one's
    assert machine.backup(source, share=True).good().files_changed == 1


def test_a_host_whose_name_changes_is_told_and_goes_on(
    machine: InProcess, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a container's does each day."""
    (source / "file").write_bytes(b"x")
    real = os.uname()
    for day in range(2):
        (source / f"{day}").write_bytes(b"x")
        with monkeypatch.context() as patch:
            name = f"container-{day}"
            patch.setattr(os, "uname", lambda name=name: os.uname_result((real[0], name, *real[2:])))
            done = machine.backup(source, series="photos")
        done.good()
        # On this machine the index knows; on another one it is told.
        (index,) = machine.machine.state_dir.rglob("*.sqlite")
        index.unlink()
        assert ("other_host" in done.warnings) == (day > 0)


def test_a_snapshot_whose_path_changes_is_one_series(
    machine: InProcess, server: QingStorServer, tmp_path: Path
) -> None:
    for day in range(3):
        snapshot = tmp_path / f"snapshot {day}"
        snapshot.mkdir()
        (snapshot / "file").write_bytes(b"the same")
        done = machine.backup(snapshot, series="photos").good()
        assert (done.files_new, done.files_unmodified) == ((1, 0) if day == 0 else (0, 1))
