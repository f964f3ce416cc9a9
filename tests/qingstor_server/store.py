"""Buckets and objects: a catalogue in SQLite, the bytes in blobs."""

import json
import sqlite3
import time
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

from tests.qingstor_server.blob import Blobs, Body, Piece, body_size

HIGHEST = "\U0010ffff"
"""Sorts after every other character, in SQLite's order too (bytes of UTF-8)."""

_SCHEMA = """
pragma journal_mode = wal;
pragma synchronous = off;
create table if not exists buckets (
    name text primary key, zone text, owner text, status text, created real) without rowid;
create table if not exists settings (
    bucket text, name text, document text, primary key (bucket, name)) without rowid;
create table if not exists objects (
    bucket text, key text, size integer, etag text, modified real, multipart integer, headers text, body text,
    primary key (bucket, key)) without rowid;
create table if not exists uploads (
    id text primary key, bucket text, key text, created real, headers text) without rowid;
create table if not exists parts (
    upload text, number integer, size integer, etag text, created real, blob text, place integer,
    primary key (upload, number)) without rowid;
"""


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket of the global name space. `status` is `active` or `suspended`; `created` Unix seconds."""

    name: str
    zone: str
    owner: str
    status: str
    created: float


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One object. `etag` is the header's value, quotes included; `headers` come back on GET and HEAD."""

    key: str
    size: int
    etag: str
    modified: float
    multipart: bool
    headers: Mapping[str, str]
    body: Body


_Row = tuple[str, int, str, float, int, str, str]
_COLUMNS = "key, size, etag, modified, multipart, headers, body"


class Store:
    """Everything that the service keeps, under one directory; a later start there finds it."""

    def __init__(self, root: Path) -> None:
        root.mkdir(parents=True, exist_ok=True)
        self.blobs = Blobs(root / "blobs")
        self.database = sqlite3.connect(root / "catalogue.sqlite", isolation_level=None)
        self.database.executescript(_SCHEMA)
        # Every request looks its bucket up, so these are in memory as well.
        rows = self.database.execute("select name, zone, owner, status, created from buckets")
        self._buckets = {row[0]: Bucket(*row) for row in rows}

    def close(self) -> None:
        """Write out and close the catalogue."""
        self.database.close()
        self.blobs.close()

    def clear(self) -> None:
        """Forget every bucket, object and upload."""
        blobs = {
            piece.blob
            for (body,) in self.database.execute("select body from objects")
            for piece in _body(body)
        }
        blobs.update(blob for (blob,) in self.database.execute("select blob from parts"))
        for table in ("buckets", "settings", "objects", "uploads", "parts"):
            self.database.execute(f"delete from {table}")
        self._buckets.clear()
        self.blobs.delete(blobs)
        self.blobs.clear_pack()

    # Buckets

    def add_bucket(self, name: str, zone: str, owner: str, status: str = "active") -> None:
        """Create a bucket, or change what is known of it."""
        bucket = Bucket(name, zone, owner, status, time.time())
        self._buckets[name] = bucket
        self.database.execute("insert or replace into buckets values (?, ?, ?, ?, ?)", astuple(bucket))

    def drop_bucket(self, name: str) -> None:
        """Delete an empty bucket and its settings."""
        self._buckets.pop(name, None)
        self.database.execute("delete from buckets where name = ?", (name,))
        self.database.execute("delete from settings where bucket = ?", (name,))

    def bucket(self, name: str) -> Bucket | None:
        """The bucket of that name in any zone."""
        return self._buckets.get(name)

    def buckets(self) -> list[Bucket]:
        """All buckets of all accounts and zones, by name."""
        return sorted(self._buckets.values(), key=lambda bucket: bucket.name)

    def setting(self, bucket: str, name: str) -> str | None:
        """The JSON text of a bucket's subresource, or None."""
        row: tuple[str] | None = self.database.execute(
            "select document from settings where bucket = ? and name = ?", (bucket, name)
        ).fetchone()
        return row[0] if row else None

    def set_setting(self, bucket: str, name: str, document: str | None) -> None:
        """Store or (None) remove a subresource."""
        if document is None:
            self.database.execute("delete from settings where bucket = ? and name = ?", (bucket, name))
        else:
            self.database.execute(
                "insert or replace into settings values (?, ?, ?)", (bucket, name, document)
            )

    # Objects

    def put(self, bucket: str, item: StoredObject) -> None:
        """Make an object visible, whole, in place of an older one of the same key."""
        old: tuple[str] | None = self.database.execute(
            "select body from objects where bucket = ? and key = ?", (bucket, item.key)
        ).fetchone()
        body = json.dumps([(piece.blob, piece.size, piece.offset) for piece in item.body])
        row = (
            bucket,
            item.key,
            item.size,
            item.etag,
            item.modified,
            item.multipart,
            json.dumps(dict(item.headers)),
            body,
        )
        self.database.execute("insert or replace into objects values (?, ?, ?, ?, ?, ?, ?, ?)", row)
        if old is not None:
            self.blobs.delete(piece.blob for piece in _body(old[0]))

    def find(self, bucket: str, key: str) -> StoredObject | None:
        """The object of that key, or None."""
        row: _Row | None = self.database.execute(
            f"select {_COLUMNS} from objects where bucket = ? and key = ?", (bucket, key)
        ).fetchone()
        return _object(row) if row else None

    def remove(self, bucket: str, key: str) -> bool:
        """Delete an object; whether it was there."""
        old = self.find(bucket, key)
        if old is None:
            return False
        self.database.execute("delete from objects where bucket = ? and key = ?", (bucket, key))
        self.blobs.delete(piece.blob for piece in old.body)
        return True

    def objects_after(self, bucket: str, after: str, prefix: str, limit: int) -> Sequence[StoredObject]:
        """At most `limit` (-1: all) objects with the prefix and behind the key `after`, in byte order."""
        rows: list[_Row] = self.database.execute(
            f"select {_COLUMNS} from objects where bucket = ? and key > ? and key >= ? and key < ?"
            " order by key limit ?",
            (bucket, after, prefix, prefix + HIGHEST, limit),
        ).fetchall()
        return [_object(row) for row in rows]

    def totals(self, bucket: str) -> tuple[int, int]:
        """Number of objects and their bytes."""
        row: tuple[int, int] = self.database.execute(
            "select count(*), coalesce(sum(size), 0) from objects where bucket = ?", (bucket,)
        ).fetchone()
        return row


def new_object(
    key: str,
    etag: str,
    body: Body,
    headers: Mapping[str, str],
    *,
    multipart: bool = False,
    modified: float | None = None,
) -> StoredObject:
    """An object as of now (or `modified`, Unix seconds); its size is the body's."""
    moment = time.time() if modified is None else modified
    return StoredObject(key, body_size(body), etag, moment, multipart, headers, body)


def _body(text: str) -> Body:
    pieces: list[tuple[str, int, int]] = json.loads(text)
    return tuple(Piece(*piece) for piece in pieces)


def _object(row: _Row) -> StoredObject:
    key, size, etag, modified, multipart, headers, body = row
    return StoredObject(key, size, etag, modified, bool(multipart), _headers(headers), _body(body))


@lru_cache(maxsize=256)
def _headers(text: str) -> Mapping[str, str]:
    """Most objects have the headers of their neighbours; nobody changes what is returned."""
    parsed: dict[str, str] = json.loads(text)
    return MappingProxyType(parsed)
