"""Helpers for tests that save a configuration file."""

import stat
from collections.abc import Callable
from pathlib import Path

from rclone_conf import Document


def listing(directory: Path) -> list[str]:
    """Return the names of everything in the directory."""
    return sorted(path.name for path in directory.iterdir())


def mode_of(path: Path) -> int:
    """Return the permission bits."""
    return stat.S_IMODE(path.stat().st_mode)


def add(document: Document) -> Document:
    """Add a section: the change that most tests make."""
    return document.with_section("new", {"type": "local", "secret": "canary"})


class InterruptedAdd:
    """`add`, but another program saves during the first call. `seen` has the section names of each call."""

    def __init__(self, save: Callable[[], object]) -> None:
        self._save = save
        self.seen: list[tuple[str, ...]] = []

    def __call__(self, document: Document) -> Document:
        self.seen.append(document.names)
        if len(self.seen) == 1:
            self._save()
        return add(document)
