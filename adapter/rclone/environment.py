"""The environment of rclone: built from a list, never inherited.

A stray `RCLONE_DRY_RUN=1` would turn a backup into nothing, and `RCLONE_QINGSTOR_ZONE` beats every conf file
(measured with 1.75.2, also when it is set but empty).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_SYSTEM = ("PATH", "HOME", "TMPDIR", "LANG", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR")
"""A timetable of bandwidth goes by TZ."""
_PROXY = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
_RCLONE = (
    "RCLONE_BWLIMIT",
    "RCLONE_TIMEOUT",
    "RCLONE_CONTIMEOUT",
    "RCLONE_RETRIES",
    "RCLONE_LOW_LEVEL_RETRIES",
    "RCLONE_TRANSFERS",
    "RCLONE_CHECKERS",
    "RCLONE_BUFFER_SIZE",
    "RCLONE_MULTI_THREAD_STREAMS",
    "RCLONE_TEMP_DIR",
    "RCLONE_CACHE_DIR",
    "RCLONE_CA_CERT",
)
"""The settings that Pluton passes to rclone on purpose (contract, section 1)."""
_PATHS = frozenset(
    {
        "HOME",
        "TMPDIR",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
        "RCLONE_TEMP_DIR",
        "RCLONE_CACHE_DIR",
        "RCLONE_CA_CERT",
    }
)
"""Made absolute: rclone is started in the directory that it copies from or to."""
_OURS = ("RCLONE_CONFIG", "RCLONE_CONFIG_PASS")
"""Read by the adapter itself; rclone gets neither."""

_PASSED = frozenset((*_SYSTEM, *_PROXY, *(name.lower() for name in _PROXY), *_RCLONE))


@dataclass(frozen=True, slots=True)
class ChildEnvironment:
    """The `variables` for the child, and the names of the `RCLONE_*` variables that were left out."""

    variables: Mapping[str, str]
    dropped: tuple[str, ...]


def child_environment(environ: Mapping[str, str]) -> ChildEnvironment:
    """Return the part of `environ` that rclone gets."""
    variables = {
        name: _absolute(name, value) if name in _PATHS else value
        for name, value in environ.items()
        if name in _PASSED or name.startswith("LC_")
    }
    dropped = sorted(
        name for name in environ if name.startswith("RCLONE_") and name not in _PASSED and name not in _OURS
    )
    return ChildEnvironment(variables, tuple(dropped))


def _absolute(name: str, value: str) -> str:
    """Return a path from the root on; a blank one stays blank. SSL_CERT_DIR may have several."""
    paths = value.split(":") if name == "SSL_CERT_DIR" else [value]
    return ":".join(str(Path(path).absolute()) if path and path[0] != "/" else path for path in paths)
