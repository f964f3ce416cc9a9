"""Zones, the name space of buckets, rights, and what is refused."""

import hashlib
from base64 import b64encode

import pytest

from tests.qingstor_server import OWNER, AccessKey, QingStorServer, Right
from tests.server.wire import Wire

SH1A = "sh1a.qingstor.test"
GLOBAL = "qingstor.test"


def restricted(server: QingStorServer, *rights: Right, buckets: set[str] | None = None) -> Wire:
    """Requests of a key of the default account with only these rights."""
    key = server.add_key("AKTESTLIMITED0000001", "SKTESTcanarylimited", rights=set(rights), buckets=buckets)
    return Wire(server.port, key)


def names(wire: Wire, zone: str | None = None) -> list[str]:
    """The names that GET / lists."""
    buckets = wire("GET", "/", headers={"Location": zone} if zone else None).json()["buckets"]
    assert isinstance(buckets, list)
    return [bucket["name"] for bucket in buckets]


def test_buckets_are_listed_by_zone_and_account(server: QingStorServer) -> None:
    server.add_bucket("second-bucket", "sh1a")
    server.add_bucket("foreign-bucket", owner=server.add_account("usr-other").account)
    everywhere = Wire(server.port, host=GLOBAL)
    assert names(everywhere) == ["first-bucket", "second-bucket"]
    assert names(everywhere, "sh1a") == ["second-bucket"]
    assert names(everywhere, "nowhere") == []
    assert names(Wire(server.port, host=SH1A)) == ["second-bucket"]


def test_zones_are_listed_for_everyone(server: QingStorServer) -> None:
    zones = Wire(server.port, None, GLOBAL)("GET", "/?location&lang=en-us").json()["locations"]
    assert isinstance(zones, list)
    assert [(zone["id"], zone["endpoint"]) for zone in zones] == [
        ("pek3a", "pek3a.qingstor.test"),
        ("sh1a", SH1A),
    ]


def test_a_bucket_of_another_zone_does_not_exist_there(server: QingStorServer) -> None:
    reply = Wire(server.port, host=SH1A)("GET", "/first-bucket")
    assert (reply.status, reply.code, "Location" in reply.headers) == (404, "bucket_not_exists", False)


@pytest.mark.parametrize("signed", [True, False])
def test_the_global_host_redirects(server: QingStorServer, wire: Wire, *, signed: bool) -> None:
    ask = Wire(server.port, wire.key if signed else None, GLOBAL)
    reply = ask("HEAD", "/first-bucket")
    assert (reply.status, reply.headers["Location"]) == (301, "http://pek3a.qingstor.test/first-bucket")
    reply = ask("HEAD", "/absent-bucket")
    assert (reply.status, "Location" in reply.headers) == (404, False)


def test_a_host_that_is_no_zone_cannot_be_reached(server: QingStorServer) -> None:
    reply = Wire(server.port, host="pek3.qingstor.test")("GET", "/first-bucket")
    assert (reply.status, reply.headers["Content-Type"]) == (502, "text/html")


def test_a_bucket_is_created_and_deleted(server: QingStorServer) -> None:
    wire = Wire(server.port, host=SH1A)
    assert wire("PUT", "/created-bucket").status == 201
    assert server.buckets()["created-bucket"].zone == "sh1a"
    assert wire("HEAD", "/created-bucket").status == 200
    assert wire("DELETE", "/created-bucket").status == 204
    assert "created-bucket" not in server.buckets()


def test_an_address_without_a_zone_is_the_first_zone(server: QingStorServer) -> None:
    assert Wire(server.port, host=f"127.0.0.1:{server.port}")("PUT", "/created-bucket").status == 201
    assert server.buckets()["created-bucket"].zone == "pek3a"


@pytest.mark.parametrize(
    ("host", "name", "status", "code"),
    [
        (SH1A, "first-bucket", 409, "bucket_already_exists"),
        (GLOBAL, "created-bucket", 403, "permission_denied"),
        (SH1A, "short", 400, "invalid_bucket_name"),
        (SH1A, "x" * 64, 400, "invalid_bucket_name"),
        (SH1A, "Upper-Case", 400, "invalid_bucket_name"),
        (SH1A, "-hyphen-first", 400, "invalid_bucket_name"),
    ],
)
def test_creation_refused(server: QingStorServer, host: str, name: str, status: int, code: str) -> None:
    reply = Wire(server.port, host=host)("PUT", f"/{name}")
    assert (reply.status, reply.code) == (status, code)


def test_quota(server: QingStorServer, wire: Wire) -> None:
    server.configure(bucket_quota=2)
    assert wire("PUT", "/second-bucket").status == 201
    reply = wire("PUT", "/third-bucket")
    assert (reply.status, reply.code) == (403, "too_many_buckets")


def test_deletion_refused(server: QingStorServer, wire: Wire) -> None:
    server.put_object("first-bucket", "k", b"")
    reply = wire("DELETE", "/first-bucket")
    assert (reply.status, reply.code) == (409, "bucket_not_empty")
    server.remove_object("first-bucket", "k")
    server.configure(lease_seconds=60)
    reply = wire("DELETE", "/first-bucket")
    assert (reply.status, reply.code) == (403, "lease_not_ready")
    server.configure(lease_seconds=0)
    assert wire("DELETE", "/first-bucket").status == 204


def test_suspended_bucket(server: QingStorServer, wire: Wire) -> None:
    server.add_bucket("first-bucket", status="suspended")
    reply = wire("GET", "/first-bucket")
    assert (reply.status, reply.code) == (403, "bucket_not_active")


def test_statistics(server: QingStorServer, wire: Wire) -> None:
    server.put_object("first-bucket", "a", b"12345")
    server.put_object("first-bucket", "b", b"123")
    stats = wire("GET", "/first-bucket?stats=").json()
    assert {name: stats[name] for name in ("count", "size", "location", "status")} == {
        "count": 2,
        "size": 8,
        "location": "pek3a",
        "status": "active",
    }


@pytest.mark.parametrize(
    ("right", "method", "path"),
    [
        (Right.LIST_BUCKETS, "GET", "/"),
        (Right.CREATE_BUCKET, "PUT", "/created-bucket"),
        (Right.LIST, "GET", "/first-bucket"),
        (Right.LIST, "GET", "/first-bucket?stats"),
        (Right.READ, "GET", "/first-bucket/k"),
        (Right.READ, "HEAD", "/first-bucket/k"),
        (Right.WRITE, "PUT", "/first-bucket/k"),
        (Right.WRITE, "POST", "/first-bucket/k?uploads"),
        (Right.DELETE, "DELETE", "/first-bucket/k"),
    ],
)
def test_each_right_is_needed_and_enough(
    server: QingStorServer, right: Right, method: str, path: str
) -> None:
    server.put_object("first-bucket", "k", b"data")
    others = set(Right) - {right}
    reply = restricted(server, *others)(method, path)
    assert reply.status == 403
    assert method == "HEAD" or reply.code == "permission_denied"
    assert restricted(server, right)(method, path).status in {200, 201, 204}


def test_a_key_for_one_bucket(server: QingStorServer) -> None:
    server.add_bucket("second-bucket")
    wire = restricted(server, *Right, buckets={"first-bucket"})
    assert wire("GET", "/first-bucket").status == 200
    assert wire("GET", "/second-bucket").status == 403


def test_somebody_elses_bucket(server: QingStorServer) -> None:
    wire = Wire(server.port, server.add_account("usr-other"))
    assert wire("GET", "/first-bucket").status == 403
    assert wire("PUT", "/first-bucket/k", b"data").status == 403
    assert server.objects("first-bucket") == {}


def test_a_public_bucket_can_be_read_by_everyone(server: QingStorServer, wire: Wire) -> None:
    server.put_object("first-bucket", "k", b"data")
    anonymous = Wire(server.port, None)
    assert anonymous("GET", "/first-bucket/k").status == 403
    acl = b'{"acl": [{"grantee": {"type": "group", "name": "QS_ALL_USERS"}, "permission": "READ"}]}'
    assert wire("PUT", "/first-bucket?acl", acl).status == 200
    assert anonymous("GET", "/first-bucket/k").body == b"data"
    assert anonymous("PUT", "/first-bucket/k", b"other").status == 403
    assert anonymous("GET", "/first-bucket").status == 403


@pytest.mark.parametrize("name", ["cors", "lifecycle", "policy"])
def test_settings_are_kept(wire: Wire, name: str) -> None:
    assert wire("GET", f"/first-bucket?{name}").status == 404
    assert wire("PUT", f"/first-bucket?{name}", b'{"rule": [1]}').status == 200
    assert wire("GET", f"/first-bucket?{name}").json() == {"rule": [1]}
    assert wire("DELETE", f"/first-bucket?{name}").status == 204
    assert wire("GET", f"/first-bucket?{name}").status == 404


def test_invalid_json(wire: Wire) -> None:
    reply = wire("PUT", "/first-bucket?policy", b"{")
    assert (reply.status, reply.code) == (400, "invalid_json")
    reply = wire("PUT", "/first-bucket?policy", b"[]")
    assert (reply.status, reply.code) == (400, "invalid_request")


def test_no_such_operation(wire: Wire) -> None:
    reply = wire("POST", "/first-bucket?nothing")
    assert (reply.status, reply.code) == (405, "method_not_allowed")


def test_many_objects_are_deleted_at_once(server: QingStorServer, wire: Wire) -> None:
    for key in ("a", "b", "c"):
        server.put_object("first-bucket", key, b"")
    body = b'{"objects": [{"key": "a"}, {"key": "c"}, {"key": "absent"}]}'
    digest = b64encode(hashlib.md5(body).digest()).decode()
    assert wire("POST", "/first-bucket?delete", body).code == "bad_digest"
    deleted = wire("POST", "/first-bucket?delete", body, {"Content-MD5": digest}).json()["deleted"]
    assert deleted == [{"key": "a"}, {"key": "c"}, {"key": "absent"}]
    assert list(server.objects("first-bucket")) == ["b"]


def test_an_error_is_a_document_with_the_requests_id(wire: Wire) -> None:
    reply = wire("GET", "/absent-bucket")
    document = reply.json()
    assert set(document) == {"code", "message", "request_id", "url"}
    assert document["request_id"] == reply.headers["x-qs-request-id"]
    assert reply.headers["Content-Type"] == "application/json"
    reply = wire("HEAD", "/absent-bucket")
    assert (reply.status, reply.body, "x-qs-request-id" in reply.headers) == (404, b"", True)


def test_owner_is_the_default_account(server: QingStorServer, wire: Wire) -> None:
    assert wire("GET", "/first-bucket").json()["owner"] == {"id": OWNER, "name": OWNER}
    assert isinstance(wire.key, AccessKey)
    assert server.requests("list_objects")[0].access_key == wire.key.id
