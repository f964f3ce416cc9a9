"""Signs of rclone saving the same file at this moment.

rclone (fs/config/configfile/configfile.go, 1.75.2) takes no lock. It reads the file, writes `NAME` plus
digits, moves the file away to `NAME.old` plus digits, and moves the new one in: for a moment there is no file
at all, and what others wrote after it had read is gone.
"""

import re
import time
from pathlib import Path

from rclone_conf.atomic_replace import Stored, read
from rclone_conf.errors import ConfReadError
from rclone_conf.os_errors import cannot_read

_MAX_WAIT = 1.0
"""Seconds. How long rclone may leave the file away, and how old its temporary files may be to mean
anything."""
_PAUSE = 0.002
_WATCH, _WATCH_LONGER = 0.01, 0.25
"""Seconds to watch the file after a save: without and with a sign of rclone. It reads and rewrites within
about a millisecond, and most of that time its temporary file is in sight."""


def read_settled(path: Path) -> Stored:
    """What `read` gives, once rclone has put back a file that it had moved away.

    Raises `ConfReadError` when it never does: then it was killed and the configuration lies under the other
    name.
    """
    deadline = time.monotonic() + _MAX_WAIT
    while True:
        stored = read(path)
        moved = None if stored.data is not None else _moved_away(path)
        if moved is None:
            return stored
        if time.monotonic() >= deadline:
            raise ConfReadError(
                f"{path} is missing, and rclone, interrupted while saving, has left {moved.name} beside it. "
                f"Rename that back to {path.name}, or remove it if it is not needed.",
                "rclone was interrupted while saving",
            )
        time.sleep(_PAUSE)


def still_holds(path: Path, data: bytes) -> bool:
    """Whether the file still holds `data` when no rclone that read an earlier version can be saving any
    more."""
    ours = _identity(path)
    if read(path).data != data:
        return False
    start = time.monotonic()
    deadline, last = start + _WATCH, start + _MAX_WAIT
    while _identity(path) == ours:
        now = time.monotonic()
        if now >= min(deadline, last):
            return True
        if _is_saving(path):
            deadline = now + _WATCH_LONGER
        time.sleep(_PAUSE)
    return False


def _moved_away(path: Path) -> Path | None:
    """The file that rclone had moved away, if it is there; the newest of them."""
    old = [p for p in _beside(path, rf"{re.escape(path.name)}\.old\d+") if _size(p)]
    return max(old, key=_changed, default=None)


def _is_saving(path: Path) -> bool:
    since = time.time() - _MAX_WAIT
    return any(_changed(p) > since for p in _beside(path, rf"{re.escape(path.name)}(\.old)?\d+"))


def _beside(path: Path, pattern: str) -> list[Path]:
    try:
        return [p for p in path.parent.iterdir() if re.fullmatch(pattern, p.name)]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise cannot_read(path, error) from error


def _identity(path: Path) -> tuple[int, ...]:
    """What changes with every change of the file."""
    try:
        status = path.lstat()
    except OSError:
        return ()
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _size(path: Path) -> int:
    try:
        return path.lstat().st_size
    except OSError:
        return 0


def _changed(path: Path) -> float:
    try:
        return path.lstat().st_ctime
    except OSError:
        return 0.0
