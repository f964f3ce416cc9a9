"""Where rclone looks for its configuration file if none is given."""

import os
import pwd
import tempfile
from collections.abc import Mapping
from pathlib import Path

from rclone_conf.errors import ConfReadError

_IN_MEMORY = {"", os.devnull}
_NAME, _HIDDEN_NAME = "rclone.conf", ".rclone.conf"


def default_path(environ: Mapping[str, str]) -> Path:
    """Return the absolute path that `rclone config file` shows for this environment; it may not exist.

    `$RCLONE_CONFIG` first, then the first of these that exists: in `$XDG_CONFIG_HOME/rclone`, in
    `~/.config/rclone`, and `~/.rclone.conf`; else where rclone would create it (fs/config/config.go,
    makeConfigPath, 1.75.2). A file beside the `rclone` executable, which comes first, is not looked for.
    Raises `ConfReadError` if `$RCLONE_CONFIG` tells rclone to use no file.
    """
    named = environ.get("RCLONE_CONFIG")
    if named is not None:
        if named in _IN_MEMORY or Path(named).name == "notfound":
            raise ConfReadError(
                "RCLONE_CONFIG tells rclone to use no configuration file. Set it to a path, or unset it.",
                "RCLONE_CONFIG names no file",
            )
        return Path(named).absolute()
    home = _home(environ)
    xdg = environ.get("XDG_CONFIG_HOME")
    directories = [Path(xdg) / "rclone"] if xdg else []
    if home is not None:
        directories.append(home / ".config" / "rclone")
    places = [directory / _NAME for directory in directories]
    if home is not None:
        places.append(home / _HIDDEN_NAME)
    found = next((place for place in places if place.exists()), None)
    if found is not None:
        return found.absolute()
    if directories and _can_be_made(directories[0]):
        return (directories[0] / _NAME).absolute()
    return ((home or Path()) / _HIDDEN_NAME).absolute()


def _home(environ: Mapping[str, str]) -> Path | None:
    if environ.get("HOME"):
        return Path(environ["HOME"])
    try:
        home = pwd.getpwuid(os.getuid()).pw_dir
    except KeyError:
        return None
    return Path(home) if home else None


def _can_be_made(directory: Path) -> bool:
    """Whether the directory exists or could be created. rclone creates it to find out; we do not."""
    existing = next(p for p in (directory.absolute(), *directory.absolute().parents) if os.path.lexists(p))
    if existing == directory.absolute():
        return existing.is_dir()
    try:
        with tempfile.TemporaryFile(dir=existing):
            return True
    except OSError:
        return False
