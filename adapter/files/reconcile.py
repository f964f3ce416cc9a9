"""The index at the end of a run, brought in line with what the run saw: what it says then is the manifest."""

from collections.abc import Iterable
from functools import cache
from itertools import islice

from adapter.files.catalog import DIRECTORY, FILE, TYPE, Catalog, State
from adapter.files.decision import Row
from adapter.files.index import RECORD, Index
from adapter.files.manifest import EntryState
from adapter.files.outlook import Outlook

_AT_ONCE = 1000
_TABLES = """
CREATE TEMP TABLE IF NOT EXISTS unsettled (name BLOB PRIMARY KEY) WITHOUT ROWID;
CREATE TEMP TABLE IF NOT EXISTS aside (name BLOB PRIMARY KEY, state TEXT) WITHOUT ROWID;
CREATE TEMP TABLE IF NOT EXISTS gone (name BLOB PRIMARY KEY) WITHOUT ROWID;
DELETE FROM unsettled; DELETE FROM aside; DELETE FROM gone;
"""
_IS_DIRECTORY = f"(seen.mode & {TYPE}) = {DIRECTORY}"
_HAS_SOMETHING = (
    "EXISTS (SELECT 1 FROM seen AS below WHERE below.name > CAST(seen.name || '/' AS BLOB)"  # noqa: S608
    f" AND below.name < CAST(seen.name || '0' AS BLOB) AND (below.mode & {TYPE}) <> {DIRECTORY})"
)
_RECORD_BESIDE = (
    "INSERT OR REPLACE INTO files SELECT seen.*, '', '', '', '', '' FROM seen"  # noqa: S608
    " LEFT JOIN files ON files.name = seen.name"
    f" WHERE (seen.mode & {TYPE}) <> {FILE} AND (files.name IS NULL OR files.mode <> seen.mode"
    " OR files.mtime_ns <> seen.mtime_ns OR files.uid <> seen.uid OR files.gid <> seen.gid"
    " OR files.link <> seen.link)"
)
_ASSUMED_MODE = DIRECTORY | 0o755
"""Of a directory that no look has seen and no manifest has named, above a file that is kept."""


def reconcile(catalog: Catalog, outlook: Outlook, *, has_includes: bool) -> None:
    """Record the directories and links that were seen, forget what is gone, and note what is not current.

    With `has_includes` a new directory counts only if it was asked for, or holds something that was.
    """
    index, db = catalog.index, catalog.index.connection
    db.executescript(_TABLES)
    for state in (State.HASH, State.WAITING, State.FAILED, State.AGAIN, State.SUSPECT, State.UNKNOWN):
        _fill(index, "unsettled", ((work.name,) for work in catalog.work(state)))
    # What has vanished since it was seen is looked at like what was not seen at all.
    db.executemany("DELETE FROM seen WHERE name = ?", ((work.name,) for work in catalog.work(State.GONE)))
    if has_includes:
        _forget_passed_through(index, outlook)
    index.change(_RECORD_BESIDE)
    # A directory that is a file now, which could not be sent, is no older version of that file.
    index.change(f"DELETE FROM files WHERE (mode & {TYPE}) = {DIRECTORY} AND name IN unsettled")  # noqa: S608
    _sort_unseen(index, outlook)
    db.execute("INSERT OR IGNORE INTO aside SELECT name, 'stale' FROM files WHERE name IN unsettled")
    index.change("DELETE FROM files WHERE name IN (SELECT name FROM gone)")
    differ = "SELECT 1 FROM (SELECT * FROM {} EXCEPT SELECT * FROM {}) LIMIT 1"
    if any(
        db.execute(differ.format(*pair)).fetchone() for pair in (("aside", "states"), ("states", "aside"))
    ):
        index.change("DELETE FROM states")
        index.change("INSERT INTO states SELECT * FROM aside")
    index.commit()


def _forget_passed_through(index: Index, outlook: Outlook) -> None:
    """Forget the new directories that the walk went through without finding anything it was asked for."""
    empty = index.connection.execute(
        f"SELECT seen.name FROM seen LEFT JOIN files ON files.name = seen.name WHERE {_IS_DIRECTORY}"  # noqa: S608
        f" AND files.name IS NULL AND seen.name <> x'' AND NOT {_HAS_SOMETHING} ORDER BY seen.name DESC"
    )
    needed: set[bytes] = set()
    passed: list[tuple[bytes]] = []
    for (name,) in empty:
        if name in needed or outlook.asks_for(name):
            needed.add(name.rpartition(b"/")[0])
        else:
            passed.append((name,))
    index.connection.executemany("DELETE FROM seen WHERE name = ?", passed)


def _fill(index: Index, table: str, rows: Iterable[tuple[object, ...]]) -> None:
    """Put rows into a temporary table, some at a time: what yields them may read the same database."""
    left = iter(rows)
    while some := tuple(islice(left, _AT_ONCE)):
        marks = ", ".join("?" * len(some[0]))
        index.connection.executemany(f"INSERT OR IGNORE INTO {table} VALUES ({marks})", some)  # noqa: S608


def _sort_unseen(index: Index, outlook: Outlook) -> None:
    """Put the names that this run has not seen into `aside` or `gone`, directories after what is in them."""
    db, parents = index.connection, _Parents(index)
    unseen = db.execute(
        f"SELECT name, (mode & {TYPE}) = {DIRECTORY} FROM files"  # noqa: S608
        " WHERE name NOT IN (SELECT name FROM seen) ORDER BY name DESC"
    )

    def sort(name: bytes, *, is_directory: bool) -> tuple[bytes, str | None]:
        state = None if parents.are_in_the_way(name) else outlook.state_of(name, is_directory=is_directory)
        if state is None and is_directory and name in parents.needed:
            state = EntryState.CARRIED
        if state is not None:
            parents.need(name)
        return name, state

    while some := unseen.fetchmany(_AT_ONCE):
        states = [sort(name, is_directory=bool(is_directory)) for name, is_directory in some]
        _fill(index, "aside", ((name, state) for name, state in states if state is not None))
        _fill(index, "gone", ((name,) for name, state in states if state is None))
    _fill(index, "aside", ((name, EntryState.CARRIED.value) for name in parents.made))


class _Parents:
    """The directories above what is kept although it was not seen."""

    def __init__(self, index: Index) -> None:
        self.needed: set[bytes] = set()
        self.made: list[bytes] = []
        self._index = index
        self._is_other = cache(self._look_whether_other)

    def are_in_the_way(self, name: bytes) -> bool:
        """Return whether something above a name is a file or link now."""
        parent = name.rpartition(b"/")[0]
        return bool(parent) and self._is_other(parent)

    def _look_whether_other(self, name: bytes) -> bool:
        found = self._index.connection.execute(
            f"SELECT (mode & {TYPE}) <> {DIRECTORY} FROM seen WHERE name = ?",  # noqa: S608
            (name,),
        ).fetchone()
        parent = name.rpartition(b"/")[0]
        return bool(found and found[0]) or (bool(parent) and self._is_other(parent))

    def need(self, name: bytes) -> None:
        """Note that the directories above a name are needed, and record those that are not known."""
        parent = name.rpartition(b"/")[0]
        while parent and parent not in self.needed:
            self.needed.add(parent)
            known = self._index.connection.execute("SELECT 1 FROM files WHERE name = ?", (parent,))
            if known.fetchone() is None:
                row = Row(parent, 0, 0, 0, 0, _ASSUMED_MODE, 0, 0, "", b"", 0, "", "", "", "", "")
                self._index.change(RECORD, (row,))
                self.made.append(parent)
            parent = parent.rpartition(b"/")[0]
