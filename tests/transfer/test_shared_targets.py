"""Several sources, hosts and plans at one target; and manifests that somebody has forged."""

import gzip
import hashlib
import json
import os
from pathlib import Path

import pytest

from adapter.contract.errors import ErrorCode
from tests.qingstor_server import QingStorServer
from tests.transfer.in_process import InProcess
from tests.transfer.whole_tree import whole_tree

_DIRECTORY = "srv/.pluton/manifests/"


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """Another source."""
    other = tmp_path / "other"
    other.mkdir()
    (other / "theirs").write_bytes(b"theirs")
    return other


def _ids(server: QingStorServer) -> list[str]:
    """The manifests' ids, the oldest first."""
    keys = sorted(key for key in server.objects("bucket-one") if key.startswith(_DIRECTORY))
    return [Path(key).name.removesuffix(".jsonl.gz") for key in keys]


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
    first, second = _ids(server)
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


_FILE = {
    "type": "file", "state": "current", "size": 4, "mtime": 1, "mode": "0644", "uid": 0, "gid": 0,
    "md5": hashlib.md5(b"evil", usedforsecurity=False).hexdigest(), "stored": "object",
}  # fmt: skip
_FORGED: dict[str, list[dict[str, object]]] = {
    "up": [{"path": "../../etc/passwd"}],
    "absolute": [{"path": "/etc/passwd"}],
    "through a link": [
        {"path": "l", "type": "symlink", "linktarget": "/tmp", "size": 0, "md5": "", "stored": ""},
        {"path": "l/evil"},
    ],
    "two names in one key": [{"path": "a\nb", "key": "a\nb"}],
    "below a file": [{"path": "a"}, {"path": "a/b"}],
}


def _forge(server: QingStorServer, one: str, entries: list[dict[str, object]]) -> None:
    """A manifest that is complete in itself."""
    real = gzip.decompress(server.read_object("bucket-one", f"{_DIRECTORY}{_ids(server)[0]}.jsonl.gz"))
    header = json.loads(real.splitlines()[0])
    root = {**_FILE, "path": ".", "type": "dir", "size": 0, "md5": "", "stored": ""}
    lines = [json.dumps(entry).encode() + b"\n" for entry in (root, *({**_FILE, **one} for one in entries))]
    header |= {"run_id": one, "digest": hashlib.md5(b"".join(lines), usedforsecurity=False).hexdigest()}
    whole = json.dumps(header).encode() + b"\n" + b"".join(lines)
    last = b'{"md5":"%s"}\n' % hashlib.md5(whole, usedforsecurity=False).hexdigest().encode()
    server.put_object("bucket-one", f"{_DIRECTORY}{one}.jsonl.gz", gzip.compress(whole + last))


@pytest.mark.parametrize("entries", _FORGED.values(), ids=_FORGED)
def test_a_forged_manifest_is_refused_and_the_one_before_is_named(
    machine: InProcess,
    server: QingStorServer,
    source: Path,
    tmp_path: Path,
    entries: list[dict[str, object]],
) -> None:
    (source / "file").write_bytes(b"x")
    machine.backup(source).good()
    (real,) = _ids(server)
    server.put_object("bucket-one", "srv/l/evil", b"evil")
    _forge(server, "29990101T000000Z-00000000", entries)
    before = {path for path in tmp_path.rglob("*") if "machine" not in path.parts}
    refused = machine.restore(tmp_path / "out")
    assert refused.code is ErrorCode.MANIFEST_INVALID
    assert real in str(refused.summary.error)
    assert {path for path in tmp_path.rglob("*") if "machine" not in path.parts} == before
    machine.restore(tmp_path / "out", at=real).good()
    (source / "file").write_bytes(b"edited")
    assert machine.backup(source).code in {None, ErrorCode.TARGET_IN_USE}


def test_a_forgery_that_is_none_would_be_restored(
    machine: InProcess, server: QingStorServer, source: Path, tmp_path: Path
) -> None:
    """Else the test above proves nothing."""
    (source / "file").write_bytes(b"x")
    machine.backup(source).good()
    server.put_object("bucket-one", "srv/evil", b"evil")
    _forge(server, "29990101T000000Z-00000000", [{"path": "evil"}])
    machine.restore(tmp_path / "out").good()
    assert (tmp_path / "out" / "evil").read_bytes() == b"evil"


@pytest.mark.parametrize("how", ["cut", "newer", "garbage"])
def test_a_damaged_or_newer_manifest_is_refused_and_the_one_before_is_named(
    machine: InProcess, server: QingStorServer, source: Path, tmp_path: Path, how: str
) -> None:
    (source / "file").write_bytes(b"one")
    machine.backup(source).good()
    (source / "file").write_bytes(b"two")
    machine.backup(source).good()
    first, second = _ids(server)
    key = f"{_DIRECTORY}{second}.jsonl.gz"
    data = server.read_object("bucket-one", key)
    if how == "cut":
        data = data[: len(data) - 20]
    elif how == "newer":
        text = gzip.decompress(data).replace(b'"schema_version":1', b'"schema_version":2')
        data = gzip.compress(text)
    else:
        data = b"garbage"
    server.put_object("bucket-one", key, data)
    refused = machine.restore(tmp_path / "out")
    assert (refused.code, refused.summary.exit_status) == (ErrorCode.MANIFEST_INVALID, 1)
    assert first in str(refused.summary.error)
    if how == "newer":
        (index,) = machine.machine.state_dir.rglob("*.sqlite")
        index.unlink()
        assert machine.backup(source).code is ErrorCode.MANIFEST_INVALID
        return
    (source / "file").write_bytes(b"three")
    machine.backup(source).good()
    machine.restore(tmp_path / "out", owner=True).good()
    assert whole_tree(tmp_path / "out") == whole_tree(source)
