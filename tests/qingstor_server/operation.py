"""The names of the operations, and how method, path and query choose one."""

from collections.abc import Mapping
from enum import StrEnum


class Operation(StrEnum):
    """What a request asks for: the word that the request log and the faults use."""

    LIST_BUCKETS = "list_buckets"
    LIST_ZONES = "list_zones"
    CREATE_BUCKET = "create_bucket"
    DELETE_BUCKET = "delete_bucket"
    HEAD_BUCKET = "head_bucket"
    GET_BUCKET_STATS = "get_bucket_stats"
    LIST_OBJECTS = "list_objects"
    DELETE_OBJECTS = "delete_objects"
    LIST_UPLOADS = "list_uploads"
    GET_BUCKET_SETTING = "get_bucket_setting"
    PUT_BUCKET_SETTING = "put_bucket_setting"
    DELETE_BUCKET_SETTING = "delete_bucket_setting"
    PUT_OBJECT = "put_object"
    COPY_OBJECT = "copy_object"
    MOVE_OBJECT = "move_object"
    GET_OBJECT = "get_object"
    HEAD_OBJECT = "head_object"
    DELETE_OBJECT = "delete_object"
    OPTIONS_OBJECT = "options_object"
    INITIATE_UPLOAD = "initiate_upload"
    UPLOAD_PART = "upload_part"
    LIST_PARTS = "list_parts"
    COMPLETE_UPLOAD = "complete_upload"
    ABORT_UPLOAD = "abort_upload"
    UNKNOWN = "unknown"


SETTINGS = frozenset(
    {"acl", "cname", "cors", "lifecycle", "logging", "mirror", "notification", "policy", "replication"}
)
"""Subresources of a bucket that are stored as the JSON document that they are."""

_SERVICE = {("GET", "location"): Operation.LIST_ZONES, ("GET", ""): Operation.LIST_BUCKETS}
_BUCKET = {
    ("GET", ""): Operation.LIST_OBJECTS,
    ("GET", "stats"): Operation.GET_BUCKET_STATS,
    ("GET", "uploads"): Operation.LIST_UPLOADS,
    ("GET", "setting"): Operation.GET_BUCKET_SETTING,
    ("PUT", "setting"): Operation.PUT_BUCKET_SETTING,
    ("DELETE", "setting"): Operation.DELETE_BUCKET_SETTING,
    ("POST", "delete"): Operation.DELETE_OBJECTS,
    ("PUT", ""): Operation.CREATE_BUCKET,
    ("DELETE", ""): Operation.DELETE_BUCKET,
    ("HEAD", ""): Operation.HEAD_BUCKET,
}
_OBJECT = {
    ("PUT", ""): Operation.PUT_OBJECT,
    ("GET", ""): Operation.GET_OBJECT,
    ("HEAD", ""): Operation.HEAD_OBJECT,
    ("DELETE", ""): Operation.DELETE_OBJECT,
    ("OPTIONS", ""): Operation.OPTIONS_OBJECT,
    ("POST", "uploads"): Operation.INITIATE_UPLOAD,
    ("PUT", "upload_id"): Operation.UPLOAD_PART,
    ("GET", "upload_id"): Operation.LIST_PARTS,
    ("POST", "upload_id"): Operation.COMPLETE_UPLOAD,
    ("DELETE", "upload_id"): Operation.ABORT_UPLOAD,
}


def setting_of(query: Mapping[str, str]) -> str | None:
    """The bucket setting that a query names (`?acl`, `?policy`, …), or None."""
    return next((name for name in query if name in SETTINGS), None)


def identify(
    method: str, bucket: str, key: str, query: Mapping[str, str], headers: Mapping[str, str]
) -> Operation:
    """The operation of a request; UNKNOWN when the service has none for this method and query."""
    if not bucket:
        return _SERVICE.get((method, "location" if "location" in query else ""), Operation.UNKNOWN)
    if not key:
        flag = next((name for name in ("stats", "uploads", "delete") if name in query), "")
        if not flag and setting_of(query):
            flag = "setting"
        return _BUCKET.get((method, flag), Operation.UNKNOWN)
    # Flags are recognised by presence: Go sends `?uploads=`, the Python SDK `?uploads`.
    flag = next((name for name in ("uploads", "upload_id") if name in query), "")
    if method == "PUT" and not flag:
        if "x-qs-copy-source" in headers:
            return Operation.COPY_OBJECT
        if "x-qs-move-source" in headers:
            return Operation.MOVE_OBJECT
    return _OBJECT.get((method, flag), Operation.UNKNOWN)
