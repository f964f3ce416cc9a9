"""Cases 6 and 7: edits and objects that look like nothing has happened."""

import hashlib
import os
from pathlib import Path

import pytest

from tests.qingstor_server import QingStorServer
from tests.transfer.cases import MIXED, below, elsewhere
from tests.transfer.in_process import InProcess
from tests.transfer.kept import content
from tests.transfer.there_and_back import ThereAndBack, there_and_back

pytestmark = [pytest.mark.usefixtures("small_chunks", "quick"), pytest.mark.deep]

_MOMENT = 1_234_567_890_123_456_789


@pytest.fixture(params=MIXED)
def both(request: pytest.FixtureRequest, machine: InProcess, source: Path, tmp_path: Path) -> ThereAndBack:
    """Files that are stored in one PUT, in parts, in chunks."""
    return there_and_back(machine, source, tmp_path, request.param)


def _at_one_moment(root: Path) -> None:
    for path in root.rglob("*"):
        os.utime(path, ns=(1, _MOMENT), follow_symlinks=False)


def test_edits_that_size_and_time_do_not_tell_come_back(both: ThereAndBack) -> None:
    """Two files change places, one is written in place, one is replaced, links and modes change: all with the
    size and the time that was there before.
    """
    source = both.source
    for name in ("a", "b"):
        both.write(name, name)
    for name in ("in place", "replaced", "mode"):
        (source / name).write_bytes(b"first!")
    (source / "link").symlink_to("a")
    (source / "empty").mkdir()
    _at_one_moment(source)

    def change() -> None:
        for old, new in (("a", "c"), ("b", "a"), ("c", "b")):
            (source / old).rename(source / new)
        with (source / "in place").open("r+b") as file:
            file.write(b"second")
        (source / "new").write_bytes(b"second")
        (source / "new").replace(source / "replaced")
        (source / "link").unlink()
        (source / "link").symlink_to("b")
        (source / "mode").chmod(0o4750)
        (source / "empty").chmod(0o700)
        os.chown(source / "link", 1, 2, follow_symlinks=False)
        _at_one_moment(source)

    both.change(change)


def test_two_sources_with_one_name_and_one_state_directory(both: ThereAndBack) -> None:
    """Containers: the same paths, sizes and times, other contents and a file that only one of them has."""
    other = both.place / "other"
    other.mkdir()
    for root in (both.source, other):
        (root / "file").write_bytes(content(str(root), both.way))
        (root / root.name).write_bytes(b"only here")
        _at_one_moment(root)
    for number, root in enumerate((both.source, other, both.source)):
        both.machine.backup(root, options=both.options, series="container").good()
        both.restore("old").good()
        there = below(both.place / "old")
        if number == 1:
            both.restore("fresh").good()
            assert below(both.place / "fresh") == below(root)
        assert {path: there[path] for path in below(root)} == below(root)


def test_objects_of_others_at_the_size_of_ours(both: ThereAndBack, server: QingStorServer) -> None:
    """Whatever they say their ETag is: named by a restore, and sent again by the next backup."""
    other = hashlib.md5(b"other", usedforsecurity=False).hexdigest()
    etags = {"none": "", "blank": '""', "no MD5": '"abc-2"', "of another": f'"{other}"', "honest": None}
    for name in etags:
        (both.source / name).write_bytes(name.encode())
    both.write("large", "large")
    (both.source / "other").write_bytes(b"other")
    both.backup().good()
    both.restore("old").good()
    for name, etag in etags.items():
        server.put_object("bucket-one", f"srv/{name}", b"x" * len(name), etag=etag)
    # The last chunk of the large file, or the file, has another content, and the ETag of what it was.
    *_, key = (key for key in server.files("bucket-one") if key.startswith("srv/large"))
    data = server.read_object("bucket-one", key)
    md5 = hashlib.md5(data, usedforsecurity=False).hexdigest()
    server.put_object("bucket-one", key, data[:-1] + b"?", etag=f'"{md5}"')
    named = elsewhere(both.machine, both.place).restore(both.place / "named", options=both.options)
    assert set(named.failed) == {*etags, "large"}
    assert named.summary.exit_status == 3
    assert not (both.place / "named" / "large").exists()
    server.remove_object("bucket-one", key)
    both.backup().good()
    both.check()


@pytest.mark.parametrize(("which", "etag"), [(1, '"abc-2"'), pytest.param(0, '""', marks=pytest.mark.deep)])
def test_a_chunk_without_an_md5_is_not_missed_when_it_is_gone(
    machine: InProcess, server: QingStorServer, source: Path, tmp_path: Path, *, which: int, etag: str
) -> None:
    both = there_and_back(machine, source, tmp_path, "chunks")
    both.write("file", "content")
    both.backup().good()
    key = sorted(key for key in server.files("bucket-one") if ".pluton_chunk." in key)[which]
    server.put_object("bucket-one", key, server.read_object("bucket-one", key), etag=etag)
    both.backup().good()
    both.restore("old").good()
    (key,) = (key for key in server.files("bucket-one") if f"00{which + 1}_" in key)
    server.remove_object("bucket-one", key)
    lost = both.restore("lost")
    assert set(lost.failed) == {"file"}
    assert lost.summary.exit_status != 0
    both.backup().good()
    both.check()
