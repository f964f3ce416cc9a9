"""Objects: storing, reading, copying, and what is refused."""

import hashlib
import time
from base64 import b64encode
from email.utils import formatdate
from urllib.parse import quote

import pytest

from tests.qingstor_server import QingStorServer
from tests.server.wire import Wire

KEY = "/first-bucket/dir/hello%20world.txt"
DATA = bytes(range(200))
ETAG = f'"{hashlib.md5(DATA).hexdigest()}"'


@pytest.fixture
def stored(wire: Wire) -> Wire:
    """Requests, with DATA stored under KEY."""
    headers = {"Content-Type": "text/x-test", "Cache-Control": "no-store", "x-qs-meta-colour": "blue"}
    reply = wire("PUT", KEY, DATA, headers)
    assert (reply.status, reply.headers["ETag"]) == (201, ETAG)
    return wire


def test_what_is_put_comes_back(server: QingStorServer, stored: Wire) -> None:
    reply = stored("GET", KEY)
    assert (reply.status, reply.body) == (200, DATA)
    expected = {
        "ETag": ETAG,
        "Content-Length": "200",
        "Content-Type": "text/x-test",
        "Cache-Control": "no-store",
        "x-qs-meta-colour": "blue",
        "X-QS-Storage-Class": "STANDARD",
        "Server": "QingStor",
    }
    assert expected.items() <= reply.headers.items()
    head = stored("HEAD", KEY)
    assert (head.status, head.body) == (200, b"")
    assert expected.items() <= head.headers.items()
    item = server.objects("first-bucket")["dir/hello world.txt"]
    assert (item.size, item.etag, item.md5, item.multipart) == (200, ETAG.strip('"'), ETAG.strip('"'), False)


@pytest.mark.parametrize("size", [0, 1, 65_536, 65_537, 1_048_576, 3_500_000])
def test_any_size(server: QingStorServer, wire: Wire, size: int) -> None:
    data = hashlib.shake_128(b"data").digest(size)
    assert wire("PUT", "/first-bucket/k", data).status == 201
    assert wire("GET", "/first-bucket/k").body == data
    assert server.read_object("first-bucket", "k") == data
    assert wire("PUT", "/first-bucket/k", data[::-1]).status == 201
    assert wire("GET", "/first-bucket/k").body == data[::-1]


@pytest.mark.parametrize(
    ("text", "start", "stop"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=10-19", 10, 20),
        ("bytes=150-", 150, 200),
        ("bytes=150-9999", 150, 200),
        ("bytes=-7", 193, 200),
        ("bytes=-9999", 0, 200),
    ],
)
def test_ranges(stored: Wire, text: str, start: int, stop: int) -> None:
    reply = stored("GET", KEY, headers={"Range": text})
    assert (reply.status, reply.body) == (206, DATA[start:stop])
    assert reply.headers["Content-Range"] == f"bytes {start}-{stop - 1}/200"


@pytest.mark.parametrize(
    "text", ["bytes=200-", "bytes=9-5", "bytes=-0", "bytes=-", "lines=1-2", "bytes=0-1,5-6"]
)
def test_ranges_refused(stored: Wire, text: str) -> None:
    reply = stored("GET", KEY, headers={"Range": text})
    assert (reply.status, reply.code, reply.headers["Content-Range"]) == (416, "invalid_range", "bytes */200")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"If-Match": ETAG}, 200),
        ({"If-Match": '"other"'}, 412),
        ({"If-None-Match": '"other"'}, 200),
        ({"If-None-Match": ETAG}, 304),
        ({"If-Modified-Since": formatdate(time.time() - 3600, usegmt=True)}, 200),
        ({"If-Modified-Since": formatdate(time.time() + 3600, usegmt=True)}, 304),
        ({"If-Unmodified-Since": formatdate(time.time() + 3600, usegmt=True)}, 200),
        ({"If-Unmodified-Since": formatdate(time.time() - 3600, usegmt=True)}, 412),
        ({"If-Unmodified-Since": "yesterday"}, 400),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_conditions(stored: Wire, method: str, headers: dict[str, str], status: int) -> None:
    assert stored(method, KEY, headers=headers).status == status


def test_deletion(server: QingStorServer, stored: Wire) -> None:
    assert stored("DELETE", KEY).status == 204
    assert stored("DELETE", KEY).status == 204
    assert server.objects("first-bucket") == {}
    reply = stored("GET", KEY)
    assert (reply.status, reply.code) == (404, "object_not_exists")
    assert stored("DELETE", "/absent-bucket/k").code == "bucket_not_exists"


def test_content_md5(server: QingStorServer, wire: Wire) -> None:
    right, wrong = (b64encode(hashlib.md5(data).digest()).decode() for data in (DATA, b"other"))
    reply = wire("PUT", KEY, DATA, {"Content-MD5": wrong})
    assert (reply.status, reply.code) == (400, "bad_digest")
    assert server.objects("first-bucket") == {}
    assert wire("PUT", KEY, DATA, {"Content-MD5": right}).status == 201


def test_longest_key(server: QingStorServer, wire: Wire) -> None:
    assert wire("PUT", "/first-bucket/" + quote("é" * 511 + "x"), b"").status == 201
    reply = wire("PUT", "/first-bucket/" + quote("é" * 512), b"")
    assert (reply.status, reply.code) == (400, "invalid_object_name")
    assert list(server.objects("first-bucket")) == ["é" * 511 + "x"]


def test_key_that_is_not_text(wire: Wire) -> None:
    assert wire("PUT", "/first-bucket/%ff", b"").code == "invalid_object_name"


def test_too_large(server: QingStorServer, wire: Wire) -> None:
    server.configure(object_maximum=199)
    reply = wire("PUT", KEY, DATA)
    assert (reply.status, reply.code) == (400, "entity_too_large")


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"x-qs-meta-long": "x" * 2049}, "metadata_too_large"),
        ({"X-QS-Storage-Class": "GLACIAL"}, "invalid_request"),
    ],
)
def test_headers_refused(wire: Wire, headers: dict[str, str], code: str) -> None:
    reply = wire("PUT", KEY, DATA, headers)
    assert (reply.status, reply.code) == (400, code)


@pytest.mark.parametrize(("required", "status"), [(False, 201), (True, 411)])
def test_body_without_a_length(server: QingStorServer, wire: Wire, *, required: bool, status: int) -> None:
    server.configure(require_content_length=required)
    assert wire("PUT", KEY, b"4\r\ndata\r\n0\r\n\r\n", {"Transfer-Encoding": "chunked"}).status == status
    assert len(server.objects("first-bucket")) == (0 if required else 1)


def test_an_upload_that_breaks_off_changes_nothing(server: QingStorServer, stored: Wire) -> None:
    connection = stored.begin("PUT", KEY, 4_000_000, b"x" * 2_000_000)
    server.wait_for("put_object", received=2_000_000)
    assert server.load().uploads_in_flight == 1
    connection.close()
    server.wait_for("put_object", 2, ended=True)
    assert server.requests("put_object")[1].status is None
    assert server.read_object("first-bucket", "dir/hello world.txt") == DATA


@pytest.mark.parametrize(
    "source", ["/first-bucket/dir/hello%20world.txt", "/first-bucket/dir/hello world.txt"]
)
def test_copy(server: QingStorServer, stored: Wire, source: str) -> None:
    reply = stored("PUT", "/first-bucket/copy", headers={"x-qs-copy-source": source})
    assert (reply.status, reply.headers["ETag"]) == (201, ETAG)
    assert stored("HEAD", "/first-bucket/copy").headers["x-qs-meta-colour"] == "blue"
    server.flip_at_rest("first-bucket", "copy", 0)
    assert server.read_object("first-bucket", "dir/hello world.txt") == DATA


def test_copy_with_new_headers(stored: Wire) -> None:
    headers = {"x-qs-copy-source": KEY, "x-qs-metadata-directive": "replace", "x-qs-meta-shape": "round"}
    assert stored("PUT", KEY, headers=headers).status == 201
    head = stored("HEAD", KEY).headers
    assert (head["x-qs-meta-shape"], "x-qs-meta-colour" in head) == ("round", False)
    assert stored("GET", KEY).body == DATA


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"x-qs-copy-source": "/first-bucket/absent"}, 404, "object_not_exists"),
        ({"x-qs-copy-source": "/second-bucket/k"}, 404, "object_not_exists"),
        ({"x-qs-copy-source": KEY, "x-qs-copy-source-if-match": "other"}, 412, "precondition_failed"),
        ({"x-qs-copy-source": KEY, "x-qs-copy-source-if-none-match": ETAG}, 412, "precondition_failed"),
    ],
)
def test_copy_refused(
    server: QingStorServer, stored: Wire, headers: dict[str, str], status: int, code: str
) -> None:
    server.add_bucket("second-bucket", "sh1a")
    server.put_object("second-bucket", "k", b"in another zone")
    reply = stored("PUT", "/first-bucket/copy", headers=headers)
    assert (reply.status, reply.code) == (status, code)


def test_move(server: QingStorServer, stored: Wire) -> None:
    assert stored("PUT", "/first-bucket/moved", headers={"x-qs-move-source": KEY}).status == 201
    assert list(server.objects("first-bucket")) == ["moved"]
    assert server.read_object("first-bucket", "moved") == DATA


def test_expect_continue(wire: Wire) -> None:
    assert wire("PUT", KEY, DATA, {"Expect": "100-continue"}).status == 201


def test_answer_headers_can_be_asked_for(stored: Wire) -> None:
    reply = stored("GET", f"{KEY}?response-content-type=text%2Fplain")
    assert reply.headers["Content-Type"] == "text/plain"
