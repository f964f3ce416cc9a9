"""What of a file may be shown: nothing that acts on a terminal, and nothing that may be a secret."""

import re

from rclone_conf.qingstor import OPTIONS

MASK = "********"
"""Of one length, so that it does not tell the secret's."""

_HARMLESS = frozenset(option.name for option in OPTIONS if not option.secret)
_USERINFO = re.compile(r"^([a-z][a-z0-9+.-]*://)?.*@", re.IGNORECASE)
_USUAL = re.compile(r"-|#\d+|[a-z][a-z0-9_]{0,39}", re.ASCII)
_MOST_DIGITS = 4


def visible(text: str) -> str:
    """`text` with a mark in the place of every character that a terminal would obey, not print."""
    return "".join(c if c.isprintable() else "\ufffd" for c in text)


def option_name(name: str) -> str:
    """The name if it looks like one of rclone's options, else words for it.

    A key that was pasted as a line of its own, with a `=` somewhere in it, reads as an option of that name.
    """
    usual = _USUAL.fullmatch(name) and sum(map(str.isdigit, name)) <= _MOST_DIGITS
    return name if usual or not name else "an option with an unusual name"


def option_value(option: str, value: str) -> str:
    """The value of a qingstor option as it may be shown; all that is not known to be harmless is masked.

    One with control characters is masked whole: it may be several lines that an editor ended in its own way.
    """
    if option not in _HARMLESS or not value.isprintable():
        return MASK
    return value if option == "description" else _USERINFO.sub(rf"\1{MASK}@", value)
