"""Case 11: what others have put into the bucket. Nothing is written outside the destination."""

import os
from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path

import pytest

from adapter.contract.errors import ErrorCode
from tests.qingstor_server import QingStorServer
from tests.transfer.cases import MANIFESTS, below, manifest_ids
from tests.transfer.forged import FORGED, forge
from tests.transfer.in_process import InProcess

pytestmark = pytest.mark.deep


def _all_but(place: Path, *names: str) -> set[Path]:
    return {path for path in place.rglob("*") if path.relative_to(place).parts[0] not in names}


_IMPOSSIBLE: dict[str, Mapping[str, object]] = {
    "up": {"path": "../../etc/passwd"},
    "up, as bytes": {"path_base64": b64encode(b"../evil").decode()},
    "up, as a key": {"key": "../evil"},
    "up, in the spelling of rclone": {"path": "\uff0e\uff0e/evil", "key": "../evil"},
    "absolute": {"path": "/etc/passwd"},
    "a line end in a key": {"path": "a\nevil", "key": "a\nevil"},
    "two lines of a list": {"path": "evil", "key": "evil\n../x"},
    "the root as a file": {"path": "."},
    "below nothing": {"path": "a/evil"},
    "another key": {"key": "other"},
}


def test_entries_that_cannot_be_are_refused_and_the_backup_before_is_named(
    machine: InProcess, server: QingStorServer, source: Path, tmp_path: Path
) -> None:
    (source / "file").write_bytes(b"x")
    machine.backup(source).good()
    (real,) = manifest_ids(server)
    for key in ("evil", "x", "other", "a/evil"):
        server.put_object("bucket-one", f"srv/{key}", b"evil")
    before = _all_but(tmp_path, "machine")
    for name, change in _IMPOSSIBLE.items():
        forge(server, change, series=str(source))
        refused = machine.restore(tmp_path / "out")
        assert (refused.code, refused.summary.exit_status) == (ErrorCode.MANIFEST_INVALID, 1), name
        assert real in str(refused.summary.error), name
        assert _all_but(tmp_path, "machine") == before, name
    machine.restore(tmp_path / "out", at=real).good()
    machine.restore(tmp_path / "bucket", at="bucket").good()
    assert _all_but(tmp_path, "machine", "out", "bucket") == before


def test_what_a_manifest_may_say_stays_inside(
    machine: InProcess, server: QingStorServer, tmp_path: Path
) -> None:
    """Else the test above proves nothing; and numbers that no disk can hold are no crash."""
    server.put_object("bucket-one", "srv/evil", b"evil")
    huge = (1 << 63) - 1
    possible: tuple[dict[str, object], ...] = (
        {},
        {"uid": huge, "gid": huge, "mtime": -huge - 1},
        {"mtime": huge, "mode": "7777", "user": "no"},
    )
    for number, change in enumerate(possible):
        forge(server, change)
        done = machine.restore(tmp_path / f"{number}", owner=True)
        assert done.code in {None, ErrorCode.PARTIAL}
        assert (done.summary.exit_status == 0) == (number != 1)  # no disk has such an owner
        assert (tmp_path / f"{number}" / "evil").read_bytes() == b"evil"


@pytest.mark.parametrize("has_manifest", [False, True], ids=["no manifest", "a manifest"])
def test_links_that_lead_out_and_files_through_them(
    machine: InProcess, server: QingStorServer, source: Path, tmp_path: Path, *, has_manifest: bool
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "mine").write_bytes(b"mine")
    for number, target in enumerate((os.fsencode(outside), b"../../outside", b"..", b"../../outside/mine")):
        server.put_object("bucket-one", f"srv/p{number}/x.rclonelink", target)
        server.put_object("bucket-one", f"srv/p{number}/x/evil", b"evil")
        server.put_object("bucket-one", f"srv/p{number}/x/mine", b"evil")
    server.put_object("bucket-one", "srv/fine", b"fine")
    if has_manifest:
        (source / "p0").mkdir()
        (source / "p0" / "x").symlink_to(outside)
        (source / "fine").write_bytes(b"fine")
        machine.backup(source).good()
    for at, name in (("", "out"), ("bucket", "out"), ("", "out"), ("bucket", "old"), ("bucket", "old")):
        if name == "old" and not (tmp_path / "old").exists():
            (tmp_path / "old" / "p0").mkdir(parents=True)
            (tmp_path / "old" / "p0" / "x").symlink_to(outside)
            (tmp_path / "old" / "p1").symlink_to(outside)
        done = machine.restore(tmp_path / name, at=at)
        assert done.summary.exit_status in {0, 1, 3}
        assert (tmp_path / name / "fine").read_bytes() == b"fine"
        assert below(outside).keys() == {b"mine"}
        assert (outside / "mine").read_bytes() == b"mine"
        assert not (tmp_path / "evil").exists()


def test_an_old_manifest_that_is_played_again_under_a_newer_name(
    machine: InProcess, server: QingStorServer, source: Path, tmp_path: Path
) -> None:
    (source / "file").write_bytes(b"x")
    machine.backup(source).good()
    (source / "new").write_bytes(b"x")
    machine.backup(source).good()
    older, newest = manifest_ids(server)
    data = server.read_object("bucket-one", f"{MANIFESTS}{older}.jsonl.gz")
    server.put_object("bucket-one", f"{MANIFESTS}{FORGED}.jsonl.gz", data)
    refused = machine.restore(tmp_path / "out")
    assert refused.code is ErrorCode.MANIFEST_INVALID
    assert newest in str(refused.summary.error)
