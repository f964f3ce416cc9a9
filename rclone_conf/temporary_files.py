"""Temporary files beside rclone.conf: their names, and the removal of those that killed saves leave.

A save writes `.NAME.` + 16 digits + `.tmp`. Before the exchange it becomes `.NAME.` + 32 digits + `.tmp`: the
stamps of the version that was read and of ours. A file of that name with neither stamp was saved by another
program in between and is the only copy.
"""

import contextlib
import os
import re
from pathlib import Path


def unfinished_name(path: Path) -> Path:
    """Return a new name for our version while it is being written."""
    return path.with_name(f".{path.name}.{os.urandom(8).hex()}.tmp")


def finished_name(path: Path, old: str, ours: str) -> Path:
    """Return the name for our complete version, made of the stamps of the old version and of ours."""
    return path.with_name(f".{path.name}.{old}{ours}.tmp")


def stamp_of(status: os.stat_result) -> str:
    """Return 16 hex digits that change with the file. Not derived from the content, which is secret."""
    text = f"{status.st_ino} {status.st_size} {status.st_mtime_ns}"
    import hashlib  # noqa: PLC0415 - slow to load, and not needed to read

    return hashlib.sha256(text.encode()).hexdigest()[:16]


def keep_aside(version: Path, path: Path) -> None:
    """Rename a version that another program saved and that is no longer at `path`, for people to compare."""
    version.chmod(0o600)
    version.rename(path.with_name(f"{path.name}.saved-meanwhile-{os.urandom(4).hex()}"))


def clean_up(path: Path) -> None:
    """Remove what killed saves left beside `path`; keep versions of other programs. Needs the lock."""
    left = re.compile(rf"\.{re.escape(path.name)}\.([0-9a-f]{{16}})([0-9a-f]{{16}})?\.tmp")
    with contextlib.suppress(OSError):
        for entry in path.parent.iterdir():
            found = left.fullmatch(entry.name)
            if found and found[2] and stamp_of(entry.lstat()) not in found.groups():
                keep_aside(entry, path)
            elif found:
                entry.unlink()
