"""A file that is held as long as its owner lives: the kernel lets go of it, whatever ends the owner.

An open file's lock (flock) needs no guess about process numbers: it survives neither its process nor a
reboot, means the same in every container that shares the directory, and a paused process still holds it.
Descriptors are not inherited by children, so nothing but the owner holds on.
"""

import errno
import fcntl
import os
import secrets
from pathlib import Path

from adapter.machine.atomic_file import UNFINISHED


def hold(path: Path) -> int:
    """Create `path` (mode 0600) and hold it; the descriptor, open for appending, to be closed by the caller.

    Raises OSError: it exists, the directory cannot be written, or the file system knows no locks.
    """
    # Names hold run ids, so nobody makes the same one meanwhile. A link would be exclusive by itself, but not
    # every file system has links.
    if os.path.lexists(path):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
    # Under a name that nobody looks for until it is held: others remove files that nobody holds, and to look
    # whether one is held is to hold it for a moment.
    unheld = path.with_name(f"{path.name}.{secrets.token_hex(8)}{UNFINISHED}")
    descriptor = os.open(unheld, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        unheld.rename(path)
    except BaseException:
        os.close(descriptor)
        unheld.unlink(missing_ok=True)
        raise
    return descriptor


def append(descriptor: int, data: bytes) -> None:
    """Write all of it at the end of a held file, or leave that as it was. Raises OSError."""
    size = os.fstat(descriptor).st_size
    try:
        while data:
            data = data[os.write(descriptor, data) :]
    except OSError:  # a full disk takes a part first
        os.ftruncate(descriptor, size)
        raise


def is_held(path: Path) -> bool:
    """Whether somebody holds the file now; not one that is missing or cannot be opened."""
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
