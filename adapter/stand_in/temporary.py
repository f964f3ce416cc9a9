"""Files that come into a directory under another name and are renamed once they are complete."""

import os
import secrets
import shutil
from contextlib import suppress
from pathlib import Path

from adapter.machine.atomic_file import UNFINISHED

_BEGIN = ".rclone-stand-in-"


def write(directory: Path, data: bytes, mode: int) -> Path:
    """Return a new file with these bytes and this mode, synced to the disk. Raises OSError."""
    path = _new(directory)
    try:
        with path.open("xb") as file:
            os.fchmod(file.fileno(), mode)  # whatever the umask says
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        discard(path)
        raise
    return path


def replace(path: Path, data: bytes, mode: int) -> None:
    """Replace a file: a reader finds the old or the new one. Raises OSError."""
    temporary = write(path.parent, data, mode)
    try:
        temporary.replace(path)
    except BaseException:
        discard(temporary)
        raise


def duplicate(path: Path, to: Path) -> None:
    """Let `to`, in the same directory, be the same file: a hard link, else a copy; a link stays one.

    What was there is replaced at once. Raises OSError.
    """
    temporary = _new(path.parent)
    try:
        if path.is_symlink():
            temporary.symlink_to(path.readlink())
        else:
            _link_or_copy(path, temporary)
        temporary.replace(to)
    except BaseException:
        discard(temporary)
        raise


def link(path: Path, to: Path) -> None:
    """Let `path` be a symbolic link to a file, instead of what was there. Raises OSError."""
    temporary = _new(path.parent)
    temporary.symlink_to(to)
    try:
        temporary.replace(path)
    except BaseException:
        discard(temporary)
        raise


def discard(path: Path) -> None:
    """Remove a file if that is possible."""
    with suppress(OSError):
        path.unlink()


def remove_leftovers(directory: Path) -> None:
    """Remove what a process that was killed has left. Raises OSError."""
    for path in directory.glob(f"{_BEGIN}*{UNFINISHED}"):
        path.unlink(missing_ok=True)


def sync(directory: Path) -> None:
    """Sync the names in a directory to the disk. Raises OSError."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _new(directory: Path) -> Path:
    return directory / f"{_BEGIN}{secrets.token_hex(8)}{UNFINISHED}"


def _link_or_copy(path: Path, to: Path) -> None:
    try:
        os.link(path, to)
    except OSError:  # no hard links there, or none to files of other users (fs.protected_hardlinks)
        shutil.copy2(path, to)
        with to.open("rb") as file:
            os.fsync(file.fileno())
