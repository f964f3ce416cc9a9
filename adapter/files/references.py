"""Which objects below a target some manifest needs, and which none does. Temporary tables beside the list."""

import sqlite3
from collections.abc import Iterable, Iterator
from itertools import islice

from adapter.files.catalog import Catalog, Object, digest_of
from adapter.files.decision import How
from adapter.files.manifest import Kind, Saved

_AT_ONCE = 1000
_TABLE = """
CREATE TEMP TABLE referenced (
    name BLOB, etag TEXT, how TEXT, chunks TEXT, PRIMARY KEY (name, etag, how, chunks)
) WITHOUT ROWID;
"""


class References:
    """The files of all manifests, by the names of their objects. Not thread-safe."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._db: sqlite3.Connection = catalog.index.connection
        self._db.executescript(_TABLE)

    def add(self, entries: Iterable[Saved]) -> None:
        """Add the files of a manifest. Raises what `entries` raises."""
        files = ((one.name, one.etag, one.how, one.chunks) for one in entries if one.kind is Kind.FILE)
        while some := tuple(islice(files, _AT_ONCE)):
            self._db.execute("BEGIN")
            self._db.executemany("INSERT OR IGNORE INTO referenced VALUES (?, ?, ?, ?)", some)
            self._db.execute("COMMIT")

    def unnamed(self) -> Iterator[Object]:
        """Yield the objects of which no manifest has the name, in the order of the names; chunks, too."""
        found = self._db.execute(
            "SELECT name, size, etag FROM stored WHERE NOT EXISTS"
            " (SELECT 1 FROM referenced WHERE referenced.name = stored.name) ORDER BY name"
        )
        return map(Object._make, found)

    def names(self, name: bytes) -> bool:
        """Return whether a manifest has a file of this name."""
        return self._db.execute("SELECT 1 FROM referenced WHERE name = ?", (name,)).fetchone() is not None

    def needs_chunks(self, file: bytes, chunks: Iterable[Object]) -> bool:
        """Return whether a restore may need one set of chunks of a file that a manifest names.

        It is not needed if no manifest has recorded it, and what lies under the file's name now is what one
        has recorded: then it is not a description of these.
        """
        versions = self._db.execute(
            "SELECT etag, how, chunks FROM referenced WHERE name = ?", (file,)
        ).fetchall()
        recorded = {digest for _, how, digest in versions if how == How.CHUNKS.value}
        now = self._catalog.stored(file)
        if "" in recorded or digest_of(chunks) in recorded:  # blank: the backup could not tell its own
            return True
        return now is None or not now.etag or now.etag not in {etag for etag, _, _ in versions}
