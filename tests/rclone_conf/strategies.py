"""Hypothesis strategies for files, names and values of people, rclone, other programs and attackers."""

import re

from hypothesis import strategies as st

_ODD = "\"'`%()s=:#;[]\\-+.@/,$ \t\x1c\x85\xa0\u2028\u3000\ufeff\u200b\xe9\u6f22\U0001f511abx1"
_PIECES = ["%(a)s", "%(b)s", "%(pass)s", '"""', "``", "=", " = ", "[b]", "# x", "\\", "RCLONE_ENCRYPT_V0:"]
_CONTROLS = ["\n", "\r", "\r\n", "\0", "\n[b]\nx = 1\n", "\x1b[31m", "\x7f", "\udcff", "\ud800"]

one_line = st.lists(
    st.one_of(st.sampled_from(_PIECES), st.text(_ODD, max_size=4), st.text("abc 123", max_size=8)), max_size=4
).map("".join)
"""Text on one line, with everything that may have a meaning in INI files."""

values = st.one_of(
    one_line,
    st.lists(st.one_of(one_line, st.sampled_from(_CONTROLS)), max_size=4).map("".join),
    st.text(max_size=20),
    st.sampled_from(
        ["", "`", '"""', "x" * 100_000, "`" * 3, '""""""', "%(x)s" * 3, " x", "x\t", "a`b", 'a`"b']
    ),
)
"""Values for an option: most can be stored, some cannot."""

_ORDINARY_KEYS = ["a", "b", "x", "pass", "type", "zone", "access_key_id", "secret_access_key", "\xe9"]
ordinary_keys = st.sampled_from(_ORDINARY_KEYS) | st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True)
"""Names for an option that can be stored."""
_odd_keys = st.sampled_from(
    ["", "-", "#1", "a b", '"a"', "a=b", "[x]", "a\n", "`a`", ";c", "a:b", "\0", " a", "\udc80", "a" * 3_000]
)

_WORD = "abcXYZ019_.+@\xe9\u6f22\u0660"
ordinary_names = st.one_of(
    st.sampled_from(["a", "b", "c", "a.b", "QingStor Backups", "new", "default", "RCLONE"]),
    st.builds("{}{}".format, st.text(_WORD, min_size=1, max_size=6), st.text(_WORD + "- ", max_size=6)).map(
        lambda name: name.rstrip(" ")
    ),
)
"""Names for a section that can be stored."""
_odd_names = st.one_of(
    st.sampled_from(
        ["", "DEFAULT", " a", "a ", "-a", "a]", "[a", "a\nb", "a]\n[b", "#a", "d/e", "\0", "\udcff"]
    ),
    values,
)

_BLANKS = " \t\x85\xa0\u2028\u3000"
_storable_values = st.one_of(
    st.text("abcXYZ019/+=-_.", min_size=1, max_size=40),
    st.sampled_from(
        [
            *("[section]", "[b]", "# x", "; x", "a = b", "a: b", "=", "%", "%(a", "%()s", "a)s", "100 %"),
            *('"', '""', '"a"', "it's", "a`b", "``", "`a", "b`", 'x"""', '"""', '""""', "\\", "\\n", "$(x)"),
            *("a \t b", "\x1c", "\u200b", "\ufeff", "\u202e", "\xe9", "\u6f22\u5b57", "\U0001f511"),
            *("RCLONE_ENCRYPT_V0:", "undefined", "x" * 100_000, "\u6f22" * 5_000),
        ]
    ),
    st.lists(st.text(_ODD, max_size=4), min_size=1, max_size=4).map("".join).map(lambda v: v.strip(_BLANKS)),
)
"""Values with a meaning to some INI reader; nearly all of them can be stored."""
_breakers = st.sampled_from(
    [
        *_CONTROLS,
        *(
            "%(a)s",
            "%(x)s%(x)s",
            "%(pass)s",
            " x",
            "x\t",
            "\u3000x",
            "`a`",
            "`a`b",
            'a`"b',
            '"""a',
            '"""a"""',
        ),
        *("\n[section]\n", "\nx = 1", "a\0b", "\x01", "\x1b[2J", "\x7f"),
    ]
)
"""Values that rclone.conf cannot store, or only in some contexts."""
_hostile_values = st.one_of(
    _breakers, st.builds("{}{}{}".format, st.text("ab", min_size=1), _breakers, st.text("ab")), values
)


def _now_and_then(draw: st.DrawFn, percent: int) -> bool:
    """True with this probability. `st.one_of` cannot: it flattens its branches and drops repeated ones."""
    return 50 <= draw(st.integers(0, 99)) < 50 + percent  # the ends of a range are drawn too often


@st.composite
def _some_names(draw: st.DrawFn) -> str:
    return draw(_odd_names if _now_and_then(draw, 8) else ordinary_names)


names = _some_names()
"""Names for a section, of which nine in ten can be stored."""


@st.composite
def _some_options(draw: st.DrawFn) -> dict[str, str]:
    options = draw(st.dictionaries(ordinary_keys, _storable_values, min_size=1, max_size=5))
    if _now_and_then(draw, 6):
        options[draw(_odd_keys)] = draw(_storable_values)
    if _now_and_then(draw, 20):
        options[draw(st.sampled_from(sorted(options)))] = draw(_hostile_values)
    return options


options = _some_options()
"""The options of a section: at least one, and in three of four cases all can be stored."""


def _line(text: str) -> str:
    return text.replace("\n", "")


_key_texts = st.sampled_from(
    ["a", "b", "x", "pass", "-", '"a"', "`b`", '"""a"""', "a b", '"" ', '" "', "A", "\udcff"]
)
_options = st.builds(
    "{}{}{}{}".format,
    _key_texts,
    st.sampled_from(["=", " = ", ":", " :\t"]),
    one_line,
    st.sampled_from(["", " "]),
).map(_line)
_headers = st.sampled_from(
    ["[a]", "[b]", "[a.b]", "[ c ]", "[DEFAULT]", "[QingStor Backups]", " [x]] ", "[d/e]"]
)
_comments = one_line.map(_line).map("# {}".format) | one_line.map(_line).map("; {}".format)
_blanks = st.sampled_from(["", "  ", "\t", "\xa0", "\r"])
_sane = st.sampled_from(
    ["a = 1", "b=2", "x: y", "type = local", "pass = `q`", "# note", "", "[a]", "[b]", "[c]"]
)
_lines = st.one_of(_sane, _sane, _sane, _options, _headers, _comments, _blanks)
_any_lines = st.one_of(
    _lines, _lines, _lines, one_line.map(_line), st.sampled_from(["[]", "=", "a", '"a = 1', "\0"])
)


def _joined(bom: str, lines: list[str], end: str, last: str) -> bytes:
    return (bom + end.join(lines) + last).encode(errors="surrogateescape")


def _files(lines: st.SearchStrategy[str]) -> st.SearchStrategy[bytes]:
    return st.builds(
        _joined,
        st.sampled_from(["", "", "", "\ufeff"]),
        st.lists(lines, max_size=14),
        st.sampled_from(["\n", "\n", "\r\n"]),
        st.sampled_from(["\n", ""]),
    )


files = _files(_lines)
"""Files of which nearly all can be read."""
any_files = _files(_any_lines)
"""Files of which many cannot be read."""


_HEADER = re.compile(rb"^\[([ab.c]{1,3}|QingStor Backups)\]\r?$", re.MULTILINE)
_OPTION = re.compile(rb"^(\w+) ?[=:] ?([^`\"\s%]+)\r?$", re.MULTILINE)


@st.composite
def changes(draw: st.DrawFn) -> tuple[bytes, str, dict[str, str]]:
    """A file, the name of a section to write, and its options.

    Often the file has that section, and often the options include some that the file has.
    """
    data = draw(files)
    there = sorted({name.decode() for name in _HEADER.findall(data)})
    name = draw(names if not there or _now_and_then(draw, 30) else st.sampled_from(there))
    wanted = draw(options)
    present = [(key.decode(), value.decode()) for key, value in _OPTION.findall(data)]
    if present and _now_and_then(draw, 45):
        wanted = dict(draw(st.lists(st.sampled_from(present), max_size=6))) | wanted
    return data, name, wanted
