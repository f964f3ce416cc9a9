"""Case 11: whoever may write to the bucket has written there; nothing of it gets outside the destination."""

import gzip
import hashlib
import json
import os
from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path

import pytest

from adapter.contract.errors import ErrorCode
from adapter.files.manifest import Counts, EntryState, Header, Kind, Saved
from adapter.files.manifest_writer import write_manifest
from tests.qingstor_server import QingStorServer
from tests.transfer.cases import MANIFESTS, below, manifest_ids, only_long
from tests.transfer.in_process import InProcess
from tests.transfer.whole_tree import whole_tree

pytestmark = pytest.mark.deep

_FORGED = "29990101T000000Z-00000000"
_MD5 = hashlib.md5(b"evil", usedforsecurity=False).hexdigest()
_FILE = Saved(
    *(b"evil", Kind.FILE, EntryState.CURRENT, 4, 1_700_000_000_000_000_000, 0o644, 0, 0, "", "", b"", ""),
    *(_MD5, "object", _MD5, "", ""),
)
_ROOT = _FILE._replace(name=b"", kind=Kind.DIRECTORY, size=0, mode=0o755, md5="", how="", etag="")


def _manifest(directory: Path, change: Mapping[str, object], series: str = "/srv") -> bytes:
    """A whole one of a root and a file, with fields of the file changed, and checksums of that."""

    def header(digest: str, counts: Counts) -> Header:
        return Header(
            _FORGED, "success", "2026-01-01T00:00:00.000Z", "2026-01-01T00:00:01.000Z", series, "0" * 16,
            "elsewhere", ("/srv",), (), "1.75.2", "0.1.0", counts, digest,
        )  # fmt: skip

    path = directory / "forged"
    write_manifest(path, (_ROOT, _FILE), header)
    first, root, file = (json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()[:3])
    path.unlink()
    entries = [json.dumps(line).encode() + b"\n" for line in (root, file | change)]
    first["digest"] = hashlib.md5(b"".join(entries), usedforsecurity=False).hexdigest()
    whole = json.dumps(first).encode() + b"\n" + b"".join(entries)
    last = json.dumps({"md5": hashlib.md5(whole, usedforsecurity=False).hexdigest()}, separators=(",", ":"))
    return gzip.compress(whole + last.encode() + b"\n")


def _planted(server: QingStorServer, data: bytes) -> None:
    server.put_object("bucket-one", f"{MANIFESTS}{_FORGED}.jsonl.gz", data)


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
        _planted(server, _manifest(tmp_path, change, str(source)))
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
        _planted(server, _manifest(tmp_path, change))
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


@pytest.mark.parametrize(
    "how", ["without its end", "two in one", *only_long("cut", "of a newer version", "not packed")]
)
def test_a_manifest_that_is_not_whole_or_not_ours_to_read(
    machine: InProcess, server: QingStorServer, source: Path, tmp_path: Path, how: str
) -> None:
    (source / "file").write_bytes(b"first")
    machine.backup(source).good()
    (source / "file").write_bytes(b"second")
    machine.backup(source).good()
    older, newest = manifest_ids(server)
    key = f"{MANIFESTS}{newest}.jsonl.gz"
    data = server.read_object("bucket-one", key)
    text = gzip.decompress(data)
    damaged = {
        "cut": data[:-9],
        "without its end": gzip.compress(b"".join(text.splitlines(keepends=True)[:-1])),
        "of a newer version": gzip.compress(text.replace(b'"schema_version":1', b'"schema_version":99')),
        "two in one": data + data,
        "not packed": text,
    }
    server.put_object("bucket-one", key, damaged[how])
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "file").write_bytes(b"mine")
    for done in (machine.restore(tmp_path / "out"), machine.ls()):
        assert (done.code, done.summary.exit_status) == (ErrorCode.MANIFEST_INVALID, 1)
        assert older in str(done.summary.error)
    assert (tmp_path / "out" / "file").read_bytes() == b"mine"
    # The one before is of a file that has been replaced since.
    assert machine.restore(tmp_path / "older", at=older).failed == {"file": ErrorCode.PARTIAL}
    if how != "of a newer version":
        machine.backup(source).good()
        (source / "new").touch()
        machine.backup(source).good()
        machine.restore(tmp_path / "out", owner=True).good()
        assert whole_tree(tmp_path / "out", with_root=False) == below(source)


def test_an_old_manifest_that_is_played_again_under_a_newer_name(
    machine: InProcess, server: QingStorServer, source: Path, tmp_path: Path
) -> None:
    (source / "file").write_bytes(b"x")
    machine.backup(source).good()
    (source / "new").write_bytes(b"x")
    machine.backup(source).good()
    older, newest = manifest_ids(server)
    _planted(server, server.read_object("bucket-one", f"{MANIFESTS}{older}.jsonl.gz"))
    refused = machine.restore(tmp_path / "out")
    assert refused.code is ErrorCode.MANIFEST_INVALID
    assert newest in str(refused.summary.error)
