"""The manifest's values: what one backup consists of (docs/manifest.md). Plain values.

`manifest_writer` writes them as lines of JSON, `manifest_reader` reads them back.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from adapter.files.names import on_disk

FORMAT_VERSION = 1


class Kind(StrEnum):
    """What an entry is."""

    FILE = "file"
    DIRECTORY = "dir"
    LINK = "symlink"


class EntryState(StrEnum):
    """How an entry got into a manifest."""

    CURRENT = "current"
    STALE = "stale"
    """It could not be read or sent this time: this is how it was before."""
    CARRIED = "carried"
    """The run was not told to look at it: this is how it was before."""


class Saved(NamedTuple):
    """An entry: sizes in bytes, times in ns. `name` is what its object is called, or would be, below the
    target, in rclone's spelling; blank for the root itself."""

    name: bytes
    kind: Kind
    state: EntryState
    size: int
    mtime_ns: int
    mode: int
    """Permissions, without the type."""
    uid: int
    gid: int
    user: str
    group: str
    link: bytes
    hard_link: str
    md5: str
    how: str
    """How a file is stored: a value of `decision.How`; blank for all others, as the rest is."""
    etag: str
    uploaded: str
    chunks: str

    @property
    def path(self) -> bytes:
        """Return its path on disk, below the root."""
        return on_disk(self.name)


@dataclass(frozen=True, slots=True)
class Counts:
    """How many entries there are, by kind and state, and what is not among them."""

    files: int = 0
    dirs: int = 0
    symlinks: int = 0
    bytes: int = 0
    stale: int = 0
    carried: int = 0
    left_out: int = 0
    """Pipes, sockets and devices."""
    failed: int = 0


@dataclass(frozen=True, slots=True)
class Header:
    """The first line: the run that wrote it. Times are RFC 3339; `digest` is the MD5 of all entry lines."""

    run_id: str
    outcome: str
    started: str
    ended: str
    series: str
    index_id: str
    host: str
    sources: tuple[str, ...]
    patterns: tuple[str, ...]
    rclone_version: str
    adapter_version: str
    counts: Counts
    digest: str


class ManifestInvalid(Exception):
    """What is read is no whole manifest; `reason` is a clause for people."""

    def __init__(self, reason: str, *, is_newer: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.is_newer = is_newer
        """Whether a later version of this program wrote it."""
