"""A file or link as a look at the disk saw it, and the root that it was found below. Plain values."""

import os
from dataclasses import dataclass
from typing import NamedTuple

from adapter.files.names import on_disk

LINK_SUFFIX = b".rclonelink"
"""What rclone adds to the name of an object that holds a symbolic link (backend/local, 1.75.2)."""


class Entry(NamedTuple):
    """A file or link as it was at a moment: sizes in bytes, times in ns. `name` is its object's, below the
    target, in rclone's spelling."""

    name: bytes
    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    mode: int
    uid: int
    gid: int
    seen_ns: int
    """A moment before the rest was looked at, and before the content was read."""
    link_md5: str | None
    """For a link, the MD5 of where it leads to: that is its content."""

    @property
    def is_link(self) -> bool:
        """Return whether it is a symbolic link."""
        return self.link_md5 is not None


@dataclass(frozen=True, slots=True)
class Root:
    """A directory to walk, as the user named it, or one file of it (`only`)."""

    directory: bytes
    prefix: bytes = b""
    """What its names begin with, with a slash at the end: where several roots share a target."""
    only: bytes | None = None
    follows: bool = False
    """Whether `only` is a link that stands for the file which it leads to."""

    def path_of(self, name: bytes) -> bytes:
        """Return the absolute path of a file with this name (without a link's suffix) on disk."""
        return os.path.join(self.directory, on_disk(name[len(self.prefix) :]))  # noqa: PTH118


def entry_of(name: bytes, found: os.stat_result, seen_ns: int, link_md5: str | None = None) -> Entry:
    """Return the entry of a look at a file."""
    return Entry(
        name,
        found.st_size,
        found.st_mtime_ns,
        found.st_ctime_ns,
        found.st_ino,
        found.st_mode,
        found.st_uid,
        found.st_gid,
        seen_ns,
        link_md5,
    )
