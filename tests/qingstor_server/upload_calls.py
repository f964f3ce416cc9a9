"""The operations of multipart uploads."""

from typing import Annotated

from pydantic import BaseModel, Field, TypeAdapter

from tests.qingstor_server.answer import json_answer
from tests.qingstor_server.bucket_calls import iso_time
from tests.qingstor_server.call import Answer, Call
from tests.qingstor_server.multipart import PART_NUMBERS
from tests.qingstor_server.object_calls import object_headers, receive_body, shown_etag
from tests.qingstor_server.refusal import Refused
from tests.qingstor_server.state import State

_PARTS_LIMIT = 1000


class _NamedPart(BaseModel):
    part_number: Annotated[int, Field(strict=True)]


class _CompleteDocument(BaseModel):
    object_parts: list[_NamedPart] = []


_COMPLETE = TypeAdapter(_CompleteDocument)


async def initiate_upload(call: Call, state: State) -> Answer:
    """POST ?uploads: a new id."""
    bucket, key = state.bucket(call), call.target.key
    upload = state.uploads.initiate(bucket.name, key, object_headers(call.headers))
    return json_answer({"bucket": bucket.name, "key": key, "upload_id": upload.id})


async def upload_part(call: Call, state: State) -> Answer:
    """PUT ?part_number&upload_id: the same number again replaces the part."""
    bucket, key = state.bucket(call), call.target.key
    number = call.number("part_number", -1)
    if number not in PART_NUMBERS:
        raise Refused("invalid_argument", "A part number is 0 to 10000.")
    upload = state.uploads.find(bucket.name, key, call.query["upload_id"])
    received = await receive_body(call, state)
    etag = f'"{received.md5.hex()}"'
    state.uploads.add_part(upload.id, number, received.piece, etag)
    return Answer(201, {"ETag": shown_etag(call, etag)})


async def list_parts(call: Call, state: State) -> Answer:
    """GET ?upload_id: the parts behind `part_number_marker`, the limit clamped."""
    bucket, key = state.bucket(call), call.target.key
    upload = state.uploads.find(bucket.name, key, call.query["upload_id"])
    limit = min(call.number("limit", _PARTS_LIMIT), _PARTS_LIMIT)
    marker = call.number("part_number_marker", -1)
    parts = [part for part in state.uploads.parts(upload.id) if part.number > marker][:limit]
    shown = [
        {"part_number": p.number, "size": p.size, "created": iso_time(p.created), "etag": p.etag.strip('"')}
        for p in parts
    ]
    return json_answer({"count": len(shown), "object_parts": shown})


async def complete_upload(call: Call, state: State) -> Answer:
    """POST ?upload_id: the object appears with the ETag that the client claims."""
    bucket, key = state.bucket(call), call.target.key
    upload = state.uploads.find(bucket.name, key, call.query["upload_id"])
    document = await call.document(_COMPLETE)
    numbers = [part.part_number for part in document.object_parts]
    state.uploads.complete(upload, numbers, call.headers.get("ETag"), state.settings.part_minimum)
    return Answer(201)


async def abort_upload(call: Call, state: State) -> Answer:
    """DELETE ?upload_id: 204, also for an unknown id."""
    state.bucket(call)
    state.uploads.abort(call.query["upload_id"])
    return Answer(204)
