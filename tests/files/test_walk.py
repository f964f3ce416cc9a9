"""What a walk finds, what it leaves out and says so, and what of it is not known."""

import os
import socket
from collections.abc import Iterable
from pathlib import Path

import pytest

from adapter.files.entry import Entry, Root
from adapter.files.mounts import kernel_file_systems
from adapter.files.patterns import Dialect, Patterns
from adapter.files.walk import Choice, Walk


def _all(walk: Walk) -> dict[bytes, Entry]:
    return {entry.name: entry for batch in walk.batches() for entry in batch}


def _found(walk: Walk) -> dict[bytes, Entry]:
    """What is no directory."""
    return {name: entry for name, entry in _all(walk).items() if not entry.is_directory}


def _walk(root: Path, choice: Choice | None = None, watched: Iterable[bytes] = ()) -> Walk:
    return Walk(Root(os.fsencode(root)), choice or Choice(), frozenset(watched))


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Files, links and others in three directories."""
    root = tmp_path / "tree"
    for name in ("a", "deep/b", "deep/deeper/c", "other/d"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(name.encode())
    (root / "link").symlink_to("deep")
    (root / "deep" / "dangling").symlink_to("nowhere")
    return root


def test_files_and_links_are_found_and_links_are_not_followed(tree: Path) -> None:
    found = _found(_walk(tree))
    assert set(found) == {
        *(b"a", b"deep/b", b"deep/deeper/c", b"other/d", b"link", b"deep/dangling"),
    }
    status = (tree / "a").stat()
    entry = found[b"a"]
    assert (entry.size, entry.mtime_ns, entry.ctime_ns) == (1, status.st_mtime_ns, status.st_ctime_ns)
    assert (entry.inode, entry.mode, entry.uid) == (status.st_ino, status.st_mode, status.st_uid)
    assert (found[b"link"].size, found[b"link"].link) == (0, b"deep")


def test_a_directory_of_many_files_is_handed_over_in_pieces(tmp_path: Path) -> None:
    for number in range(1200):
        (tmp_path / f"{number}").touch()
    sizes = [len(batch) for batch in _walk(tmp_path).batches()]
    assert (sum(sizes), max(sizes)) == (1201, 500)


def test_what_has_no_content_is_left_out_and_named(tree: Path) -> None:
    os.mkfifo(tree / "deep" / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tree / "socket"))
        walk = _walk(tree)
        assert len(_found(walk)) == 6
    assert (walk.findings.special.count, set(walk.findings.special.names)) == (2, {"deep/pipe", "socket"})


def test_what_the_kernel_makes_up_is_left_out_and_named() -> None:
    """131 files of /proc differed after their transfer, and /proc/kmsg stalled the run four times."""
    walk = _walk(Path("/"), Choice(places=(b"proc", b"sys")))
    assert _found(walk) == {}
    assert sorted(walk.findings.kernel.names) == ["/proc (proc)", "/sys (sysfs)"]
    inside = _walk(Path("/proc/self"))
    assert _found(inside) == {}
    assert inside.findings.kernel.names == ["/proc/self (proc)"]


def test_types_of_file_systems_are_read_from_the_kernels_table(tmp_path: Path) -> None:
    table = tmp_path / "mountinfo"
    table.write_text(
        "22 27 0:21 / /proc rw,nosuid shared:12 - proc proc rw\n"
        "23 27 0:22 / /sys rw - sysfs sysfs rw\n"
        "27 1 8:1 / / rw shared:1 - ext4 /dev/sda1 rw\n"
        "odd line\n"
    )
    assert kernel_file_systems(table) == {os.makedev(0, 21): "proc", os.makedev(0, 22): "sysfs"}
    assert kernel_file_systems(tmp_path / "none") == {}


def test_another_file_system_is_entered_unless_it_is_asked_not_to() -> None:
    root = Path("/dev")
    assert (root / "shm").is_mount()
    with_all = _walk(root, Choice(places=(b"shm",)))
    _found(with_all)
    assert with_all.findings.mounts == [b"shm"]
    alone = _walk(root, Choice(places=(b"shm",), one_file_system=True))
    assert set(_all(alone)) == {b"", b"shm"}


def test_directories_are_found_with_what_belongs_to_them(tree: Path) -> None:
    (tree / "empty").mkdir(mode=0o700)
    os.utime(tree / "empty", ns=(1, 123_456_789))
    found = {name: entry for name, entry in _all(_walk(tree)).items() if entry.is_directory}
    assert set(found) == {b"", b"deep", b"deep/deeper", b"other", b"empty"}
    assert (found[b""].mtime_ns, found[b""].mode) == (tree.stat().st_mtime_ns, tree.stat().st_mode)
    entry = found[b"empty"]
    assert (entry.size, entry.mtime_ns, entry.mode & 0o7777) == (0, 123_456_789, 0o700)


def test_the_directories_above_a_root_of_several_are_found(tree: Path) -> None:
    prefix = os.fsencode(tree).strip(b"/") + b"/"
    above = [prefix.rstrip(b"/")]
    while b"/" in above[-1]:
        above.append(above[-1].rpartition(b"/")[0])
    whole = _all(Walk(Root(os.fsencode(tree), prefix), Choice()))
    assert set(above) <= set(whole)
    assert prefix + b"deep/b" in whole
    one = _all(Walk(Root(os.fsencode(tree), prefix, only=b"a"), Choice()))
    assert set(one) == {*above, prefix + b"a"}
    assert all(whole[name].is_directory for name in above)


class _Listed:
    """The entries of a directory, looked at when it was read."""

    def __init__(self, entries: list[os.DirEntry[bytes]]) -> None:
        for entry in entries:
            entry.stat(follow_symlinks=False)
        self.entries = entries

    def __enter__(self) -> list[os.DirEntry[bytes]]:
        return self.entries

    def __exit__(self, *_: object) -> None:
        pass


def test_a_directory_that_became_a_link_is_not_followed(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.scandir

    def swapping(path: bytes) -> object:
        if path.rstrip(b"/") == os.fsencode(tree):
            entries = _Listed(list(real(path)))
            (tree / "other" / "d").unlink()
            (tree / "other").rmdir()
            (tree / "other").symlink_to("/")
            return entries
        return real(path)

    with monkeypatch.context() as patch:
        patch.setattr(os, "scandir", swapping)
        found = _all(_walk(tree))
    assert not any(name.startswith(b"other") for name in found)


def test_two_names_of_one_file_are_known_as_that(tree: Path) -> None:
    os.link(tree / "a", tree / "twin")
    found = _found(_walk(tree))
    assert found[b"a"].hard_link == found[b"twin"].hard_link != ""
    assert found[b"deep/b"].hard_link == ""


@pytest.mark.parametrize("is_directory", [True, False])
def test_the_name_of_the_manifests_directory_is_reserved_at_the_top(
    tree: Path, *, is_directory: bool
) -> None:
    if is_directory:
        (tree / ".pluton").mkdir()
        (tree / ".pluton" / "file").touch()
    else:
        (tree / ".pluton").touch()
    (tree / "deep" / ".pluton").touch()
    walk = _walk(tree)
    assert not any(name.startswith(b".pluton") for name in _all(walk))
    assert walk.findings.reserved
    below = Walk(Root(os.fsencode(tree), b"below/"), Choice())
    assert b"below/.pluton" in _all(below)
    assert not below.findings.reserved


def test_patterns_keep_directories_from_being_entered(tree: Path) -> None:
    patterns = Patterns()
    patterns.exclude(["/deep/deeper/**", "other/"], Dialect.RCLONE)
    (tree / "other").chmod(0)
    walk = _walk(tree, Choice(patterns))
    names = set(_found(walk))
    (tree / "other").chmod(0o700)
    assert names == {b"a", b"deep/b", b"link", b"deep/dangling"}
    assert walk.findings.unreadable == {}


@pytest.mark.parametrize(
    ("places", "names"),
    [
        ((b"deep",), {b"deep/b", b"deep/deeper/c", b"deep/dangling"}),
        ((b"deep/deeper", b"a"), {b"deep/deeper/c", b"a"}),
        ((b"deep", b"deep/b"), {b"deep/b", b"deep/deeper/c", b"deep/dangling"}),
        ((b"deep/b", b"deep"), {b"deep/b", b"deep/deeper/c", b"deep/dangling"}),
        ((b"link",), {b"link"}),
        ((b"link/b",), {b"link"}),
        ((), set()),
    ],
)
def test_places_are_looked_at_and_nothing_else(
    tree: Path, places: tuple[bytes, ...], names: set[bytes]
) -> None:
    assert set(_found(_walk(tree, Choice(places=places)))) == names


def test_a_place_that_is_not_there_is_named(tree: Path) -> None:
    walk = _walk(tree, Choice(places=(b"deep/none", b"a")))
    assert set(_found(walk)) == {b"a"}
    assert walk.findings.missing_places.names == ["deep/none"]


@pytest.mark.parametrize("places", [None, (b"deep/b", b"other/d")])
def test_a_directory_with_the_marker_is_left_out(tree: Path, places: tuple[bytes, ...] | None) -> None:
    (tree / "deep" / ".nobackup").touch()
    names = set(_found(_walk(tree, Choice(places=places, if_absent=".nobackup"))))
    assert names == ({b"other/d"} if places else {b"a", b"other/d", b"link"})


def test_our_own_state_is_left_out_wherever_it_lies(tree: Path) -> None:
    status = (tree / "deep").stat()
    walk = _walk(tree, Choice(own=frozenset({(status.st_dev, status.st_ino)})))
    assert set(_found(walk)) == {b"a", b"other/d", b"link"}
    assert walk.findings.own.names == [f"{tree}/deep"]


def test_directories_of_which_it_matters_are_told_to_be_empty(tree: Path) -> None:
    (tree / "disk").mkdir()
    walk = _walk(tree, watched=(b"disk", b"deep", b"none"))
    _found(walk)
    assert walk.findings.empty == {b"disk"}
