"""The rows of the index as entries of a manifest, and back."""

import grp
import pwd
import stat
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from itertools import islice

from adapter.files.catalog import DIRECTORY, FILE, TYPE
from adapter.files.decision import Row
from adapter.files.index import Index
from adapter.files.manifest import EntryState, Kind, Saved

_AT_ONCE = 1000
_KINDS = {FILE: Kind.FILE, DIRECTORY: Kind.DIRECTORY, stat.S_IFLNK: Kind.LINK}
_TYPES = {kind: file_type for file_type, kind in _KINDS.items()}
_NEVER = -(1 << 62)
"""Before any time that a file can have."""


def saved_entries(index: Index) -> Iterator[Saved]:
    """Yield what the index says as entries of a manifest, in the order of their names."""
    user = cache(_named(lambda uid: pwd.getpwuid(uid).pw_name))
    group = cache(_named(lambda gid: grp.getgrgid(gid).gr_name))
    rows = index.connection.execute(
        "SELECT files.*, states.state FROM files LEFT JOIN states ON states.name = files.name"
        " ORDER BY files.name"
    )
    for *values, state in rows:
        row = Row._make(values)
        yield Saved(
            name=row.name,
            kind=_KINDS[row.mode & TYPE],
            state=EntryState(state or "current"),
            size=row.size,
            mtime_ns=row.mtime_ns,
            mode=row.mode & 0o7777,
            uid=row.uid,
            gid=row.gid,
            user=user(row.uid),
            group=group(row.gid),
            link=row.link,
            hard_link=row.hard_link,
            md5=row.md5,
            how=row.how,
            etag=row.etag,
            uploaded=row.uploaded,
            chunks=row.chunks,
        )


def _named(look_up: Callable[[int], str]) -> Callable[[int], str]:
    def name_of(number: int) -> str:
        try:
            return look_up(number)
        except KeyError:
            return ""

    return name_of


def rebuild(index: Index, entries: Iterable[Saved], manifest: str, digest: str) -> None:
    """Make the index say what a manifest says; rows that say so already keep what else they know.

    Raises what `entries` raises; the index is then as it was.
    """
    db = index.connection
    index.commit()
    db.executescript(
        "DROP TABLE IF EXISTS temp.loaded; CREATE TEMP TABLE loaded AS SELECT files.*, '' AS state FROM files"
        " LIMIT 0; CREATE UNIQUE INDEX temp.loaded_name ON loaded (name);"
    )
    marks = ", ".join("?" * (len(Row._fields) + 1))
    left = ((*_row(saved), saved.state.value) for saved in entries)
    while some := tuple(islice(left, _AT_ONCE)):
        db.executemany(f"INSERT INTO loaded VALUES ({marks})", some)  # noqa: S608
    columns = ", ".join(Row._fields)
    told = ("size", "mtime_ns", "mode", "uid", "gid", "link", "md5", "how", "etag", "uploaded", "chunks")
    same = " AND ".join(f"files.{column} = loaded.{column}" for column in told)
    index.change("DELETE FROM files WHERE name NOT IN (SELECT name FROM loaded)")
    index.change(
        f"INSERT OR REPLACE INTO files SELECT {columns} FROM loaded WHERE NOT EXISTS"  # noqa: S608
        f" (SELECT 1 FROM files WHERE files.name = loaded.name AND {same})"
    )
    index.change("DELETE FROM states")
    index.change("INSERT INTO states SELECT name, state FROM loaded WHERE state <> 'current'")
    db.execute("DROP TABLE temp.loaded")
    index.note_manifest(manifest, digest)


def _row(saved: Saved) -> Row:
    """Return a row that no look at the disk confirms: its file is read before it counts as unchanged."""
    mode = _TYPES[saved.kind] | saved.mode
    return Row(
        saved.name, saved.size, saved.mtime_ns, 0, 0, mode, saved.uid, saved.gid, saved.hard_link, saved.link,
        _NEVER, saved.md5, saved.how, saved.etag, saved.uploaded, saved.chunks,
    )  # fmt: skip
