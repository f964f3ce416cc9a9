"""The rights that a backup needs, and the message for one that is missing (docs/least-privilege.md)."""

from dataclasses import replace
from enum import StrEnum

from adapter.contract.errors import ErrorCode, Failure
from adapter.diagnosis.classify import Place


class Right(StrEnum):
    """One right that a backup or its test needs."""

    LIST_BUCKETS = "list_buckets"
    LIST = "list"
    WRITE = "write"
    READ = "read"
    DELETE = "delete"


_LACKING = {
    Right.LIST_BUCKETS: "This key may not list the account's buckets.",
    Right.LIST: "This key may not list bucket {bucket}.",
    Right.WRITE: "This key may not write objects to bucket {bucket}.",
    Right.READ: "This key may not read objects in bucket {bucket}.",
    Right.DELETE: "This key may not delete objects in bucket {bucket}.",
}
_GIVE = "Give it the right to {right} (see docs/least-privilege.md), or use a key of the bucket's owner."
_HINTS = {
    Right.LIST_BUCKETS: (
        "Test with --bucket BUCKET: a key for one bucket is enough for backups to that bucket."
    ),
}


def name_right(failure: Failure, right: Right, place: Place) -> Failure:
    """Return the failure; if it is `permission_denied`, with the missing right and how to get it."""
    if failure.code is not ErrorCode.PERMISSION_DENIED:
        return failure
    return replace(
        failure,
        message=_LACKING[right].format(bucket=place.bucket),
        hint=_HINTS.get(right, _GIVE.format(right=right.value)),
    )
