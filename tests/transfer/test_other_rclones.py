"""Other versions of rclone restore the same tree, and write nothing outside the destination.

How a file travels may differ: 1.73 cannot send parts. `make test-deep` installs them.
"""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from adapter.contract.errors import ErrorCode
from tests.qingstor_server import QingStorServer
from tests.transfer.in_process import InProcess
from tests.transfer.kept import content, options_for, stored_in
from tests.transfer.whole_tree import whole_tree

_ROOT = Path(__file__).parents[2]
VERSIONS = ("1.70.3", "1.73.5", "1.75.2")


def _rclone(version: str) -> str:
    at = ".venv/bin/rclone" if version == VERSIONS[-1] else f".venv/rclone-{version}/bin/rclone"
    path = _ROOT / at
    assert os.access(path, os.X_OK), f"{path} is missing: run `make test-deep`"
    return str(path)


def _fill(source: Path, way: str, round_: int) -> None:
    (source / "releases" / "v1").mkdir(parents=True, exist_ok=True)
    (source / "releases" / "v1" / "file").write_bytes(b"release")
    (source / "empty").mkdir(exist_ok=True)
    for name in ("large", "caf\u00e9", "cafe\u0301", "\u201bq", "a\u240ab", "new\nline", "x.rclonelink"):
        (source / name).write_bytes(content(f"{name} {round_}", way))
    for odd in (b"bytes \xff", b"notes.pluton_chunk.001"):
        (source / os.fsdecode(odd)).write_bytes(b"small %d" % round_)
    for link in ("link", "x"):
        (source / link).unlink(missing_ok=True)
        (source / link).symlink_to(f"large{round_ or ''}")


def _files(source: Path) -> Iterator[Path]:
    return (path for path in source.rglob("*") if path.is_file() and not path.is_symlink())


@pytest.mark.deep
@pytest.mark.parametrize("way", ["one PUT", "parts", "parallel parts", "chunks"])
@pytest.mark.parametrize("version", VERSIONS)
def test_the_same_tree_comes_back(
    machine: InProcess, source: Path, tmp_path: Path, small_chunks: None, *, version: str, way: str
) -> None:
    storing = replace(stored_in(way, machine), rclone=_rclone(version))
    options = options_for(way)
    for round_ in (0, 1):
        _fill(source, way, round_)
        storing.backup(source, options=options).good()
        assert storing.backup(source, options=options).good().files_new == 0
        storing.restore(tmp_path / "out", options=options, owner=True).good()
        assert whole_tree(tmp_path / "out", with_root=False) == whole_tree(source, with_root=False)
        storing.restore(tmp_path / f"fresh {round_}", options=options, owner=True).good()
        assert whole_tree(tmp_path / f"fresh {round_}") == whole_tree(source)
        read = storing.verify(None, options=options, download=True).good().verification
        assert (read.by_download, read.unverified) == (len([*_files(source)]), 0)


@pytest.mark.deep
@pytest.mark.parametrize("version", VERSIONS)
def test_what_no_backup_needs_is_deleted(
    machine: InProcess, server: QingStorServer, source: Path, version: str
) -> None:
    storing = replace(machine, rclone=_rclone(version))
    _fill(source, "one PUT", 0)
    storing.backup(source).good()
    kept = set(server.files("bucket-one"))
    for name in ("srv/stray", "srv/a b", "srv/caf\u00e9 2"):
        server.put_object("bucket-one", name, b"x", modified=1_700_000_000)

    assert storing.cleanup().good().files_changed == 3
    assert set(server.files("bucket-one")) == kept


@pytest.mark.deep
@pytest.mark.parametrize("version", VERSIONS)
def test_a_link_that_became_a_directory_leads_nothing_outside(
    machine: InProcess, source: Path, tmp_path: Path, version: str
) -> None:
    storing = replace(machine, rclone=_rclone(version))
    _fill(source, "one PUT", 0)
    (source / "current").symlink_to("releases/v1")
    storing.backup(source).good()
    storing.restore(tmp_path / "out").good()
    (source / "current").unlink()
    (source / "current").mkdir()
    (source / "current" / "file").write_bytes(b"another file")
    storing.backup(source).good()
    for destination in ("out", "empty"):
        storing.restore(tmp_path / destination).good()
        restored = whole_tree(tmp_path / destination, with_root=False)
        assert restored == whole_tree(source, with_root=False)


@pytest.mark.deep
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("at", ["", "bucket"])
def test_what_was_planted_in_the_bucket_stays_inside(
    machine: InProcess, server: QingStorServer, tmp_path: Path, *, version: str, at: str
) -> None:
    storing = replace(machine, rclone=_rclone(version))
    outside = tmp_path / "outside"
    outside.mkdir()
    server.put_object("bucket-one", "srv/p/x.rclonelink", os.fsencode(outside))
    server.put_object("bucket-one", "srv/p/x/evil", b"evil")
    server.put_object("bucket-one", "srv/p/y/../../../evil", b"evil")
    for quoted in ("\u201bx", "\u201b\u201bx"):  # rclone's Raw encoding takes the wide dots for dots
        server.put_object("bucket-one", f"srv/{quoted}/\uff0e\uff0e/\uff0e\uff0e/\uff0e\uff0e/evil", b"evil")
    server.put_object("bucket-one", "srv/..rclonelink", b"/")
    server.put_object("bucket-one", "srv/.rclonelink", b"/")
    server.put_object("bucket-one", "srv/fine", b"fine")
    for destination in ("out", "out"):
        done = storing.restore(tmp_path / destination, at=at)
        assert done.code in {None, ErrorCode.PARTIAL}
        assert (tmp_path / "out" / "fine").read_bytes() == b"fine"
    assert list(outside.iterdir()) == []
    assert {path.name for path in tmp_path.iterdir()} <= {"outside", "out", "machine", "source"}
