"""What becomes of a file, from how it is now, what we sent, and what the bucket holds. Pure."""

from enum import Enum, auto
from typing import NamedTuple

from adapter.files.entry import Entry

_SECOND = 1_000_000_000
_COARSE_NS = 2 * _SECOND
"""The step of the times of a FAT file system, the coarsest that is in use."""
_FINE_NS = _SECOND // 10
"""More than the step of a kernel's clock, which other file systems take (10 ms at most)."""


class How(Enum):
    """How a file is stored."""

    OBJECT = "object"
    PARTS = "parts"
    CHUNKS = "chunks"


class Row(NamedTuple):
    """A row of the index: a file as it was when it was sent, a directory or a link. Up to `seen_ns` as in
    Entry; the rest is of files; `md5` of the content."""

    name: bytes
    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    mode: int
    uid: int
    gid: int
    hard_link: str
    link: bytes
    seen_ns: int
    md5: str
    how: str
    etag: str
    """Of the object, which for chunks is their description; blank if it has none that is an MD5."""
    uploaded: str
    """The time of the upload, where that is all that tells objects apart."""
    chunks: str
    """A digest of the names, sizes and ETags of all chunks."""


def row_of(entry: Entry, md5: str, how: How, etag: str, *, uploaded: str = "", chunks: str = "") -> Row:
    """Return the row of a file as a look saw it, which begins with the fields of that look."""
    return Row(*entry, md5, how.value, etag, uploaded, chunks)


class Stored(NamedTuple):
    """What a list of the bucket says of the file's object."""

    size: int
    etag: str
    """Blank if it is no MD5."""
    chunks: frozenset[str] = frozenset()
    """The digests of all sets of chunks that belong to it."""
    uploaded: str = ""
    """Known where the ETag is blank."""


class Decision(Enum):
    """What becomes of a file."""

    UNCHANGED = auto()
    KNOWN = auto()
    """Unchanged, and its MD5 is known, but the bucket holds it in another way than was recorded."""
    HASH = auto()
    """Its content decides."""
    SEND = auto()


def decide(
    entry: Entry, row: Row | None, stored: Stored | None, *, ignore_inode: bool = False, reread: bool = False
) -> Decision:
    """Return what becomes of a file. With `reread` no time is trusted, with `ignore_inode` neither inode nor
    the time of the last change."""
    if stored is None:
        return Decision.SEND
    if row is not None and not reread and is_as_sent(entry, row, ignore_inode=ignore_inode):
        if is_as_recorded(row, stored):
            return Decision.UNCHANGED
        return Decision.KNOWN if holds(stored, entry.size, row.md5) else Decision.SEND
    may_be_row = row is not None and row.size == entry.size and is_as_recorded(row, stored)
    may_be_object = stored.size == entry.size and bool(stored.etag)
    may_be_chunks = row is None and bool(stored.chunks)
    return Decision.HASH if may_be_row or may_be_object or may_be_chunks else Decision.SEND


def is_same_content(md5: str, entry: Entry, row: Row | None, stored: Stored) -> bool:
    """Return whether the bucket holds the content with this MD5, as far as row and ETag tell."""
    if row is not None and row.size == entry.size and is_as_recorded(row, stored):
        return md5 == row.md5  # its ETag may look like the MD5 of something else
    return holds(stored, entry.size, md5)


def is_as_sent(entry: Entry, row: Row, *, ignore_inode: bool) -> bool:
    """Return whether a file is, for all that the disk tells, the one that was sent."""
    if (entry.size, entry.mtime_ns) != (row.size, row.mtime_ns):
        return False
    if not ignore_inode and (entry.ctime_ns, entry.inode) != (row.ctime_ns, row.inode):
        return False
    # A change of any kind moves ctime, and nobody can set it.
    return not _is_racy(row.mtime_ns if ignore_inode else row.ctime_ns, row.seen_ns)


def is_as_recorded(row: Row, stored: Stored) -> bool:
    """Return whether the bucket holds the object that was recorded."""
    if row.how == How.CHUNKS.value:
        return stored.etag == row.etag and row.chunks in stored.chunks
    if stored.size != row.size or stored.etag != row.etag:
        return False
    return bool(row.etag) or (bool(row.uploaded) and stored.uploaded == row.uploaded)


def holds(stored: Stored, size: int, md5: str) -> bool:
    """Return whether an object of this size has this MD5 for an ETag."""
    return bool(md5) and (stored.size, stored.etag) == (size, md5)


def _is_racy(time_ns: int, seen_ns: int) -> bool:
    """Return whether a file may have changed after it was looked at without its time telling.

    git calls it so: both within one step of the clock that the file system takes its times from.
    """
    step = _FINE_NS if time_ns % _SECOND else _COARSE_NS
    return time_ns >= seen_ns - step
