"""`rclone lsd`: the directories of a remote path, without retries and within a time limit."""

import re
from dataclasses import dataclass

from adapter.connection.missing_right import Right, name_right
from adapter.connection.nowhere import NOWHERE
from adapter.contract.errors import AdapterError, Failure
from adapter.diagnosis.classify import Place
from adapter.rclone.query import HEADS, Query
from adapter.rclone.remote import REMOTE

# Size, date, time, count and name, as cmd/lsd/lsd.go prints them.
_LINE = re.compile(r"^\s*-?\d+ \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\s+-?\d+ (.*)$")
MOST_LISTED = 200
"""Buckets in one answer of QingStor; rclone asks once, so with this number there may be more."""


@dataclass(frozen=True, slots=True)
class Listed:
    """Names in rclone's order, and by how many seconds the server's clock is ahead of ours, if known."""

    names: tuple[str, ...]
    clock_ahead_s: float | None


class NotListed(AdapterError):
    """A list that failed; `clock_ahead_s` as in `Listed`."""

    def __init__(self, failure: Failure, clock_ahead_s: float | None) -> None:
        super().__init__(failure)
        self.clock_ahead_s = clock_ahead_s


@dataclass(frozen=True, slots=True)
class Lister:
    """Lists buckets and creates them; methods raise AdapterError, listing raises NotListed."""

    query: Query

    def buckets(self, place: Place, timeout_s: float) -> Listed:
        """Return the buckets of the zone, from the global host; the zone's own host is not asked."""
        return self._list(f"{REMOTE}:", place, timeout_s, Right.LIST_BUCKETS)

    def look_into(self, bucket: str, place: Place, timeout_s: float) -> None:
        """Return if the zone's host can list the bucket."""
        self._list(f"{REMOTE}:{bucket}/{NOWHERE}", place, timeout_s, Right.LIST)

    def create_bucket(self, bucket: str, place: Place, timeout_s: float) -> None:
        """Create a bucket in the storage's zone."""
        self.query.run_or_raise(place, timeout_s, "mkdir", f"{REMOTE}:{bucket}", *HEADS)

    def _list(self, path: str, place: Place, timeout_s: float, right: Right) -> Listed:
        reply = self.query.run(timeout_s, "lsd", path, *HEADS)
        heads = reply.heads
        if not reply.succeeded:
            failure = name_right(self.query.failure(reply, place), right, place)
            raise NotListed(failure, heads.clock_ahead_s if heads.is_qingstor else None)
        return Listed(parse_directories(reply.stdout), heads.clock_ahead_s)


def parse_directories(output: bytes) -> tuple[str, ...]:
    """Return the names in the output of `rclone lsd`."""
    lines = output.decode("utf-8", "replace").splitlines()
    return tuple(found[1] for line in lines if (found := _LINE.match(line)))
