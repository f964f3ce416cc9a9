"""The operations on objects."""

import re
from base64 import b64encode
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from urllib.parse import unquote

from tests.qingstor_server.accounts import Right
from tests.qingstor_server.answer import http_date
from tests.qingstor_server.call import Answer, Call, Extent
from tests.qingstor_server.fault import FaultKind
from tests.qingstor_server.intake import Received, receive
from tests.qingstor_server.refusal import Refused
from tests.qingstor_server.state import State
from tests.qingstor_server.store import Bucket, StoredObject, new_object

_KEPT = ("Content-Type", "Content-Encoding", "Content-Disposition", "Cache-Control", "Expires")
_STORAGE_CLASSES = {"STANDARD", "STANDARD_IA"}
_METADATA_LIMIT = 2048
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
_WRONG_ETAG = '"ffffffffffffffffffffffffffffffff"'


def object_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers of an upload that come back with the object. Raises Refused (400)."""
    kept = {name: headers[name] for name in _KEPT if name in headers}
    kept.setdefault("Content-Type", "application/octet-stream")
    metadata = {
        name.lower(): value for name, value in headers.items() if name.lower().startswith("x-qs-meta-")
    }
    if sum(len(name) - len("x-qs-meta-") + len(value) for name, value in metadata.items()) > _METADATA_LIMIT:
        raise Refused("metadata_too_large", f"Metadata is at most {_METADATA_LIMIT} bytes.")
    storage_class = headers.get("X-QS-Storage-Class", "STANDARD")
    if storage_class not in _STORAGE_CLASSES:
        raise Refused("invalid_request", "There is no such storage class.")
    return {**kept, **metadata, "X-QS-Storage-Class": storage_class}


async def receive_body(call: Call, state: State) -> Received:
    """Take in the body of a PUT, checked against its length and Content-MD5. Raises Refused (400, 411)."""
    length = call.request.content_length
    if length is None and state.settings.require_content_length:
        raise Refused("length_required", "Content-Length is required.")
    if length is not None and length > state.settings.object_maximum:
        raise Refused("entity_too_large", f"At most {state.settings.object_maximum} bytes in one request.")
    received = await receive(call.chunks(), state.store.blobs)
    claimed = call.headers.get("Content-MD5")
    if claimed is not None and claimed != b64encode(received.md5).decode():
        state.store.blobs.delete([received.piece.blob])
        raise Refused("bad_digest", "The body's MD5 is not the Content-MD5.")
    return received


def shown_etag(call: Call, etag: str) -> str:
    """The ETag to answer with: the stored one, unless a fault falsifies it."""
    if call.effects and call.effects.get(FaultKind.WRONG_ETAG):
        call.effects.strike(FaultKind.WRONG_ETAG)
        return _WRONG_ETAG
    return etag


async def put_object(call: Call, state: State) -> Answer:
    """PUT /<bucket>/<key>: replaces an older object only once everything has arrived."""
    bucket, key = state.bucket(call), call.target.key
    headers = object_headers(call.headers)
    received = await receive_body(call, state)
    item = new_object(key, f'"{received.md5.hex()}"', (received.piece,), headers)
    if not state.settings.drops_bodies:
        state.store.put(bucket.name, item)
    return Answer(201, {"ETag": shown_etag(call, item.etag)})


async def copy_object(call: Call, state: State) -> Answer:
    """PUT with x-qs-copy-source: same zone; keeps the source's ETag, metadata as the directive says."""
    bucket, key = state.bucket(call), call.target.key
    _, source = _source(call, state, call.headers["x-qs-copy-source"])
    if source.size > state.settings.object_maximum:
        raise Refused(
            "entity_too_large", f"At most {state.settings.object_maximum} bytes are copied at once."
        )
    _check_conditions(call.headers, source, "x-qs-copy-source-if-")
    replaces = call.headers.get("x-qs-metadata-directive", "copy").lower() == "replace"
    headers = object_headers(call.headers) if replaces else source.headers
    body = state.store.blobs.copy(source.body)
    item = new_object(key, source.etag, body, headers, multipart=source.multipart)
    state.store.put(bucket.name, item)
    return Answer(201, {"ETag": shown_etag(call, item.etag)})


async def move_object(call: Call, state: State) -> Answer:
    """PUT with x-qs-move-source: same zone."""
    bucket, key = state.bucket(call), call.target.key
    source_bucket, source = _source(call, state, call.headers["x-qs-move-source"])
    body = state.store.blobs.copy(source.body)
    state.store.put(
        bucket.name, new_object(key, source.etag, body, source.headers, multipart=source.multipart)
    )
    if (source_bucket.name, source.key) != (bucket.name, key):
        state.store.remove(source_bucket.name, source.key)
    return Answer(201)


async def get_object(call: Call, state: State) -> Answer:
    """GET: whole or one range, under conditions; `response-…` replaces headers, if signed."""
    item = _found(call, state)
    _check_conditions(call.headers, item, "If-")
    headers = _item_headers(call, item)
    if call.caller is not None:
        for name, value in call.query.items():
            if name.startswith("response-"):
                headers[name.removeprefix("response-").title()] = value
    wanted = call.headers.get("Range")
    if wanted is None:
        return Answer(200, headers, Extent(item.body, 0, item.size))
    start, length = _range(wanted, item.size)
    headers["Content-Range"] = f"bytes {start}-{start + length - 1}/{item.size}"
    return Answer(206, headers, Extent(item.body, start, length))


async def head_object(call: Call, state: State) -> Answer:
    """HEAD: the headers of GET, no body, also when it is refused."""
    item = _found(call, state)
    _check_conditions(call.headers, item, "If-")
    return Answer(200, {**_item_headers(call, item), "Content-Length": str(item.size)})


async def delete_object(call: Call, state: State) -> Answer:
    """DELETE: 204, also for an object that is absent."""
    state.store.remove(state.bucket(call).name, call.target.key)
    return Answer(204)


async def options_object(call: Call, state: State) -> Answer:
    """OPTIONS: the origin may do what it asks for; CORS rules are stored, not applied."""
    state.bucket(call)
    asked = call.headers.get("Access-Control-Request-Method", "GET")
    origin = call.headers.get("Origin", "*")
    return Answer(200, {"Access-Control-Allow-Origin": origin, "Access-Control-Allow-Methods": asked})


def _found(call: Call, state: State) -> StoredObject:
    item = state.store.find(state.bucket(call).name, call.target.key)
    if item is None:
        raise Refused("object_not_exists", "There is no such object.")
    return item


def _item_headers(call: Call, item: StoredObject) -> dict[str, str]:
    return {
        **item.headers,
        "ETag": shown_etag(call, item.etag),
        "Last-Modified": http_date(int(item.modified)),
        "Accept-Ranges": "bytes",
    }


def _source(call: Call, state: State, header: str) -> tuple[Bucket, StoredObject]:
    """The object that a copy or move names; the caller must be allowed to read it."""
    # The page asks for URL encoding, the Go SDK of rclone (3.2) sends ASCII as it is: both are tried.
    for text in (unquote(header), header):
        name, _, key = text.removeprefix("/").partition("/")
        bucket = state.store.bucket(name)
        if bucket is None or bucket.zone != call.target.zone:
            continue
        state.check_access(call, bucket, Right.READ)
        if item := state.store.find(name, key):
            return bucket, item
    raise Refused("object_not_exists", "There is no such source object in this zone.")


def _check_conditions(headers: Mapping[str, str], item: StoredObject, prefix: str) -> None:
    """Raise Refused: 412, or 304 (GET and HEAD), when a condition of the request does not hold."""
    second = int(item.modified)
    match, none_match = headers.get(f"{prefix}Match"), headers.get(f"{prefix}None-Match")
    since, unchanged = headers.get(f"{prefix}Modified-Since"), headers.get(f"{prefix}Unmodified-Since")
    if (match is not None and not _names(match, item.etag)) or (unchanged and second > _seconds(unchanged)):
        raise Refused("precondition_failed", "A condition of the request does not hold.")
    same = _names(none_match, item.etag) if none_match is not None else since and second <= _seconds(since)
    if same:
        status = 304 if prefix == "If-" else 412
        raise Refused("precondition_failed", "The object is the one that you have.", status=status)


def _names(tags: str, etag: str) -> bool:
    wanted = [tag.strip().strip('"') for tag in tags.split(",")]
    return "*" in wanted or etag.strip('"') in wanted


def _seconds(date: str) -> float:
    try:
        return parsedate_to_datetime(date).timestamp()
    except ValueError:
        raise Refused("invalid_argument", "A date of a condition cannot be read.") from None


def _range(text: str, size: int) -> tuple[int, int]:
    """Start and length of one range, cut to the object. Raises Refused (416)."""
    match = _RANGE.fullmatch(text.strip())
    first, last = match.groups() if match else ("", "")
    if first:
        start, end = int(first), min(int(last), size - 1) if last else size - 1
    elif last:
        start, end = max(0, size - int(last)), size - 1
    else:
        start, end = 0, -1
    if start > end or start >= size:
        raise Refused(
            "invalid_range",
            "The range lies outside the object.",
            headers={"Content-Range": f"bytes */{size}"},
        )
    return start, end - start + 1
