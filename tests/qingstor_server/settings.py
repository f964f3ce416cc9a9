"""What a test may change about the service as a whole, at start or while it runs."""

from dataclasses import dataclass

MIB = 1024 * 1024
GIB = 1024 * MIB


@dataclass(slots=True)
class Settings:
    """The service's limits and habits, by default the published ones. Sizes are bytes, times seconds."""

    domain: str = "qingstor.test"
    """The global host; zone hosts are `<zone>.<domain>`."""
    zones: tuple[str, ...] = ("pek3a", "sh1a")
    """The first one also answers requests addressed to the server itself (127.0.0.1)."""
    page_limit: int = 1000
    """Listings of objects never give more keys per page; a larger `limit` is clamped, not refused."""
    unordered: bool = False
    """List keys in an order that is not the byte order, as the service's storage order may be."""
    uploads_limit: int = 200
    """Listings of uploads refuse a larger `limit` (seen by rclone: its commit a774f6bfd)."""
    stuck_marker: bool = False
    """Every page of a listing of objects is the first one and says that there are more."""
    drops_bodies: bool = False
    """A PUT of an object answers 201 and stores nothing."""
    require_content_length: bool = False
    """Refuse a chunked upload with 411. rclone sends empty files that way (1.75.2)."""
    part_minimum: int = 4 * MIB
    """Smallest part that is not the last, checked at completion."""
    object_maximum: int = 5 * GIB
    """Largest single PUT, copy or part."""
    bucket_quota: int | None = None
    """Buckets per account; the service starts accounts with 2."""
    lease_seconds: float = 0.0
    """A younger bucket cannot be deleted (403 lease_not_ready); the service says one minute."""
    clock_skew: float = 0.0
    """The server's clock runs ahead of the machine's by this much."""
