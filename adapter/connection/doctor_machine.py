"""What `doctor` asks of the process's surroundings: where state is kept, proxies, stray variables."""

import os
from collections.abc import Mapping
from urllib.parse import urlsplit

from adapter.connection.report import Check, failed
from adapter.contract.errors import ErrorCode, Failure
from adapter.machine.settings import Settings, nearest_existing
from adapter.rclone.environment import child_environment

_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY")
_SCHEMES = ("http", "https", "socks5", "socks5h")
"""What Go's net/http speaks to a proxy."""


def check_state_dir(settings: Settings) -> Check:
    """Whether locks, run records and checksums can be written."""
    wanted = settings.state_dir
    there = nearest_existing(wanted)
    if there.is_dir() and os.access(there, os.W_OK | os.X_OK):
        made = "is" if there == wanted.absolute() else "can be made and is"
        return Check("state_dir", f"{wanted} {made} writable.")
    failure = Failure(
        ErrorCode.DESTINATION_UNWRITABLE,
        f"Nothing can be written below {there}, where locks and run records belong.",
        "Make it writable for the user of the backups, or name another directory with --state-dir.",
    )
    return failed("state_dir", failure)


def check_proxies(environ: Mapping[str, str]) -> Check:
    """Which proxies rclone will use. User names and passwords in them are not shown."""
    said: list[str] = []
    for name in _PROXIES:
        # Go looks at the name in capitals first (golang.org/x/net/http/httpproxy).
        value = environ.get(name) or environ.get(name.lower())
        if not value:
            continue
        address = _address(value)
        if address is None:
            failure = Failure(
                ErrorCode.ENDPOINT_UNREACHABLE,
                f"The value of {name} is not the address of a proxy.",
                "Write http://host:port, or http://user:password@host:port.",
            )
            return failed("proxy", failure)
        said.append(f"{name} is {address}")
    exempt = environ.get("NO_PROXY") or environ.get("no_proxy")
    if said and exempt:
        said.append(f"without proxy: {exempt}")
    return Check("proxy", f"{'; '.join(said) or 'No proxy is set'}.")


def check_stray_variables(environ: Mapping[str, str]) -> Check:
    """The `RCLONE_*` variables that are kept from rclone."""
    dropped = child_environment(environ).dropped
    if not dropped:
        return Check("environment", "No RCLONE_* variable is set that would be kept from rclone.")
    return Check(
        "environment",
        f"These variables are set and are kept from rclone: {', '.join(dropped)}.",
        "Remove them from the environment of the service: rclone, started by hand, would obey them.",
    )


def _address(value: str) -> str | None:
    """`host:port` of a proxy's URL; Go takes one without a scheme for http."""
    try:
        parts = urlsplit(value if "://" in value else f"http://{value}")
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in _SCHEMES or not parts.hostname:
        return None
    return f"{parts.hostname}:{port}" if port else parts.hostname
