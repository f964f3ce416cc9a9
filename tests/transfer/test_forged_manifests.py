"""Manifests that are damaged, or that somebody has forged: refused, and the one before is named."""

import gzip
from pathlib import Path

import pytest

from adapter.contract.errors import ErrorCode
from tests.qingstor_server import QingStorServer
from tests.transfer.cases import MANIFESTS, below, manifest_ids, only_long
from tests.transfer.forged import forge
from tests.transfer.in_process import InProcess
from tests.transfer.whole_tree import whole_tree

_IMPOSSIBLE: dict[str, list[dict[str, object]]] = {
    "up": [{"path": "../../etc/passwd"}],
    "absolute": [{"path": "/etc/passwd"}],
    "through a link": [
        {"path": "l", "type": "symlink", "linktarget": "/tmp", "size": 0, "md5": "", "stored": ""},
        {"path": "l/evil"},
    ],
    "two names in one key": [{"path": "a\nb", "key": "a\nb"}],
    "below a file": [{"path": "a"}, {"path": "a/b"}],
}


_READ_ALONE = {"absolute", "two names in one key"}
"""Refused as the others are, and besides in `tests/files/test_manifest.py`."""


@pytest.mark.parametrize(
    "entries",
    [
        pytest.param(entries, id=name, marks=[pytest.mark.deep] if name in _READ_ALONE else [])
        for name, entries in _IMPOSSIBLE.items()
    ],
)
def test_a_forged_manifest_is_refused_and_the_one_before_is_named(
    machine: InProcess,
    server: QingStorServer,
    source: Path,
    tmp_path: Path,
    entries: list[dict[str, object]],
) -> None:
    (source / "file").write_bytes(b"x")
    machine.backup(source).good()
    (real,) = manifest_ids(server)
    server.put_object("bucket-one", "srv/l/evil", b"evil")
    forge(server, *entries, series=str(source))
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
    forge(server, {}, series=str(source))
    machine.restore(tmp_path / "out").good()
    assert (tmp_path / "out" / "evil").read_bytes() == b"evil"


@pytest.mark.parametrize(
    "how", ["newer", *only_long("cut", "garbage", "without its end", "two in one", "not packed")]
)
def test_a_damaged_or_newer_manifest_is_refused_and_the_one_before_is_named(
    machine: InProcess, server: QingStorServer, source: Path, tmp_path: Path, how: str
) -> None:
    (source / "file").write_bytes(b"one")
    machine.backup(source).good()
    (source / "file").write_bytes(b"two")
    machine.backup(source).good()
    first, second = manifest_ids(server)
    key = f"{MANIFESTS}{second}.jsonl.gz"
    data = server.read_object("bucket-one", key)
    text = gzip.decompress(data)
    damaged = {
        "cut": data[:-9],
        "newer": gzip.compress(text.replace(b'"schema_version":1', b'"schema_version":2')),
        "garbage": b"garbage",
        "without its end": gzip.compress(b"".join(text.splitlines(keepends=True)[:-1])),
        "two in one": data + data,
        "not packed": text,
    }
    server.put_object("bucket-one", key, damaged[how])
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "file").write_bytes(b"mine")
    for refused in (machine.restore(tmp_path / "out"), machine.ls()):
        assert (refused.code, refused.summary.exit_status) == (ErrorCode.MANIFEST_INVALID, 1)
        assert first in str(refused.summary.error)
    assert (tmp_path / "out" / "file").read_bytes() == b"mine"
    # The one before is of a file that has been replaced since.
    assert machine.restore(tmp_path / "older", at=first).failed == {"file": ErrorCode.PARTIAL}
    if how == "newer":
        (index,) = machine.machine.state_dir.rglob("*.sqlite")
        index.unlink()
        assert machine.backup(source).code is ErrorCode.MANIFEST_INVALID
        return
    (source / "file").write_bytes(b"three")
    machine.backup(source).good()
    machine.restore(tmp_path / "out", owner=True).good()
    assert below(tmp_path / "out") == below(source)
    machine.restore(tmp_path / "fresh", owner=True).good()
    assert whole_tree(tmp_path / "fresh") == whole_tree(source)
