"""Exceptions of rclone_conf as failures of the contract."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from adapter.contract.errors import AdapterError, ErrorCode, Failure
from adapter.storage.form_fields import LABELS
from rclone_conf import (
    ConfEncrypted,
    ConfError,
    ConfLocked,
    ConfNameError,
    ConfValueError,
    ConfWriteError,
    WrongPassword,
    option_name,
)

_CONF_FAILURES: tuple[tuple[type[ConfError], ErrorCode, str], ...] = (
    (
        ConfEncrypted,
        ErrorCode.CONF_PASSWORD_MISSING,
        "Set $RCLONE_CONFIG_PASS, or run the command on a terminal to be asked for the password.",
    ),
    (
        WrongPassword,
        ErrorCode.CONF_WRONG_PASSWORD,
        "Check $RCLONE_CONFIG_PASS. Blanks at its start or end are part of the password.",
    ),
    (
        ConfLocked,
        ErrorCode.CONF_LOCKED,
        "Another process of this adapter is writing it. Try again in a moment.",
    ),
    (
        ConfWriteError,
        ErrorCode.CONF_UNWRITABLE,
        "The old file is unchanged. Make its directory writable for this user, then try again.",
    ),
    (ConfValueError, ErrorCode.INVALID_FORM, "Choose another value: rclone could not read this one back."),
    (
        ConfNameError,
        ErrorCode.INVALID_FORM,
        "Use letters, digits, '_', '-', '.', '+', '@' and blanks inside.",
    ),
    (
        ConfError,
        ErrorCode.CONF_UNREADABLE,
        "Correct the file, or name another with --config. Nothing was changed.",
    ),
)
"""The first row whose class fits gives the code and the hint."""


@contextmanager
def translated() -> Iterator[None]:
    """Raise AdapterError for every ConfError in the block."""
    try:
        yield
    except ConfError as error:
        raise AdapterError(_failure(error)) from error


def _failure(error: ConfError) -> Failure:
    code, hint = next(row[1:] for row in _CONF_FAILURES if isinstance(error, row[0]))
    match error:
        case ConfValueError():
            option = option_name(error.option)
            message = f"{LABELS.get(option, option)}: {error.problem}."
            return Failure(code, message, error.hint or hint, field=option)
        case ConfNameError():
            message = f"{LABELS['name']}: {error.problem}."
            return Failure(code, message, error.hint or hint, field="name")
        case _:
            return Failure(code, error.message, hint)


def unreadable(name: str, error: ConfValueError) -> Failure:
    """Return the failure of a section that rclone cannot read."""
    return Failure(
        ErrorCode.CONF_UNREADABLE,
        f"rclone cannot read the section {name!r}: {error.message}",
        error.hint or "Edit the file by hand.",
        field="name",
    )


def no_file(path: Path) -> str:
    """Return what there is to say of an rclone.conf that is not there."""
    return f"There is no {path} yet; saving a storage creates it."
