"""`rclone lsd`: the directories of a remote path, once and without retries; bounded in time."""

import re
from dataclasses import dataclass, replace

from adapter.asking import Asker, Reply
from adapter.classify import Place
from adapter.errors import AdapterError, ErrorCode, Evidence, Failure
from adapter.remote import REMOTE
from adapter.rights import Right, name_right

NOWHERE = ".pluton-qingstor-no-such-directory"
"""Listing it takes one short answer however full the bucket is; of a bucket's root it may take minutes."""

# Size, date, time, count and name, as cmd/lsd/lsd.go prints them.
_LINE = re.compile(r"^\s*-?\d+ \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\s+-?\d+ (.*)$")
_SPOKEN_FOR = (402, 407, 429)
"""Statuses that say enough without a code of QingStor's."""


@dataclass(frozen=True, slots=True)
class Listed:
    """Names in rclone's order, and by how many seconds the server's clock is ahead of ours, if it told."""

    names: tuple[str, ...]
    clock_ahead_s: float | None


@dataclass(frozen=True, slots=True)
class Lister:
    """Lists; every method raises AdapterError with what went wrong, `timeout` when the time is over."""

    asker: Asker

    def buckets(self, place: Place, timeout_s: float) -> Listed:
        """The buckets of the zone, as the global host knows them: the zone's own host is not asked."""
        return self._list(f"{REMOTE}:", place, timeout_s, Right.LIST_BUCKETS)

    def look_into(self, bucket: str, place: Place, timeout_s: float) -> None:
        """Return if the bucket is in the zone and can be listed; the zone's host is asked."""
        self._list(f"{REMOTE}:{bucket}/{NOWHERE}", place, timeout_s, Right.LIST)

    def create_bucket(self, bucket: str, place: Place, timeout_s: float) -> None:
        """Create a bucket in the storage's zone."""
        self.asker.ask(place, timeout_s, "mkdir", f"{REMOTE}:{bucket}")

    def _list(self, path: str, place: Place, timeout_s: float, right: Right) -> Listed:
        reply = self.asker.attempt(timeout_s, "lsd", path, "--dump", "headers")
        if not reply.succeeded:
            failure = _in_detail(self.asker.failure(reply, place), reply, place)
            raise AdapterError(name_right(failure, right, place))
        heads = reply.heads
        if heads.is_qingstor is False:
            raise AdapterError(_stranger(place, "a page of its own"))
        return Listed(parse_directories(reply.stdout), heads.clock_ahead_s)


def parse_directories(output: bytes) -> tuple[str, ...]:
    """The names in the output of `rclone lsd`."""
    lines = output.decode("utf-8", "replace").splitlines()
    return tuple(found[1] for line in lines if (found := _LINE.match(line)))


def _in_detail(failure: Failure, reply: Reply, place: Place) -> Failure:
    """The failure with what the answer's head adds to it."""
    ahead = reply.heads.clock_ahead_s
    if failure.code is ErrorCode.CLOCK_SKEW and ahead is not None:
        return replace(failure, message=f"{clock_sentence(ahead)} QingStor refuses more than 15.")
    status = failure.evidence.http_status
    # QingStor gives a code with every error to a GET; a bare 4xx is from somebody else, S3 servers included.
    if status is None or failure.evidence.qingstor_code or not 400 <= status < 500 or status in _SPOKEN_FOR:
        return failure
    return _stranger(place, f"status {status}", failure.evidence)


def _stranger(place: Place, answer: str, evidence: Evidence | None = None) -> Failure:
    return Failure(
        ErrorCode.ENDPOINT_UNREACHABLE,
        f"Something answers at {place.endpoint} with {answer}, but not as QingStor does.",
        "Check scheme, host and port of the Endpoint URL (QingStor's S3 address will not do), and whether a "
        "proxy or a sign-in page is in between.",
        evidence=evidence or Evidence(),
    )


def clock_sentence(ahead_s: float) -> str:
    """How far this machine's clock is from a server's, which is `ahead_s` seconds ahead of it."""
    minutes = round(abs(ahead_s) / 60)
    if not minutes:
        return "The clock of this machine agrees with QingStor's."
    unit = "minute" if minutes == 1 else "minutes"
    return (
        f"The clock of this machine is {minutes} {unit} {'behind' if ahead_s > 0 else 'ahead of'} QingStor's."
    )
