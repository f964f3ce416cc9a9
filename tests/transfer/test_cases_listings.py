"""Case 14: lists of the bucket that never end, or end too early."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from adapter.contract.errors import ErrorCode
from adapter.rclone.options import TransferOptions
from tests.qingstor_server import QingStorServer
from tests.transfer.cases import below
from tests.transfer.in_process import InProcess
from tests.transfer.kept import MIB, content, options_for, stored_in
from tests.transfer.whole_tree import whole_tree

pytestmark = [pytest.mark.usefixtures("small_chunks", "quick"), pytest.mark.deep]

_RCLONE = Path(sys.executable).parent / "rclone"
_MANY = 1100
"""More than a page."""


@pytest.mark.parametrize("command", ["backup", "restore"])
def test_a_list_whose_marker_never_moves_is_ended_and_changes_nothing(
    machine: InProcess, server: QingStorServer, source: Path, tmp_path: Path, command: str
) -> None:
    (source / "file").write_bytes(b"x")
    hasty = replace(machine, settings={"connection_retries": 0})
    hasty.backup(source).good()
    (source / "file").write_bytes(b"edited")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "file").write_bytes(b"mine")
    for number in range(_MANY):
        server.put_object("bucket-one", f"srv/{number:05}", b"x")
    before = set(server.objects("bucket-one"))
    server.configure(stuck_marker=True)
    options = TransferOptions(stall_timeout_s=2)
    run = hasty.backup(source, options=options) if command == "backup" else None
    run = run or hasty.restore(tmp_path / "out", options=options)
    assert run.code in {ErrorCode.SERVER_ERROR, ErrorCode.TIMEOUT, ErrorCode.STALLED}
    assert run.summary.exit_status != 0
    assert (tmp_path / "out" / "file").read_bytes() == b"mine"
    assert set(server.objects("bucket-one")) == before
    server.configure(stuck_marker=False)
    hasty.backup(source).good()
    hasty.restore(tmp_path / "out", owner=True).good()
    assert below(tmp_path / "out") == below(source)


def _cutting(machine: InProcess, tmp_path: Path, lines: int) -> InProcess:
    """A machine whose rclone lists that many objects of the target, and ends well."""
    path = tmp_path / f"rclone-{lines}"
    path.write_text(
        f'#!/bin/sh\ncase "$2" in *manifests) exec {_RCLONE} "$@";; esac\n'
        f'case "$1" in lsf) {_RCLONE} "$@" | head -n {lines};; *) exec {_RCLONE} "$@";; esac\n'
    )
    path.chmod(0o755)
    return replace(machine, rclone=str(path))


@pytest.mark.parametrize("lines", [3, pytest.param(1, marks=pytest.mark.deep)])
def test_a_list_that_ends_too_early_never_makes_a_restore_a_success(
    machine: InProcess, source: Path, tmp_path: Path, lines: int
) -> None:
    storing, options = stored_in("chunks", machine), options_for("chunks")
    (source / "large").write_bytes(content("large", "chunks"))
    for name in ("a", "b"):
        (source / name).write_bytes(name.encode())
    (source / "link").symlink_to("a")
    storing.backup(source, options=options).good()
    done = _cutting(storing, tmp_path, lines).restore(tmp_path / "out", options=options)
    assert done.failed
    assert done.summary.exit_status in {3, 23}
    there = below(tmp_path / "out")
    names = {b"large", b"a", b"b", b"link"}
    assert {name.encode() for name in done.failed if name} | there.keys() == names
    assert {path: below(source)[path][6] for path in there} == {path: there[path][6] for path in there}
    storing.restore(tmp_path / "out", options=options, owner=True).good()
    assert below(tmp_path / "out") == below(source)


def test_a_backup_whose_list_ends_too_early_sends_more_and_loses_nothing(
    machine: InProcess, server: QingStorServer, source: Path, tmp_path: Path
) -> None:
    storing, options = stored_in("chunks", machine), options_for("chunks")
    (source / "large").write_bytes(content("large", "chunks"))
    for name in ("a", "b", "z"):
        (source / name).write_bytes(name.encode())
    storing.backup(source, options=options).good()
    (source / "b").write_bytes(b"edited")
    _cutting(storing, tmp_path, 2).backup(source, options=options).good()
    assert len(server.read_object("bucket-one", "srv/large")) < MIB
    for number in range(2):
        storing.restore(tmp_path / f"{number}", options=options, owner=True).good()
        assert whole_tree(tmp_path / f"{number}") == whole_tree(source)
        storing.backup(source, options=options).good()
