"""The destination of a restore: refused in words, made when missing, and rid of what was left in it."""

import errno
import fcntl
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from adapter.contract.errors import AdapterError, ErrorCode, Failure
from adapter.transfer import staging
from adapter.transfer.staging import STAGING, check_destination, open_destination
from tests.machine.children import own_descriptors

_ROOT = Path(__file__).parents[2]
_AS_USER = ("unshare", "--user", "--map-user=54321", "--map-group=54321")
_PREFIX = ".pluton-qingstor-restore-"


def _open(path: Path) -> None:
    with open_destination(path):
        pass


_LOOKING: tuple[Callable[[Path], None], ...] = (check_destination, _open)


@pytest.fixture(autouse=True)
def _no_descriptor_left() -> Iterator[None]:
    before = own_descriptors()
    yield
    assert own_descriptors() == before


@pytest.fixture(params=_LOOKING)
def look(request: pytest.FixtureRequest) -> Callable[[Path], None]:
    """Both ways to find that a destination cannot be used."""
    looking: Callable[[Path], None] = request.param
    return looking


def _refused(look: Callable[[Path], None], path: Path) -> Failure:
    with pytest.raises(AdapterError) as refused:
        look(path)
    return refused.value.failure


def _names(directory: Path) -> list[str]:
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*"))


def _fill(directory: Path, outside: Path) -> None:
    """Everything that is hard to remove."""
    (directory / "a" / "b").mkdir(parents=True)
    (directory / "a" / "b" / "file").write_bytes(b"x")
    (directory / "a" / "link").symlink_to(outside)
    (directory / "link").symlink_to(outside)
    os.mkfifo(directory / "a" / "pipe")
    here = os.getcwd()  # noqa: PTH109
    os.chdir(directory)
    try:
        for _ in range(1_500):
            Path("d" * 200).mkdir()
            os.chdir("d" * 200)
    finally:
        os.chdir(here)
    (directory / "a" / "b").chmod(0)
    (directory / "a").chmod(0o100)


@pytest.mark.parametrize("words", ["there", "new", "new/a/b"])
def test_a_directory_of_ours_is_there_and_then_gone(words: str, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "file").write_bytes(b"x")
    path = tmp_path / words
    check_destination(path)
    assert path.exists() == (words == "there")
    with open_destination(path) as destination:
        assert (destination.mtime_ns is None) == (words != "there")
        assert destination.staging.parent == path
        assert STAGING.fullmatch(os.fsencode(destination.staging.name))
        found = destination.staging.lstat()
        assert stat.S_IMODE(found.st_mode) == 0o700
        assert os.path.samestat(found, os.fstat(destination.staging_fd))
        (destination.staging / "x").write_bytes(b"restored")
        destination.tree.place(destination.staging_fd, b"x", b"x")
    assert (path / "x").read_bytes() == b"restored"
    assert {*_names(path)} - {"file"} == {"x"}


def test_a_relative_path_is_below_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with open_destination(Path("a/../b")) as destination:
        assert destination.staging.is_absolute()
        assert destination.mtime_ns is None
    assert _names(tmp_path) == ["a", "b"]
    with open_destination(Path("c/..")) as destination:
        assert destination.mtime_ns is not None


def test_a_link_to_a_directory_is_followed_for_it_was_named(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    check_destination(tmp_path / "link")
    with open_destination(tmp_path / "link") as destination:
        assert destination.mtime_ns is not None
        assert destination.staging.resolve().parent == tmp_path / "real"
    with open_destination(tmp_path / "link" / "below") as destination:
        assert destination.mtime_ns is None
    assert _names(tmp_path / "real") == ["below"]


@pytest.mark.parametrize("below", ["", "a/b"])
@pytest.mark.parametrize("kind", ["file", "pipe", "socket", "dangling", "circle", "link to a file"])
def test_what_is_no_directory_is_refused_without_opening_it(
    kind: str, below: str, look: Callable[[Path], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    there = tmp_path / "there"
    (tmp_path / "other").write_bytes(b"x")
    if kind == "file":
        there.write_bytes(b"x")
    elif kind == "pipe":
        os.mkfifo(there)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind("there")
    else:
        there.symlink_to({"dangling": "nowhere", "circle": "there"}.get(kind, "other"))
    failure = _refused(look, there / below)
    assert failure.code is ErrorCode.DESTINATION_UNWRITABLE
    why = "is a link that leads to no directory" if kind in {"dangling", "circle"} else "is not a directory"
    which = f"is below {there}, which " if below else ""
    assert failure.message.startswith(f"The destination {there / below} {which}{why}")
    assert failure.message.endswith(".")
    assert failure.hint.startswith("Name a directory")
    assert _names(tmp_path) == ["other", "there"]


def test_a_nul_in_a_path_is_no_bug(look: Callable[[Path], None], tmp_path: Path) -> None:
    failure = _refused(look, tmp_path / "a\0b")
    assert failure.code is ErrorCode.DESTINATION_UNWRITABLE
    assert "a\ufffdb has a NUL" in failure.message


def test_a_name_that_is_too_long_is_refused(look: Callable[[Path], None], tmp_path: Path) -> None:
    failure = _refused(look, tmp_path / ("x" * 256))
    assert failure.code is ErrorCode.DESTINATION_UNWRITABLE
    assert failure.message.endswith("cannot be used: File name too long.")


def test_a_name_that_is_not_utf8_is_told(look: Callable[[Path], None], tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"\xff")
    path.write_bytes(b"x")
    assert f"{tmp_path}/\\xff is not" in _refused(look, path).message


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (errno.ENOSPC, ErrorCode.DISK_FULL),
        (errno.EDQUOT, ErrorCode.DISK_FULL),
        (errno.EROFS, ErrorCode.DESTINATION_UNWRITABLE),
        (errno.EMFILE, ErrorCode.UNKNOWN),
    ],
)
def test_a_disk_that_takes_nothing_is_told_by_its_reason(
    code: int,
    expected: ErrorCode,
    look: Callable[[Path], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code), "x")

    with monkeypatch.context() as patch:
        patch.setattr(os, "mkdir", fail)
        patch.setattr(staging, "try_creating_in", fail)
        failure = _refused(look, tmp_path)
    assert failure.code is expected
    assert os.strerror(code) in failure.message


_REFUSED = """
import sys
from pathlib import Path
from adapter.contract.errors import AdapterError
from adapter.transfer.staging import check_destination, open_destination

for path in map(Path, sys.argv[1:]):
    for look in (check_destination, lambda path: open_destination(path).__enter__()):
        try:
            look(path)
        except AdapterError as error:
            print(error.failure.code, error.failure.message)
"""


def _run(code: str, *words: Path, before: tuple[str, ...] = ()) -> str:
    argv = [*before, sys.executable, "-c", code, *map(str, words)]
    done = subprocess.run(argv, cwd=_ROOT, check=False, capture_output=True, text=True)
    assert done.stderr == ""
    return done.stdout


def test_a_user_is_told_what_may_not_be_written(tmp_path: Path) -> None:
    closed, unseen = tmp_path / "closed", tmp_path / "unseen"
    closed.mkdir()
    (unseen / "a").mkdir(parents=True)
    closed.chmod(0o500)
    unseen.chmod(0o600)
    said = _run(_REFUSED, closed, closed / "a" / "b", unseen / "a" / "b", before=_AS_USER)
    why = "cannot be written by this user: Permission denied."
    lines = [
        f"destination_unwritable The destination {closed} {why}",
        f"destination_unwritable The destination {closed / 'a' / 'b'} is below {closed}, which {why}",
        f"destination_unwritable The destination {unseen / 'a' / 'b'} is below {unseen}, which {why}",
    ]
    assert said.splitlines() == [line for line in lines for _ in _LOOKING]
    unseen.chmod(0o700)
    assert _names(tmp_path) == ["closed", "unseen", "unseen/a"]


_USED = """
import os, sys
from pathlib import Path
from adapter.transfer.staging import open_destination

os.umask(0o777)
with open_destination(Path(sys.argv[1])) as destination:
    (destination.staging / "a").mkdir()
    (destination.staging / "x").write_bytes(b"restored")
    destination.tree.make_directory(b"new")
    destination.tree.place(destination.staging_fd, b"x", b"new/x")
"""


def test_a_umask_does_not_lock_the_owner_out(tmp_path: Path) -> None:
    assert _run(_USED, tmp_path / "a" / "b", before=_AS_USER) == ""
    assert _names(tmp_path) == ["a", "a/b", "a/b/new", "a/b/new/x"]
    assert (tmp_path / "a" / "b" / "new" / "x").read_bytes() == b"restored"


def test_a_directory_that_can_be_written_but_not_listed_will_do(tmp_path: Path) -> None:
    tmp_path.chmod(0o300)
    assert _run(_USED, tmp_path, before=_AS_USER) == ""
    tmp_path.chmod(0o700)
    assert _names(tmp_path) == ["new", "new/x"]


def test_everything_in_it_is_removed_whatever_happens(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_bytes(b"x")
    before = [(path.stat().st_mode, path.stat().st_ctime_ns) for path in (outside, outside / "file")]

    def fail() -> None:
        with open_destination(tmp_path / "new") as destination:
            _fill(destination.staging, outside)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert _names(tmp_path) == ["new", "outside", "outside/file"]
    after = [(path.stat().st_mode, path.stat().st_ctime_ns) for path in (outside, outside / "file")]
    assert after == before


_REMOVED = """
import sys
from pathlib import Path
from adapter.transfer.staging import open_destination

with open_destination(Path(sys.argv[1])) as destination:
    closed = destination.staging / "a" / "b" / "c"
    closed.mkdir(parents=True)
    (closed.parent / "file").write_bytes(b"x")
    for directory in (closed, *closed.parents[:2]):
        directory.chmod(0)
"""


def test_a_user_removes_directories_that_cannot_be_read(tmp_path: Path) -> None:
    _run(_REMOVED, tmp_path, before=_AS_USER)
    assert _names(tmp_path) == []


def test_a_staging_directory_that_is_gone_or_a_link_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "file").write_bytes(b"x")
    with open_destination(tmp_path) as destination:
        shutil.rmtree(destination.staging)
        destination.staging.symlink_to("kept")
    assert (tmp_path / "kept" / "file").read_bytes() == b"x"


_HOLDING = """
import sys, time
from pathlib import Path
from adapter.transfer.staging import open_destination

with open_destination(Path(sys.argv[1])) as destination:
    (destination.staging / "a").mkdir()
    (destination.staging / "a" / "file").write_bytes(b"x")
    print(destination.staging.name, flush=True)
    sys.stdin.read()
"""


def test_what_a_killed_restore_left_is_removed_and_a_live_one_kept(tmp_path: Path) -> None:
    argv = [sys.executable, "-c", _HOLDING, str(tmp_path)]
    with subprocess.Popen(
        argv, cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        name = holder.stdout.readline().rstrip("\n")
        kept = [name, f"{name}/a", f"{name}/a/file"]
        with open_destination(tmp_path) as destination:
            assert _names(tmp_path) == sorted([*kept, destination.staging.name])
        assert _names(tmp_path) == kept
        holder.kill()
    assert holder.returncode == -signal.SIGKILL
    check_destination(tmp_path)
    assert _names(tmp_path) == kept
    with open_destination(tmp_path) as destination:
        assert _names(tmp_path) == [destination.staging.name]


def test_only_what_a_restore_can_have_left_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    destination, outside = tmp_path / "destination", tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_bytes(b"x")
    left = destination / f"{_PREFIX}0000000a"
    left.mkdir(parents=True)
    _fill(left, outside)
    (destination / f"{_PREFIX}0000000b").symlink_to(outside)
    (destination / f"{_PREFIX}0000000c").write_bytes(b"x")
    os.mkfifo(destination / f"{_PREFIX}0000000d")
    (destination / f"{_PREFIX}mine").mkdir()
    (destination / f"x{_PREFIX}0000000a").mkdir()
    kept = sorted(path.name for path in destination.iterdir())
    with monkeypatch.context() as patch:
        patch.setattr(os, "geteuid", lambda: 4_000_000)
        _open(destination)
    assert sorted(path.name for path in destination.iterdir()) == kept
    _open(destination)
    kept.remove(left.name)
    assert sorted(path.name for path in destination.iterdir()) == kept
    assert _names(outside) == ["file"]


def test_a_new_directory_that_another_restore_took_for_left_over_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flock = fcntl.flock
    taken: list[str] = []

    def late(descriptor: int, how: int) -> None:
        if len(taken) < 4:
            (new,) = tmp_path.iterdir()
            taken.append(new.name)
            if len(taken) == 1:
                raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
            new.rmdir()
            if len(taken) == 2:
                new.mkdir()
        flock(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", late)
    with open_destination(tmp_path) as destination:
        assert destination.staging.is_dir()
        assert _names(tmp_path) == [destination.staging.name]
        assert len({*taken, destination.staging.name}) == 5


def test_a_disk_without_locks_will_do_and_then_nothing_is_taken_for_left_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    left = tmp_path / f"{_PREFIX}0000000a"
    left.mkdir()
    monkeypatch.setattr(fcntl, "flock", fail)
    with open_destination(tmp_path) as destination:
        assert _names(tmp_path) == sorted([left.name, destination.staging.name])
    assert _names(tmp_path) == [left.name]
