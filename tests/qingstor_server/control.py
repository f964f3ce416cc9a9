"""The control interface: JSON over the server's own port, for tests and for curl.

`POST /-/NAME` with an object of arguments calls the method of that name in `Control` and answers with its
result. No bucket can begin with a hyphen, so the path is free. Faults and the request log do not apply here.
"""

import asyncio
import hashlib
import inspect
from base64 import b64encode
from dataclasses import asdict, fields

from aiohttp import web
from pydantic import Base64Bytes, JsonValue, TypeAdapter, ValidationError, validate_call
from pydantic_core import to_json

from tests.qingstor_server.accounts import AccessKey, Accounts, KeyState
from tests.qingstor_server.fault import Fault
from tests.qingstor_server.journal import Entry, Load, Wanted
from tests.qingstor_server.records import BucketRecord, ObjectRecord, UploadRecord
from tests.qingstor_server.service import Service
from tests.qingstor_server.settings import Settings
from tests.qingstor_server.store import StoredObject, new_object

PREFIX = "/-/"
_ARGUMENTS = TypeAdapter(dict[str, JsonValue])
_SETTINGS = TypeAdapter(Settings)


class Control:
    """What a test may ask of the server and change in it. LookupError: there is no such thing."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._state = service.state
        self._store = service.state.store

    async def answer(self, request: web.BaseRequest) -> web.Response:
        """Serve one control request: 200 with the result, 404 or 400 with a sentence."""
        method = getattr(self, request.raw_path.removeprefix(PREFIX), None)
        if not hasattr(method, "raw_function"):
            return web.Response(status=404, text="There is no such control.")
        assert method is not None
        try:
            result = method(**_ARGUMENTS.validate_json(await request.content.read() or b"{}"))
            if inspect.isawaitable(result):
                result = await result
        except ValidationError as error:
            return web.Response(status=400, text=str(error))
        except LookupError as error:
            return web.Response(status=404, text=str(error))
        return web.Response(body=to_json(result), content_type="application/json")

    # Accounts and settings

    @validate_call
    def add_key(self, key: AccessKey) -> None:
        """Add or replace an access key."""
        self._state.accounts.add(key)

    @validate_call
    def set_key_state(self, key_id: str, state: KeyState) -> None:
        """Change how the service answers a key."""
        self._state.accounts.set_state(key_id, state)

    @validate_call
    def configure(self, changes: dict[str, JsonValue]) -> None:
        """Change settings by name."""
        merged = _SETTINGS.validate_python({**asdict(self._state.settings), **changes})
        for item in fields(Settings):
            setattr(self._state.settings, item.name, getattr(merged, item.name))

    @validate_call
    def reset(self) -> None:
        """No buckets, only the default key, no faults, an empty log, default settings."""
        self._service.faults.clear()
        self._store.clear()
        self._state.accounts = Accounts()
        for item in fields(Settings):
            setattr(self._state.settings, item.name, getattr(Settings(), item.name))
        self._service.journal.clear()

    # Buckets and objects

    @validate_call
    def add_bucket(self, name: str, zone: str, owner: str, status: str) -> None:
        """Create a bucket, or change its zone, owner or status."""
        self._store.add_bucket(name, zone, owner, status)

    @validate_call
    def buckets(self) -> list[BucketRecord]:
        """All buckets of all accounts."""
        return [BucketRecord(b.name, b.zone, b.owner, b.status, b.created) for b in self._store.buckets()]

    @validate_call
    def put_object(
        self,
        bucket: str,
        key: str,
        data: Base64Bytes,
        headers: dict[str, str],
        modified: float | None,
        etag: str | None,
    ) -> None:
        """Store an object, as a PUT would, or with an ETag of the caller's."""
        self._bucket(bucket)
        if etag is None:
            etag = f'"{hashlib.md5(data, usedforsecurity=False).hexdigest()}"'
        kept = {"Content-Type": "application/octet-stream", **headers}
        self._store.put(bucket, new_object(key, etag, self._store.blobs.write(data), kept, modified=modified))

    @validate_call
    async def objects(self, bucket: str) -> list[ObjectRecord]:
        """All objects of a bucket by key, hashed anew."""
        self._bucket(bucket)
        return [await self._record(item) for item in self._store.objects_after(bucket, "", "", -1)]

    @validate_call
    def read_object(self, bucket: str, key: str) -> str:
        """An object's bytes as they lie on disk, in base64."""
        return b64encode(self._store.blobs.read(self._object(bucket, key).body)).decode()

    @validate_call
    def remove_object(self, bucket: str, key: str) -> bool:
        """Delete an object; whether it was there."""
        return self._store.remove(bucket, key)

    @validate_call
    def flip_at_rest(self, bucket: str, key: str, offset: int) -> None:
        """Alter one stored byte; size and ETag stay."""
        self._store.blobs.flip(self._object(bucket, key).body, offset)

    @validate_call
    def uploads(self, bucket: str) -> list[UploadRecord]:
        """The unfinished uploads of a bucket."""
        return [
            UploadRecord(u.key, u.id, u.created, tuple(p.number for p in parts), sum(p.size for p in parts))
            for u in self._state.uploads.all(bucket)
            for parts in [self._state.uploads.parts(u.id)]
        ]

    @validate_call
    def add_upload(self, bucket: str, key: str, age: float, data: Base64Bytes) -> str:
        """Leave an unfinished upload behind that began `age` seconds ago and has one part; its id."""
        self._bucket(bucket)
        upload = self._state.uploads.initiate(bucket, key, {}, age=age)
        for piece in self._store.blobs.write(data):
            self._state.uploads.add_part(upload.id, 0, piece, f'"{self._store.blobs.md5((piece,))}"')
        return upload.id

    # Requests and faults

    @validate_call
    def requests(self, operation: str | None) -> list[Entry]:
        """The log, or the part of it that is about one operation."""
        return [e for e in self._service.journal.entries if operation in {None, e.operation}]

    @validate_call
    def clear_requests(self) -> None:
        """Empty the log; the peak of uploads starts anew."""
        self._service.journal.clear()

    @validate_call
    def load(self) -> Load:
        """Counts and gauges."""
        return self._service.journal.load()

    @validate_call
    async def wait_for(self, wanted: Wanted, seconds: float) -> bool:
        """Whether it happened in time."""
        return await self._service.journal.wait_for(wanted, seconds)

    @validate_call
    def add_fault(self, fault: Fault) -> int:
        """Switch a fault on; its number."""
        return self._service.faults.add(fault)

    @validate_call
    def fault_fired(self, number: int) -> int:
        """How often it took effect."""
        return self._service.faults.fired(number)

    @validate_call
    def remove_fault(self, number: int) -> None:
        """Switch a fault off."""
        self._service.faults.remove(number)

    @validate_call
    def clear_faults(self) -> None:
        """Switch all faults off."""
        self._service.faults.clear()

    def _bucket(self, name: str) -> None:
        if self._store.bucket(name) is None:
            raise LookupError(f"no bucket {name!r}")

    def _object(self, bucket: str, key: str) -> StoredObject:
        item = self._store.find(bucket, key)
        if item is None:
            raise LookupError(f"no object {key!r} in {bucket!r}")
        return item

    async def _record(self, item: StoredObject) -> ObjectRecord:
        md5 = await asyncio.to_thread(self._store.blobs.md5, item.body)
        return ObjectRecord(
            key=item.key,
            size=item.size,
            etag=item.etag.strip('"'),
            md5=md5,
            multipart=item.multipart,
            modified=item.modified,
            headers=dict(item.headers),
        )
