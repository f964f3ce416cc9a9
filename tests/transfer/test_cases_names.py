"""Cases 3, 4 and 5: names that look alike, like chunks, like links: each comes back as itself."""

from pathlib import Path

import pytest

from tests.transfer.cases import MIXED, below
from tests.transfer.in_process import InProcess
from tests.transfer.there_and_back import ThereAndBack, there_and_back

pytestmark = [pytest.mark.usefixtures("small_chunks"), pytest.mark.deep]

_NFC, _NFD = "Caf\u00e9", "Cafe\u0301"
_QUOTE = "\u201b"
_ODD = (
    *("tr ", "tr", "line\nend", "line\u240aend", "end\r", "end", f"{_QUOTE}q", f"{_QUOTE}{_QUOTE}q", "q"),
    *("x.rclonelink", "x", " blank", "*", "[a]", "{a,b}", "# note", "+ x", "\u2400", "\uff0f", "\uff0e"),
    *("bytes \udcff", "bytes \udcfe", "\x01", "\u2401", "a" * 255, "-n", "README", "readme"),
)


@pytest.fixture(params=MIXED)
def both(request: pytest.FixtureRequest, machine: InProcess, source: Path, tmp_path: Path) -> ThereAndBack:
    """Files that are stored in one PUT, in parts, in chunks."""
    return there_and_back(machine, source, tmp_path, request.param)


def test_odd_names_beside_one_another_come_back(both: ThereAndBack) -> None:
    """The first eight are as large as the way of storing asks for."""
    for number, name in enumerate(_ODD):
        both.write(name, repr(name)) if number < 8 else (both.source / name).write_bytes(ascii(name).encode())
    for directory in ("d", f"{_QUOTE}d", "d\u240a", "d\n"):
        (both.source / directory).mkdir()
        (both.source / directory / "file").write_bytes(directory.encode())
        (both.source / directory / f"link{directory}").symlink_to(f"../{directory}/file")

    def change() -> None:
        for name in _ODD[::3]:
            with (both.source / name).open("r+b") as file:
                file.write(b"edited")
        for name in _ODD[1::3]:
            (both.source / name).rename(both.source / f"{name[:200]}\u240a")
        for name in _ODD[2::6]:
            (both.source / name).unlink()

    both.change(change)


def test_directories_change_the_form_of_their_names_beside_their_twins(both: ThereAndBack) -> None:
    (both.source / "moved" / _NFC).mkdir(parents=True)
    (both.source / "moved" / _NFC / "small").write_bytes(b"small")
    both.write(f"edited/{_NFC}/menu", "composed")
    (both.source / "twins" / _NFC).mkdir(parents=True)
    (both.source / "twins" / _NFD).mkdir()
    (both.source / "twins" / _NFD / _NFC).write_bytes(b"1")
    (both.source / "twins" / _NFD / _NFD).symlink_to(_NFC)

    def change() -> None:
        for name in ("moved", "edited"):
            (both.source / name / _NFC).rename(both.source / name / _NFD)
        both.write(f"edited/{_NFD}/menu", "decomposed")
        (both.source / "twins" / _NFC / _NFD).write_bytes(b"2")

    both.change(change)
    both.machine.verify(both.source, options=both.options).good()
    (both.source / "twins" / _NFC / _NFD).write_bytes(b"3")
    assert set(both.machine.verify(both.source, options=both.options).failed) == {f"twins/{_NFC}/{_NFD}"}


def test_a_source_of_one_file_is_followed_through_edits(both: ThereAndBack) -> None:
    for number, name in enumerate(("tr ", f"{_QUOTE}\u240a")):
        target = f"QingStor Backups:bucket-one/{number}"
        for neighbour in (name.strip(), name.replace("\u240a", "\n"), name.removeprefix(_QUOTE)):
            (both.source / neighbour).write_bytes(b"not this one")
        for text in ("first", "second"):
            path = both.write(name, text)
            both.machine.backup(path, target, both.options).good()
        both.machine.restore(both.place / f"{number}", target, both.options, owner=True).good()
        assert below(both.place / f"{number}") == {name.encode(): below(both.source)[name.encode()]}


def test_files_that_are_named_like_chunks_beside_one_that_is_in_chunks(both: ThereAndBack) -> None:
    """The very pattern of a chunk's name, too, and a file that says what a description of chunks says."""
    both.write("notes", "notes")
    both.write("report.pluton_chunk.001", "large, and named so")
    small = (
        *("notes.pluton_chunk.001", "notes.pluton_chunk.001_abcd", "notes.pluton_chunk.002_abcd"),
        *("alone.pluton_chunk.001_zzzz", ".pluton_chunk.001_abcd", "notes.pluton_chunk.001.bak"),
        *("report.pluton_chunk.0012-final.pdf", "real.rclonelink", "notes.rclonelink"),
    )
    for name in small:
        (both.source / name).write_bytes(name.encode())
    description = (
        b'{"ver":2,"size":5242880,"nchunks":2,"md5":"d41d8cd98f00b204e9800998ecf8427e","txn":"abcd"}'
    )
    (both.source / "described").write_bytes(description)
    (both.source / "real").symlink_to("notes")

    def change() -> None:
        both.write("notes", "edited")
        for name in small[1::2]:
            (both.source / name).write_bytes(b"edited, too")
        (both.source / small[0]).unlink()
        (both.source / "described").write_bytes(description.replace(b"5242880", b"5242881"))

    both.change(change)
