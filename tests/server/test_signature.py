"""Signatures: the strings, the window, and who is refused how."""

import time
from email.utils import formatdate
from urllib.parse import quote

import pytest

from tests.qingstor_server import ACCESS_KEY_ID, DEFAULT_KEY, AccessKey, KeyState, QingStorServer
from tests.qingstor_server.signature import canonical_resource, sign, string_to_sign
from tests.server.wire import Wire

DATE = "Wed, 10 Dec 2014 17:20:31 GMT"


@pytest.mark.parametrize(
    ("method", "headers", "resource", "expires", "signature"),
    [
        (
            "PUT",
            {"Content-Type": "text/plain", "Date": DATE},
            "/mybucket/hello%20world.txt",
            None,
            "fUGlMluBUUFgL5XGbfUaxHI2hZ8SDkZd64bagyR5zqg=",
        ),
        (
            "GET",
            {"Date": DATE},
            "/mybucket/big.bin?part_number=3&upload_id=abc123",
            None,
            "jy/vwuYNWASDxAnMFgD/ni7IbqjXESt8POxKZ5jk4O8=",
        ),
        (
            "GET",
            {},
            "/mybucket/hello%20world.txt",
            "1479107162",
            "IUhK+B+vqYLvBkRqiNvjGu8ybHLPftBIZq9sMggVezc=",
        ),
    ],
)
def test_known_signatures(
    method: str, headers: dict[str, str], resource: str, expires: str | None, signature: str
) -> None:
    assert sign("SKTEST", string_to_sign(method, headers, resource, date=expires)) == signature


def test_own_headers_are_signed_sorted_and_replace_the_date() -> None:
    headers = {"X-QS-Meta-B": " b ", "x-qs-date": DATE, "Date": "another", "Content-MD5": "md5"}
    assert string_to_sign(
        "PUT", {name.lower(): value for name, value in headers.items()}, "/b/k"
    ).splitlines() == [
        "PUT",
        "",
        "",
        "",
        f"x-qs-date:{DATE}",
        "x-qs-meta-b:b",
        "/b/k",
    ]


def test_only_some_of_the_query_is_signed() -> None:
    query = {"uploads": "", "prefix": "x", "limit": "5", "acl": "", "response-expires": "never"}
    assert canonical_resource("/b", query) == "/b?acl&response-expires=never&uploads"


def test_wrong_secret(server: QingStorServer) -> None:
    reply = Wire(server.port, AccessKey(ACCESS_KEY_ID, "SKTESTcanarywrong"))("GET", "/first-bucket")
    assert (reply.status, reply.code) == (401, "signature_not_matched")


def test_a_signature_is_of_one_request_only(wire: Wire) -> None:
    text = string_to_sign("GET", {"Date": formatdate(usegmt=True)}, "/first-bucket")
    header = f"QS {ACCESS_KEY_ID}:{sign(DEFAULT_KEY.secret, text)}"
    assert wire("DELETE", "/first-bucket", headers={"Authorization": header}).code == "signature_not_matched"


def test_unknown_key(server: QingStorServer) -> None:
    reply = Wire(server.port, AccessKey("AKTESTNOBODY", "SKTESTcanary"))("GET", "/first-bucket")
    assert (reply.status, reply.code) == (401, "invalid_access_key_id")


@pytest.mark.parametrize(
    ("state", "status", "code"),
    [
        (KeyState.DISABLED, 401, "invalid_access_key_id"),
        (KeyState.DELINQUENT, 402, "delinquent_account"),
        (KeyState.ACCOUNT_PROBLEM, 403, "account_problem"),
    ],
)
def test_state_of_a_key(server: QingStorServer, wire: Wire, state: KeyState, status: int, code: str) -> None:
    server.set_key_state(ACCESS_KEY_ID, state)
    reply = wire("GET", "/first-bucket")
    assert (reply.status, reply.code) == (status, code)
    server.set_key_state(ACCESS_KEY_ID, KeyState.ACTIVE)
    assert wire("GET", "/first-bucket").status == 200


@pytest.mark.parametrize("header", ["Date", "x-qs-date"])
@pytest.mark.parametrize(("minutes", "status"), [(-14, 200), (14, 200), (-16, 403), (16, 403)])
def test_window_of_fifteen_minutes(wire: Wire, header: str, minutes: int, status: int) -> None:
    reply = wire(
        "GET", "/first-bucket", headers={header: formatdate(time.time() + 60 * minutes, usegmt=True)}
    )
    assert reply.status == status
    assert status == 200 or reply.code == "request_expired"


def test_the_servers_clock_can_be_wrong(server: QingStorServer, wire: Wire) -> None:
    server.configure(clock_skew=-3600)
    assert wire("GET", "/first-bucket").code == "request_expired"


@pytest.mark.parametrize(("left", "status"), [(60, 200), (-60, 403)])
def test_signature_in_the_query(server: QingStorServer, left: int, status: int) -> None:
    server.put_object("first-bucket", "hello world.txt", b"hello")
    path, expires = "/first-bucket/hello%20world.txt", str(int(time.time()) + left)
    signature = quote(sign(DEFAULT_KEY.secret, string_to_sign("GET", {}, path, date=expires)), safe="")
    query = f"access_key_id={ACCESS_KEY_ID}&expires={expires}&signature={signature}"
    assert Wire(server.port, None)("GET", f"{path}?{query}").status == status
