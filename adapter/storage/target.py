"""The target of a backup: `NAME:bucket[/path]`."""

import re
from dataclasses import dataclass

from adapter.contract.errors import AdapterError, ErrorCode, Failure

_BUCKET = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")
_LONGEST_KEY_BYTES = 1023
"""QingStor's limit for an object's name, in UTF-8 (API page, PUT Object)."""


@dataclass(frozen=True, slots=True)
class Target:
    """A storage, a bucket and a path in it, without a slash at either end; blank for the whole bucket."""

    storage: str
    bucket: str
    path: str = ""

    @property
    def remote_path(self) -> str:
        """Return `bucket` or `bucket/path`, the part after the colon."""
        return f"{self.bucket}/{self.path}" if self.path else self.bucket

    def __str__(self) -> str:
        return f"{self.storage}:{self.remote_path}"


def parse_target(text: str) -> Target:
    """Return the target in `NAME:bucket[/path]`; a slash at the end is ignored.

    Raises AdapterError `usage` for what rclone or QingStor would refuse or misread.
    """
    storage, colon, rest = text.partition(":")
    if "\0" in text or any(ord(c) < 32 or c == "\x7f" for c in text):
        raise _wrong("it holds a control character", "Remove it.")
    if not colon or not storage:
        raise _wrong("it names no storage", "Write NAME:bucket or NAME:bucket/path.")
    bucket, _, path = rest.partition("/")
    _check_bucket(bucket)
    return Target(storage, bucket, _check_path(path))


def _check_bucket(bucket: str) -> None:
    """Check the name. QingStor's page on PUT Bucket asks for 6 to 63; private clouds may allow fewer."""
    if not bucket:
        raise _wrong("it names no bucket", "Write NAME:bucket or NAME:bucket/path.")
    if len(bucket) > 63:
        raise _wrong("its bucket has more than 63 characters", "Check the bucket's name.")
    if not _BUCKET.fullmatch(bucket):
        raise _wrong(
            "its bucket has a character that QingStor does not allow there",
            "A bucket's name has small letters, digits and '-', and no '-' at its ends.",
        )


def _check_path(path: str) -> str:
    if not path:
        return ""
    path = path if path == "/" else path.removesuffix("/")
    parts = path.split("/")
    if "" in parts:
        raise _wrong(
            "its path has two slashes in a row, which rclone joins",
            "Write one slash between two names.",
        )
    if not {".", ".."}.isdisjoint(parts):
        raise _wrong("its path has . or .. in it, which rclone resolves", "Write the path without them.")
    try:
        size = len(path.encode())
    except UnicodeEncodeError:
        raise _wrong("its path is not valid UTF-8", "Use another path.") from None
    if size > _LONGEST_KEY_BYTES:
        raise _wrong(f"its path is longer than {_LONGEST_KEY_BYTES} bytes", "Use a shorter path.")
    return path


def _wrong(problem: str, hint: str) -> AdapterError:
    return AdapterError(Failure(ErrorCode.USAGE, f"Target: {problem}.", hint, field="target"))
