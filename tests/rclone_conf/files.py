"""What tests of the store look at."""

import stat
from pathlib import Path

from rclone_conf import Document


def listing(directory: Path) -> list[str]:
    """The names of everything in the directory."""
    return sorted(path.name for path in directory.iterdir())


def mode_of(path: Path) -> int:
    """The permission bits."""
    return stat.S_IMODE(path.stat().st_mode)


def add(document: Document) -> Document:
    """The change that most tests make."""
    return document.with_section("new", {"type": "local", "secret": "canary"})
