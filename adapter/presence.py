"""A file that is held as long as its owner lives: the kernel lets go of it, whatever ends the owner.

An open file's lock (flock) needs no guess about process numbers: it survives neither its process nor a
reboot, means the same in every container that shares the directory, and a paused process still holds it.
Descriptors are not inherited by children, so nothing but the owner holds on.
"""

import fcntl
import os
from pathlib import Path


def hold(path: Path) -> int:
    """Create `path` (mode 0600) and hold it; the descriptor, open for appending, to be closed by the caller.

    Raises OSError: it exists, the directory cannot be written, or the file system knows no locks.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BaseException:
        os.close(descriptor)
        path.unlink(missing_ok=True)
        raise
    return descriptor


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
