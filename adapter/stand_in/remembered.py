"""The options of `stand-in install` that are kept beside the program: Pluton hands on no environment."""

import os
from pathlib import Path

import msgspec

from adapter.contract.errors import AdapterError, ErrorCode, Failure
from adapter.rclone.stand_in_program import REMEMBERED
from adapter.stand_in.temporary import replace

_MODE = 0o644
"""All who may run the program read it; there is no secret in it."""


class Remembered(msgspec.Struct, frozen=True):
    """What was given to `stand-in install`; blank: nothing."""

    endpoint: str = ""
    key_file: str = ""
    state_dir: str = ""
    create_bucket: bool = False
    had_no_rclone: bool = False
    """Whether the directory had no rclone before: then `remove` leaves none."""

    def as_dict(self) -> dict[str, object]:
        """Return the `remembered` object of the interface."""
        options: dict[str, object] = msgspec.to_builtins(self)
        del options["had_no_rclone"]
        return options


def load(directory: Path) -> Remembered:
    """Return what is remembered in a directory; the defaults if there is no file.

    Raises AdapterError `usage` if it cannot be read.
    """
    path = directory / REMEMBERED
    try:
        return msgspec.json.decode(path.read_bytes(), type=Remembered)
    except FileNotFoundError:
        return Remembered()
    except OSError as error:
        raise _unreadable(directory, (error.strerror or str(error)).lower()) from error
    except ValueError as error:
        raise _unreadable(directory, "it is damaged") from error


def save(directory: Path, remembered: Remembered) -> None:
    """Write what is remembered, at once. Raises OSError."""
    text = msgspec.json.format(msgspec.json.encode(remembered), indent=2)
    replace(directory / REMEMBERED, text + b"\n", _MODE)


def _unreadable(directory: Path, why: str) -> AdapterError:
    return AdapterError(
        Failure(
            ErrorCode.USAGE,
            f"Cannot read the remembered options in {directory / REMEMBERED}: {why}.",
            f"Run `pluton-qingstor stand-in install {os.fspath(directory)}` again, with the options.",
        )
    )
