"""What a restore brings back is what was stored, or it says so: nothing damaged passes for good."""

from dataclasses import replace
from pathlib import Path

import pytest

from adapter.contract.errors import ErrorCode
from rclone_conf.values import MIB
from tests.qingstor_server import Fault, FaultKind, QingStorServer
from tests.transfer.in_process import InProcess
from tests.trees import make_big

PARALLEL: dict[str, object] = {"upload_cutoff": "4mi", "chunk_size": "4mi", "upload_concurrency": 3}


@pytest.mark.parametrize("settings", [{}, PARALLEL], ids=["one put", "parallel parts"])
def test_what_was_altered_at_rest_is_never_handed_out(
    machine: InProcess,
    server: QingStorServer,
    source: Path,
    tmp_path: Path,
    quick: None,
    settings: dict[str, object],
) -> None:
    way = replace(machine, settings=settings)
    make_big(source / "file", 10 * MIB)
    way.backup(source).good()
    server.flip_at_rest("bucket-one", "srv/file", 5 * MIB)
    there = tmp_path / "out"
    there.mkdir()
    (there / "file").write_bytes(b"mine")

    done = way.restore(there)

    assert (done.failed, done.summary.exit_status) == ({"file": ErrorCode.INTEGRITY_MISMATCH}, 23)
    assert {path.name: path.read_bytes() for path in there.iterdir()} == {"file": b"mine"}


@pytest.mark.parametrize("settings", [{}, PARALLEL], ids=["one put", "parallel parts"])
def test_a_byte_altered_on_the_way_back_costs_one_download(
    machine: InProcess,
    server: QingStorServer,
    source: Path,
    tmp_path: Path,
    quick: None,
    settings: dict[str, object],
) -> None:
    way = replace(machine, settings=settings)
    make_big(source / "file", 10 * MIB)
    way.backup(source).good()
    server.add_fault(Fault(FaultKind.FLIP_DOWNLOAD, operation="get_object", key="srv/file", times=1))
    there = tmp_path / "out"
    there.mkdir()
    (there / "file").write_bytes(b"mine")

    summary = way.restore(there).good()

    # Once as usual and once more by itself: no whole pass is repeated for it.
    assert len([one for one in server.requests("get_object") if one.path.endswith("/srv/file")]) == 2
    assert [path.name for path in there.iterdir()] == ["file"]
    assert (there / "file").read_bytes() == (source / "file").read_bytes()
    assert min(summary.files_new, summary.files_changed) >= 0
