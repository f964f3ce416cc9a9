"""Reads a file, and replaces it atomically if it has not changed since.

A reader sees the old or the new file, also after a crash. rclone saves without a lock, so the file may have
changed by the time we write: we exchange the two files and compare the old one with what was read.
"""

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from rclone_conf.errors import ConfReadError, ConfWriteError
from rclone_conf.os_errors import cannot_read, cannot_write
from rclone_conf.temporary_files import finished_name, keep_aside, stamp_of, unfinished_name

_MAX_SIZE = 64 << 20
"""Bytes. Far above any configuration; a wrong path (a disk image) must not fill the memory."""
_PRIVATE = 0o600
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2
_NO_EXCHANGE = {errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP}
_NO_LINK = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}


class Stored(NamedTuple):
    """A file as it was read; `data` is None if it does not exist. `stamp` changes whenever the file does."""

    data: bytes | None
    mode: int = _PRIVATE
    owner: int = -1
    group: int = -1
    stamp: str = ""

    @property
    def private_mode(self) -> int:
        """The mode without permissions for group and others; a stricter one stays."""
        return self.mode & _PRIVATE


def read(path: Path) -> Stored:
    """Return the file at `path`, or `Stored(None)`. Raises `ConfReadError`; never blocks on a pipe."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
    except FileNotFoundError:
        return Stored(None)
    except OSError as error:
        raise cannot_read(path, error) from error
    try:
        status = os.fstat(file)
        _check_kind(path, status)
        parts = iter(lambda: os.read(file, 1 << 20), b"")
        data = b"".join(parts)
        return Stored(data, stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid, stamp_of(status))
    except OSError as error:
        raise cannot_read(path, error) from error
    finally:
        os.close(file)


def _check_kind(path: Path, status: os.stat_result) -> None:
    if stat.S_ISDIR(status.st_mode):
        reason = "it is a directory"
    elif not stat.S_ISREG(status.st_mode):
        reason = "it is not a regular file"
    elif status.st_size > _MAX_SIZE:
        reason = "it is too large for a configuration"
    else:
        return
    raise ConfReadError(f"Cannot read {path}: {reason}. Choose another path.", reason)


def replace(path: Path, data: bytes, old: Stored) -> bool:
    """Replace `old` at `path` with `data`. Returns False, with nothing changed, if `path` is no longer `old`.

    Owner and group stay; group and others lose their permissions. Raises `ConfWriteError`; then the old file
    is unchanged.
    """
    if old.data is not None and old.owner != os.geteuid() != 0:
        raise ConfWriteError(
            f"Cannot write {path}: it belongs to another user. The file is unchanged. Run this as that user.",
            "it belongs to another user",
        )
    try:
        with _temporary(path, data, old) as new:
            done = _create(new, path) if old.data is None else _swap(new, path, old)
            if done:
                _sync_directory(path.parent)
            return done
    except OSError as error:
        raise cannot_write(path, error) from error


@contextlib.contextmanager
def _temporary(path: Path, data: bytes, old: Stored) -> Iterator[Path]:
    """A file beside `path` with `data`, synced to disk; the file of that name is removed at the end."""
    new = unfinished_name(path)
    file = os.open(new, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, _PRIVATE)
    try:
        try:
            _set_owner(file, old)
            os.fchmod(file, old.private_mode)
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(file, rest) :]
            os.fsync(file)
            if os.pread(file, len(data) + 1, 0) != data:
                raise OSError(errno.EIO, "the data read back differs from the data written")
            if old.data is not None:
                # The exchange gives this name to the other version; it tells `clean_up` what may be removed.
                new = new.rename(finished_name(path, old.stamp, stamp_of(os.fstat(file))))
        finally:
            os.close(file)
        yield new
    finally:
        with contextlib.suppress(OSError):
            new.unlink()


def _set_owner(file: int, old: Stored) -> None:
    if old.data is None:
        return
    status = os.fstat(file)
    if status.st_uid != old.owner:
        os.fchown(file, old.owner, -1)
    if status.st_gid != old.group:
        # Users may set only their own groups; the mode gives the group no permissions anyway.
        with contextlib.suppress(PermissionError):
            os.fchown(file, -1, old.group)


def _create(new: Path, path: Path) -> bool:
    """Rename `new` to `path` unless that exists by now."""
    try:
        os.link(new, path)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in _NO_LINK:
            raise
        if os.path.lexists(path):
            return False
        new.rename(path)
    return True


def _swap(new: Path, path: Path, old: Stored) -> bool:
    """Exchange `new` with `path` if that is still `old`."""
    loose = old.mode != old.private_mode
    try:
        if loose:
            # If we are killed after the exchange, the old file stays under the temporary name and must not
            # be readable by others.
            path.chmod(old.private_mode)
        return _exchanged(new, path, old)
    except FileNotFoundError:
        return False  # rclone is saving and has moved it away
    except OSError:
        if loose:
            with contextlib.suppress(OSError):
                path.chmod(old.mode)
        raise


def _exchanged(new: Path, path: Path, old: Stored) -> bool:
    ours = read(new).data
    try:
        exchange(new, path)
    except OSError as error:
        if error.errno not in _NO_EXCHANGE:
            raise
        # Some network and FUSE file systems cannot exchange: compare once more, then rename.
        if read(path).data != old.data:
            return False
        new.rename(path)
        return True
    out = read(new).data
    if out == old.data:
        return True
    _put_back(new, path, out, ours)
    return False


def _put_back(new: Path, path: Path, out: bytes | None, put: bytes | None) -> None:
    """Exchange until the newest version of other programs is at `path`.

    `out`, now at `new`, was saved after we had read; `put` is what we left at `path`. If something else comes
    out, another program has saved over `put`, and that version is newer.
    """
    ours = put
    try:
        while True:
            exchange(new, path)
            came = read(new).data
            if came == put:
                break
            out, put = came, out
    except OSError:
        keep_aside(new, path)
        raise
    if put != ours:
        keep_aside(new, path)


def exchange(one: Path, other: Path) -> None:
    """Exchange two names atomically (renameat2 of Linux, which Python does not offer). Raises `OSError`."""
    import ctypes  # noqa: PLC0415 - slow to load, and not needed to read

    try:
        renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
    except AttributeError:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS)) from None
    renameat2.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint]
    if renameat2(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(other))


def _sync_directory(path: Path) -> None:
    directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
