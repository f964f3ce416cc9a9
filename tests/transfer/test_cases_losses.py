"""Case 9, and bytes that are not those that were sent: named, and never taken for the file."""

from pathlib import Path

import pytest

from adapter.contract.errors import ErrorCode
from tests.qingstor_server import Fault, FaultKind, QingStorServer
from tests.transfer.cases import ALL_WAYS, MANIFESTS, MIXED, below, elsewhere, manifest_ids
from tests.transfer.in_process import InProcess
from tests.transfer.kept import content
from tests.transfer.there_and_back import there_and_back

pytestmark = [pytest.mark.usefixtures("small_chunks", "quick"), pytest.mark.deep]

WAYS = pytest.mark.parametrize("way", ALL_WAYS)


@pytest.mark.parametrize("way", MIXED)
def test_of_a_partial_run_the_old_version_or_the_loss_is_named(
    machine: InProcess, server: QingStorServer, source: Path, tmp_path: Path, way: str
) -> None:
    """One file is refused for good, one is destroyed by its upload, which rclone takes for damaged."""
    both = there_and_back(machine, source, tmp_path, way)
    for name in ("fine", "destroyed", "new and destroyed"):
        if name != "new and destroyed":
            (source / name).write_bytes(b"first")
    both.write("refused", "first")
    both.backup().good()
    both.restore("old").good()
    before = below(source)
    for name in ("fine", "destroyed", "new and destroyed"):
        (source / name).write_bytes(b"second")
    both.write("refused", "second")
    for operation in ("put_object", "initiate_upload"):
        server.add_fault(Fault(FaultKind.STATUS, operation=operation, key="srv/refused*", status=400))
    server.add_fault(Fault(FaultKind.FLIP_UPLOAD, operation="put_object", key="srv/*destroyed"))
    partial = both.backup()
    assert set(partial.failed) == {"refused", "destroyed", "new and destroyed"}
    assert partial.summary.exit_status == 3
    server.clear_faults()
    # What the old restore has already need not be fetched.
    for name, lost in (("fresh", {"destroyed"}), ("old", set[str]())):
        done = both.restore(name)
        assert (set(done.failed), done.summary.exit_status) == (lost, 3 if lost else 0)
        assert {"older_versions", "backup_not_whole"} <= set(done.warnings)
        there = below(tmp_path / name)
        assert (there[b"refused"], there[b"fine"]) == (before[b"refused"], below(source)[b"fine"])
    assert below(tmp_path / "fresh").keys() == {b"refused", b"fine"}
    assert below(tmp_path / "old")[b"destroyed"] == before[b"destroyed"]
    both.backup().good()
    both.check()


def test_the_description_of_chunks_that_cannot_be_stored_costs_the_file_and_is_named(
    machine: InProcess, server: QingStorServer, source: Path, tmp_path: Path
) -> None:
    """rclone deletes the old chunks before it writes the new description."""
    both = there_and_back(machine, source, tmp_path, "chunks")
    both.write("file", "first")
    (source / "fine").write_bytes(b"fine")
    both.backup().good()
    both.restore("old").good()
    both.write("file", "second")
    server.add_fault(Fault(FaultKind.STATUS, operation="put_object", key="srv/file", status=400))
    assert set(both.backup().failed) == {"file"}
    server.clear_faults()
    lost = both.restore("fresh")
    assert (set(lost.failed), lost.summary.exit_status) == ({"file"}, 3)
    older = both.restore("old")
    older.good()
    assert "older_versions" in older.warnings
    assert (tmp_path / "old" / "file").read_bytes() == content("first", "chunks")
    both.backup().good()
    both.check()


@WAYS
def test_a_byte_that_is_altered_on_the_way_never_comes_back_as_a_success(
    machine: InProcess, server: QingStorServer, source: Path, tmp_path: Path, way: str
) -> None:
    both = there_and_back(machine, source, tmp_path, way)
    both.write("file", "first")
    both.backup().good()
    both.restore("old").good()
    both.write("file", "second")
    for operation in ("put_object", "upload_part"):
        server.add_fault(Fault(FaultKind.FLIP_UPLOAD, operation=operation, key="srv/file*", times=1))
    done = both.backup()
    server.clear_faults()
    restored = both.restore("old")
    if way in {"one PUT", "chunks"}:
        done.good()
        restored.good()
    else:
        # Nothing tells what the server has stored of such an upload; this is found when it is read back.
        assert set(restored.failed) == {"file"}
        assert (tmp_path / "old" / "file").read_bytes() == content("first", way)
        verified = both.machine.verify(source, options=both.options, download=True)
        assert verified.failed == {"file": ErrorCode.INTEGRITY_MISMATCH}
        server.remove_object("bucket-one", "srv/file")
        both.backup().good()
    both.check()


@pytest.mark.parametrize("key", ["srv/file.*.002*", "srv/file"])
def test_a_file_in_chunks_that_is_altered_on_the_way_each_time_fails(
    machine: InProcess, server: QingStorServer, source: Path, tmp_path: Path, key: str
) -> None:
    """rclone compares neither a chunk nor the description of the chunks."""
    both = there_and_back(machine, source, tmp_path, "chunks")
    both.write("file", "content")
    (source / "fine").write_bytes(b"fine")
    server.add_fault(Fault(FaultKind.FLIP_UPLOAD, operation="put_object", key=key))
    done = both.backup()
    server.clear_faults()
    assert done.failed == {"file": ErrorCode.INTEGRITY_MISMATCH}
    assert done.summary.exit_status == 3
    again = both.backup().good()
    assert again.files_new + again.files_changed == 1
    both.check()


@WAYS
def test_a_byte_altered_in_any_object_is_found_without_an_index(
    machine: InProcess, server: QingStorServer, source: Path, tmp_path: Path, way: str
) -> None:
    """Each object in its turn: chunks and their description, or the one object."""
    both = there_and_back(machine, source, tmp_path, way)
    both.write("deep/file", "content")
    (source / "fine").write_bytes(b"fine")
    both.backup().good()
    keys = [key for key in server.files("bucket-one") if key.startswith("srv/deep/")]
    assert len(keys) == (3 if way == "chunks" else 1)
    out = tmp_path / "out"
    (out / "deep").mkdir(parents=True)
    (out / "deep" / "file").write_bytes(b"mine")
    for number, key in enumerate(keys):
        offset = server.files("bucket-one")[key].size - 2
        server.flip_at_rest("bucket-one", key, offset)
        done = elsewhere(both.machine, tmp_path / f"{number}").restore(out, options=both.options)
        assert done.failed == {"deep/file": ErrorCode.INTEGRITY_MISMATCH}, key
        assert done.summary.exit_status == 3
        assert (out / "deep" / "file").read_bytes() == b"mine"
        assert (out / "fine").read_bytes() == b"fine"
        data = server.read_object("bucket-one", key)
        server.flip_at_rest("bucket-one", key, offset)
        assert server.read_object("bucket-one", key) != data
    elsewhere(both.machine, tmp_path / "end").restore(out, options=both.options).good()


def test_a_byte_altered_in_a_manifest_costs_that_manifest_only(
    machine: InProcess, server: QingStorServer, source: Path, tmp_path: Path
) -> None:
    """Its ETag is still that of what was stored."""
    (source / "file").write_bytes(b"x")
    machine.backup(source).good()
    (source / "another").write_bytes(b"y")
    machine.backup(source).good()
    older, newest = manifest_ids(server)
    key = f"{MANIFESTS}{newest}.jsonl.gz"
    server.flip_at_rest("bucket-one", key, server.objects("bucket-one")[key].size // 2)
    another = elsewhere(machine, tmp_path)
    refused = another.restore(tmp_path / "out")
    assert (refused.code, refused.summary.exit_status) == (ErrorCode.MANIFEST_INVALID, 1)
    assert older in str(refused.summary.error)
    another.restore(tmp_path / "older", at=older).good()
    assert "manifest_damaged" in another.backup(source).warnings
    another.restore(tmp_path / "out", owner=True).good()
    assert below(tmp_path / "out") == below(source)
