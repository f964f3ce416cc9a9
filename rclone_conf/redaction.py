"""Redaction for display: no control characters, and nothing that may be a secret."""

import re

from rclone_conf.qingstor import OPTIONS

MASK = "********"
"""Of fixed length, so that it does not reveal the length of the secret."""

_HARMLESS = frozenset(option.name for option in OPTIONS if not option.secret)
_USERINFO = re.compile(r"^([a-z][a-z0-9+.-]*://)?.*@", re.IGNORECASE)
_USUAL = re.compile(r"-|#\d+|[a-z][a-z0-9_]{0,39}", re.ASCII)
_MOST_DIGITS = 4


def visible(text: str) -> str:
    """Return `text` with U+FFFD for every unprintable character, which could control a terminal."""
    return "".join(c if c.isprintable() else "\ufffd" for c in text)


def option_name(name: str) -> str:
    """Return the name if it has the form of an rclone option, otherwise a description.

    A key pasted on a line of its own, with a `=` somewhere in it, reads as an option of that name.
    """
    usual = _USUAL.fullmatch(name) and sum(map(str.isdigit, name)) <= _MOST_DIGITS
    return name if usual or not name else "an option with an unusual name"


def option_value(option: str, value: str) -> str:
    """Return the value of a qingstor option for display; all that is not known to be harmless is masked.

    A value with control characters is masked whole: it may be several lines with unusual line endings.
    """
    if option not in _HARMLESS or not value.isprintable():
        return MASK
    return value if option == "description" else _USERINFO.sub(rf"\1{MASK}@", value)
