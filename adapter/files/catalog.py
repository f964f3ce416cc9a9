"""What a run found, in temporary tables beside the index: a million files take little memory.

SQLite keeps them in a nameless file of its own, which is gone with the process.
"""

import hashlib
import sqlite3
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from enum import IntEnum
from itertools import islice
from pathlib import Path
from typing import NamedTuple, TypeVar

from adapter.files.decision import How, Row, Stored
from adapter.files.entry import RESERVED, Entry
from adapter.files.index import Index, open_index

_T = TypeVar("_T")
_TABLES = """
CREATE TEMP TABLE seen (
    name BLOB PRIMARY KEY, size INTEGER, mtime_ns INTEGER, ctime_ns INTEGER, inode INTEGER, mode INTEGER,
    uid INTEGER, gid INTEGER, hard_link TEXT, link BLOB, seen_ns INTEGER
) WITHOUT ROWID;
CREATE TEMP TABLE stored (name BLOB PRIMARY KEY, size INTEGER, etag TEXT) WITHOUT ROWID;
CREATE TEMP TABLE own (name BLOB PRIMARY KEY, size INTEGER, etag TEXT) WITHOUT ROWID;
"""
_WORK = """
CREATE TABLE work (
    name BLOB PRIMARY KEY, batch INTEGER, logged TEXT, size INTEGER, is_new INTEGER, state INTEGER
) WITHOUT ROWID;
CREATE INDEX work_logged ON work (logged, batch);
CREATE INDEX work_batch ON work (batch, state);
"""
TYPE, FILE, DIRECTORY = stat.S_IFMT(0xFFFF), stat.S_IFREG, stat.S_IFDIR
_IS_FILE = f"(seen.mode & {TYPE}) = {FILE}"
_COMPARED = (
    "SELECT seen.*, files.*, stored.size, stored.etag FROM seen LEFT JOIN files ON files.name = seen.name"  # noqa: S608
    f" AND (files.mode & {TYPE}) = {FILE} LEFT JOIN stored ON stored.name = seen.name WHERE {_IS_FILE}"
)
_BESIDE = f"SELECT seen.*, files.* FROM seen LEFT JOIN files ON files.name = seen.name WHERE NOT {_IS_FILE}"  # noqa: S608
_OWN = RESERVED + b"/"
_ENTRY = len(Entry._fields)
_PLACES = ", ".join("?" * _ENTRY)
_ROW = len(Row._fields)


class State(IntEnum):
    """What has become of a file that must be read or copied."""

    HASH = 0
    WAITING = 1
    DONE = 2
    FAILED = 3
    GONE = 4
    AGAIN = 5
    """Failed in this pass, and worth another."""
    SUSPECT = 6
    """Did not move when a pass stalled: worth another after all others."""
    UNKNOWN = 7
    """Sent, but what of it the next run must know could not be learned."""


class Work(NamedTuple):
    """A file that must be copied. `size` in bytes; `is_new`: there is nothing at its destination yet."""

    name: bytes
    batch: int
    logged: str
    """What rclone's log calls it."""
    size: int
    is_new: bool
    state: State


class Object(NamedTuple):
    """An object below the target, as a list names it: `etag` is blank if it is no MD5."""

    name: bytes
    size: int
    etag: str


class Catalog:
    """The tables of one run. Not thread-safe."""

    def __init__(self, index: Index) -> None:
        self.index = index
        self._db = index.connection
        self._db.executescript(_TABLES)
        # Of its own: when a write to the index fails, SQLite takes back whatever the connection wrote with
        # it.
        self._work = sqlite3.connect("", isolation_level=None)
        self._work.executescript(_WORK)

    def close(self) -> None:
        """Forget everything but the index."""
        self._work.close()

    def add_entries(self, entries: Iterable[Entry]) -> None:
        """Add what a walk found."""
        self._in_one(self._db, f"INSERT OR IGNORE INTO seen VALUES ({_PLACES})", entries)  # noqa: S608

    def add_objects(self, objects: Iterable[Object]) -> int:
        """Add what a list of the bucket says; return how many names it had not said before.

        What this program keeps there for itself is no object of the backup.
        """
        found = tuple(objects)
        own = [one for one in found if one.name.startswith(_OWN)]
        others = [one for one in found if not one.name.startswith(_OWN)] if own else found
        added = self._in_one(self._db, "INSERT OR IGNORE INTO own VALUES (?, ?, ?)", own) if own else 0
        return added + self._in_one(self._db, "INSERT OR IGNORE INTO stored VALUES (?, ?, ?)", others)

    def forget_objects(self) -> None:
        """Begin a list of the bucket again."""
        self._db.execute("DELETE FROM stored")
        self._db.execute("DELETE FROM own")

    def own_objects(self) -> Iterator[bytes]:
        """Yield the names of the objects that this program keeps for itself."""
        return (name for (name,) in self._db.execute("SELECT name FROM own ORDER BY name"))

    def own_size(self, name: bytes) -> int | None:
        """Return the size of one of these, in bytes."""
        found = self._db.execute("SELECT size FROM own WHERE name = ?", (name,)).fetchone()
        return None if found is None else int(found[0])

    def totals(self, *, with_links: bool = True) -> tuple[int, int]:
        """Return the number of the files and links that were found, and the bytes of the files."""
        which = f"(mode & {TYPE}) <> {DIRECTORY}" if with_links else _IS_FILE
        files, size = self._db.execute(
            f"SELECT count(*), coalesce(sum(size), 0) FROM seen WHERE {which}"  # noqa: S608
        ).fetchone()
        return int(files), int(size)

    def has_objects(self) -> bool:
        """Return whether there is anything below the target."""
        return self._db.execute("SELECT 1 FROM stored LIMIT 1").fetchone() is not None

    def objects(self) -> Iterator[Object]:
        """Yield the objects in the order of their names."""
        for values in self._db.execute("SELECT name, size, etag FROM stored ORDER BY name"):
            yield Object._make(values)

    def stored(self, name: bytes) -> Object | None:
        """Return what the list of the bucket says of a name."""
        found = self._db.execute("SELECT name, size, etag FROM stored WHERE name = ?", (name,)).fetchone()
        return None if found is None else Object._make(found)

    def contested_names(self, link_suffix: bytes) -> tuple[bytes, ...]:
        """Return the names that several objects stand for: as a file, with the suffix, or as a directory."""
        self._db.execute("CREATE TEMP TABLE IF NOT EXISTS claims (name BLOB)")
        self._db.execute("DELETE FROM claims")
        self._db.execute(
            "INSERT INTO claims SELECT CASE WHEN length(name) > ? AND substr(name, ?) = ?"
            " THEN CAST(substr(name, 1, length(name) - ?) AS BLOB) ELSE name END FROM stored",
            (len(link_suffix), -len(link_suffix), link_suffix, len(link_suffix)),
        )
        self._db.execute("CREATE INDEX IF NOT EXISTS claims_name ON claims (name)")
        found = self._db.execute(
            "SELECT name FROM claims GROUP BY name HAVING count(*) > 1 UNION"
            " SELECT name FROM claims AS file WHERE EXISTS (SELECT 1 FROM claims"
            " WHERE name > CAST(file.name || '/' AS BLOB) AND name < CAST(file.name || '0' AS BLOB))"
        )
        return tuple(name for (name,) in found)

    def entries_above(self, size: int) -> Iterator[Entry]:
        """Yield the files that are larger."""
        found = self._db.execute(
            f"SELECT * FROM seen WHERE size > ? AND {_IS_FILE} ORDER BY name",  # noqa: S608
            (size,),
        )
        for values in found:
            yield Entry._make(values)

    def entry(self, name: bytes) -> Entry:
        """Return what the walk found under a name. Raises KeyError."""
        return self.entries((name,))[name]

    def entries(self, names: Iterable[bytes]) -> dict[bytes, Entry]:
        """Return what the walk found under these names."""
        found: dict[bytes, Entry] = {}
        for some in _portions(names):
            rows = self._db.execute(f"SELECT * FROM seen WHERE name IN ({_marks(some)})", some)  # noqa: S608
            found.update((values[0], Entry._make(values)) for values in rows)
        return found

    def replace_entry(self, entry: Entry) -> None:
        """Note what a later look at a file has found."""
        self._db.execute(f"INSERT OR REPLACE INTO seen VALUES ({_PLACES})", entry)  # noqa: S608

    def compared(self) -> Iterator[tuple[Entry, Row | None, Stored | None]]:
        """Yield every file with its row and its object, in the order of the names."""
        return map(_facts, self._db.execute(f"{_COMPARED} ORDER BY seen.name"))

    def beside_files(self) -> Iterator[tuple[Entry, Row | None]]:
        """Yield every directory and link with its row, which may be of something else of that name."""
        for values in self._db.execute(f"{_BESIDE} ORDER BY seen.name"):
            yield (
                Entry._make(values[:_ENTRY]),
                None if values[_ENTRY] is None else Row._make(values[_ENTRY:]),
            )

    def facts(self, name: bytes) -> tuple[Entry, Row | None, Stored | None]:
        """Return the same of one file, which the walk found."""
        return _facts(self._db.execute(f"{_COMPARED} AND seen.name = ?", (name,)).fetchone())

    def chunks_of(self, name: bytes, suffix: bytes) -> Iterator[Object]:
        """Yield the objects with this name, the suffix and more."""
        start = name + suffix
        found = self._db.execute(
            "SELECT name, size, etag FROM stored WHERE name >= ? AND name < ? ORDER BY name",
            (start, start[:-1] + bytes((start[-1] + 1,))),
        )
        for values in found:
            yield Object._make(values)

    def add_work(self, work: Iterable[Work]) -> None:
        """Add files that must be read or copied, or put them into another batch."""
        self._in_one(
            self._work,
            "INSERT OR REPLACE INTO work VALUES (?, ?, ?, ?, ?, ?)",
            ((one.name, one.batch, one.logged, one.size, one.is_new, one.state.value) for one in work),
        )

    def work(self, state: State, batch: int | None = None, at_most: int = -1) -> Iterator[Work]:
        """Yield files in a state, in the order of their names."""
        which, values = ("", ()) if batch is None else (" AND batch = ?", (batch,))
        found = self._work.execute(
            f"SELECT * FROM work WHERE state = ?{which} ORDER BY name LIMIT ?",  # noqa: S608
            (state.value, *values, at_most),
        )
        return (_work(row) for row in found)

    def work_of(self, name: bytes) -> Work | None:
        """Return the piece of work with this name."""
        found = self._work.execute("SELECT * FROM work WHERE name = ?", (name,)).fetchone()
        return None if found is None else _work(found)

    def find_logged(self, logged: Iterable[str], batch: int) -> dict[str, list[Work]]:
        """Return the files of a batch that a log calls so, by that name.

        They are more than one if Go cannot print their bytes.
        """
        found: dict[str, list[Work]] = {}
        for some in _portions(logged):
            rows = self._work.execute(
                f"SELECT * FROM work WHERE batch = ? AND logged IN ({_marks(some)})",  # noqa: S608
                (batch, *some),
            )
            for row in rows:
                work = _work(row)
                found.setdefault(work.logged, []).append(work)
        return found

    def settle(self, names: Iterable[bytes], state: State) -> None:
        """Note what has become of files."""
        self._in_one(
            self._work, "UPDATE work SET state = ? WHERE name = ?", ((state.value, name) for name in names)
        )

    def move(self, batch: int, state: State, to: State) -> int:
        """Put all files of a batch from one state into another; return how many."""
        moved = self._work.execute(
            "UPDATE work SET state = ? WHERE state = ? AND batch = ?", (to.value, state.value, batch)
        )
        return moved.rowcount

    def work_totals(self) -> tuple[int, int]:
        """Return the number of the files of the work, and their bytes."""
        files, size = self._work.execute("SELECT count(*), coalesce(sum(size), 0) FROM work").fetchone()
        return int(files), int(size)

    def count_failed(self) -> int:
        """Return how many files have failed, for this pass or for good."""
        failed = (State.FAILED, State.AGAIN, State.SUSPECT, State.UNKNOWN)
        found = self._work.execute(
            "SELECT count(*) FROM work WHERE state IN (?, ?, ?, ?)", tuple(state.value for state in failed)
        )
        (number,) = found.fetchone()
        return int(number)

    def has_work(self, batch: int, state: State) -> bool:
        """Return whether a batch has files in a state."""
        return next(self.work(state, batch, 1), None) is not None

    def batches(self, state: State) -> tuple[int, ...]:
        """Return the batches that have files in a state."""
        found = self._work.execute(
            "SELECT DISTINCT batch FROM work WHERE state = ? ORDER BY batch", (state.value,)
        )
        return tuple(batch for (batch,) in found)

    @staticmethod
    def _in_one(db: sqlite3.Connection, statement: str, rows: Iterable[Sequence[object]]) -> int:
        """Write all rows at once; return how many are new."""
        before = db.total_changes
        is_open = db.in_transaction
        if not is_open:
            db.execute("BEGIN")
        db.executemany(statement, rows)
        if not is_open:
            db.execute("COMMIT")
        return db.total_changes - before


@contextmanager
def open_catalog(path: Path | None, *, is_copy: bool = False) -> Iterator[Catalog]:
    """Yield the tables of a run beside the index in a file; None for a run that has no index.

    With `is_copy` the file stays as it is, whatever the run notes.
    """
    with open_index(path, is_copy=is_copy) as index, closing(Catalog(index)) as catalog:
        yield catalog


def _portions(values: Iterable[_T]) -> Iterator[tuple[_T, ...]]:
    """Yield so many at a time as one statement may hold (SQLITE_MAX_VARIABLE_NUMBER of old versions)."""
    left = iter(values)
    while some := tuple(islice(left, 900)):
        yield some


def _marks(values: Sequence[object]) -> str:
    return ", ".join("?" * len(values))


def _facts(values: Sequence[object]) -> tuple[Entry, Row | None, Stored | None]:
    return (
        Entry._make(values[:_ENTRY]),
        None if values[_ENTRY] is None else Row._make(values[_ENTRY : _ENTRY + _ROW]),
        None if values[-2] is None else Stored._make((*values[-2:], frozenset(), "")),
    )


def digest_of(chunks: Iterable[Object]) -> str:
    """Return one MD5 of the names, sizes and ETags of chunks."""
    lines = sorted(b"%s\0%d\0%s\n" % (one.name, one.size, one.etag.encode()) for one in chunks)
    return hashlib.md5(b"".join(lines), usedforsecurity=False).hexdigest()


def is_chunked(row: Row | None) -> bool:
    """Return whether a file was sent in chunks."""
    return row is not None and row.how == How.CHUNKS.value


def _work(row: tuple[bytes, int, str, int, int, int]) -> Work:
    name, batch, logged, size, is_new, state = row
    return Work(name, batch, logged, size, bool(is_new), State(state))
