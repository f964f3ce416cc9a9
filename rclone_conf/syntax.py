"""Parsing and writing single lines of rclone's INI dialect.

The reader and the writer follow goconfig 1.0.0 (read.go, write.go), rclone's INI library, odd rules included,
and are tested against the real rclone by tests/rclone_conf/test_against_rclone.py. Text is UTF-8 decoded with
`surrogateescape`, so that bytes of any encoding survive.
"""

import re
from enum import Enum, auto
from typing import NamedTuple

SPACE = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)
"""The characters that Go's strings.TrimSpace strips. Python's `strip()` also strips U+001C to U+001F."""

_BOM = "\ufeff"
_LINES = re.compile(r"[^\n]*\n|[^\n]+")
_HIDDEN_KEYS = frozenset({"", " "})
"""goconfig ignores an option with an empty name, and uses the name " " to mark that a section exists."""


class Kind(Enum):
    """The kind of a line."""

    BLANK = auto()
    COMMENT = auto()
    HEADER = auto()
    OPTION = auto()
    HIDDEN = auto()
    BROKEN = auto()


class Line(NamedTuple):
    """One line: its text with the line ending, its kind and its content.

    `name` is the section of a header, the key of an option (`-` for a numbered one) or the problem of a
    broken line; `value` is an option's value before interpolation.
    """

    text: str
    kind: Kind
    name: str = ""
    value: str = ""


def read_lines(data: bytes) -> tuple[str, list[Line]]:
    """Return the byte order mark, or an empty text, and the lines of a file."""
    text = data.decode(errors="surrogateescape")
    bom = _BOM if text.startswith(_BOM) else ""
    return bom, [read_line(line) for line in _LINES.findall(text, len(bom))]


def read_line(text: str) -> Line:
    """Return how rclone reads this line inside a section with a name. Never raises: see `BROKEN`."""
    line = text.strip(SPACE)
    if not line:
        return Line(text, Kind.BLANK)
    first = line[0]
    if first in "#;":
        return Line(text, Kind.COMMENT)
    if first == "[" and line[-1] == "]":
        return Line(text, Kind.HEADER, line[1:-1].strip(SPACE))
    key, value, problem = _split(line)
    if problem:
        return Line(text, Kind.BROKEN, problem)
    return Line(text, Kind.HIDDEN if key in _HIDDEN_KEYS else Kind.OPTION, key, value)


def _split(line: str) -> tuple[str, str, str]:
    """The key, the value and the problem of an option line; the problem is empty if it can be read."""
    quote = _key_quote(line)
    start = 0
    if quote:
        start = line.find(quote, len(quote))
        if start < 0:
            return "", "", "the quotation mark around the option name is not closed"
    at = _separator(line, start)
    if at < 0 or (at == 0 and not quote):
        return "", "", "not a section, an option with '=' or a comment"
    key = line[len(quote) : start] if quote else line[:at].strip(SPACE)
    right = line[at + 1 :].strip(SPACE)
    quote = _value_quote(right)
    if not quote:
        return key, right, ""
    end = right.rfind(quote, len(quote))
    if end < 0:
        return "", "", "the quotation mark at the start of the value is not closed"
    return key, right[len(quote) : end], ""


def _separator(line: str, start: int) -> int:
    """The index of the first `=` or `:`, or -1."""
    equals, colon = line.find("=", start), line.find(":", start)
    return max(equals, colon) if equals < 0 or colon < 0 else min(equals, colon)


def _key_quote(line: str) -> str:
    if line[0] == "`":
        return "`"
    if line[0] != '"':
        return ""
    return '"""' if _is_tripled(line) else '"'


def _value_quote(right: str) -> str:
    if right[:1] == "`" and len(right) >= 2:
        return "`"
    return '"""' if _is_tripled(right) else ""


def _is_tripled(text: str) -> bool:
    """Whether `text` starts with a triple quotation mark; goconfig requires at least six bytes for that."""
    return text.startswith('"""') and len(text.encode(errors="surrogateescape")) >= 6


def write_option(key: str, value: str) -> str:
    """Return the line, without its ending, that rclone itself would save for this option.

    Not every key and value can be read back: check with `read_line`.
    """
    if "`" in value:
        value = f'"""{value}"""' if '"' in value else f'"{value}"'
    return f"{key} = {value}"
