"""The environment and paths of a command: determined once at the start and passed down."""

import os
import pwd
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

_NAME = "pluton-qingstor"
_STATE_VARIABLE = "PLUTON_QINGSTOR_STATE_DIR"


@dataclass(frozen=True, slots=True)
class Settings:
    """Environment and paths of a command. `ask_password` returns the password of rclone.conf, or None;
    `ask_new_password` one to encrypt it with. `home` is None for a user who has none.
    """

    environ: Mapping[str, str]
    home: Path | None
    conf_path: Path
    state_dir: Path
    rclone_option: str | None
    ask_password: Callable[[], str | None]
    ask_new_password: Callable[[], str | None]


def nearest_existing(path: Path) -> Path:
    """Return the path, or the first directory above it that exists and can be seen. Never raises."""
    absolute = path.absolute()
    # Path.exists raises below a directory that cannot be searched.
    return next(one for one in (absolute, *absolute.parents) if os.path.exists(one))  # noqa: PTH110


def find_home(environ: Mapping[str, str]) -> Path | None:
    """Return `$HOME`, else what the user database says; None for a user of a service without either."""
    if named := environ.get("HOME"):
        return Path(named)
    try:
        entry = pwd.getpwuid(os.getuid())
    except KeyError:
        return None
    return Path(entry.pw_dir) if entry.pw_dir else None


def default_state_dir(environ: Mapping[str, str], home: Path | None) -> Path:
    """Return `$PLUTON_QINGSTOR_STATE_DIR`, else this program's directory under the XDG state directory.

    A relative `$XDG_STATE_HOME` counts as unset, as the XDG base directory specification asks. Without a home
    it is the first of `$STATE_DIRECTORY`, which systemd sets (systemd.exec), else below /var/lib.
    """
    if wanted := environ.get(_STATE_VARIABLE):
        return Path(wanted)
    base = Path(environ.get("XDG_STATE_HOME", ""))
    if base.is_absolute():
        return base / _NAME
    if home is not None:
        return home / ".local" / "state" / _NAME
    service = Path(environ.get("STATE_DIRECTORY", "").split(":")[0])
    return service if service.is_absolute() else Path("/var/lib") / _NAME
