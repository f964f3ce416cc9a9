"""Unfinished multipart uploads and their parts."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from secrets import token_hex

from tests.qingstor_server.blob import Piece
from tests.qingstor_server.refusal import Refused
from tests.qingstor_server.store import Store, StoredObject, new_object

PART_NUMBERS = range(10001)
"""0 to 10000 inclusive; parts are counted from 0 by rclone and the SDKs."""


@dataclass(frozen=True, slots=True)
class Upload:
    """An upload that was initiated and neither completed nor aborted; `created` is Unix seconds."""

    id: str
    bucket: str
    key: str
    created: float
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Part:
    """A part as received; `etag` is its MD5 with quotes."""

    number: int
    size: int
    etag: str
    created: float
    piece: Piece


class Uploads:
    """The uploads of a store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._database = store.database

    def initiate(self, bucket: str, key: str, headers: Mapping[str, str], *, age: float = 0.0) -> Upload:
        """Begin an upload, `age` seconds ago. Ids are never used again."""
        upload = Upload(token_hex(16), bucket, key, time.time() - age, headers)
        row = (upload.id, bucket, key, upload.created, json.dumps(dict(headers)))
        self._database.execute("insert into uploads values (?, ?, ?, ?, ?)", row)
        return upload

    def find(self, bucket: str, key: str, upload_id: str) -> Upload:
        """The upload of that id and key. Raises Refused (404 upload_not_exists)."""
        for upload in self.all(bucket):
            if (upload.id, upload.key) == (upload_id, key):
                return upload
        raise Refused("upload_not_exists", "No unfinished upload has this id and key.")

    def all(self, bucket: str) -> list[Upload]:
        """A bucket's uploads by key, then id."""
        rows = self._database.execute(
            "select id, bucket, key, created, headers from uploads where bucket = ? order by key, id",
            (bucket,),
        )
        return [
            Upload(name, home, key, created, json.loads(headers))
            for name, home, key, created, headers in rows
        ]

    def add_part(self, upload_id: str, number: int, piece: Piece, etag: str) -> None:
        """Keep a part; an earlier one of the same number goes."""
        old = self._database.execute(
            "select blob from parts where upload = ? and number = ?", (upload_id, number)
        ).fetchone()
        row = (upload_id, number, piece.size, etag, time.time(), piece.blob, piece.offset)
        self._database.execute("insert or replace into parts values (?, ?, ?, ?, ?, ?, ?)", row)
        self._store.blobs.delete(old or ())

    def parts(self, upload_id: str) -> list[Part]:
        """The parts received so far, by number."""
        rows = self._database.execute(
            "select number, size, etag, created, blob, place from parts where upload = ? order by number",
            (upload_id,),
        )
        return [
            Part(number, size, etag, created, Piece(blob, size, place))
            for number, size, etag, created, blob, place in rows
        ]

    def complete(
        self, upload: Upload, numbers: Sequence[int], etag: str | None, part_minimum: int
    ) -> StoredObject:
        """Turn the named parts into the object; parts not named are dropped. Raises Refused (400).

        The ETag is the client's, unchecked: the service computes none. Without one it is no MD5.
        """
        parts = {part.number: part for part in self.parts(upload.id)}
        if not numbers or list(numbers) != sorted(set(numbers)):
            raise Refused("invalid_request", "object_parts must name parts in ascending order.")
        if missing := [number for number in numbers if number not in parts]:
            raise Refused("invalid_argument", f"Part {missing[0]} was not uploaded.")
        if any(parts[number].size < part_minimum for number in numbers[:-1]):
            raise Refused(
                "entity_too_small", f"A part other than the last is smaller than {part_minimum} bytes."
            )
        body = tuple(parts.pop(number).piece for number in numbers)
        item = new_object(
            upload.key, etag or f'"{upload.id[:16]}-{len(body)}"', body, upload.headers, multipart=True
        )
        self._store.put(upload.bucket, item)
        self._forget(upload.id)
        self._store.blobs.delete(part.piece.blob for part in parts.values())
        return item

    def abort(self, upload_id: str) -> None:
        """Drop an upload and its parts; an unknown id is no error."""
        blobs = [part.piece.blob for part in self.parts(upload_id)]
        self._forget(upload_id)
        self._store.blobs.delete(blobs)

    def _forget(self, upload_id: str) -> None:
        self._database.execute("delete from parts where upload = ?", (upload_id,))
        self._database.execute("delete from uploads where id = ?", (upload_id,))
