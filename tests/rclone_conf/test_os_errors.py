"""System errors during a save: a clear message, the old file unchanged, no other files left."""

import ctypes
import errno
import os
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from rclone_conf import ConfFile, ConfReadError, ConfWriteError, atomic_replace
from rclone_conf.lock import locked
from tests.rclone_conf.files import InterruptedAdd, add, listing, mode_of

OLD = "[first]\ntype = local\nsecret = canary\n"


def failing(number: int) -> Callable[..., int]:
    def fail(*args: object, **kwargs: object) -> int:
        raise OSError(number, os.strerror(number))

    return fail


@pytest.mark.parametrize(
    ("function", "number", "words"),
    [
        ("os.open", errno.EACCES, "permission denied"),
        ("os.open", errno.EROFS, "read-only"),
        ("os.open", errno.ENOSPC, "no space left"),
        ("os.write", errno.ENOSPC, "no space left"),
        ("os.write", errno.EDQUOT, "quota"),
        ("os.fsync", errno.EIO, "input/output error"),
        ("os.fsync", errno.ENOSPC, "no space left"),
        ("os.fchmod", errno.EPERM, "not permitted"),
        ("os.chmod", errno.EPERM, "not permitted"),
        ("rclone_conf.atomic_replace.exchange", errno.EBUSY, "mount its directory"),
        ("rclone_conf.atomic_replace.exchange", errno.EACCES, "permission denied"),
    ],
)
def test_a_failing_system_call(
    function: str, number: int, words: str, conf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    conf.write_text(OLD)
    conf.chmod(0o644)
    with monkeypatch.context() as patched:
        if function == "os.open":
            patched.setattr(function, failing_to_create(number))
        else:
            patched.setattr(function, failing(number))
        with pytest.raises(ConfWriteError) as caught:
            ConfFile(conf).edit(add)
    assert words in caught.value.message.lower()
    assert str(conf) in caught.value.message
    assert "canary" not in caught.value.message
    assert (conf.read_text(), mode_of(conf)) == (OLD, 0o644)
    assert [name for name in listing(conf.parent) if not name.endswith(".lock")] == ["rclone.conf"]


def failing_to_create(number: int) -> Callable[[Path, int, int], int]:
    real = os.open

    def fail(path: Path, flags: int, mode: int = 0o777) -> int:
        if flags & os.O_CREAT:
            raise OSError(number, os.strerror(number))
        return real(path, flags, mode)

    return fail


@contextmanager
def file_size_limit(limit: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_write_beyond_the_file_size_limit(conf: Path) -> None:
    big = f"[big]\nx = {'a' * 100_000}\n"
    conf.write_text(big)
    with file_size_limit(50_000), pytest.raises(ConfWriteError, match="size limit"):
        ConfFile(conf).edit(add)
    assert conf.read_text() == big
    assert listing(conf.parent) == ["rclone.conf"]


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.EINVAL])
def test_a_file_system_that_cannot_exchange(number: int, conf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    conf.write_text(OLD)
    monkeypatch.setattr("rclone_conf.atomic_replace.exchange", failing(number))
    ConfFile(conf).edit(InterruptedAdd(lambda: conf.write_text(f"{OLD}[theirs]\n")))
    assert ConfFile(conf).load().document.names == ("first", "theirs", "new")
    assert listing(conf.parent) == ["rclone.conf"]


def test_a_file_system_without_hard_links(conf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.link", failing(errno.EPERM))
    ConfFile(conf).edit(add)
    assert ConfFile(conf).load().document.names == ("new",)
    assert listing(conf.parent) == ["rclone.conf"]


def test_a_c_library_that_cannot_exchange(conf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Bare:
        pass

    monkeypatch.setattr(ctypes, "CDLL", lambda *_args, **_kwargs: Bare())
    conf.write_text(OLD)
    ConfFile(conf).edit(add)
    assert ConfFile(conf).load().document.names == ("first", "new")


def test_a_file_of_another_user_is_not_replaced(conf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    conf.write_text(OLD)
    monkeypatch.setattr("os.geteuid", lambda: os.getuid() + 1)
    with pytest.raises(ConfWriteError, match="another user"):
        ConfFile(conf).edit(add)
    assert conf.read_text() == OLD


def test_root_keeps_owner_and_group(conf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[tuple[int, int]] = []
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr("os.fchown", lambda _file, owner, group: given.append((owner, group)))
    conf.write_text(OLD)
    status = conf.stat()
    stored = atomic_replace.read(conf)._replace(owner=status.st_uid + 1, group=status.st_gid + 1)
    assert atomic_replace.replace(conf, b"[new]\n", stored)
    assert given == [(status.st_uid + 1, -1), (-1, status.st_gid + 1)]


@pytest.mark.parametrize("kind", ["directory", "pipe", "device", "huge", "below a file", "too long"])
def test_a_path_that_is_not_a_readable_file(kind: str, conf: Path) -> None:
    match kind:
        case "directory":
            conf.mkdir()
        case "pipe":
            os.mkfifo(conf)
        case "device":
            conf.symlink_to("/dev/zero")
        case "huge":
            conf.touch()
            os.truncate(conf, 1 << 40)
        case "below a file":
            conf.touch()
            conf = conf / "rclone.conf"
        case _:
            conf = conf.with_name("x" * 300)
    for act in (ConfFile(conf).load, lambda: ConfFile(conf).edit(add)):
        with pytest.raises(ConfReadError) as caught:
            act()
        assert "Cannot read /" in caught.value.message
        assert caught.value.reason


@pytest.mark.parametrize("mode", [0o600, 0o644])
def test_a_file_that_is_moved_away_before_the_exchange(
    mode: int, conf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    conf.write_text(OLD)
    conf.chmod(mode)
    stored = atomic_replace.read(conf)
    conf.unlink()
    assert not atomic_replace.replace(conf, b"[new]\n", stored)
    assert listing(conf.parent) == []


def test_a_directory_that_cannot_be_made(conf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pathlib.Path.mkdir", failing(errno.EROFS))
    with pytest.raises(ConfWriteError, match="read-only"):
        ConfFile(conf.parent / "missing" / conf.name).edit(add)


def test_a_file_that_cannot_be_read(conf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    conf.write_text(OLD)
    monkeypatch.setattr("os.open", failing(errno.EACCES))
    with pytest.raises(ConfReadError, match="permission denied"):
        ConfFile(conf).load()


def test_ten_megabytes_and_five_thousand_sections(conf: Path) -> None:
    text = "".join(f"[s{n}]\ntype = local\nx = {'a' * 2_000}\n\n" for n in range(5_000))
    conf.write_text(text)
    ConfFile(conf).edit(add)
    ConfFile(conf).edit(lambda document: document.with_section("s2500", {"type": "local"}))
    document = ConfFile(conf).load().document
    assert len(document.names) == 5_001
    assert document.get("s2500") == {"type": "local"}
    assert len(conf.read_bytes()) > 10_000_000


def test_a_umask_does_not_close_the_lock_to_the_next_writer(conf: Path) -> None:
    before = os.umask(0o777)
    try:
        with locked(conf, 1):
            (lock,) = conf.parent.glob(".*.lock")
            assert lock.stat().st_mode & 0o777 == 0o600
    finally:
        os.umask(before)
