"""What tests read back from the server about buckets, objects and uploads."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BucketRecord:
    """A bucket; `status` is `active` or `suspended`, `created` Unix seconds."""

    name: str
    zone: str
    owner: str
    status: str
    created: float


@dataclass(frozen=True, slots=True)
class ObjectRecord:
    """An object. `etag` (without quotes) is what the service says, `md5` what the bytes on disk are now.

    `size` is bytes, `modified` Unix seconds.
    """

    key: str
    size: int
    etag: str
    md5: str
    multipart: bool
    modified: float
    headers: dict[str, str]


@dataclass(frozen=True, slots=True)
class UploadRecord:
    """An unfinished multipart upload; `parts` are their numbers, `created` Unix seconds."""

    key: str
    id: str
    created: float
    parts: tuple[int, ...]
    size: int
