"""The option `endpoint` of rclone's qingstor backend: how rclone reads it, and whether it can work.

rclone 1.75.2 (qsParseEndpoint in backend/qingstor/qingstor.go) matches one regular expression, refuses what
does not match, misreads some forms, and puts `<zone>.` before the host of bucket requests.
"""

import re
from dataclasses import dataclass
from typing import Literal

from rclone_conf.errors import ConfValueError
from rclone_conf.qingstor import KNOWN_ZONES

Scheme = Literal["http", "https"]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where rclone sends requests. `port` may be out of range."""

    scheme: Scheme
    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.scheme}://{self.host}:{self.port}"


DEFAULT_ENDPOINT = Endpoint("https", "qingstor.com", 443)
"""A blank endpoint means this one."""

_BACKEND = re.compile(r"(?:(http|https)://)*(\w+\.[\w.]*)(?::(\d{0,5}))*", re.ASCII)


def is_accepted(text: str) -> bool:
    """Return whether rclone accepts the text, even if the endpoint cannot work."""
    return not text or _BACKEND.fullmatch(text) is not None


def parse_endpoint(text: str) -> Endpoint:
    """Return the endpoint as rclone reads it: of repeated schemes and ports the last counts.

    Raises ConfValueError where rclone says `format error`. `check_endpoint` also checks that it can work.
    """
    if not text:
        return DEFAULT_ENDPOINT
    match = _BACKEND.fullmatch(text)
    if match is None:
        raise ConfValueError("endpoint", "rclone's qingstor backend refuses this form")
    scheme: Scheme = "http" if match[1] == "http" else "https"
    return Endpoint(scheme, match[2], int(match[3] or (80 if scheme == "http" else 443)))


def check_endpoint(text: str, zone: str = "") -> Endpoint:
    """Return the endpoint if it can work; raises ConfValueError with the reason and a better form.

    `zone` is the remote's zone, if known. No message contains what precedes an `@`: it may be a password.
    """
    if not text:
        return DEFAULT_ENDPOINT
    scheme, rest = _split_scheme(text)
    authority = _check_shape(scheme, rest)
    host, colon, port = authority.partition(":")
    _check_host(scheme, host, colon + port, zone)
    _check_port(f"{scheme}{host}", colon, port)
    return parse_endpoint(text)


_SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://")


def _split_scheme(text: str) -> tuple[str, str]:
    """The scheme with its `://`, or an empty text, and the rest."""
    match = _SCHEME.match(text)
    if match is None:
        if slip := re.match(r"https?:/?(?=[A-Za-z])", text):
            raise _wrong("it has no // after the scheme", f"{slip[0].rstrip('/')}//{text[slip.end() :]}")
        return "", text
    scheme, rest = match[0], text[match.end() :]
    if _SCHEME.match(rest):
        raise _wrong("it has more than one http:// or https://", rest)
    if scheme not in {"http://", "https://"}:
        lower = scheme.lower()
        if lower in {"http://", "https://"}:
            raise _wrong("rclone accepts http:// and https:// in small letters only", lower + rest)
        raise _wrong("it does not start with http:// or https://", "https://" + rest)
    return scheme, rest


def _check_shape(scheme: str, rest: str) -> str:
    """The part `host[:port]` of what follows the scheme."""
    if "@" in rest:
        host = rest.rpartition("@")[2]
        raise _wrong("it has a user name or password, which rclone refuses", scheme + host)
    if any(c <= " " or c == "\x7f" for c in rest):
        raise _wrong("it has a blank or a control character", scheme + re.sub(r"[\x00-\x20\x7f]", "", rest))
    authority = re.split(r"[/?#\\]", rest, maxsplit=1)[0]
    if authority != rest:
        what = "a slash at its end" if rest == authority + "/" else "something after the host, such as a path"
        raise _wrong(f"it has {what}, which rclone refuses", scheme + authority)
    if not rest.isascii():
        raise _wrong("rclone accepts only the letters a-z, digits, '_' and '.' in the host", "")
    if "[" in rest or ("." not in rest and rest.count(":") > 1):
        raise _wrong("rclone accepts no IPv6 address", "", _NEEDS_NAME)
    return authority


_NEEDS_NAME = (
    "Use a host name that also resolves with the zone in front, such as storage.example.com "
    "and ZONE.storage.example.com."
)


def _check_host(scheme: str, host: str, port: str, zone: str) -> None:
    labels = host.split(".")
    if not host.strip("."):
        raise _wrong("it has no host name", "")
    if "-" in host:
        raise _wrong(
            "its host has a hyphen, which rclone refuses",
            "",
            "Create a DNS name without a hyphen for that server, such as "
            f"{scheme}{host.replace('-', '')}{port}; only letters, digits, '_' and '.' are accepted.",
        )
    if not re.fullmatch(r"[\w.]+", host, re.ASCII):
        raise _wrong("its host has a character that rclone refuses", "")
    if len(labels) == 1:
        raise _wrong(
            "its host has no dot, which rclone requires",
            "",
            _NEEDS_NAME
            if host == "localhost"
            else f"Write the full name, such as {scheme}{host}.example.com.",
        )
    if "" in labels:
        raise _wrong("its host has a dot too many", scheme + ".".join(filter(None, labels)) + port)
    if all(label.isdigit() for label in labels):
        raise _wrong("it is an IP address, and rclone puts the zone in front of it", "", _NEEDS_NAME)
    if any(len(label) > 63 for label in labels) or len(host) > 240:
        raise _wrong("its host is too long for a host name", "")
    _check_zone(scheme, labels, port, zone.lower())


def _check_zone(scheme: str, labels: list[str], port: str, zone: str) -> None:
    """rclone adds the zone itself: `pek3a.qingstor.com` would become `pek3a.pek3a.qingstor.com`."""
    for at, label in enumerate(map(str.lower, labels[:-1])):
        if label in KNOWN_ZONES or (at == 0 and label == zone):
            without = ".".join(labels[at + 1 :])
            raise ConfValueError(
                "endpoint",
                f"its host contains the zone {label}, which rclone adds itself",
                f"Write {scheme}{without}{port} and set the zone to {label}.",
            )


def _check_port(before: str, colon: str, port: str) -> None:
    if not colon:
        return
    if ":" in port:
        raise _wrong("it has more than one port", f"{before}:{port.partition(':')[0]}")
    if not port:
        raise _wrong("it has a colon without a port", before)
    if not port.isdigit():
        raise _wrong("its port is not a number", before)
    if len(port) > 5 or not 1 <= int(port) <= 65535:
        raise _wrong("its port is not between 1 and 65535", before)


def _wrong(problem: str, nearest: str, hint: str = "") -> ConfValueError:
    """An error whose hint suggests `nearest` if that would work, otherwise the general form."""
    if nearest and len(nearest) <= 300:
        try:
            check_endpoint(nearest)
        except ConfValueError as deeper:
            hint = hint or deeper.hint
        else:
            hint = f"Write {nearest}."
    hint = hint or "Leave it blank for QingStor, or write https://HOST:PORT."
    return ConfValueError("endpoint", problem, hint)
