"""A name has one type: what it is now comes back, into an empty directory and over an old restore."""

import os
import shutil
from pathlib import Path

import pytest

from adapter.contract.errors import ErrorCode
from adapter.transfer.selection import Selection
from tests.transfer.cases import only_long
from tests.transfer.in_process import InProcess
from tests.transfer.there_and_back import ThereAndBack, there_and_back
from tests.transfer.whole_tree import whole_tree


@pytest.fixture(params=["one PUT", *only_long("parts", "chunks")])
def both(
    request: pytest.FixtureRequest, machine: InProcess, source: Path, tmp_path: Path, small_chunks: None
) -> ThereAndBack:
    """Files that are stored in one PUT, in parts, in chunks."""
    return there_and_back(machine, source, tmp_path, request.param)


def test_a_link_becomes_a_directory_with_a_file_of_the_same_name(both: ThereAndBack) -> None:
    both.write("releases/v1/file", "release")
    link = both.source / "current"
    link.symlink_to("releases/v1")

    def change() -> None:
        link.unlink()
        both.write("current/file", "another file")

    both.change(change)
    assert (both.place / "old" / "releases" / "v1" / "file").read_bytes()[:7] == b"release"


def test_a_directory_becomes_a_link(both: ThereAndBack) -> None:
    both.write("releases/v1/file", "release")
    both.write("current/file", "another file")

    def change() -> None:
        shutil.rmtree(both.source / "current")
        (both.source / "current").symlink_to("releases/v1")

    # A directory with something in it is not taken away.
    both.change(change, in_the_way=("current",))
    assert (both.place / "old" / "releases" / "v1" / "file").read_bytes()[:7] == b"release"


def test_a_link_becomes_its_file_and_a_file_a_link(both: ThereAndBack) -> None:
    both.write("file", "content")
    both.write("other", "other content")
    (both.source / "link").symlink_to("file")

    def change() -> None:
        (both.source / "link").unlink()
        both.write("link", "content")
        (both.source / "other").unlink()
        (both.source / "other").symlink_to("link")

    both.change(change)


def test_a_link_changes_where_it_leads_to(both: ThereAndBack) -> None:
    both.write("a", "a")
    (both.source / "link").symlink_to("a")

    def change() -> None:
        (both.source / "link").unlink()
        (both.source / "link").symlink_to("nowhere")

    both.change(change)


def test_a_file_a_directory_and_the_same_file_again(both: ThereAndBack) -> None:
    path = both.write("name", "content")
    times = path.stat()
    both.backup().good()
    both.restore("old").good()
    path.unlink()
    both.write("name/inside", "inside")
    both.backup().good()
    both.check()
    shutil.rmtree(path)
    both.write("name", "content")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    both.backup().good()
    both.check(in_the_way=("name",))
    shutil.rmtree(both.place / "old" / "name")
    (both.place / "old" / "name").mkdir()
    both.check()


def test_unicode_twins_are_two_files_and_two_directories(both: ThereAndBack) -> None:
    nfc, nfd = "Caf\u00e9", "Cafe\u0301"
    both.write(f"{nfc}/menu", "composed")
    both.write(f"{nfd}/menu", "decomposed")
    both.write(f"{nfc}/{nfc}", "one")
    both.write(f"{nfc}/{nfd}", "two")
    moved = both.write(f"moved {nfc}", "moved")

    def change() -> None:
        moved.rename(both.source / f"moved {nfd}")
        both.write(f"{nfd}/menu", "edited")

    both.change(change)
    both.machine.verify(both.source, options=both.options).good()
    both.write(f"{nfc}/menu", "edited, not backed up")
    assert set(both.machine.verify(both.source, options=both.options).failed) == {f"{nfc}/menu"}


def test_names_that_look_like_chunks_or_links_are_files(both: ThereAndBack) -> None:
    for name in (
        "notes.pluton_chunk.001.bak",
        "report.pluton_chunk.0012-final.pdf",
        "notes",
        "notes.pluton_chunk.001",
        "real.rclonelink",
    ):
        both.write(name, name)
    (both.source / "real").symlink_to("notes")

    def change() -> None:
        both.write("notes.pluton_chunk.001", "edited")
        both.write("notes", "edited, too")

    both.change(change)


@pytest.mark.parametrize("way", ["one PUT", *only_long("parts", "chunks")])
@pytest.mark.parametrize(
    "name", ["line\nend", "\u201b\u240a", *only_long("tr ", "\u240a", "\r", "\u201bquoted", "x.rclonelink")]
)
def test_a_single_file_with_an_odd_name(
    machine: InProcess, source: Path, tmp_path: Path, small_chunks: None, *, name: str, way: str
) -> None:
    both = there_and_back(machine, source, tmp_path, way)
    both.write("tr", "the other one")
    for text in ("this one", "edited"):
        path = both.write(name, text)
        both.machine.backup(path, options=both.options).good()
        both.restore("out").good()
        assert whole_tree(tmp_path / "out", with_root=False).keys() == {os.fsencode(name)}
        assert (tmp_path / "out" / name).read_bytes() == path.read_bytes()


def test_odd_directories_as_source_target_and_destination(machine: InProcess, tmp_path: Path) -> None:
    for name in ("a\u240ab", "a\nb", "\u201bq", "\u201b\u201bq"):
        source = tmp_path / "sources" / name
        source.mkdir(parents=True)
        (source / name).write_bytes(name.encode())
        shown = name.replace("\n", "-")
        machine.backup(source, f"QingStor Backups:bucket-one/{shown}").good()
        machine.restore(tmp_path / "out" / name, f"QingStor Backups:bucket-one/{shown}", owner=True).good()
        assert whole_tree(tmp_path / "out" / name) == whole_tree(source)


def test_what_was_deleted_renamed_or_emptied_does_not_come_back(both: ThereAndBack) -> None:
    for name in ("deleted", "renamed", "emptied/file", "kept"):
        both.write(name, name)

    def change() -> None:
        (both.source / "deleted").unlink()
        (both.source / "renamed").rename(both.source / "new name")
        (both.source / "emptied" / "file").unlink()

    both.change(change)


def test_what_was_not_looked_at_comes_back_and_what_is_excluded_does_not(
    both: ThereAndBack, tmp_path: Path
) -> None:
    for name in ("a.txt", "b.jpg", "deep/c.txt", "deep/d.jpg", "out/e.txt"):
        both.write(name, name)
    both.backup().good()
    (both.source / "b.jpg").unlink()
    both.write("a.txt", "edited")
    (both.source / "deep" / "c.txt").unlink()
    both.backup(Selection(includes=("*.txt",))).good()
    both.restore("narrow").good()
    narrow = {path for path, seen in whole_tree(tmp_path / "narrow").items() if seen[0] == "file"}
    assert narrow == {b"a.txt", b"b.jpg", b"deep/d.jpg", b"out/e.txt"}
    (tmp_path / "list").write_text("deep\n")
    both.write("deep/new", "new")
    both.write("elsewhere", "not looked at")
    both.backup(Selection(files_from=tmp_path / "list")).good()
    both.restore("listed").good()
    listed = {path for path, seen in whole_tree(tmp_path / "listed").items() if seen[0] == "file"}
    assert listed == {b"a.txt", b"b.jpg", b"deep/d.jpg", b"deep/new", b"out/e.txt"}
    both.backup(Selection(excludes=("/out/**",))).good()
    both.restore("without").good()
    assert not (tmp_path / "without" / "out" / "e.txt").exists()
    both.backup().good()
    (tmp_path / "old").mkdir()
    both.check()


def test_a_root_that_is_a_directory_is_not_replaced_by_a_link_in_the_way(
    machine: InProcess, source: Path, tmp_path: Path
) -> None:
    """A directory that cannot be made fails with all that is in it, and the rest is restored."""
    (source / "deep").mkdir()
    (source / "deep" / "file").write_bytes(b"x")
    (source / "file").write_bytes(b"y")
    machine.backup(source).good()
    out = tmp_path / "out"
    (out / "file").mkdir(parents=True)
    (out / "file" / "mine").touch()
    done = machine.restore(out)
    assert done.failed == {"file": ErrorCode.DESTINATION_UNWRITABLE}
    assert (out / "deep" / "file").read_bytes() == b"x"
