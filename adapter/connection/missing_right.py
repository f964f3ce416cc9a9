"""What a key may do in a bucket, and the words for a right that it lacks (docs/least-privilege.md)."""

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
    Right.LIST: "This key may not list what is in bucket {bucket}.",
    Right.WRITE: "This key may not write objects into bucket {bucket}.",
    Right.READ: "This key may not read objects of bucket {bucket} back.",
    Right.DELETE: "This key may not delete objects in bucket {bucket}.",
}
_GIVE = "Give it the right to {right}, as docs/least-privilege.md shows, or use a key of the bucket's owner."
_HINTS = {
    Right.LIST_BUCKETS: (
        "Name the bucket for the test (--bucket): a key for one bucket is enough for backups into it."
    ),
}


def name_right(failure: Failure, right: Right, place: Place) -> Failure:
    """The same failure; if it is about permissions, it names the right and how to get it."""
    if failure.code is not ErrorCode.PERMISSION_DENIED:
        return failure
    return replace(
        failure,
        message=_LACKING[right].format(bucket=place.bucket),
        hint=_HINTS.get(right, _GIVE.format(right=right.value)),
    )
