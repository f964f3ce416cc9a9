"""What a request line points at: host, zone, bucket, key and query."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote_plus, unquote_to_bytes

from tests.qingstor_server.operation import Operation, identify
from tests.qingstor_server.refusal import Refused
from tests.qingstor_server.settings import Settings

KEY_LIMIT = 1023


class HostUnknown(Exception):
    """The request names a host that nobody here answers for; a real client would fail in DNS."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a request goes. `zone` is None on the global host; `path` and `raw_query` are as sent."""

    method: str
    host: str
    zone: str | None
    path: str
    raw_query: str
    query: dict[str, str]
    bucket: str
    raw_key: str
    operation: Operation

    @property
    def key(self) -> str:
        """The object key, decoded. Raises Refused (400) beyond 1023 bytes or when it is not UTF-8."""
        raw = unquote_to_bytes(self.raw_key)
        if len(raw) > KEY_LIMIT:
            raise Refused("invalid_object_name", f"The key has {len(raw)} bytes; the limit is {KEY_LIMIT}.")
        try:
            return raw.decode()
        except UnicodeDecodeError:
            raise Refused("invalid_object_name", "The key is not UTF-8.") from None

    @property
    def shown_key(self) -> str:
        """The key for logs and for matching; never raises."""
        return unquote_to_bytes(self.raw_key).decode(errors="replace")


def parse_target(method: str, line: str, headers: Mapping[str, str], settings: Settings) -> Target:
    """Read a request target, absolute (a proxy's) or origin form. Raises HostUnknown.

    Path style only, as rclone's: `/<bucket>/<key>`.
    """
    host = headers.get("Host", "")
    if not line.startswith("/"):
        host, slash, rest = line.partition("://")[2].partition("/")
        line = slash + rest or "/"
    path, _, raw_query = line.partition("?")
    bucket, _, raw_key = path[1:].partition("/")
    query = parse_query(raw_query)
    return Target(
        method=method,
        host=host,
        zone=_zone_of(host, settings.domain, settings.zones),
        path=path,
        raw_query=raw_query,
        query=query,
        bucket=bucket,
        raw_key=raw_key,
        operation=identify(method, bucket, raw_key, query, headers),
    )


def parse_query(raw: str) -> dict[str, str]:
    """Decoded keys and values; a bare flag has the value "". Of a repeated key the last one counts."""
    if not raw:
        return {}
    pairs = (part.partition("=") for part in raw.split("&") if part)
    return {unquote_plus(name): unquote_plus(value) for name, _, value in pairs}


@lru_cache(maxsize=64)
def _zone_of(host: str, domain: str, zones: tuple[str, ...]) -> str | None:
    name = host.lower().rpartition(":")[0] if ":" in host else host.lower()
    if name == domain:
        return None
    if name in {"127.0.0.1", "localhost"}:
        return zones[0]
    zone, _, rest = name.partition(".")
    if rest == domain and zone in zones:
        return zone
    raise HostUnknown(host)
