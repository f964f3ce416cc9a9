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


def _found(walk: Walk) -> dict[bytes, Entry]:
    return {entry.name: entry for batch in walk.batches() for entry in batch}


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
        *(b"a", b"deep/b", b"deep/deeper/c", b"other/d", b"link.rclonelink", b"deep/dangling.rclonelink"),
    }
    status = (tree / "a").stat()
    entry = found[b"a"]
    assert (entry.size, entry.mtime_ns, entry.ctime_ns) == (1, status.st_mtime_ns, status.st_ctime_ns)
    assert (entry.inode, entry.mode, entry.uid) == (status.st_ino, status.st_mode, status.st_uid)
    assert found[b"link.rclonelink"].size == len("deep")


def test_a_directory_of_many_files_is_handed_over_in_pieces(tmp_path: Path) -> None:
    for number in range(1200):
        (tmp_path / f"{number}").touch()
    sizes = [len(batch) for batch in _walk(tmp_path).batches()]
    assert (sum(sizes), max(sizes)) == (1200, 500)


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
    assert _found(alone) == {}


def test_patterns_keep_directories_from_being_entered(tree: Path) -> None:
    patterns = Patterns()
    patterns.exclude(["/deep/deeper/**", "other/"], Dialect.RCLONE)
    (tree / "other").chmod(0)
    walk = _walk(tree, Choice(patterns))
    names = set(_found(walk))
    (tree / "other").chmod(0o700)
    assert names == {b"a", b"deep/b", b"link.rclonelink", b"deep/dangling.rclonelink"}
    assert walk.findings.unreadable == {}


@pytest.mark.parametrize(
    ("places", "names"),
    [
        ((b"deep",), {b"deep/b", b"deep/deeper/c", b"deep/dangling.rclonelink"}),
        ((b"deep/deeper", b"a"), {b"deep/deeper/c", b"a"}),
        ((b"deep", b"deep/b"), {b"deep/b", b"deep/deeper/c", b"deep/dangling.rclonelink"}),
        ((b"deep/b", b"deep"), {b"deep/b", b"deep/deeper/c", b"deep/dangling.rclonelink"}),
        ((b"link",), {b"link.rclonelink"}),
        ((b"link/b",), {b"link.rclonelink"}),
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
    assert names == ({b"other/d"} if places else {b"a", b"other/d", b"link.rclonelink"})


def test_a_link_beside_a_file_with_the_name_of_its_object_is_named(tree: Path) -> None:
    (tree / "link.rclonelink").write_bytes(b"a file")
    walk = _walk(tree)
    assert _found(walk)[b"link.rclonelink"].link_md5 is None
    assert walk.findings.collisions == [b"link"]


def test_our_own_state_is_left_out_wherever_it_lies(tree: Path) -> None:
    status = (tree / "deep").stat()
    walk = _walk(tree, Choice(own=frozenset({(status.st_dev, status.st_ino)})))
    assert set(_found(walk)) == {b"a", b"other/d", b"link.rclonelink"}
    assert walk.findings.own.names == [f"{tree}/deep"]


def test_directories_of_which_it_matters_are_told_to_be_empty(tree: Path) -> None:
    (tree / "disk").mkdir()
    walk = _walk(tree, watched=(b"disk", b"deep", b"none"))
    _found(walk)
    assert walk.findings.empty == {b"disk"}
