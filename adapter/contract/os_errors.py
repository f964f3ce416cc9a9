"""Errors of the operating system that a person can correct, as failures."""

import errno
import sqlite3

from adapter.contract.errors import ErrorCode, Failure

_TOO_LONG = Failure(
    ErrorCode.USAGE,
    "A program could not be started: its arguments and environment are too long together.",
    "Shorten the variables that rclone gets, such as LC_* and NO_PROXY (`env` shows them).",
)
_NO_DIRECTORY = Failure(
    ErrorCode.USAGE,
    "The working directory is gone.",
    "Change to a directory that exists, or write every path in full.",
)
FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
"""Errors of a disk, or of a user's share of it, with no space left."""
_USED_UP = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN})


def refusal(error: Exception) -> Failure | None:
    """Return the failure for an exhausted resource (space, descriptors, memory), or no working directory.

    None for any other error.
    """
    if not isinstance(error, OSError):
        # Only files of its own that SQLite cannot write fail so.
        return _full(str(error)) if isinstance(error, sqlite3.OperationalError) else None
    if error.errno == errno.E2BIG:
        return _TOO_LONG
    if error.errno == errno.ENOENT and error.filename is None:  # only of getcwd, among what we call
        return _NO_DIRECTORY
    if error.errno in FULL:
        return _full(error.strerror or str(error))
    if error.errno in _USED_UP:
        return Failure(
            ErrorCode.UNKNOWN,
            f"This machine is out of memory, processes or open files: {error.strerror}.",
            "Check its memory and the limits of this user (`ulimit -a`), then run it again.",
        )
    return None


def _full(why: str) -> Failure:
    return Failure(
        ErrorCode.DISK_FULL,
        f"Cannot write a temporary file or a run record: {why}.",
        "Free space on the disks of $TMPDIR (else /tmp) and of the state directory, then run it again.",
    )
