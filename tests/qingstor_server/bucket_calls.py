"""The operations on the service and on buckets."""

import hashlib
import re
import time
from base64 import b64encode
from datetime import UTC, datetime
from typing import Annotated

from pydantic import BaseModel, Field, JsonValue, TypeAdapter

from tests.qingstor_server.answer import json_answer
from tests.qingstor_server.call import Answer, Call
from tests.qingstor_server.listing import Question, group_of, list_page
from tests.qingstor_server.operation import setting_of
from tests.qingstor_server.refusal import Refused
from tests.qingstor_server.state import State
from tests.qingstor_server.store import Bucket, StoredObject

_BUCKET_NAME = re.compile(r"[a-z0-9][a-z0-9-]{4,61}[a-z0-9]")
_STUCK_MARKER = "c3R1Y2s="
_DEFAULT_LIMIT = 100
_DEFAULT_UPLOADS_LIMIT = 200
_MANY_OBJECTS = 1000
_SETTING = TypeAdapter(dict[str, JsonValue])


class _Doomed(BaseModel):
    key: str


class _DeleteDocument(BaseModel):
    quiet: bool | None = None
    objects: Annotated[list[_Doomed], Field(min_length=1)]


_DELETE = TypeAdapter(_DeleteDocument)


def iso_time(moment: float) -> str:
    """Unix seconds as QingStor writes times in JSON: `2026-11-23T01:44:00.000Z`."""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


async def list_zones(call: Call, state: State) -> Answer:
    """GET /?location on the global host: no credentials needed."""
    settings = state.settings
    zones = [{"id": zone, "name": zone, "endpoint": f"{zone}.{settings.domain}"} for zone in settings.zones]
    return json_answer({"locations": zones})


async def list_buckets(call: Call, state: State) -> Answer:
    """The caller's buckets: of the zone host's zone, of the `Location` header's, or all."""
    caller = state.caller(call)
    zone = call.target.zone or call.headers.get("Location", "").lower()
    mine = [
        bucket
        for bucket in state.store.buckets()
        if bucket.owner == caller.account and (not zone or bucket.zone == zone)
    ]
    offset, limit = call.number("offset", 0), call.number("limit", 200)
    shown = [
        {"name": b.name, "location": b.zone, "url": _url(b, state), "created": iso_time(b.created)}
        for b in mine[offset : offset + limit]
    ]
    return json_answer({"count": len(mine), "buckets": shown})


async def create_bucket(call: Call, state: State) -> Answer:
    """PUT /<bucket> on a zone host; names are unique over all zones and accounts."""
    name, zone, caller = call.target.bucket, call.target.zone, state.caller(call)
    if zone is None:
        raise Refused("permission_denied", "A bucket is created on a zone's host.")
    if not _BUCKET_NAME.fullmatch(name):
        raise Refused("invalid_bucket_name", "A bucket's name is 6 to 63 of a-z, 0-9 and hyphen.")
    if state.store.bucket(name):
        raise Refused("bucket_already_exists", "The name is taken.")
    quota = state.settings.bucket_quota
    if quota is not None and quota <= sum(b.owner == caller.account for b in state.store.buckets()):
        raise Refused("too_many_buckets", f"The account may have {quota} buckets.")
    state.store.add_bucket(name, zone, caller.account)
    return Answer(201)


async def delete_bucket(call: Call, state: State) -> Answer:
    """DELETE /<bucket>: only an empty one, and not in its first minute when `lease_seconds` says so."""
    bucket = state.bucket(call)
    if state.store.totals(bucket.name)[0]:
        raise Refused("bucket_not_empty", "The bucket still holds objects.")
    if time.time() - bucket.created < state.settings.lease_seconds:
        raise Refused("lease_not_ready", "The bucket's lease is not ready; try again in a minute.")
    for upload in state.uploads.all(bucket.name):
        state.uploads.abort(upload.id)
    state.store.drop_bucket(bucket.name)
    return Answer(204)


async def head_bucket(call: Call, state: State) -> Answer:
    """HEAD /<bucket>."""
    state.bucket(call)
    return Answer(200)


async def get_bucket_stats(call: Call, state: State) -> Answer:
    """GET /<bucket>?stats: count and size as of now; the real service may lag."""
    bucket = state.bucket(call)
    count, size = state.store.totals(bucket.name)
    document = {
        "count": count,
        "size": size,
        "location": bucket.zone,
        "name": bucket.name,
        "url": _url(bucket, state),
        "status": bucket.status,
        "created": iso_time(bucket.created),
    }
    return json_answer(document)


async def list_objects(call: Call, state: State) -> Answer:
    """GET /<bucket>: one page, the limit clamped."""
    bucket, query = state.bucket(call), call.query
    limit = min(call.number("limit", 0) or _DEFAULT_LIMIT, state.settings.page_limit)
    stuck = state.settings.stuck_marker
    marker = "" if stuck else query.get("marker", "")
    question = Question(bucket.name, query.get("prefix", ""), query.get("delimiter", ""), marker, limit)
    page = list_page(state.store, question, unordered=state.settings.unordered)
    document = {
        "name": bucket.name,
        "owner": {"id": bucket.owner, "name": bucket.owner},
        "prefix": question.prefix,
        "delimiter": question.delimiter,
        "limit": limit,
        "marker": question.marker,
        "next_marker": _STUCK_MARKER if stuck else page.next_marker,
        "has_more": stuck or page.has_more,
        "common_prefixes": page.prefixes,
        "keys": [_key_entry(item) for item in page.objects],
    }
    return json_answer(document)


async def delete_objects(call: Call, state: State) -> Answer:
    """POST /<bucket>?delete: a Content-MD5 is required; keys that are absent count as deleted."""
    bucket = state.bucket(call)
    body = b"".join([chunk async for chunk in call.chunks()])
    if (
        call.headers.get("Content-MD5")
        != b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
    ):
        raise Refused("bad_digest", "Content-MD5 is missing or is not the body's.")
    document = call.parse(_DELETE, body)
    if len(document.objects) > _MANY_OBJECTS:
        raise Refused("too_many_objects", f"At most {_MANY_OBJECTS} objects are deleted at once.")
    for doomed in document.objects:
        state.store.remove(bucket.name, doomed.key)
    deleted = [] if document.quiet else [{"key": doomed.key} for doomed in document.objects]
    return json_answer({"deleted": deleted, "errors": []})


async def list_uploads(call: Call, state: State) -> Answer:
    """GET /<bucket>?uploads: pages by key and upload id."""
    bucket, query = state.bucket(call), call.query
    limit = call.number("limit", 0) or _DEFAULT_UPLOADS_LIMIT
    if limit > state.settings.uploads_limit:
        raise Refused("invalid_argument", f"The limit is at most {state.settings.uploads_limit}.")
    prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
    after = (query.get("key_marker", ""), query.get("upload_id_marker", ""))
    # A key_marker alone goes on behind all uploads of that key.
    behind = after if after[1] else (after[0], "\U0010ffff")
    fitting = [u for u in state.uploads.all(bucket.name) if u.key.startswith(prefix)]
    rest = [u for u in fitting if not after[0] or (u.key, u.id) > behind]
    groups = {u.id: group_of(u.key, prefix, delimiter) for u in rest}
    single = [u for u in rest if groups[u.id] is None]
    shown = single[:limit]
    more = len(single) > len(shown)
    document = {
        "name": bucket.name,
        "prefix": prefix,
        "delimiter": delimiter,
        "limit": limit,
        "key_marker": after[0],
        "upload_id_marker": after[1],
        "next_key_marker": shown[-1].key if more else "",
        "next_upload_id_marker": shown[-1].id if more else "",
        "has_more": more,
        "common_prefixes": sorted({group for group in groups.values() if group is not None}),
        "uploads": [{"key": u.key, "upload_id": u.id, "created": iso_time(u.created)} for u in shown],
    }
    return json_answer(document)


async def get_bucket_setting(call: Call, state: State) -> Answer:
    """GET /<bucket>?policy and the like: the document as it was put; an ACL is never absent."""
    bucket, name = state.bucket(call), setting_of(call.query) or ""
    document = state.store.setting(bucket.name, name)
    if document is None and name != "acl":
        raise Refused("object_not_exists", f"The bucket has no {name}.")
    stored = _SETTING.validate_json(document or '{"acl": []}')
    return json_answer(
        {"owner": {"id": bucket.owner, "name": bucket.owner}, **stored} if name == "acl" else stored
    )


async def put_bucket_setting(call: Call, state: State) -> Answer:
    """PUT /<bucket>?policy and the like: kept as it is; only a public ACL has an effect here."""
    bucket = state.bucket(call)
    document = await call.document(_SETTING)
    state.store.set_setting(bucket.name, setting_of(call.query) or "", _SETTING.dump_json(document).decode())
    return Answer(200)


async def delete_bucket_setting(call: Call, state: State) -> Answer:
    """DELETE /<bucket>?policy and the like."""
    state.store.set_setting(state.bucket(call).name, setting_of(call.query) or "", None)
    return Answer(204)


def _key_entry(item: StoredObject) -> dict[str, object]:
    return {
        "key": item.key,
        "size": item.size,
        "modified": int(item.modified),
        "created": iso_time(item.modified),
        "etag": item.etag,
        "mime_type": item.headers.get("Content-Type", "application/octet-stream"),
        "encrypted": False,
        "storage_class": item.headers.get("X-QS-Storage-Class", "STANDARD"),
    }


def _url(bucket: Bucket, state: State) -> str:
    return f"http://{bucket.name}.{bucket.zone}.{state.settings.domain}"
