"""A file that its owner keeps locked until it dies: the kernel then releases the lock.

The lock of an open file (flock) does not depend on process numbers: it ends with its process and with a
reboot, works across containers that share the directory, and a paused process still holds it. Children do
not inherit the descriptor, so only the owner holds it.
"""

import errno
import fcntl
import os
import secrets
from pathlib import Path

from adapter.machine.atomic_file import UNFINISHED
from adapter.machine.private import open_file


def hold(path: Path) -> int:
    """Create `path` (mode 0600) and hold it; return the descriptor, open for appending. The caller closes it.

    Raises OSError: it exists, the directory cannot be written, or the file system has no locks.
    """
    # Names contain run ids, so no other process creates the same one meanwhile. A hard link would be atomic,
    # but not every file system has them.
    if os.path.lexists(path):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
    # Under another name until it is held: other processes remove files that are not held, and to check
    # that they lock the file for a moment.
    unheld = path.with_name(f"{path.name}.{secrets.token_hex(8)}{UNFINISHED}")
    descriptor = open_file(unheld, os.O_RDWR | os.O_APPEND | os.O_EXCL)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        unheld.rename(path)
    except BaseException:
        os.close(descriptor)
        unheld.unlink(missing_ok=True)
        raise
    return descriptor


def append(descriptor: int, data: bytes) -> None:
    """Append all of `data` to a held file, or nothing. Raises OSError."""
    size = os.fstat(descriptor).st_size
    try:
        while data:
            data = data[os.write(descriptor, data) :]
    except OSError:  # a full disk may have stored a part
        os.ftruncate(descriptor, size)
        raise


def is_held(path: Path) -> bool:
    """Return whether a process holds the file now; False if it is missing or cannot be opened."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
