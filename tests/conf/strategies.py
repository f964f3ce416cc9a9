"""Files, names and values as people, rclone, other programs and attackers write them."""

from hypothesis import strategies as st

_ODD = "\"'`%()s=:#;[]\\-+.@/,$ \t\x1c\x85\xa0\u2028\u3000\ufeff\u200b\xe9\u6f22\U0001f511abx1"
_PIECES = ["%(a)s", "%(b)s", "%(pass)s", '"""', "``", "=", " = ", "[b]", "# x", "\\", "RCLONE_ENCRYPT_V0:"]
_CONTROLS = ["\n", "\r", "\r\n", "\0", "\n[b]\nx = 1\n", "\x1b[31m", "\x7f", "\udcff", "\ud800"]

one_line = st.lists(
    st.one_of(st.sampled_from(_PIECES), st.text(_ODD, max_size=4), st.text("abc 123", max_size=8)), max_size=4
).map("".join)
"""Text on one line, with everything that might mean something to a reader of INI files."""

values = st.one_of(
    one_line,
    st.lists(st.one_of(one_line, st.sampled_from(_CONTROLS)), max_size=4).map("".join),
    st.text(max_size=20),
    st.sampled_from(
        ["", "`", '"""', "x" * 100_000, "`" * 3, '""""""', "%(x)s" * 3, " x", "x\t", "a`b", 'a`"b']
    ),
)
"""Values for an option: most could be stored, some could not."""

keys = st.one_of(
    st.sampled_from(["a", "b", "x", "type", "zone", "access_key_id"]),
    st.sampled_from(["", "-", "#1", "a b", '"a"', "a=b", "[x]", "a\n", "`a`", ";c", "\xe9", "\udc80"]),
)
names = st.one_of(
    st.sampled_from(["a", "b", "c", "a.b", "DEFAULT", "QingStor Backups", "new"]), one_line, values
)


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
"""Files that nearly always can be read."""
any_files = _files(_any_lines)
"""Files of which many cannot be read."""
