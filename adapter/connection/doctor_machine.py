"""The checks of `doctor` on the environment: state directory, proxies, RCLONE_* variables, stand-ins."""

from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from adapter.connection.report import Check, failed
from adapter.contract.errors import ErrorCode, Failure
from adapter.machine.private import openness
from adapter.machine.rights import try_creating_in
from adapter.machine.settings import Settings, nearest_existing
from adapter.rclone.environment import child_environment
from adapter.rclone.stand_in_mark import NAME
from adapter.rclone.stand_in_program import examine, known_directories

_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY")
_SCHEMES = ("http", "https", "socks5", "socks5h")
"""The proxy schemes of Go's net/http."""


def check_state_dir(settings: Settings) -> Check:
    """Return whether locks, run records and checksums can be written."""
    wanted = settings.state_dir
    there = nearest_existing(wanted)
    try:
        try_creating_in(there)
    except OSError as error:
        failure = Failure(
            ErrorCode.DESTINATION_UNWRITABLE,
            f"Cannot write below {there}, where locks and run records are kept: {error.strerror}.",
            "Make it writable for the user of the backups, or choose another directory with --state-dir.",
        )
        return failed("state_dir", failure)
    if there != wanted.absolute():
        return Check("state_dir", f"{wanted} can be created.")
    if told := openness(there):
        return failed(
            "state_dir", Failure(ErrorCode.DESTINATION_UNWRITABLE, told, f"Run `chmod o-w {there}`.")
        )
    return Check("state_dir", f"{wanted} is writable.")


def check_proxies(environ: Mapping[str, str]) -> Check:
    """Return which proxies rclone will use, without user names and passwords."""
    found: list[str] = []
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
        found.append(f"{name} is {address}")
    exempt = environ.get("NO_PROXY") or environ.get("no_proxy")
    if found and exempt:
        found.append(f"NO_PROXY is {exempt}")
    return Check("proxy", f"{'; '.join(found) or 'No proxy is set'}.")


def check_stray_variables(environ: Mapping[str, str]) -> Check:
    """Return which `RCLONE_*` variables are set but not passed to rclone."""
    dropped = child_environment(environ).dropped
    if not dropped:
        return Check("environment", "Every RCLONE_* variable that is set is passed to rclone.")
    return Check(
        "environment",
        f"These variables are set but not passed to rclone: {', '.join(dropped)}.",
        "Remove them from the environment: an rclone that is started by hand uses them.",
    )


def check_stand_ins(settings: Settings) -> Iterator[Check]:
    """Yield whether each stand-in that was installed is still there: an update may have replaced it."""
    for directory in known_directories(settings.state_dir):
        name = f"stand_in {directory}"
        found = examine(directory, was_installed=True)
        if found.failure:
            yield failed(name, found.failure)
        else:
            yield Check(name, f"{directory / NAME} is the stand-in.")


def _address(value: str) -> str | None:
    """Return `host:port` of a proxy's URL; Go takes a URL without a scheme as http."""
    try:
        parts = urlsplit(value if "://" in value else f"http://{value}")
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in _SCHEMES or not parts.hostname:
        return None
    return f"{parts.hostname}:{port}" if port else parts.hostname
