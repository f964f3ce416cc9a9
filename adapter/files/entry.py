"""A file, directory or link as a look at the disk saw it, and the root that it was found below."""

import os
import stat
from dataclasses import dataclass
from typing import NamedTuple

from adapter.files.names import on_disk

RESERVED = b".pluton"
"""The directory below a target in which this program keeps what it needs: the manifests."""
_LAST = (1 << 63) - 1


class Entry(NamedTuple):
    """A file, directory or link as it was at a moment: sizes in bytes, times in ns. `name` is what its object
    is called, or would be, below the target, in rclone's spelling; blank for the root itself."""

    name: bytes
    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    mode: int
    """With the type, as lstat(2) tells it."""
    uid: int
    gid: int
    hard_link: str
    """What all names of one file have in common; blank if it has only this one."""
    link: bytes
    """Where a symbolic link leads to."""
    seen_ns: int
    """A moment before the rest was looked at, and before the content was read."""

    @property
    def is_file(self) -> bool:
        """Return whether it is a regular file."""
        return stat.S_ISREG(self.mode)

    @property
    def is_directory(self) -> bool:
        """Return whether it is a directory."""
        return stat.S_ISDIR(self.mode)


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
        """Return the absolute path of a file with this name on disk."""
        return os.path.join(self.directory, on_disk(name[len(self.prefix) :]))  # noqa: PTH118


def within_reach(time_ns: int) -> int:
    """Return a time that SQLite can hold: for one after the year 2262, the last that it can."""
    return min(max(time_ns, -_LAST), _LAST)


def folded(inode: int) -> int:
    """Return an inode's number in the 63 bits that SQLite holds; some file systems use the 64th."""
    return inode & _LAST


def entry_of(name: bytes, found: os.stat_result, seen_ns: int, link: bytes = b"") -> Entry:
    """Return the entry of a look at a file, directory or link."""
    is_file = stat.S_ISREG(found.st_mode)
    return Entry(
        name,
        found.st_size if is_file else 0,
        within_reach(found.st_mtime_ns),
        found.st_ctime_ns,
        folded(found.st_ino),
        found.st_mode,
        found.st_uid,
        found.st_gid,
        f"{found.st_dev:x}-{found.st_ino:x}" if is_file and found.st_nlink > 1 else "",
        link,
        seen_ns,
    )
