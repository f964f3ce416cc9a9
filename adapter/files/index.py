"""The index: what a target holds of a series, and how each file was when it was sent. A SQLite file.

What it says is never ahead of the bucket: a row is written once rclone has confirmed the upload. Lost,
damaged, locked or read-only it costs time and nothing else: an empty one takes its place.
"""

import hashlib
import logging
import os
import secrets
import sqlite3
import stat
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from adapter.files.decision import How, Row
from adapter.machine.private import make_directory, open_file

_VERSION = 2
_LOCK_WAIT_S = 2.0
_COMMIT_EVERY_S = 2.0
_CACHE_KIB = 8192
_ID_BYTES = 8
_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS files (
    name BLOB PRIMARY KEY, size INTEGER, mtime_ns INTEGER, ctime_ns INTEGER, inode INTEGER, mode INTEGER,
    uid INTEGER, gid INTEGER, hard_link TEXT, link BLOB, seen_ns INTEGER,
    md5 TEXT, how TEXT, etag TEXT, uploaded TEXT, chunks TEXT
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS states (name BLOB PRIMARY KEY, state TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS facts (fact TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS mounts (name BLOB PRIMARY KEY) WITHOUT ROWID;
PRAGMA user_version = {_VERSION};
"""
RECORD = f"INSERT OR REPLACE INTO files VALUES ({', '.join('?' * len(Row._fields))})"  # noqa: S608
"""The statement that writes rows."""
_SET_FACT = "INSERT OR REPLACE INTO facts VALUES (?, ?)"
_DIRECTORIES = (stat.S_IFMT(0xFFFF), stat.S_IFDIR)
_log = logging.getLogger(__name__)


class Index:
    """The rows, and the connection in which a run keeps its own temporary tables beside them.

    No method fails because of the file: after a write that fails no other is tried, and `trouble` says why.
    """

    def __init__(self, connection: sqlite3.Connection, trouble: str = "") -> None:
        self.connection = connection
        self.trouble = trouble
        """Why the file was not used, or could not be written; blank if all is well."""
        self._can_write = True
        self._is_noted_as_changed = False
        self._commit_at = 0.0
        self.is_new = connection.execute("SELECT 1 FROM files LIMIT 1").fetchone() is None

    def record(self, rows: Iterable[Row]) -> None:
        """Write rows over what was known of these names."""
        self.change(RECORD, rows)

    @property
    def id(self) -> str:
        """Return what tells this index from all others."""
        return self._fact("id")

    @property
    def manifest(self) -> str:
        """Return the name of the last manifest that this index wrote, or was made from; blank if none."""
        return self._fact("manifest")

    @property
    def digest(self) -> str:
        """Return the digest of that manifest's entries."""
        return self._fact("digest")

    @property
    def is_as_written(self) -> bool:
        """Return whether nothing has been recorded since that manifest."""
        return self._fact("changed") == "no"

    @property
    def has_told_of_rights(self) -> bool:
        """Return whether it was told that the key may not delete old manifests."""
        return self._fact("told_of_rights") == "yes"

    def note_told_of_rights(self, *, told: bool) -> None:
        """Remember whether it was told, so that it is told once."""
        self._write(_SET_FACT, (("told_of_rights", "yes" if told else "no"),))
        self.commit()

    @property
    def manifest_size(self) -> int | None:
        """Return the bytes of its object as they were written; None if this index has not written it."""
        size = self._fact("size")
        return int(size) if size else None

    def note_manifest(self, name: str, digest: str, size: int | None = None) -> None:
        """Remember that a manifest says what this index says, and the size of its object."""
        known = "" if size is None else str(size)
        self._write(_SET_FACT, (("manifest", name), ("digest", digest), ("size", known), ("changed", "no")))
        self._is_noted_as_changed = False
        self.commit()

    @property
    def is_whole(self) -> bool:
        """Return whether everything that was recorded could be written."""
        return self._can_write

    def change(self, statement: str, rows: Iterable[Sequence[object]] = ((),)) -> None:
        """Carry out a statement that changes what a manifest has to say."""
        self._write(statement, rows, changes=True)

    def _fact(self, fact: str) -> str:
        found = self.connection.execute("SELECT value FROM facts WHERE fact = ?", (fact,)).fetchone()
        return "" if found is None else str(found[0])

    def has_files(self) -> bool:
        """Return whether a manifest of it would have a file or link."""
        found = self.connection.execute("SELECT 1 FROM files WHERE (mode & ?) <> ? LIMIT 1", _DIRECTORIES)
        return found.fetchone() is not None

    def mounts(self) -> frozenset[bytes]:
        """Return the directories that were mount points in the last run."""
        return frozenset(name for (name,) in self.connection.execute("SELECT name FROM mounts"))

    def record_mounts(self, names: Iterable[bytes]) -> None:
        """Remember the mount points of this run in place of the last one's."""
        self._write("DELETE FROM mounts", ((),))
        self._write("INSERT OR IGNORE INTO mounts VALUES (?)", ((name,) for name in names))

    def commit(self) -> None:
        """Make what was written last."""
        if self.connection.in_transaction:
            with self._guarded():
                self.connection.execute("COMMIT")

    def _write(self, statement: str, rows: Iterable[Sequence[object]], *, changes: bool = False) -> None:
        if not self._can_write:
            return
        with self._guarded():
            if not self.connection.in_transaction:
                self.connection.execute("BEGIN")
                self._commit_at = time.monotonic() + _COMMIT_EVERY_S
            before = self.connection.total_changes
            self.connection.executemany(statement, rows)
            if changes and not self._is_noted_as_changed and self.connection.total_changes > before:
                self.connection.execute(_SET_FACT, ("changed", "yes"))
                self._is_noted_as_changed = True
            if time.monotonic() >= self._commit_at:
                self.connection.execute("COMMIT")

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            _log.info("the index cannot be written", exc_info=error)
            self._can_write = False
            self.trouble = f"it cannot be written ({error})"
            with suppress(sqlite3.Error):
                self.connection.execute("ROLLBACK")


def index_path(state_dir: Path, target: str, series: str) -> Path:
    """Return where the index of a series at a target is; both are names of any form."""
    return state_dir / "index" / _digest(target) / f"{_digest(series)}.sqlite"


@contextmanager
def open_index(path: Path | None, *, is_copy: bool = False) -> Iterator[Index]:
    """Yield the index in a file, or a temporary one if there is none or it cannot be used.

    In the place of a damaged file a new one is begun. With `is_copy` the file stays as it is.
    """
    opened_by = _copied if is_copy else _opened
    connection, trouble = (None, "") if path is None else opened_by(path)
    with closing(connection or sqlite3.connect("", isolation_level=None)) as opened:
        if connection is None:
            _prepare(opened)
        index = Index(opened, trouble)
        try:
            yield index
        finally:
            index.commit()


def _opened(path: Path) -> tuple[sqlite3.Connection | None, str]:
    """Return the connection to the file, if it can be used, and what was wrong with it."""
    try:
        make_directory(path.parent)
        try:
            return _sound(path), ""
        except sqlite3.OperationalError:
            raise  # locked, read-only or without room: not damaged
        except sqlite3.DatabaseError as error:
            path.unlink()
            return _sound(path), f"it was damaged ({error}), and a new one was begun"
    except (OSError, sqlite3.Error) as error:
        _log.info("the index %s cannot be used", path, exc_info=error)
        return None, (error.strerror if isinstance(error, OSError) else str(error)) or "it cannot be used"


def _copied(path: Path) -> tuple[sqlite3.Connection | None, str]:
    """Return a temporary copy of the file; None if there is no file, or another run uses it."""
    copy = sqlite3.connect("", isolation_level=None)
    try:
        with closing(_connect(path, "ro")) as original:
            original.backup(copy)
        _prepare(copy)
        _check(copy)
    except (OSError, sqlite3.Error) as error:
        _log.info("the index %s cannot be copied", path, exc_info=error)
        copy.close()
        return None, ""
    return copy, ""


def known_md5s(state_dir: Path, target: str) -> dict[bytes, tuple[int, str, str]]:
    """Return size, ETag and MD5 of the files in parts at a target, as any series sent them: of these the ETag
    may not be the MD5.
    """
    known: dict[bytes, tuple[int, str, str]] = {}
    for path in sorted((state_dir / "index" / _digest(target)).glob("*.sqlite")):
        with suppress(OSError, sqlite3.Error), closing(_connect(path)) as connection:
            rows = connection.execute(
                "SELECT name, size, etag, md5 FROM files WHERE how = ?", (How.PARTS.value,)
            )
            known.update((name, (size, etag, md5)) for name, size, etag, md5 in rows)
    return known


def last_manifests(state_dir: Path, target: str) -> list[tuple[str, bool]]:
    """Return, of each index of this machine for a target, the manifest that it wrote last (blank if none),
    and whether nothing has been recorded since; an index without rows says nothing.
    """
    known: list[tuple[str, bool]] = []
    for path in sorted((state_dir / "index" / _digest(target)).glob("*.sqlite")):
        with open_index(path, is_copy=True) as index:
            if not index.is_new:
                known.append((index.manifest, index.is_as_written))
    return known


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:32]


def _connect(path: Path, mode: str = "rw") -> sqlite3.Connection:
    # The path as a URI, so that no file is created where there is none.
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}", uri=True, isolation_level=None, timeout=_LOCK_WAIT_S
    )


def _sound(path: Path) -> sqlite3.Connection:
    """Return the connection to a file that no other process uses. Raises OSError, sqlite3.DatabaseError."""
    os.close(open_file(path, os.O_RDWR))
    connection = _connect(path)
    try:
        # Held until the end: another run of the series could not know what this one has sent.
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("BEGIN EXCLUSIVE")
        connection.execute("COMMIT")
        _prepare(connection)
        _check(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _check(connection: sqlite3.Connection) -> None:
    (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        raise sqlite3.DatabaseError(verdict)


def _prepare(connection: sqlite3.Connection) -> None:
    connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
    connection.execute("PRAGMA temp_store = FILE")
    # A crash of the machine may lose the last rows but leaves a sound file.
    connection.execute("PRAGMA synchronous = NORMAL")
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version not in {0, _VERSION}:
        raise sqlite3.DatabaseError("it is of another version of this program")
    connection.executescript(_SCHEMA)
    connection.execute("INSERT OR IGNORE INTO facts VALUES ('id', ?)", (secrets.token_hex(_ID_BYTES),))
