"""Changing what is below a directory: nothing outside, nothing half, and what cannot be set is told."""

import errno
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO

import pytest

from adapter.machine.metadata import Metadata, set_file_metadata
from adapter.machine.open_tree import TEMPORARY, OpenTree
from tests.machine.children import own_descriptors

_ROOT = Path(__file__).parents[2]
_IS_ROOT = os.geteuid() == 0
_MTIME = 1_234_567_890_123_456_789
_PLAIN = Metadata(_MTIME, 0o640)
Action = Callable[[OpenTree, int, bytes], None]


def _place(tree: OpenTree, aside: int, path: bytes) -> None:
    tree.place(aside, b"staged", path, _PLAIN)


def _make_link(tree: OpenTree, _aside: int, path: bytes) -> None:
    tree.make_link(path, b"target")


def _hard_link(tree: OpenTree, _aside: int, path: bytes) -> None:
    tree.hard_link(b"existing", path)


def _make_directory(tree: OpenTree, _aside: int, path: bytes) -> None:
    tree.make_directory(path, replace=True)


def _finish_directory(tree: OpenTree, _aside: int, path: bytes) -> None:
    tree.finish_directory(path, _PLAIN)


def _set_link_metadata(tree: OpenTree, _aside: int, path: bytes) -> None:
    tree.set_link_metadata(path, _PLAIN)


def _remove_temporary(tree: OpenTree, _aside: int, path: bytes) -> None:
    tree.remove_temporary(path)


def _look(tree: OpenTree, _aside: int, path: bytes) -> None:
    tree.look(path)


_PUTTING: tuple[Action, ...] = (_place, _make_link, _hard_link)
_CHANGING: tuple[Action, ...] = (
    *_PUTTING,
    _make_directory,
    _finish_directory,
    _set_link_metadata,
    _remove_temporary,
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The directory that is changed, with one file in it."""
    root = tmp_path / "root"
    root.mkdir()
    (root / "existing").write_bytes(b"existing")
    return root


@pytest.fixture
def tree(root: Path) -> Iterator[OpenTree]:
    with OpenTree(os.fsencode(root)) as tree:
        yield tree


@pytest.fixture
def aside(tmp_path: Path) -> Iterator[int]:
    """Another directory, open, with a complete file in it."""
    directory = tmp_path / "aside"
    directory.mkdir()
    (directory / "staged").write_bytes(b"staged")
    descriptor = os.open(directory, os.O_RDONLY)
    yield descriptor
    os.close(descriptor)


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A directory that must stay as it is; it has what paths of the tests need."""
    outside = tmp_path / "outside"
    (outside / "b" / "c").mkdir(parents=True)
    (outside / "b" / "c" / "d").symlink_to("nowhere")
    (outside / "c" / "d").mkdir(parents=True)
    (outside / "d").mkdir()
    return outside


def _state(directory: Path) -> dict[str, tuple[int, ...]]:
    found = {str(path): path.lstat() for path in (directory, *directory.rglob("*"))}
    return {path: (state.st_ino, state.st_mode, state.st_mtime_ns) for path, state in found.items()}


@pytest.mark.parametrize("action", _CHANGING)
@pytest.mark.parametrize("level", [b"a", b"a/b", b"a/b/c"])
def test_no_parent_is_ever_a_link(
    action: Action, level: bytes, tree: OpenTree, aside: int, root: Path, outside: Path
) -> None:
    link = root / os.fsdecode(level)
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(outside)
    before = _state(outside)
    with pytest.raises(NotADirectoryError) as refused:
        action(tree, aside, b"a/b/c/d")
    assert refused.value.filename == level
    assert _state(outside) == before
    assert (tree.look(b"a/b/c/d"), tree.obstacle(b"a/b/c/d")) == (None, level)


@pytest.mark.parametrize("action", _CHANGING)
@pytest.mark.parametrize("is_moved_outside", [False, True])
def test_a_parent_that_becomes_a_link_is_not_used_again(
    action: Action, *, is_moved_outside: bool, tree: OpenTree, aside: int, root: Path, outside: Path
) -> None:
    tree.make_directory(b"a/b/c")
    tree.make_link(b"a/b/c/d", b"nowhere")
    parent = root / "a" / "b"
    if is_moved_outside:  # and the link leads to the very directory that is open
        parent.rename(outside / "moved")
        parent.symlink_to(outside / "moved")
    else:
        parent.rename(root / "moved")
        parent.symlink_to(outside / "b")
    before = _state(outside)
    with pytest.raises(NotADirectoryError) as refused:
        action(tree, aside, b"a/b/c/d")
    assert refused.value.filename == b"a/b"
    assert _state(outside) == before


def test_a_parent_that_was_replaced_by_a_directory_is_opened_anew(
    tree: OpenTree, aside: int, root: Path
) -> None:
    tree.make_directory(b"a/b")
    assert tree.look(b"a/b/file") is None
    (root / "a").rename(root / "moved")
    (root / "a" / "b").mkdir(parents=True)
    _place(tree, aside, b"a/b/file")
    assert (root / "a" / "b" / "file").read_bytes() == b"staged"
    assert [*(root / "moved" / "b").iterdir()] == []


def test_a_directory_that_it_replaced_itself_is_opened_anew(tree: OpenTree, aside: int, root: Path) -> None:
    tree.make_directory(b"a/b")
    _place(tree, aside, b"a/b")
    assert tree.obstacle(b"a/b/c") == b"a/b"
    tree.make_directory(b"a/b", replace=True)
    tree.make_link(b"a/b/c", b"target")
    assert (root / "a" / "b" / "c").readlink() == Path("target")


def _in_the_way(kind: str, path: Path, outside: Path) -> None:
    if kind == "file":
        path.write_bytes(b"old")
        path.chmod(0)
    elif kind == "link":
        path.symlink_to(outside)
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "empty directory":
        path.mkdir(0)
    else:
        with socket.socket(socket.AF_UNIX) as listener, _short_path(path) as short:
            listener.bind(short)


class _short_path:  # noqa: N801 - used like a function; a socket's path has at most 107 bytes
    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> str:
        self._parent = os.open(self._path.parent, os.O_PATH)
        return f"/proc/self/fd/{self._parent}/{self._path.name}"

    def __exit__(self, *_: object) -> None:
        os.close(self._parent)


@pytest.mark.parametrize("action", _PUTTING)
@pytest.mark.parametrize("kind", ["file", "link", "pipe", "socket", "empty directory"])
def test_what_is_in_the_way_is_replaced(
    action: Action, kind: str, tree: OpenTree, aside: int, root: Path, outside: Path
) -> None:
    (root / "a").mkdir()
    _in_the_way(kind, root / "a" / "x", outside)
    before = _state(outside)
    action(tree, aside, b"a/x")
    if action is _make_link:
        assert tree.read_link(b"a/x") == b"target"
    else:
        content = b"staged" if action is _place else b"existing"
        assert (root / "a" / "x").read_bytes() == content
        assert not (root / "a" / "x").is_symlink()
    assert [*(root / "a").iterdir()] == [root / "a" / "x"]
    assert _state(outside) == before


@pytest.mark.parametrize("action", _PUTTING)
def test_a_directory_with_content_is_not_replaced(
    action: Action, tree: OpenTree, aside: int, root: Path, tmp_path: Path
) -> None:
    (root / "a" / "x" / "kept").mkdir(parents=True)
    with pytest.raises(OSError, match="not empty") as refused:
        action(tree, aside, b"a/x")
    assert (refused.value.errno, refused.value.filename) == (errno.ENOTEMPTY, b"a/x")
    assert [*(root / "a").rglob("*")] == [root / "a" / "x", root / "a" / "x" / "kept"]
    assert (tmp_path / "aside" / "staged").read_bytes() == b"staged"


@pytest.mark.parametrize("kind", ["file", "link", "pipe", "socket"])
def test_a_directory_is_made_in_place_of_something_only_when_told(
    kind: str, tree: OpenTree, root: Path, outside: Path
) -> None:
    _in_the_way(kind, root / "x", outside)
    before = _state(outside)
    with pytest.raises(FileExistsError) as refused:
        tree.make_directory(b"x")
    assert refused.value.filename == b"x"
    with pytest.raises(NotADirectoryError) as refused_below:
        tree.make_directory(b"x/y", replace=True)
    assert refused_below.value.filename == b"x"
    tree.make_directory(b"x", replace=True)
    assert stat.S_ISDIR((root / "x").lstat().st_mode)
    assert _state(outside) == before


def test_a_hard_link_to_the_same_file_leaves_no_other_name(tree: OpenTree, root: Path) -> None:
    tree.make_directory(b"a/b")
    tree.hard_link(b"existing", b"a/b/x")
    tree.hard_link(b"existing", b"a/b/x")
    tree.hard_link(b"a/b/x", b"y")
    assert (root / "existing").stat().st_nlink == 3
    assert {path.name for path in root.rglob("*")} == {"existing", "a", "b", "x", "y"}


def test_a_hard_link_of_a_link_leads_nowhere_else(tree: OpenTree, root: Path, outside: Path) -> None:
    (outside / "secret").write_bytes(b"secret")
    (root / "link").symlink_to(outside / "secret")
    tree.hard_link(b"link", b"x")
    assert (root / "x").is_symlink()
    assert (outside / "secret").stat().st_nlink == 1


@pytest.mark.parametrize(
    "path", [b"..", b"../x", b"/x", b"a/../../x", b"a//b", b"./x", b"a/", b"a\0b", b"a/b\0/c"]
)
def test_a_path_that_leads_elsewhere_is_none(path: bytes, tree: OpenTree, aside: int, tmp_path: Path) -> None:
    (tmp_path / "root" / "a").mkdir()
    before = _state(tmp_path)
    for action in (*_CHANGING, _look):
        with pytest.raises(OSError, match="Invalid argument") as refused:
            action(tree, aside, path)
        assert refused.value.filename == path
    with pytest.raises(OSError, match="Invalid argument"):
        tree.place(aside, path, b"x")
    assert _state(tmp_path) == before


def test_the_directory_itself_is_the_blank_path(tree: OpenTree, aside: int, root: Path) -> None:
    tree.make_directory(b"")
    assert tree.finish_directory(b"", Metadata(_MTIME, 0o710)) == set()
    found = tree.look(b"")
    assert found is not None
    assert (found.st_ino, found.st_mtime_ns) == (root.stat().st_ino, _MTIME)
    assert stat.S_IMODE(found.st_mode) == 0o710
    assert tree.obstacle(b"") is None
    for action in _PUTTING:
        with pytest.raises(OSError):  # noqa: PT011 - whichever of them
            action(tree, aside, b"")


def test_what_is_not_there_is_told_by_its_path(tree: OpenTree, aside: int) -> None:
    assert (tree.look(b"x"), tree.look(b"x/y"), tree.obstacle(b"x/y/z")) == (None, None, None)
    with pytest.raises(FileNotFoundError) as refused:
        _place(tree, aside, b"x/y/z")
    assert refused.value.filename == b"x"
    with pytest.raises(FileNotFoundError) as refused:
        tree.place(aside, b"staged.not", b"x")
    assert refused.value.filename == b"staged.not"
    tree.make_directory(b"x")
    with pytest.raises(FileNotFoundError) as refused:
        tree.read_link(b"x/y")
    assert refused.value.filename == b"x/y"


def _open_now() -> int:
    return len([*Path("/proc/self/fd").iterdir()])


def test_a_tree_of_500_levels_needs_few_descriptors(tree: OpenTree, aside: int) -> None:
    before = _open_now()
    parents = [b"/".join([b"directory%d" % n for n in range(depth)]) for depth in (40, 500)]
    for parent in parents:
        tree.make_directory(parent)
        assert _open_now() - before < 50
    tree.make_link(parents[0] + b"/link", b"target")
    _place(tree, aside, parents[1] + b"/file")
    tree.hard_link(parents[1] + b"/file", parents[0] + b"/file")
    assert _open_now() - before < 50
    assert tree.read_link(parents[0] + b"/link") == b"target"
    deepest, other = tree.look(parents[1] + b"/file"), tree.look(parents[0] + b"/file")
    assert deepest is not None
    assert other is not None
    assert deepest.st_ino == other.st_ino
    assert tree.look(parents[1] + b"/directory500") is None
    assert tree.finish_directory(parents[1], _PLAIN) == set()


@pytest.mark.parametrize("name", [b"\xff\xfe", b"a\nb", b" ", b"...", b"x" * 255, b"\x01\x7f", b"-rf"])
def test_every_name_of_a_disk_will_do(name: bytes, tree: OpenTree, aside: int, root: Path) -> None:
    tree.make_directory(name + b"/" + name)
    _place(tree, aside, name + b"/" + name + b"/file")
    tree.make_link(name + b"/link", name)
    assert tree.read_link(name + b"/link") == name
    assert (root / os.fsdecode(name) / os.fsdecode(name) / "file").read_bytes() == b"staged"


def test_a_name_that_is_too_long_is_an_error_with_its_path(tree: OpenTree, aside: int) -> None:
    for action in (_place, _make_link, _make_directory):
        with pytest.raises(OSError, match="too long") as refused:
            action(tree, aside, b"x" * 256)
        assert refused.value.filename == b"x" * 256


def test_a_link_has_no_nul_and_no_blank_target(tree: OpenTree, root: Path) -> None:
    for target in (b"a\0b", b""):
        with pytest.raises(OSError):  # noqa: PT011 - EINVAL and ENOENT
            tree.make_link(b"link", target)
    assert [path.name for path in root.iterdir()] == ["existing"]


def test_only_a_regular_file_with_one_name_is_moved(
    tree: OpenTree, aside: int, root: Path, tmp_path: Path, outside: Path
) -> None:
    directory = tmp_path / "aside"
    for kind in ("link", "pipe", "socket", "empty directory"):
        _in_the_way(kind, directory / kind, outside)
    (directory / "hard link").hardlink_to(root / "existing")
    for name in (b"link", b"pipe", b"socket", b"empty directory", b"hard link", b""):
        with pytest.raises(OSError, match="Invalid argument") as refused:
            tree.place(aside, name, b"x", _PLAIN)
        assert refused.value.filename == name
    (outside / "file").write_bytes(b"outside")
    with pytest.raises(NotADirectoryError) as refused_below:
        tree.place(aside, b"link/file", b"x")
    assert refused_below.value.filename == b"link/file"
    assert (tree.look(b"x"), (outside / "file").read_bytes()) == (None, b"outside")


def test_a_file_is_moved_with_its_inode_and_its_metadata(tree: OpenTree, aside: int, tmp_path: Path) -> None:
    (tmp_path / "aside" / "a" / "b").mkdir(parents=True)
    staged = tmp_path / "aside" / "a" / "b" / "file"
    staged.write_bytes(b"content")
    inode = staged.stat().st_ino
    assert tree.place(aside, b"a/b/file", b"x", _PLAIN) == set()
    found = tree.look(b"x")
    assert found is not None
    assert (found.st_ino, stat.S_IMODE(found.st_mode), found.st_mtime_ns) == (inode, 0o640, _MTIME)
    assert not staged.exists()


@pytest.fixture
def other_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is moved from aside is on another file system."""
    rename = os.rename

    def refuse(source: bytes, path: bytes, *, src_dir_fd: int, dst_dir_fd: int) -> None:
        if not TEMPORARY.fullmatch(source):
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), source)
        rename(source, path, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)

    monkeypatch.setattr(os, "rename", refuse)


@pytest.mark.parametrize("has_metadata", [False, True])
def test_a_file_comes_to_another_file_system_by_a_copy(
    *, has_metadata: bool, tree: OpenTree, aside: int, root: Path, tmp_path: Path, other_disk: None
) -> None:
    staged = tmp_path / "aside" / "staged"
    staged.write_bytes(os.urandom(300_000))
    staged.chmod(0o751)
    os.utime(staged, ns=(5, 1_000_000_007))
    content = staged.read_bytes()
    (root / "x").mkdir()  # empty: replaced
    assert tree.place(aside, b"staged", b"x", _PLAIN if has_metadata else None) == set()
    found = (root / "x").stat()
    assert (root / "x").read_bytes() == content
    expected = (0o640, _MTIME) if has_metadata else (0o751, 1_000_000_007)
    assert (stat.S_IMODE(found.st_mode), found.st_mtime_ns) == expected
    assert {path.name for path in root.iterdir()} == {"existing", "x"}
    assert not staged.exists()


def test_a_copy_that_fails_leaves_what_was_there(
    tree: OpenTree,
    aside: int,
    root: Path,
    tmp_path: Path,
    other_disk: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (root / "x").write_bytes(b"old")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    (root / "full" / "x").mkdir(parents=True)
    with pytest.raises(OSError, match="not empty"):
        _place(tree, aside, b"full")
    monkeypatch.setattr(shutil, "copyfileobj", full)
    with pytest.raises(OSError, match="No space") as refused:
        _place(tree, aside, b"x")
    assert refused.value.filename == b"x"
    assert (root / "x").read_bytes() == b"old"
    assert {path.name for path in root.rglob("*")} == {"existing", "x", "full"}
    assert (tmp_path / "aside" / "staged").read_bytes() == b"staged"


def test_what_is_being_copied_is_not_taken_for_left_over(
    tree: OpenTree, aside: int, root: Path, other_disk: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = shutil.copyfileobj

    def look_meanwhile(content: IO[bytes], new: IO[bytes]) -> None:
        with OpenTree(os.fsencode(root)) as other:
            other.remove_temporary(b"")
        copy(content, new)

    monkeypatch.setattr(shutil, "copyfileobj", look_meanwhile)
    _place(tree, aside, b"x")
    assert (root / "x").read_bytes() == b"staged"


_KILLED = """
import errno, os, shutil, signal, sys
from adapter.machine.open_tree import OpenTree

def other_disk(*_, **__):
    raise OSError(errno.EXDEV, "another disk")

def half(source, copy):
    copy.write(source.read(3))
    copy.flush()
    os.kill(os.getpid(), signal.SIGKILL)

os.rename, shutil.copyfileobj = other_disk, half
with OpenTree(os.fsencode(sys.argv[1])) as tree:
    tree.place(os.open(sys.argv[2], os.O_RDONLY), b"staged", b"a/x")
"""


def test_a_kill_in_the_middle_leaves_nothing_half_under_its_name(
    tree: OpenTree, aside: int, root: Path, tmp_path: Path
) -> None:
    (root / "a").mkdir()
    (root / "a" / "x").write_bytes(b"old")
    argv = [sys.executable, "-c", _KILLED, str(root), str(tmp_path / "aside")]
    done = subprocess.run(argv, cwd=_ROOT, check=False)
    assert done.returncode == -signal.SIGKILL
    assert (root / "a" / "x").read_bytes() == b"old"
    left = [path for path in (root / "a").iterdir() if TEMPORARY.fullmatch(os.fsencode(path.name))]
    assert [path.read_bytes() for path in left] == [b"sta"]
    tree.remove_temporary(b"a")
    assert [path.name for path in (root / "a").iterdir()] == ["x"]


def test_only_what_was_left_is_removed(tree: OpenTree, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = ".pluton-qingstor-0123456789abcde"
    (root / f"{name}0").symlink_to("nowhere")
    (root / f"{name}1").write_bytes(b"left")
    (root / f"{name}2").mkdir()
    os.mkfifo(root / f"{name}3")
    (root / f"{name}4").write_bytes(b"held")
    (root / ".pluton-qingstor-mine").write_bytes(b"")
    with (root / f"{name}4").open("rb") as file:
        code = "import fcntl; fcntl.flock(0, fcntl.LOCK_EX)"  # the lock is the open file's, not the process's
        subprocess.run([sys.executable, "-c", code], stdin=file, check=True)
        monkeypatch.setattr(os, "geteuid", lambda: 4_000_000)
        tree.remove_temporary(b"")
        assert len([*root.iterdir()]) == 7
        monkeypatch.undo()
        tree.remove_temporary(b"")
    kept = {f"{name}2", f"{name}3", f"{name}4", ".pluton-qingstor-mine", "existing"}
    assert {path.name for path in root.iterdir()} == kept


@pytest.mark.parametrize("mtime", [_MTIME, 1, 0, -1_000_000_001, 4_000_000_000_000_000_001])
def test_times_are_set_to_the_nanosecond(mtime: int, tree: OpenTree, root: Path) -> None:
    metadata = Metadata(mtime, 0o700)
    tree.make_directory(b"a")
    tree.make_link(b"link", b"existing")
    with (root / "existing").open("rb") as file:
        read = os.fstat(file.fileno()).st_atime_ns
        assert set_file_metadata(file.fileno(), metadata) == set()
        assert os.fstat(file.fileno()).st_atime_ns == read
    os.utime(root / "existing", ns=(9, 9))
    assert tree.set_link_metadata(b"link", metadata) == set()
    assert tree.finish_directory(b"a", metadata) == set()
    found = [os.lstat(root / name).st_mtime_ns for name in ("link", "a", "existing")]
    assert found == [mtime, mtime, 9]


def test_numbers_that_no_disk_can_hold_are_told(tree: OpenTree, root: Path) -> None:
    wild = Metadata(1 << 80, 0o600, uid=1 << 40, gid=-7)
    tree.make_link(b"link", b"target")
    with (root / "existing").open("rb") as file:
        assert set_file_metadata(file.fileno(), wild) == {"times", "owner"}
    assert tree.set_link_metadata(b"link", wild) == {"times", "owner"}
    assert tree.finish_directory(b"", wild._replace(mode=0o755)) == {"times", "owner"}


def test_a_file_that_is_there_gets_its_metadata(tree: OpenTree, root: Path, outside: Path) -> None:
    assert tree.set_metadata(b"existing", Metadata(_MTIME, 0)) == set()
    found = (root / "existing").stat()
    assert (stat.S_IMODE(found.st_mode), found.st_mtime_ns) == (0, _MTIME)
    assert tree.set_metadata(b"existing", _PLAIN) == set()
    for kind in ("link", "pipe", "socket", "empty directory"):
        _in_the_way(kind, root / kind, outside)
        before = _state(outside), os.lstat(root / kind)
        with pytest.raises(OSError, match="Invalid argument"):
            tree.set_metadata(os.fsencode(kind), _PLAIN)
        assert (_state(outside), os.lstat(root / kind)) == before


def test_only_a_link_has_the_metadata_of_a_link(tree: OpenTree, root: Path) -> None:
    before = (root / "existing").stat()
    with pytest.raises(OSError, match="Invalid argument"):
        tree.set_link_metadata(b"existing", _PLAIN)
    with pytest.raises(NotADirectoryError):
        tree.finish_directory(b"existing", _PLAIN)
    assert (root / "existing").stat() == before


@pytest.mark.parametrize("mode", [0o000, 0o444, 0o640, 0o777, 0o4755, 0o2755, 0o6711])
def test_modes_are_set_as_they_were(mode: int, tree: OpenTree, aside: int, root: Path) -> None:
    owner = (os.geteuid(), os.getegid())
    metadata = Metadata(_MTIME, mode, owner_uid=owner[0], owner_gid=owner[1])
    tree.make_directory(b"a")
    (root / "a").chmod(0o777)
    assert tree.finish_directory(b"a", metadata) == set()
    assert tree.place(aside, b"staged", b"x", metadata) == set()
    assert [stat.S_IMODE(os.lstat(root / name).st_mode) for name in "ax"] == [mode, mode]
    assert tree.finish_directory(b"a", Metadata(0, None)) == set()
    assert stat.S_IMODE((root / "a").stat().st_mode) == mode


@pytest.mark.parametrize("owner", [(None, None), (4_000_000, 4_000_000)])
def test_nobody_else_gets_a_setuid_file(
    owner: tuple[int | None, int | None], tree: OpenTree, aside: int, root: Path
) -> None:
    metadata = Metadata(_MTIME, 0o6755, owner_uid=owner[0], owner_gid=owner[1])
    assert tree.place(aside, b"staged", b"x", metadata) == {"special bits"}
    assert stat.S_IMODE((root / "x").stat().st_mode) == 0o755


def test_owners_are_set_before_the_special_bits(tree: OpenTree, aside: int, root: Path) -> None:
    metadata = Metadata(_MTIME, 0o6755, 12_345, 12_346, 12_345, 12_346)
    unset = set() if _IS_ROOT else {"owner", "special bits"}
    assert tree.place(aside, b"staged", b"x", metadata) == unset
    tree.make_directory(b"a")
    assert tree.finish_directory(b"a", metadata) == unset
    tree.make_link(b"link", b"existing")
    assert tree.set_link_metadata(b"link", metadata) == unset - {"special bits"}
    if _IS_ROOT:
        found = [os.lstat(root / name) for name in ("x", "a", "link")]
        assert {(state.st_uid, state.st_gid) for state in found} == {(12_345, 12_346)}
        assert [stat.S_IMODE(state.st_mode) for state in found[:2]] == [0o6755, 0o6755]
        assert (root / "existing").stat().st_uid == 0


@pytest.mark.parametrize("code", [errno.EPERM, errno.ENOTSUP, errno.EINVAL, errno.EROFS])
def test_what_a_disk_refuses_is_told(
    code: int, tree: OpenTree, aside: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patch:
        for call in ("chown", "chmod", "utime"):
            patch.setattr(os, call, refuse)
        metadata = Metadata(_MTIME, 0o7, 12_345, 12_346)
        assert tree.place(aside, b"staged", b"x", metadata) == {"owner", "mode", "times"}
    assert tree.look(b"x") is not None


def test_an_error_of_the_disk_is_raised(tree: OpenTree, aside: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patch:
        patch.setattr(os, "utime", fail)
        with pytest.raises(OSError, match="Input/output"):
            _place(tree, aside, b"x")
    assert tree.look(b"x") is None


def _modes(root: Path) -> dict[str, int]:
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in sorted(root.rglob("*"))}


def test_directories_are_open_to_their_owner_meanwhile(root: Path) -> None:
    (root / "a" / "b").mkdir(parents=True)
    (root / "a" / "b").chmod(0o550)
    (root / "a").chmod(0o500)
    umask = os.umask(0o777)
    try:
        with OpenTree(os.fsencode(root)) as tree:
            assert tree.look(b"a/b") is not None  # and so `a` is open already
            tree.make_directory(b"a/b/c")
            tree.make_directory(b"a/b/c")
            assert _modes(root) == {"a": 0o700, "b": 0o750, "c": 0o700, "existing": 0o644}
            tree.restore_modes()
            assert _modes(root) == {"a": 0o500, "b": 0o550, "c": 0o700, "existing": 0o644}
            tree.make_directory(b"a/b/d")
            tree.finish_directory(b"a/b", Metadata(_MTIME, 0o511))
    finally:
        os.umask(umask)
    assert _modes(root / "a") == {"b": 0o511, "c": 0o700, "d": 0o700}
    assert stat.S_IMODE((root / "a").stat().st_mode) == 0o500


_AS_USER = """
import os, sys
from adapter.machine.metadata import Metadata
from adapter.machine.open_tree import OpenTree

root, aside = map(os.fsencode, sys.argv[1:])
assert os.geteuid() == 54321
try:
    os.listdir(root + b"/closed")
except PermissionError:
    pass
else:
    raise SystemExit("this user may do everything")
with OpenTree(root) as tree:
    tree.make_directory(b"closed/inner/new")
    staged = os.open(aside, os.O_PATH)
    os.chmod(aside + b"/staged", 0)
    saved = Metadata(7, 0o4000, 0, 0, 54321, 54321)
    print(sorted(tree.place(staged, b"staged", b"closed/inner/new/file", saved)))
    print(sorted(tree.finish_directory(b"closed/inner/new", Metadata(8, 0))))
    try:
        tree.look(b"closed/inner/new/file")
    except PermissionError as error:
        print(error.filename)
"""


def test_a_user_without_rights_gets_into_directories_of_its_own(
    root: Path, tmp_path: Path, aside: int
) -> None:
    (root / "closed" / "inner").mkdir(parents=True)
    (root / "closed" / "inner").chmod(0)
    (root / "closed").chmod(0)
    argv = ["unshare", "--user", "--map-user=54321", "--map-group=54321", sys.executable, "-c", _AS_USER]
    argv += [str(root), str(tmp_path / "aside")]
    done = subprocess.run(argv, cwd=_ROOT, check=False, capture_output=True, text=True)
    assert (done.stdout.splitlines(), done.stderr) == (["['owner']", "[]", "b'closed/inner/new/file'"], "")
    assert stat.S_IMODE((root / "closed").stat().st_mode) == 0
    (root / "closed").chmod(0o700)
    assert stat.S_IMODE((root / "closed" / "inner").stat().st_mode) == 0
    (root / "closed" / "inner").chmod(0o700)
    new = root / "closed" / "inner" / "new"
    assert (stat.S_IMODE(new.stat().st_mode), new.stat().st_mtime_ns) == (0, 8)
    new.chmod(0o700)
    found = (new / "file").stat()
    assert (stat.S_IMODE(found.st_mode), found.st_mtime_ns) == (0o4000, 7)


def test_closing_twice_is_nothing_and_an_error_leaves_it_closed(root: Path) -> None:
    before = own_descriptors()
    with suppress(ZeroDivisionError), OpenTree(os.fsencode(root)) as tree:
        tree.make_directory(b"a/b/c")
        raise ZeroDivisionError
    tree.close()
    assert own_descriptors() == before
    with pytest.raises(NotADirectoryError):
        OpenTree(os.fsencode(root / "existing"))


def test_the_directory_may_be_named_through_a_link(root: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(root)
    with OpenTree(os.fsencode(tmp_path / "link")) as tree:
        tree.make_link(b"x", b"target")
    assert (root / "x").is_symlink()
