"""Every name is kept: no two are taken for one, none for another (cases 3 and 4 of the design)."""

import os
from pathlib import Path

import pytest

from adapter.contract.events import Summary
from adapter.machine.cancellation import Cancellation
from adapter.storage.target import parse_target
from adapter.transfer.backup import Backup, backup
from tests.qingstor_server import QingStorServer
from tests.transfer.cases import only_long
from tests.transfer.in_process import STORAGE, TARGET, InProcess
from tests.transfer.kept import content, kept, options_for, stored_in

pytestmark = pytest.mark.usefixtures("small_chunks")

_NFC, _NFD = "Caf\u00e9", "Cafe\u0301"
_QUOTE = "\u201b"
WAYS = pytest.mark.parametrize("way", ["one PUT", "chunks", *only_long("parts", "parallel parts")])


def _write(root: Path, files: dict[str, bytes]) -> None:
    for name, data in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


@WAYS
def test_names_that_differ_by_their_unicode_form_are_all_kept(
    machine: InProcess, server: QingStorServer, source: Path, way: str
) -> None:
    """rclone drops one of two such files, or stores it over the other."""
    names = (f"{_NFC}/one", f"{_NFD}/two", f"{_NFC}.txt", f"{_NFD}.txt", f"{_NFC}/same", f"{_NFD}/same")
    files = {name: content(f"{number} {name}", way) for number, name in enumerate(names)}
    _write(source, files)
    storing, options = stored_in(way, machine), options_for(way)

    assert storing.backup(source, options=options).good().files_new == len(files)
    assert kept(server) == files
    assert storing.backup(source, options=options).good().files_unmodified == len(files)

    (source / f"{_NFC}.txt").unlink()
    (source / f"{_NFC} moved").write_bytes(files[f"{_NFC}.txt"])
    edited = content("edited", way)
    (source / f"{_NFD}.txt").write_bytes(edited)
    summary = storing.backup(source, options=options).good()
    assert (summary.files_new, summary.files_changed, summary.files_unmodified) == (1, 1, 4)
    now = kept(server)
    assert (now[f"{_NFD}.txt"], now[f"{_NFC} moved"]) == (edited, files[f"{_NFC}.txt"])


@pytest.mark.parametrize("edit", [False, True])
def test_a_name_that_changes_its_unicode_form_is_another_name(
    machine: InProcess, server: QingStorServer, source: Path, *, edit: bool
) -> None:
    _write(source, {_NFC: b"content"})
    machine.backup(source).good()
    (source / _NFC).rename(source / _NFD)
    if edit:
        (source / _NFD).write_bytes(b"CONTENT")
    assert machine.backup(source).good().files_new == 1
    assert kept(server)[_NFD] == (source / _NFD).read_bytes()
    assert machine.verify(source).good().files_unmodified == 1


_NEIGHBOURS = (
    *("tr ", "tr", "line\nend", "line\u240aend", "line", "end\r", "end", f"{_QUOTE}q", f"{_QUOTE}{_QUOTE}q"),
    *("q", "x.rclonelink", "x", " blank", "*", "[a]", "a", "{a,b}", "# note", "-", "+ x", "\u2400", "\uff0f"),
    *("\uff0e", "bytes \udcff", "bytes \udcfe", "\x01", "\u2401"),
)


@pytest.mark.parametrize(
    ("way", "names"),
    [
        ("one PUT", _NEIGHBOURS[:9]),
        pytest.param("one PUT", _NEIGHBOURS[9:], marks=pytest.mark.deep),
        *(
            pytest.param(way, _NEIGHBOURS[:11], marks=pytest.mark.deep)
            for way in ("parts", "parallel parts", "chunks")
        ),
    ],
    ids=["one PUT", "one PUT, more", "parts", "parallel parts", "chunks"],
)
def test_a_single_file_is_the_one_that_was_named(
    machine: InProcess, server: QingStorServer, source: Path, way: str, names: tuple[str, ...]
) -> None:
    """A file with an odd name stored its neighbour, or nothing, and both were a success."""
    _write(source, {name: content(repr(name), way) for name in names})
    storing, options = stored_in(way, machine), options_for(way)
    for number, name in enumerate(names):
        summary = storing.backup(source / name, f"{TARGET}{number}", options).good()
        assert summary.files_new == 1, name
        assert list(kept(server, f"srv{number}/").values()) == [content(repr(name), way)], name


@pytest.mark.parametrize("way", ["one PUT", *only_long("parts", "parallel parts", "chunks")])
def test_odd_names_beside_one_another_are_all_kept(
    machine: InProcess, server: QingStorServer, source: Path, way: str
) -> None:
    # QingStor's key of a name that is U+FF0E alone is a dot, and that of its chunks is not.
    names = [name for name in _NEIGHBOURS if name != "\uff0e" or way != "chunks"]
    files = {name: content(repr(name), way) for name in names}
    files |= {f"{_QUOTE}d/{name}": content(f"below {name!r}", way) for name in _NEIGHBOURS[:9]}
    _write(source, files)
    storing, options = stored_in(way, machine), options_for(way)
    assert storing.backup(source, options=options).good().files_new == len(files)
    assert sorted(kept(server).values()) == sorted(files.values())
    again = storing.backup(source, options=options).good()
    assert (again.files_unmodified, again.data_added) == (len(files), 0)


@pytest.mark.parametrize(
    "odd", [f"{_QUOTE}\u240a", "\udcff", *only_long("\u240a", _QUOTE, " ", "\uff0f", "[a]")]
)
def test_a_root_with_an_odd_name_is_the_one_that_was_named(
    machine: InProcess, server: QingStorServer, tmp_path: Path, odd: str
) -> None:
    """rclone takes such a path for another one, beside it."""
    for number, name in enumerate((f"root{odd}", "root\n", "root")):
        _write(tmp_path / name, {"file": name.encode("utf-8", "surrogateescape")})
        machine.backup(tmp_path / name, f"{TARGET}{number}").good()
        assert list(kept(server, f"srv{number}/")) == ["file"]
    assert server.read_object("bucket-one", "srv0/file") == os.fsencode(f"root{odd}")
    assert server.read_object("bucket-one", "srv1/file") == b"root\n"


def test_targets_with_odd_names_are_different_places(
    machine: InProcess, server: QingStorServer, source: Path, tmp_path: Path
) -> None:
    targets = ("a\u240a", f"a{_QUOTE}q", f"a{_QUOTE}{_QUOTE}q", "a")
    for target in targets:
        (source / "file").write_bytes(target.encode())
        machine.backup(source, f"{STORAGE}:bucket-one/{target}").good()
    assert sorted(kept(server, "").values()) == sorted(target.encode() for target in targets)
    for number, target in enumerate(targets):
        machine.restore(tmp_path / f"out{number}", f"{STORAGE}:bucket-one/{target}").good()
        assert (tmp_path / f"out{number}" / "file").read_bytes() == target.encode()


def test_a_destination_with_an_odd_name_is_the_one_that_was_named(
    machine: InProcess, source: Path, tmp_path: Path
) -> None:
    (source / "file").write_bytes(b"x")
    machine.backup(source).good()
    for name in ("out\u240a", f"out{_QUOTE}", "out\n", "out "):
        machine.restore(tmp_path / name).good()
        assert [path.name for path in (tmp_path / name).iterdir()] == ["file"]
    assert not (tmp_path / "out").exists()


def test_a_file_whose_directory_is_a_link_is_found(
    machine: InProcess, server: QingStorServer, source: Path, tmp_path: Path
) -> None:
    """`/var/www/k.txt` with `/var/www` a link ended as unknown, after six seconds."""
    (source / "k.txt").write_bytes(b"k")
    (tmp_path / "www").symlink_to(source)
    machine.backup(tmp_path / "www" / "k.txt").good()
    assert kept(server) == {"k.txt": b"k"}


def test_several_sources_lie_below_the_target_under_their_own_paths(
    machine: InProcess, server: QingStorServer, tmp_path: Path
) -> None:
    _write(tmp_path, {"one/a": b"a", "one/deep/b": b"b", "two\n/c": b"c", f"three{_QUOTE}/d": b"d"})
    sources = tuple(tmp_path / name for name in ("one", "two\n", f"three{_QUOTE}", "one/a", "one/deep"))
    request = Backup(sources, parse_target(TARGET), options_for("one PUT"), machine.form, share_target=True)
    for expected in ((4, 0), (0, 4)):
        with Cancellation() as cancel:
            *_, summary = backup(request, machine.machine, cancel)
        assert isinstance(summary, Summary)
        assert summary.exit_status == 0, summary
        assert (summary.files_new, summary.files_unmodified) == expected
    below = str(tmp_path).lstrip("/")
    assert kept(server, f"srv/{below}/") == {
        "one/a": b"a",
        "one/deep/b": b"b",
        "two\u240a/c": b"c",
        f"three{2 * _QUOTE}/d": b"d",
    }
