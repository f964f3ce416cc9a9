"""Faults: each does what it says, as often as it says, and is counted."""

import hashlib
import http.client
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace

import pytest

from tests.qingstor_server import Fault, FaultKind, Moment, QingStorServer
from tests.server.wire import Reply, Wire

KEY = "/first-bucket/k"
DATA = bytes(range(256)) * 1024
MD5 = hashlib.md5(DATA).hexdigest()


@pytest.fixture
def stored(server: QingStorServer, wire: Wire) -> Wire:
    """Requests, with DATA stored under KEY and an empty log."""
    server.put_object("first-bucket", "k", DATA)
    return wire


@pytest.mark.parametrize(
    ("status", "code"), [(503, "service_unavailable"), (429, "slow_down"), (507, "disk_full")]
)
def test_status(server: QingStorServer, stored: Wire, status: int, code: str) -> None:
    fault = server.add_fault(
        Fault(FaultKind.STATUS, operation="put_object", status=status, code=code, times=2)
    )
    for _ in range(2):
        reply = stored("PUT", KEY, b"new")
        assert (reply.status, reply.code) == (status, code)
    assert server.objects("first-bucket")["k"].md5 == MD5
    assert stored("PUT", KEY, b"new").status == 201
    assert fault.fired == 2
    assert [entry.received for entry in server.requests("put_object")] == [3, 3, 3]


def test_status_in_the_middle_of_an_upload(server: QingStorServer, stored: Wire) -> None:
    server.add_fault(Fault(FaultKind.STATUS, method="PUT", after_bytes=1))
    assert stored("PUT", KEY, b"new").status == 503
    assert server.objects("first-bucket")["k"].md5 == MD5


def test_status_after_the_work(server: QingStorServer, stored: Wire) -> None:
    server.add_fault(
        Fault(FaultKind.STATUS, method="PUT", moment=Moment.ANSWER, status=500, code="internal_error")
    )
    assert stored("PUT", KEY, b"new").code == "internal_error"
    assert server.read_object("first-bucket", "k") == b"new"


def test_page_of_a_proxy(server: QingStorServer, stored: Wire) -> None:
    server.add_fault(Fault(FaultKind.HTML, status=502))
    reply = stored("GET", KEY)
    assert (reply.status, reply.headers["Content-Type"]) == (502, "text/html")
    assert b"502 Bad Gateway" in reply.body
    assert "x-qs-request-id" not in reply.headers


@pytest.mark.parametrize(
    ("moment", "after_bytes", "stored_md5"),
    [
        (Moment.REQUEST, None, MD5),
        (Moment.REQUEST, 100_000, MD5),
        (Moment.ANSWER, None, hashlib.md5(DATA[::-1]).hexdigest()),
    ],
)
def test_reset_of_an_upload(
    server: QingStorServer, stored: Wire, moment: Moment, after_bytes: int | None, stored_md5: str
) -> None:
    fault = server.add_fault(Fault(FaultKind.RESET, method="PUT", moment=moment, after_bytes=after_bytes))
    with pytest.raises((ConnectionError, http.client.RemoteDisconnected)):
        stored("PUT", KEY, DATA[::-1])
    assert fault.fired == 1
    assert server.objects("first-bucket")["k"].md5 == stored_md5
    server.wait_for("put_object", ended=True)
    [entry] = server.requests("put_object")
    assert entry.status is None


def test_reset_of_a_download(server: QingStorServer, stored: Wire) -> None:
    server.add_fault(Fault(FaultKind.RESET, operation="get_object", after_bytes=1000))
    with pytest.raises((ConnectionError, http.client.IncompleteRead)):
        stored("GET", KEY)
    server.wait_for("get_object", ended=True)
    assert server.requests("get_object")[0].sent == 1000


def test_truncated_body(server: QingStorServer, stored: Wire) -> None:
    server.add_fault(Fault(FaultKind.TRUNCATE, operation="get_object", after_bytes=1000, times=1))
    with pytest.raises(http.client.IncompleteRead) as broken:
        stored("GET", KEY)
    assert broken.value.partial == DATA[:1000]
    assert stored("GET", KEY).body == DATA


@pytest.mark.parametrize("offset", [0, 70_000, len(DATA) - 1])
def test_byte_flipped_on_the_way_up(server: QingStorServer, stored: Wire, offset: int) -> None:
    server.add_fault(Fault(FaultKind.FLIP_UPLOAD, operation="put_object", offset=offset))
    etag = stored("PUT", "/first-bucket/up", DATA).headers["ETag"].strip('"')
    altered = DATA[:offset] + bytes([DATA[offset] ^ 0x20]) + DATA[offset + 1 :]
    item = server.objects("first-bucket")["up"]
    assert item.etag == item.md5 == etag == hashlib.md5(altered).hexdigest()


def test_byte_flipped_on_the_way_down(server: QingStorServer, stored: Wire) -> None:
    server.add_fault(Fault(FaultKind.FLIP_DOWNLOAD, key="k", offset=70_000))
    body = stored("GET", KEY).body
    assert [place for place, byte in enumerate(body) if byte != DATA[place]] == [70_000]
    assert server.objects("first-bucket")["k"].md5 == MD5


@pytest.mark.parametrize("size", [100, 100_000])
def test_byte_flipped_at_rest(server: QingStorServer, wire: Wire, size: int) -> None:
    server.put_object("first-bucket", "other", b"x" * 100)
    server.put_object("first-bucket", "k", b"x" * size)
    server.flip_at_rest("first-bucket", "k", size - 1)
    assert wire("GET", KEY).body == b"x" * (size - 1) + b"X"
    item = server.objects("first-bucket")["k"]
    assert (item.size, item.etag == item.md5) == (size, False)
    assert server.read_object("first-bucket", "other") == b"x" * 100
    with pytest.raises(LookupError):
        server.flip_at_rest("first-bucket", "k", size)


def test_wrong_etag(server: QingStorServer, stored: Wire) -> None:
    server.add_fault(Fault(FaultKind.WRONG_ETAG, operation="head_object"))
    assert stored("HEAD", KEY).headers["ETag"] != f'"{MD5}"'
    assert stored("GET", KEY).headers["ETag"] == f'"{MD5}"'


def test_clock_skew(server: QingStorServer, stored: Wire) -> None:
    server.add_fault(Fault(FaultKind.CLOCK_SKEW, seconds=16 * 60, times=1))
    reply = stored("GET", KEY)
    assert (reply.status, reply.code) == (403, "request_expired")
    assert stored("GET", KEY).status == 200


def in_thread(work: Callable[[], Reply]) -> tuple[threading.Thread, list[Reply | Exception]]:
    """Start a request; the list holds its outcome once the thread has ended."""
    outcome: list[Reply | Exception] = []

    def run() -> None:
        try:
            outcome.append(work())
        except (OSError, http.client.HTTPException) as error:
            outcome.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, outcome


@pytest.mark.parametrize(
    ("fault", "method", "operation"),
    [
        (Fault(FaultKind.HANG), "GET", "get_object"),
        (Fault(FaultKind.HANG, after_bytes=1000), "GET", "get_object"),
        (Fault(FaultKind.HANG, after_bytes=1000), "PUT", "put_object"),
        (Fault(FaultKind.HANG, moment=Moment.ANSWER), "PUT", "put_object"),
        (Fault(FaultKind.SLOW), "GET", "get_object"),
        (Fault(FaultKind.LATENCY, seconds=3600), "GET", "get_object"),
        (Fault(FaultKind.BANDWIDTH, bytes_per_second=1), "GET", "get_object"),
        (Fault(FaultKind.BANDWIDTH, bytes_per_second=1), "PUT", "put_object"),
    ],
)
def test_no_end_in_sight(
    server: QingStorServer, stored: Wire, fault: Fault, method: str, operation: str
) -> None:
    """The request is under way and stays so until the client gives up; nothing else is held up."""
    server.add_fault(replace(fault, operation=operation))
    body = DATA if method == "PUT" else b""
    with closing(stored.begin(method, KEY, len(body), body)):
        server.wait_for(operation)
        assert stored("HEAD", KEY).status == 200
        assert server.requests(operation)[0].ended is None


def test_clearing_frees_who_hangs(server: QingStorServer, stored: Wire) -> None:
    fault = server.add_fault(Fault(FaultKind.HANG, operation="get_object"))
    thread, outcome = in_thread(lambda: stored("GET", KEY))
    server.wait_for("get_object")
    server.clear_faults()
    thread.join(timeout=30)
    assert isinstance(outcome[0], Exception)
    assert fault.fired == 1


def test_slow_answer_arrives_whole(server: QingStorServer, stored: Wire) -> None:
    fault = server.add_fault(Fault(FaultKind.SLOW, bytes_per_second=100_000))
    server.put_object("first-bucket", "k", b"drop by drop")
    assert stored("GET", KEY).body == b"drop by drop"
    assert fault.fired == 1


def test_bandwidth_is_kept(server: QingStorServer, stored: Wire) -> None:
    """256 KiB at 1 MiB/s cannot pass in less than a quarter of a second, whatever the machine does."""
    server.add_fault(Fault(FaultKind.BANDWIDTH, bytes_per_second=1024 * 1024))
    began = time.monotonic()
    assert stored("GET", KEY).body == DATA
    assert time.monotonic() - began >= 0.2


def test_matching(server: QingStorServer, stored: Wire) -> None:
    server.add_bucket("second-bucket", "sh1a")
    server.put_object("second-bucket", "k", b"data")
    server.add_fault(Fault(FaultKind.STATUS, host="sh1a.*", key="k*"))
    server.add_fault(Fault(FaultKind.STATUS, bucket="first-bucket", path="*/other"))
    assert stored("GET", KEY).status == 200
    assert stored("GET", "/first-bucket/other").status == 503
    assert Wire(server.port, host="sh1a.qingstor.test")("GET", "/second-bucket/k").status == 503
    assert Wire(server.port, host="sh1a.qingstor.test")("GET", "/second-bucket").status == 200


def test_skip_and_times(server: QingStorServer, stored: Wire) -> None:
    server.add_fault(Fault(FaultKind.STATUS, operation="get_object", skip=1, times=1))
    assert [stored("GET", KEY).status for _ in range(3)] == [200, 503, 200]


def test_a_stroke_that_misses_is_not_used_up(server: QingStorServer, stored: Wire) -> None:
    fault = server.add_fault(Fault(FaultKind.TRUNCATE, operation="get_object", after_bytes=1000, times=1))
    server.put_object("first-bucket", "small", b"data")
    assert stored("GET", "/first-bucket/small").body == b"data"
    assert fault.fired == 0
    with pytest.raises(http.client.IncompleteRead):
        stored("GET", KEY)
    assert fault.fired == 1


def test_probability_is_repeatable(server: QingStorServer, stored: Wire) -> None:
    runs = []
    for _ in range(2):
        fault = server.add_fault(Fault(FaultKind.STATUS, operation="head_object", probability=0.5, seed=7))
        runs.append([stored("HEAD", KEY).status for _ in range(20)])
        assert fault.fired == runs[-1].count(503)
        fault.remove()
    assert runs[0] == runs[1]
    assert set(runs[0]) == {200, 503}
