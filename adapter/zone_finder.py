"""Where an account's buckets are, when they are not where they were looked for.

rclone asks for the buckets of one zone. Its `combine` backend shows several remotes as directories of one,
so that a single `rclone lsf` asks for all zones side by side (measured with 1.65.2 and 1.75.2).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from adapter.asking import Asker, Reply
from adapter.listing import NOWHERE
from adapter.logline import Level, LogRecord
from adapter.remote import REMOTE, remote_variables
from rclone_conf.qingstor import KNOWN_ZONES

LONGEST_S = 10.0
"""What is not found by then is not worth waiting for: it only makes a message better."""

_ZONES = "zones"
_ZONE = "zone"


def find_buckets(asker: Asker, zones: Sequence[str], timeout_s: float) -> Mapping[str, tuple[str, ...]]:
    """Zone to its buckets, zones without any left out; nothing when the key may not list them.

    What could not be found out is left out too. Raises AdapterError only when cancelled.
    """
    reply = _ask(asker, zones, "", timeout_s)
    found: dict[str, list[str]] = {}
    for line in _lines(reply):
        directory, _, bucket = line.rstrip("/").partition("/")
        if bucket:
            found.setdefault(zones[_number(directory)], []).append(bucket)
    return {zone: tuple(found[zone]) for zone in zones if zone in found}


def find_bucket(asker: Asker, bucket: str, zones: Sequence[str], timeout_s: float) -> str | None:
    """The zone in which this bucket can be listed, for a key that may not list buckets; None: there is none.

    Raises AdapterError only when cancelled.
    """
    reply = _ask(asker, zones, f"{bucket}/{NOWHERE}", timeout_s)
    if reply.timed_out:
        return None
    failed = {
        record.item
        for record in reply.records
        if isinstance(record, LogRecord) and record.level >= Level.ERROR
    }
    shown = [line.rstrip("/") for line in _lines(reply)]
    return next((zones[_number(directory)] for directory in shown if directory not in failed), None)


def other_zones(zone: str) -> tuple[str, ...]:
    """The known zones but this one."""
    return tuple(known for known in KNOWN_ZONES if known != zone.lower())


def _ask(asker: Asker, zones: Sequence[str], path: str, timeout_s: float) -> Reply:
    """List a path of every zone; zone number 2 is the directory `zone2`."""
    prefix = f"RCLONE_CONFIG_{REMOTE.upper()}_"
    storage = {name[len(prefix) :]: value for name, value in asker.env.items() if name.startswith(prefix)}
    env = dict(asker.env)
    for number, zone in enumerate(zones):
        env |= remote_variables(f"{_ZONE}{number}", {**storage, "ZONE": zone})
    upstreams = " ".join(f'"{_ZONE}{number}={_ZONE}{number}:{path}"' for number in range(len(zones)))
    env |= remote_variables(_ZONES, {"type": "combine", "upstreams": upstreams})
    # A bounded depth keeps rclone from listing whole buckets at once (ListR in fs/walk/walk.go).
    arguments = ("lsf", f"{_ZONES}:", "--dirs-only", "--recursive", "--max-depth", "2")
    return replace(asker, env=env).attempt(min(timeout_s, LONGEST_S), *arguments)


def _lines(reply: Reply) -> list[str]:
    return reply.stdout.decode("utf-8", "replace").splitlines()


def _number(directory: str) -> int:
    return int(directory.removeprefix(_ZONE))
