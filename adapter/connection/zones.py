"""Search all zones of QingStor for an account's buckets.

rclone lists the buckets of one zone. Its `combine` backend shows several remotes as directories of one, so
that a single `rclone lsf` lists all zones at the same time (measured with 1.65.2 and 1.75.2).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from adapter.connection.bucket_list import MOST_LISTED
from adapter.connection.nowhere import NOWHERE
from adapter.diagnosis.absence import says_no_zone, says_nothing_there
from adapter.diagnosis.logline import Level, LogRecord
from adapter.rclone.query import HEADS, Query, Reply
from adapter.rclone.remote import REMOTE, remote_variables
from rclone_conf.qingstor import KNOWN_ZONES

LONGEST_S = 10.0
"""Time limit of one search: its result only makes a message better."""

_ZONES = "zones"
_ZONE = "zone"


@dataclass(frozen=True, slots=True)
class Found:
    """Zone to the buckets found in it; `complete` if there are no others."""

    zones: Mapping[str, tuple[str, ...]]
    complete: bool

    def zone_of(self, bucket: str) -> str | None:
        """Return the zone in which that bucket was found, or None."""
        return next((zone for zone, names in self.zones.items() if bucket in names), None)


NOTHING = Found({}, complete=True)


def search(query: Query, bucket: str, zones: Sequence[str], timeout_s: float) -> Found:
    """Return all buckets of the zones; if a list is incomplete, search for this bucket alone.

    Raises AdapterError only when cancelled.
    """
    listed = find_buckets(query, zones, timeout_s / 2)
    if listed.complete or listed.zone_of(bucket):
        return listed
    alone = find_bucket(query, bucket, zones, timeout_s / 2)
    return alone if alone.complete else listed


def find_buckets(query: Query, zones: Sequence[str], timeout_s: float) -> Found:
    """Return the buckets of all zones, none if the key may not list them.

    Raises AdapterError only when cancelled.
    """
    reply = _ask(query, zones, "", timeout_s)
    if reply.heads.is_qingstor is False:
        return replace(NOTHING, complete=False)
    found: dict[str, list[str]] = {}
    for line in _lines(reply):
        directory, _, bucket = line.rstrip("/").partition("/")
        if bucket:
            found.setdefault(zones[_number(directory)], []).append(bucket)
    return Found(
        {zone: tuple(found[zone]) for zone in zones if zone in found},
        _all_answered(reply, says_no_zone) and all(len(names) < MOST_LISTED for names in found.values()),
    )


def find_bucket(query: Query, bucket: str, zones: Sequence[str], timeout_s: float) -> Found:
    """Return the zone in which this bucket can be listed; works for a key that may not list buckets.

    Raises AdapterError only when cancelled.
    """
    reply = _ask(query, zones, f"{bucket}/{NOWHERE}", timeout_s)
    if reply.timed_out or reply.heads.is_qingstor is False:
        return replace(NOTHING, complete=False)
    failed = {record.item for record in _errors(reply)}
    shown = [line.rstrip("/") for line in _lines(reply)]
    zone = next((zones[_number(directory)] for directory in shown if directory not in failed), None)
    if zone:
        return Found({zone: (bucket,)}, complete=True)
    return replace(NOTHING, complete=_all_answered(reply, says_nothing_there))


def other_zones(zone: str) -> tuple[str, ...]:
    """Return the known zones without this one."""
    return tuple(known for known in KNOWN_ZONES if known != zone.lower())


def _ask(query: Query, zones: Sequence[str], path: str, timeout_s: float) -> Reply:
    """List a path in every zone; zone number 2 is the directory `zone2`."""
    prefix = f"RCLONE_CONFIG_{REMOTE.upper()}_"
    storage = {name[len(prefix) :]: value for name, value in query.env.items() if name.startswith(prefix)}
    env = dict(query.env)
    for number, zone in enumerate(zones):
        env |= remote_variables(f"{_ZONE}{number}", {**storage, "ZONE": zone})
    upstreams = " ".join(f'"{_ZONE}{number}={_ZONE}{number}:{path}"' for number in range(len(zones)))
    env |= remote_variables(_ZONES, {"type": "combine", "upstreams": upstreams})
    # Without a maximum depth rclone lists whole buckets (ListR in fs/walk/walk.go).
    arguments = ("lsf", f"{_ZONES}:", "--dirs-only", "--recursive", "--max-depth", "2", *HEADS)
    return replace(query, env=env).run(min(timeout_s, LONGEST_S), *arguments)


def _errors(reply: Reply) -> list[LogRecord]:
    return [
        record for record in reply.records if isinstance(record, LogRecord) and record.level >= Level.ERROR
    ]


def _all_answered(reply: Reply, says_no: Callable[[str], bool]) -> bool:
    """Return whether every zone answered, with a list or with an error that `says_no` accepts."""
    errors = [record for record in _errors(reply) if record.item]
    return not reply.timed_out and (
        reply.succeeded or (bool(errors) and all(says_no(record.message) for record in errors))
    )


def _lines(reply: Reply) -> list[str]:
    return reply.stdout.decode("utf-8", "replace").splitlines()


def _number(directory: str) -> int:
    return int(directory.removeprefix(_ZONE))
