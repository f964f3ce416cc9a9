"""Detects that rclone is saving the same file.

rclone (fs/config/configfile/configfile.go, 1.75.2) takes no lock. It reads the file, writes `NAME` plus
digits, renames the file to `NAME.old` plus digits and the new one to `NAME`: for a moment there is no file,
and what others wrote after it had read is lost.
"""

import re
import time
from pathlib import Path

from rclone_conf.atomic_replace import Stored, read
from rclone_conf.errors import ConfReadError
from rclone_conf.os_errors import cannot_read

_MAX_WAIT = 1.0
"""Seconds to wait while rclone has moved the file away; its older temporary files are ignored."""
_PAUSE = 0.002
_WATCH, _WATCH_LONGER = 0.01, 0.25
"""Seconds to watch the file after a save: without and with temporary files of rclone. It reads and rewrites
within about a millisecond, and its temporary file exists for most of that time."""


def read_settled(path: Path) -> Stored:
    """Return what `read` returns, after waiting for rclone to put back a file that it has moved away.

    Raises `ConfReadError` if rclone does not: it was killed, and the file is still under the other name.
    """
    deadline = time.monotonic() + _MAX_WAIT
    while True:
        stored = read(path)
        moved = None if stored.data is not None else _moved_away(path)
        if moved is None:
            return stored
        if time.monotonic() >= deadline:
            raise ConfReadError(
                f"{path} is missing: rclone was interrupted while saving and left {moved.name} beside it. "
                f"Rename that file to {path.name}, or remove it if you do not need it.",
                "rclone was interrupted while saving",
            )
        time.sleep(_PAUSE)


def still_holds(path: Path, data: bytes) -> bool:
    """Return whether the file still holds `data` when any rclone that read an older one has saved."""
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
    """The newest file that rclone has moved away, or None."""
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
    """A value that changes whenever the file does."""
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
