"""Messages that say that a zone, a host or a bucket does not exist. Pure."""

import re
from collections.abc import Iterable

_LOOKED_UP = re.compile(r"\blookup ([\w.-]{1,255})(?: on [^ ]+)?: ")
"""The wording of Go's resolver (net/dnsclient_unix.go): `lookup pek3a.h on 10.0.0.1:53: no such host`."""
_NO_HOST = "no such host"
_NO_ZONE = re.compile(r'Code "invalid_location"')
_NOTHING_THERE = re.compile(r'StatusCode "4\d\d", Code "[^"]|(directory not found|no such host)$')
"""In a cloud with fewer zones, a missing zone has no host either."""


def unresolved_host(messages: Iterable[str]) -> str | None:
    """Return the host name that could not be looked up, if a message says so."""
    found = (_LOOKED_UP.search(message) for message in messages)
    return next((match[1] for match in found if match), None)


def nonexistent_host(messages: Iterable[str]) -> str | None:
    """Return the host name that does not exist, if a message says so; a DNS time-out does not prove it."""
    return unresolved_host(message for message in messages if message.endswith(_NO_HOST))


def says_no_zone(message: str) -> bool:
    """Return whether the message says that QingStor does not know the zone."""
    return _NO_ZONE.search(message) is not None


def says_nothing_there(message: str) -> bool:
    """Return whether the message says that the bucket is not in the zone, or that the zone does not exist."""
    return _NOTHING_THERE.search(message) is not None
