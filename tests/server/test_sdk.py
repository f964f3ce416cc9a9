"""The vendor's own Python SDK as client: it signs, words and pages requests without any code of ours."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from qingstor.sdk.config import Config
from qingstor.sdk.service.qingstor import QingStor

from tests.qingstor_server import ACCESS_KEY_ID, SECRET_ACCESS_KEY, QingStorServer

Service = Any
"""The SDK has no types."""

KEYS = [
    "plain",
    "dir/with space",
    "中文/键",
    "emoji \U0001f600",
    "quotes'\"",
    "a+b&c=d",
    "percent%20",
    "~-_.!*()",
]
"""Of the vendor's scenarios: scripts, punctuation, spaces."""


@pytest.fixture
def service(server: QingStorServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    """The SDK, addressed directly: no zone in the host, no proxy."""
    # The SDK writes a default configuration into the home directory when there is none.
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    config = Config(ACCESS_KEY_ID, SECRET_ACCESS_KEY)
    config.host, config.port, config.protocol, config.log_level = "127.0.0.1", server.port, "http", "error"
    config.connection_retries = 0
    service = QingStor(config)
    yield service
    service.client.close()


def test_service_and_bucket(server: QingStorServer, service: Service) -> None:
    bucket = service.Bucket("created-bucket", "")
    assert bucket.put().status_code == 201
    assert bucket.put().status_code == 409
    assert bucket.head().status_code == 200
    listed = service.list_buckets()
    assert (listed.status_code, [item["name"] for item in listed["buckets"]]) == (
        200,
        ["created-bucket", "first-bucket"],
    )
    statistics = bucket.get_statistics()
    assert (statistics.status_code, statistics["status"], statistics["count"]) == (200, "active", 0)
    assert bucket.list_objects()["keys"] == []
    assert bucket.delete().status_code == 204
    assert bucket.head().status_code == 404


@pytest.mark.parametrize("key", KEYS)
def test_object(server: QingStorServer, service: Service, key: str) -> None:
    bucket = service.Bucket("first-bucket", "")
    assert (
        bucket.put_object(key, body=b"data", x_qs_meta_data={"x-qs-meta-colour": "blue"}).status_code == 201
    )
    assert list(server.objects("first-bucket")) == [key]
    assert bucket.get_object(key).content == b"data"
    assert bucket.get_object(key, range="bytes=1-2").content == b"at"
    assert bucket.head_object(key).headers["ETag"] == f'"{hashlib.md5(b"data").hexdigest()}"'
    assert [item["key"] for item in bucket.list_objects(prefix=key[:2])["keys"]] == [key]
    assert bucket.put_object("copy", x_qs_copy_source=f"/first-bucket/{key}").status_code == 201
    assert bucket.put_object("moved", x_qs_move_source="/first-bucket/copy").status_code == 201
    assert bucket.delete_object(key).status_code == 204
    assert list(server.objects("first-bucket")) == ["moved"]
    assert bucket.get_object(key)["code"] == "object_not_exists"


def test_signature_in_the_query(server: QingStorServer, service: Service) -> None:
    server.put_object("first-bucket", "dir/with space", b"data")
    request = (
        service.Bucket("first-bucket", "").get_object_request("dir/with space").sign_query(4_000_000_000)
    )
    assert service.client.send(request).content == b"data"


def test_multipart(server: QingStorServer, service: Service) -> None:
    bucket = service.Bucket("first-bucket", "")
    upload = bucket.initiate_multipart_upload("big", content_type="text/x-test")["upload_id"]
    for number in range(3):
        part = bytes([number]) * (5 * 1024 * 1024)
        reply = bucket.upload_multipart("big", upload_id=upload, part_number=str(number), body=part)
        assert reply.status_code == 201
    parts = bucket.list_multipart("big", upload_id=upload)
    assert (parts.status_code, parts["count"]) == (200, 3)
    assert len(bucket.list_multipart_uploads(prefix="b")["uploads"]) == 1
    done = bucket.complete_multipart_upload("big", upload_id=upload, object_parts=parts["object_parts"])
    assert done.status_code == 201
    assert server.objects("first-bucket")["big"].size == 15 * 1024 * 1024
    assert bucket.abort_multipart_upload("big", upload_id=upload).status_code == 204


def test_deletion_of_many(server: QingStorServer, service: Service) -> None:
    for key in KEYS:
        server.put_object("first-bucket", key, b"")
    doomed = [{"key": key} for key in KEYS]
    # The SDK wants a Content-MD5 to begin with and then works out its own.
    reply = service.Bucket("first-bucket", "").delete_multiple_objects(content_md5="its own", objects=doomed)
    assert (reply.status_code, len(reply["deleted"])) == (200, len(KEYS))
    assert server.objects("first-bucket") == {}


def test_pages(server: QingStorServer, service: Service) -> None:
    for number in range(5):
        server.put_object("first-bucket", f"dir{number}/k", b"")
    server.configure(page_limit=2)
    bucket, seen, marker = service.Bucket("first-bucket", ""), [], ""
    for _ in range(3):
        page = bucket.list_objects(delimiter="/", limit="1000", marker=marker)
        seen += page["common_prefixes"]
        marker = page["next_marker"]
    assert seen == [f"dir{number}/" for number in range(5)]
    assert page["has_more"] is False


def test_settings(service: Service) -> None:
    bucket = service.Bucket("first-bucket", "")
    grant = {"grantee": {"type": "group", "name": "QS_ALL_USERS"}, "permission": "FULL_CONTROL"}
    assert bucket.put_acl(acl=[grant]).status_code == 200
    assert bucket.get_acl()["acl"] == [grant]
    rule = {"allowed_origin": "http://*.example", "allowed_methods": ["PUT"]}
    assert bucket.put_cors(cors_rules=[rule]).status_code == 200
    assert bucket.get_cors()["cors_rules"] == [rule]
    assert bucket.delete_cors().status_code == 204
