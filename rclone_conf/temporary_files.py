"""Files beside the configuration that killed saves leave: which of them may go, and which are another's work.

A save writes `.NAME.` + 16 digits + `.tmp`. Before the exchange it becomes `.NAME.` + 32 digits + `.tmp`: the
stamps of the version that was read and of ours. A version with neither stamp under that name was saved by
another program in between, and is nowhere else.
"""

import contextlib
import hashlib
import os
import re
import secrets
from pathlib import Path


def unfinished_name(path: Path) -> Path:
    """A new name for a version of ours while it is being written."""
    return path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")


def finished_name(path: Path, old: str, ours: str) -> Path:
    """The name, from the two stamps, for a version of ours that is to be exchanged with the one at `path`."""
    return path.with_name(f".{path.name}.{old}{ours}.tmp")


def stamp_of(status: os.stat_result) -> str:
    """16 digits for this file with this content. Not made from the content, which is secret."""
    text = f"{status.st_ino} {status.st_size} {status.st_mtime_ns}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def keep_aside(version: Path, path: Path) -> None:
    """Put aside, for people, a version that another program saved and that is not at `path` any more."""
    version.chmod(0o600)
    version.rename(path.with_name(f"{path.name}.saved-meanwhile-{secrets.token_hex(4)}"))


def clean_up(path: Path) -> None:
    """Remove what killed saves left beside `path`, and keep what is another's. Only for the holder of the
    lock."""
    left = re.compile(rf"\.{re.escape(path.name)}\.([0-9a-f]{{16}})([0-9a-f]{{16}})?\.tmp")
    with contextlib.suppress(OSError):
        for entry in path.parent.iterdir():
            found = left.fullmatch(entry.name)
            if found and found[2] and stamp_of(entry.lstat()) not in found.groups():
                keep_aside(entry, path)
            elif found:
                entry.unlink()
