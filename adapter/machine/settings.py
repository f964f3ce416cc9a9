"""The environment and paths of a command: determined once at the start and passed down."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

_STATE_VARIABLE = "PLUTON_QINGSTOR_STATE_DIR"


@dataclass(frozen=True, slots=True)
class Settings:
    """Environment and paths of a command. `ask_password` returns the password of rclone.conf, or None;
    `ask_new_password` one to encrypt it with.
    """

    environ: Mapping[str, str]
    home: Path
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


def default_state_dir(environ: Mapping[str, str], home: Path) -> Path:
    """Return `$PLUTON_QINGSTOR_STATE_DIR`, else this program's directory under the XDG state directory.

    A relative `$XDG_STATE_HOME` counts as unset, as the XDG base directory specification asks.
    """
    if wanted := environ.get(_STATE_VARIABLE):
        return Path(wanted)
    base = Path(environ.get("XDG_STATE_HOME", ""))
    return (base if base.is_absolute() else home / ".local" / "state") / "pluton-qingstor"
