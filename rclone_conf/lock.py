"""A lock file beside rclone.conf, so that users of this package change it one at a time."""

import contextlib
import fcntl
import os
import random
import time
from collections.abc import Iterator
from pathlib import Path

from rclone_conf.errors import ConfLocked
from rclone_conf.os_errors import cannot_write

_PAUSE = 0.02


@contextlib.contextmanager
def locked(path: Path, timeout: float) -> Iterator[None]:
    """Hold the lock for changes of `path` (links resolved) inside the `with` block.

    Raises `ConfLocked` after `timeout` seconds, `ConfWriteError` if the directory is not writable.
    rclone takes no lock, so this excludes only users of this package. The lock is the kernel's (flock, not
    the file's existence): a killed process leaves at most an empty file, and nothing locked.
    """
    lock_path = path.with_name(f".{path.name}.lock")
    lock = _acquire(path, lock_path, time.monotonic() + timeout)
    try:
        yield
    finally:
        # Removed while still locked, so that only the file at this path is a valid lock: see `_acquire`.
        with contextlib.suppress(OSError):
            lock_path.unlink()
        os.close(lock)


def _acquire(path: Path, lock_path: Path, deadline: float) -> int:
    while True:
        try:
            lock = os.open(lock_path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise cannot_write(path, error) from error
        with contextlib.suppress(PermissionError):  # a file of somebody else's
            os.fchmod(lock, 0o600)  # the umask may keep even its owner out
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_at(lock, lock_path):
                return lock
        except BlockingIOError:
            pass
        except BaseException:
            os.close(lock)
            raise
        os.close(lock)
        if time.monotonic() >= deadline:
            raise ConfLocked(f"Another process is changing {path}. Try again when it has finished.")
        time.sleep(random.uniform(_PAUSE / 4, _PAUSE))  # noqa: S311 - spreads waiting processes, no secret


def _is_at(lock: int, lock_path: Path) -> bool:
    """Whether the locked file is still at the path: its last holder may have removed it."""
    try:
        return os.path.samestat(os.fstat(lock), lock_path.lstat())
    except FileNotFoundError:
        return False
