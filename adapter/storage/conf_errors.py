"""The border to rclone_conf: its exceptions become failures of the contract."""

from collections.abc import Iterator
from contextlib import contextmanager

from adapter.contract.errors import AdapterError, ErrorCode, Failure
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
        "Check $RCLONE_CONFIG_PASS; blanks at its ends count.",
    ),
    (ConfLocked, ErrorCode.CONF_LOCKED, "Another process of this adapter writes it; try again in a moment."),
    (
        ConfWriteError,
        ErrorCode.CONF_UNWRITABLE,
        "The old file is whole; make its directory writable for this user and try again.",
    ),
    (ConfValueError, ErrorCode.INVALID_FORM, "Choose another value; rclone could not read this one back."),
    (
        ConfNameError,
        ErrorCode.INVALID_FORM,
        "Use letters, digits, '_', '-', '.', '+', '@' and blanks inside.",
    ),
    (
        ConfError,
        ErrorCode.CONF_UNREADABLE,
        "Mend the file, or name another with --config; nothing was changed.",
    ),
)
"""The first row whose class fits tells how an error of the conf is reported."""


@contextmanager
def translated() -> Iterator[None]:
    """Raise AdapterError for whatever rclone_conf raises in the block."""
    try:
        yield
    except ConfError as error:
        raise AdapterError(_failure(error)) from error


def _failure(error: ConfError) -> Failure:
    code, hint = next(row[1:] for row in _CONF_FAILURES if isinstance(error, row[0]))
    match error:
        case ConfValueError():
            return Failure(code, error.message, error.hint or hint, field=option_name(error.option))
        case ConfNameError():
            return Failure(code, error.message, error.hint or hint, field="name")
        case _:
            return Failure(code, error.message, hint)


def unreadable(name: str, error: ConfValueError) -> Failure:
    """The failure for a section that is there and that rclone cannot read."""
    return Failure(
        ErrorCode.CONF_UNREADABLE,
        f"rclone cannot read the section {name!r}: {error.message}",
        error.hint or "Edit the file by hand.",
        field="name",
    )
