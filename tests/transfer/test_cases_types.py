"""Cases 1 and 2: what was a link, a directory or a file is another of these now, many of them at once."""

import os
import shutil
from pathlib import Path

import pytest

from adapter.transfer.selection import Selection
from tests.transfer.cases import MIXED, below
from tests.transfer.in_process import InProcess
from tests.transfer.there_and_back import ThereAndBack, there_and_back
from tests.transfer.whole_tree import whole_tree

pytestmark = [pytest.mark.usefixtures("small_chunks"), pytest.mark.deep]


@pytest.fixture
def small(machine: InProcess, source: Path, tmp_path: Path) -> ThereAndBack:
    """Files of one PUT each."""
    return there_and_back(machine, source, tmp_path, "one PUT")


@pytest.fixture(params=MIXED)
def both(request: pytest.FixtureRequest, machine: InProcess, source: Path, tmp_path: Path) -> ThereAndBack:
    """Files that are stored in one PUT, in parts, in chunks."""
    return there_and_back(machine, source, tmp_path, request.param)


def _again(path: Path, *, was: os.stat_result) -> None:
    os.utime(path, ns=(was.st_atime_ns, was.st_mtime_ns))


def test_every_type_becomes_every_other(both: ThereAndBack) -> None:
    """A directory with something in it, that became a link or a file, is in the way of an old restore."""
    source, outside = both.source, both.place / "outside"
    outside.mkdir()
    (outside / "file").write_bytes(b"outside")
    both.write("large", "large")
    for name in ("v1/file", "v2/file", "full/file", "filled/deep/file", "file to empty", "file to link"):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_bytes(name.encode())
    for name in ("empty to link", "empty to file", "empty to full"):
        (source / name).mkdir()
    links = {"current": "v1", "link to file": "large", "swaps": "v2", "leads out": str(outside)}
    for name, target in {**links, "retargeted": "v1/file", "to empty": "v1"}.items():
        (source / name).symlink_to(target)

    def change() -> None:
        for name in (*links, "retargeted", "to empty", "file to empty", "file to link"):
            (source / name).unlink()
        for name in ("empty to link", "empty to file"):
            (source / name).rmdir()
        for name in ("current", "leads out"):
            (source / name).mkdir()
            (source / name / "file").write_bytes(b"a real one")
        both.write("link to file", "large")
        both.write("empty to file", "another")
        (source / "v2").rename(source / "swaps")
        (source / "v2").symlink_to("swaps")
        (source / "retargeted").symlink_to("nowhere/at all")
        for name in ("to empty", "file to empty"):
            (source / name).mkdir()
        for name in ("file to link", "empty to link"):
            (source / name).symlink_to("large")
        (source / "empty to full" / "file").write_bytes(b"now full")
        shutil.rmtree(source / "full")
        (source / "full").symlink_to("v1")
        shutil.rmtree(source / "filled")
        (source / "filled").write_bytes(b"a file")

    both.change(change, in_the_way=("full", "filled", "v2"))
    assert [(path.name, path.read_bytes()) for path in outside.iterdir()] == [("file", b"outside")]
    assert (both.place / "old" / "full" / "file").read_bytes() == b"full/file"


def test_a_name_goes_through_all_types_and_is_the_same_file_again(both: ThereAndBack) -> None:
    path = both.write("name", "content")
    (both.source / "other").write_bytes(b"small")
    was = path.stat()
    both.backup().good()
    both.restore("old").good()
    path.unlink()
    path.symlink_to("elsewhere")
    both.backup().good()
    both.restore("old").good()
    path.unlink()
    path.mkdir()
    both.backup().good()
    both.restore("old").good()
    path.rmdir()
    both.write("name", "content")
    _again(path, was=was)
    both.backup().good()
    both.check()


def test_a_file_that_moves_into_a_directory_of_its_own_name_and_back(small: ThereAndBack) -> None:
    path = small.write("name", "content")
    was = path.stat()
    small.backup().good()
    small.restore("old").good()
    path.rename(small.source / "aside")
    path.mkdir()
    (small.source / "aside").rename(path / "name")
    small.backup().good()
    small.check()
    (path / "name").rename(small.source / "aside")
    path.rmdir()
    (small.source / "aside").rename(path)
    _again(path, was=was)
    small.backup().good()
    small.check(in_the_way=("name",))


def test_a_run_that_looks_at_some_names_keeps_one_type_for_each(small: ThereAndBack) -> None:
    """What it sees replaces what was there, with all that was in it; the rest stays as it was."""
    source = small.source
    for name in ("a.txt", "b.jpg", "d/x.txt", "d/y.jpg", "f.txt/in", "g/z.txt", "h/i.jpg"):
        small.write(name, name)
    (source / "l").symlink_to("d")
    small.backup().good()
    before = below(source)
    (source / "b.jpg").unlink()
    small.write("b.jpg/new.txt", "new")
    for name in ("d", "f.txt", "g", "h"):
        shutil.rmtree(source / name)
    (source / "d").symlink_to("h")
    for name in ("f.txt", "g", "h"):
        small.write(name, "a file now")
    small.backup(Selection(includes=("*.txt",))).good()
    small.restore("narrow").good()
    now, there = below(source), below(small.place / "narrow")
    as_now, as_before = (b"b.jpg/new.txt", b"f.txt"), (b"a.txt", b"d/y.jpg", b"h/i.jpg", b"l")
    assert {path: seen for path, seen in there.items() if seen[0] != "dir"} == {
        **{path: now[path] for path in as_now},
        **{path: before[path] for path in as_before},
    }
    small.backup().good()
    small.restore("whole").good()
    assert whole_tree(small.place / "whole") == whole_tree(source)


def test_names_of_one_file_become_two_pairs(small: ThereAndBack) -> None:
    """All have the same content, so a restore over the old one fetches none; each pair has its own mode."""
    source = small.source
    small.write("a", "same")
    for name in ("b", "c", "d", "e"):
        os.link(source / "a", source / name)

    def change() -> None:
        for name in ("b", "d", "e"):
            (source / name).unlink()
        small.write("b", "same").chmod(0o600)
        os.utime(source / "b", ns=(1, 10**18))
        os.link(source / "b", source / "d")
        small.write("e", "same").chmod(0o640)

    small.change(change)
