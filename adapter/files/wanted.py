"""What a backup consists of, in a temporary table: a manifest's entries, or what a bucket holds."""

import sqlite3
from collections.abc import Iterable, Iterator
from itertools import islice

from adapter.files.catalog import Catalog
from adapter.files.decision import Stored
from adapter.files.manifest import EntryState, Kind, ManifestInvalid, Saved
from adapter.files.names import for_people
from adapter.files.patterns import Patterns

_AT_ONCE = 1000
_COLUMNS = ", ".join(f'"{field}"' for field in Saved._fields)
_OF_WANTED = ", ".join(f'wanted."{field}"' for field in Saved._fields)
_TABLE = f"""
CREATE TEMP TABLE wanted ({_COLUMNS}, parent, PRIMARY KEY (name)) WITHOUT ROWID;
"""
_ORPHAN = (
    "SELECT name FROM wanted WHERE (name = x'' AND kind <> 'dir') OR (parent <> x'' AND NOT EXISTS"
    " (SELECT 1 FROM wanted AS above WHERE above.name = wanted.parent AND above.kind = 'dir')) LIMIT 1"
)


class Wanted:
    """The entries, by the names of their objects, beside the list of a bucket. Not thread-safe."""

    def __init__(self, catalog: Catalog) -> None:
        self._db: sqlite3.Connection = catalog.index.connection
        self._db.executescript(_TABLE)

    def load(self, entries: Iterable[Saved]) -> None:
        """Put all entries of a manifest in place of what is there.

        Raises ManifestInvalid for one below something that is no directory, as through a link, and what
        `entries` raises; then nothing is left.
        """
        self._db.execute("DELETE FROM wanted")
        try:
            self.add(entries)
            self._check_parents()
        except BaseException:
            self._db.execute("DELETE FROM wanted")
            raise

    def _check_parents(self) -> None:
        if orphan := self._db.execute(_ORPHAN).fetchone():
            raise ManifestInvalid(f"it names {for_people(orphan[0])} below something that is not a directory")

    def add(self, entries: Iterable[Saved]) -> None:
        """Add entries; one of a name that is there already takes its place."""
        marks = ", ".join("?" * (len(Saved._fields) + 1))
        left = ((*entry, entry.name.rpartition(b"/")[0]) for entry in entries)
        while some := tuple(islice(left, _AT_ONCE)):
            self._db.execute("BEGIN")
            self._db.executemany(f"INSERT OR REPLACE INTO wanted VALUES ({marks})", some)  # noqa: S608
            self._db.execute("COMMIT")

    def get(self, name: bytes) -> Saved | None:
        """Return the entry of a name."""
        return next(self._select("WHERE name = ?", name), None)

    def entries(self, kind: Kind | None = None, *, is_reversed: bool = False) -> Iterator[Saved]:
        """Yield all entries, or those of a kind, in the order of their names."""
        order = "DESC" if is_reversed else "ASC"
        if kind is None:
            return self._select(f"ORDER BY name {order}")
        return self._select(f"WHERE kind = ? ORDER BY name {order}", kind.value)

    def stale(self) -> Iterator[Saved]:
        """Yield the files that are older versions than the source had."""
        return self._select("WHERE state = ? ORDER BY name", EntryState.STALE.value)

    def totals(self) -> tuple[int, int]:
        """Return the number of files and links, and the bytes of the files."""
        files, size = self._db.execute(
            "SELECT count(*), total(size) FROM wanted WHERE kind <> 'dir'"
        ).fetchone()
        return int(files), int(size)

    def count_files(self) -> int:
        """Return the number of the files alone."""
        (files,) = self._db.execute("SELECT count(*) FROM wanted WHERE kind = 'file'").fetchone()
        return int(files)

    def keep_below(self, directory: bytes) -> None:
        """Forget all but a directory and what is in it."""
        start = directory + b"/"
        self._db.execute(
            "DELETE FROM wanted WHERE name <> ? AND (name < ? OR name >= ?)",
            (directory, start, directory + b"0"),
        )

    def keep_one(self, name: bytes) -> None:
        """Forget all but one entry."""
        self._db.execute("DELETE FROM wanted WHERE name <> ?", (name,))

    def choose(self, patterns: Patterns, below: bytes = b"") -> None:
        """Forget what the patterns leave out, which are about names without `below`.

        Of directories those stay that hold something that is kept.
        """
        if not patterns:
            return
        entered: dict[str, bool] = {}
        needed: set[bytes] = set()
        left_out: list[tuple[bytes]] = []
        for entry in self.entries(is_reversed=True):
            is_kept = (
                entry.name in needed
                if entry.kind is Kind.DIRECTORY
                else patterns.chooses(entry.name[len(below) :], entered)
            )
            if is_kept:
                needed.add(entry.name.rpartition(b"/")[0])
            else:
                left_out.append((entry.name,))
        self._db.executemany("DELETE FROM wanted WHERE name = ?", left_out)

    def files(self) -> Iterator[tuple[Saved, Stored | None]]:
        """Yield every file with its object, in the order of the names."""
        found = self._db.execute(
            f"SELECT {_OF_WANTED}, stored.size, stored.etag FROM wanted"  # noqa: S608
            " LEFT JOIN stored ON stored.name = wanted.name WHERE kind = 'file' ORDER BY wanted.name"
        )
        for *values, size, etag in found:
            yield _saved(values), None if size is None else Stored(size, etag)

    def foreign_objects(self) -> Iterator[bytes]:
        """Yield the names of objects that are no file of these, a chunk is one, too."""
        found = self._db.execute(
            "SELECT name FROM stored WHERE name NOT IN (SELECT name FROM wanted WHERE kind = 'file')"
        )
        return (name for (name,) in found)

    def _select(self, condition: str, *values: object) -> Iterator[Saved]:
        found = self._db.execute(f"SELECT {_COLUMNS} FROM wanted {condition}", values)  # noqa: S608
        return map(_saved, found)


def _saved(values: Iterable[object]) -> Saved:
    saved = Saved._make(values)
    return saved._replace(kind=Kind(saved.kind), state=EntryState(saved.state))
