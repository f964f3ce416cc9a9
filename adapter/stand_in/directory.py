"""The directory that gets a stand-in: checked, and one process at a time."""

import errno
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from adapter.contract.errors import AdapterError, ErrorCode, Failure, cancelled
from adapter.contract.os_errors import refusal
from adapter.machine.cancellation import Cancellation
from adapter.rclone.stand_in_mark import NAME, is_stand_in, real_beside
from adapter.stand_in.temporary import remove_leftovers

_LONGEST_WAIT_S = 60.0
"""For another installation, which takes two seconds."""
_PAUSE_S = 0.1
_WITHOUT_LOCKS = frozenset({errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS})


def checked(directory: Path) -> Path:
    """Return the absolute path of a directory. Raises AdapterError `usage` if it is none."""
    if not os.path.isdir(directory):  # noqa: PTH112  # a Path raises below one that cannot be searched
        raise _usage(f"{directory} is not a directory.", "Name the directory in which Pluton has its rclone.")
    return directory.absolute()


@contextmanager
def locked(directory: Path, cancel: Cancellation) -> Iterator[Path]:
    """Yield the absolute path; keep other installations out of the directory for the block.

    Raises AdapterError `usage`, `locked`, `cancelled`, `destination_unwritable` for an OSError in the block.
    """
    place = checked(directory)
    program = place / NAME
    there = real_beside(program).parent
    if is_stand_in(program) and there != Path(os.path.realpath(place)):
        raise _usage(f"{program} is a link to the stand-in in {there}.", "Name that directory.")
    try:
        descriptor = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            _wait_for_lock(descriptor, place, cancel)
            remove_leftovers(place)
            yield place
        finally:
            os.close(descriptor)
    except OSError as error:
        if refusal(error) is not None:
            raise
        failure = Failure(
            ErrorCode.DESTINATION_UNWRITABLE,
            f"Cannot change {place}: {(error.strerror or str(error)).lower()}.",
            "Run this as a user who may write there. A read-only AppImage cannot be changed: extract it with "
            "--appimage-extract first.",
        )
        raise AdapterError(failure) from error


def _wait_for_lock(descriptor: int, place: Path, cancel: Cancellation) -> None:
    deadline = time.monotonic() + _LONGEST_WAIT_S
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                message = f"Another process installs or removes the stand-in in {place}."
                hint = "Wait for it, then run this again."
                raise AdapterError(Failure(ErrorCode.LOCKED, message, hint)) from None
            if cancel.sleep(_PAUSE_S):
                raise AdapterError(cancelled()) from None
        except OSError as error:
            # Each step is right without a lock, too.
            if error.errno not in _WITHOUT_LOCKS:
                raise
            return
        else:
            return


def _usage(message: str, hint: str) -> AdapterError:
    return AdapterError(Failure(ErrorCode.USAGE, message, hint))
