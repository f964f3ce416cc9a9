"""Multipart uploads: parts, completion with the client's ETag, and what is refused."""

import hashlib
import json

import pytest

from tests.qingstor_server import QingStorServer
from tests.server.wire import Reply, Wire

KEY = "/first-bucket/big"
MIB = 1024 * 1024


def initiate(wire: Wire, headers: dict[str, str] | None = None) -> str:
    """A new upload of KEY; its path with the upload id."""
    return f"{KEY}?upload_id={wire('POST', f'{KEY}?uploads=', headers=headers).json()['upload_id']}"


def upload(wire: Wire, path: str, number: int, data: bytes) -> Reply:
    """Send one part."""
    return wire("PUT", path.replace("?", f"?part_number={number}&"), data)


def complete(wire: Wire, path: str, numbers: list[int], etag: str | None = None) -> Reply:
    """Complete with these parts."""
    body = json.dumps({"object_parts": [{"part_number": number} for number in numbers]}).encode()
    return wire("POST", path, body, {"ETag": etag} if etag else None)


def test_parts_become_the_object(server: QingStorServer, wire: Wire) -> None:
    path = initiate(wire, {"Content-Type": "text/x-test", "x-qs-meta-colour": "blue"})
    parts = [bytes([65 + number]) * size for number, size in enumerate((4 * MIB, 5 * MIB, 10))]
    for number in (2, 0, 1):
        reply = upload(wire, path, number, parts[number])
        assert (reply.status, reply.headers["ETag"]) == (201, f'"{hashlib.md5(parts[number]).hexdigest()}"')
    listed = wire("GET", path).json()
    assert listed["count"] == 3
    [pending] = server.uploads("first-bucket")
    assert (pending.key, pending.parts, pending.size) == ("big", (0, 1, 2), 9 * MIB + 10)
    assert wire("HEAD", KEY).status == 404
    claimed = "0123456789abcdef0123456789abcdef"
    assert complete(wire, path, [0, 1, 2], f'"{claimed}"').status == 201
    data = b"".join(parts)
    assert wire("GET", KEY).body == data
    across = wire("GET", KEY, headers={"Range": f"bytes={4 * MIB - 2}-{9 * MIB + 1}"})
    assert across.body == data[4 * MIB - 2 : 9 * MIB + 2]
    head = wire("HEAD", KEY).headers
    assert (head["ETag"], head["Content-Type"], head["x-qs-meta-colour"]) == (
        f'"{claimed}"',
        "text/x-test",
        "blue",
    )
    item = server.objects("first-bucket")["big"]
    assert (item.etag, item.md5, item.multipart) == (claimed, hashlib.md5(data).hexdigest(), True)
    assert server.uploads("first-bucket") == []
    assert wire("GET", path).status == 404


def test_without_an_etag_there_is_no_md5(server: QingStorServer, wire: Wire) -> None:
    path = initiate(wire)
    upload(wire, path, 0, b"data")
    assert complete(wire, path, [0]).status == 201
    etag = server.objects("first-bucket")["big"].etag
    assert etag
    assert len(etag) != 32


def test_a_part_is_replaced_and_others_are_dropped(server: QingStorServer, wire: Wire) -> None:
    path = initiate(wire)
    upload(wire, path, 1, b"first try")
    upload(wire, path, 1, b"second try")
    upload(wire, path, 7, b"not named")
    assert complete(wire, path, [1]).status == 201
    assert server.read_object("first-bucket", "big") == b"second try"


def test_abort(server: QingStorServer, wire: Wire) -> None:
    path = initiate(wire)
    upload(wire, path, 0, b"data")
    assert wire("DELETE", path).status == 204
    assert server.uploads("first-bucket") == []
    assert wire("DELETE", path).status == 204
    reply = upload(wire, path, 1, b"late")
    assert (reply.status, reply.code) == (404, "upload_not_exists")


@pytest.mark.parametrize(
    ("numbers", "code"),
    [
        ([], "invalid_request"),
        ([1, 0], "invalid_request"),
        ([0, 0], "invalid_request"),
        ([0, 5], "invalid_argument"),
        ([0, 1], "entity_too_small"),
    ],
)
def test_completion_refused(server: QingStorServer, wire: Wire, numbers: list[int], code: str) -> None:
    path = initiate(wire)
    upload(wire, path, 0, b"x" * (4 * MIB - 1))
    upload(wire, path, 1, b"last")
    reply = complete(wire, path, numbers)
    assert (reply.status, reply.code) == (400, code)
    assert len(server.uploads("first-bucket")) == 1


@pytest.mark.parametrize(("number", "status"), [(0, 201), (10000, 201), (10001, 400)])
def test_part_numbers(wire: Wire, number: int, status: int) -> None:
    assert upload(wire, initiate(wire), number, b"data").status == status


def test_uploads_are_listed_in_pages(server: QingStorServer, wire: Wire) -> None:
    for key in ("a", "b", "b", "dir/c"):
        server.add_upload("first-bucket", key, age=90_000)
    seen: list[object] = []
    markers = ""
    for _ in range(4):
        page = wire("GET", f"/first-bucket?uploads=&limit=1{markers}").json()
        uploads = page["uploads"]
        assert isinstance(uploads, list)
        seen += [item["key"] for item in uploads]
        markers = f"&key_marker={page['next_key_marker']}&upload_id_marker={page['next_upload_id_marker']}"
    assert seen == ["a", "b", "b", "dir/c"]
    assert (page["has_more"], page["next_key_marker"]) == (False, "")
    grouped = wire("GET", "/first-bucket?uploads&delimiter=/").json()
    assert grouped["common_prefixes"] == ["dir/"]


def test_more_than_200_uploads_cannot_be_asked_for(wire: Wire) -> None:
    assert wire("GET", "/first-bucket?uploads&limit=200").status == 200
    reply = wire("GET", "/first-bucket?uploads&limit=201")
    assert (reply.status, reply.code) == (400, "invalid_argument")
