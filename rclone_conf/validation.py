"""Checks that rclone reads back a section name or an option value unchanged.

rclone rewrites the whole file in its own format whenever it saves another remote, and a value has to survive
that too. A value in backquotes, for example, can be read, but rclone's next save changes it.
"""

import re
import unicodedata

from rclone_conf.errors import ConfNameError, ConfValueError
from rclone_conf.interpolation import find_reference
from rclone_conf.syntax import SPACE, Kind, read_line, write_option

DEFAULT_SECTION = "DEFAULT"
"""The section of options before the first header. rclone saves it without its header, so after its next save
the options belong to the section above (goconfig 1.0.0, write.go)."""

_WORD = "[^ -]"
_SHAPE = re.compile(rf"{_WORD}+(?:[ -]+(?:{_WORD}|-)+)*")


def check_name(name: str) -> None:
    """Raise `ConfNameError` unless rclone accepts `name` as the name of a remote.

    The rule is `configNameRe` of rclone's fs/fspath/path.go (1.75.2): letters and digits of any script, and
    `_ . + @ -` and blanks, with no `-` or blank at the start and no blank at the end.
    """
    if not name:
        raise ConfNameError("it is empty", "Give the remote a name.")
    bad = next((c for c in name if not _allowed(c)), None)
    if bad is not None:
        raise ConfNameError(
            f"{_shown(bad)} is not allowed",
            "Use letters, digits, '_', '-', '.', '+', '@' and blanks.",
        )
    if not _SHAPE.fullmatch(name):
        raise ConfNameError("it starts with '-' or a blank, or ends with a blank", "Remove those characters.")
    if name == DEFAULT_SECTION:
        raise ConfNameError("rclone uses DEFAULT as defaults for all sections", "Choose another name.")


def _allowed(char: str) -> bool:
    return char in "_.+@ -" or unicodedata.category(char)[0] in "LN"


def _shown(char: str) -> str:
    return repr(char) if char.isprintable() else f"the character U+{ord(char):04X}"


def check_value(option: str, value: str) -> None:
    """Raise `ConfValueError` unless rclone reads back an option line with this name and value unchanged."""
    problem, hint = _problem(option, value)
    if problem:
        raise ConfValueError(option, problem, hint)


def _problem(option: str, value: str) -> tuple[str, str]:
    """The problem and what to do; two empty texts if there is none."""
    control = next((c for c in value if _is_control(c)), None)
    if control is not None:
        what = "a line break" if control in "\r\n" else f"the control character U+{ord(control):04X}"
        problem = f"it contains {what}, which rclone.conf cannot store", "Remove it; it may have been pasted."
    elif any(map(_is_surrogate, value)):
        problem = "it is not valid Unicode", "Type it again."
    elif find_reference(value):
        problem = "rclone would replace its %(…)s with another option", "Choose a value without '%(' … ')s'."
    elif read_line(write_option("x", value)).value != value:
        if value != value.strip(SPACE):
            problem = "rclone would remove the blanks at its start or end", "Remove them."
        else:
            problem = (
                "rclone.conf cannot store its quotation marks",
                "Choose a value without '`' and '\"\"\"'.",
            )
    elif not _can_be_read(option, value):
        problem = "rclone cannot read an option with this name", "Use letters, digits and '_'."
    else:
        problem = "", ""
    return problem


def _can_be_read(option: str, value: str) -> bool:
    """Whether the name can be read back, also with this value: `[a] = [b]` would be a section."""
    if option == "-" or any(_is_control(c) or _is_surrogate(c) for c in option):
        return False
    lines = (read_line(write_option(option, some)) for some in ("", value))
    return all(line.kind is Kind.OPTION and line.name == option for line in lines)


def _is_surrogate(char: str) -> bool:
    """Whether this is half a character or a byte that is not UTF-8: kept in existing lines, never written."""
    return "\ud800" <= char <= "\udfff"


def _is_control(char: str) -> bool:
    """Whether this is a control character but the tab. Most would survive, but none belongs in a setting."""
    return (char < " " and char != "\t") or char == "\x7f"
