"""We read what the real rclone reads, and rclone reads back what we write."""

import codecs
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import assume, example, given, reject
from hypothesis import strategies as st

from rclone_conf import (
    ConfEncrypted,
    ConfNameError,
    ConfSyntaxError,
    ConfValueError,
    Document,
    check_name,
    check_value,
    is_encrypted,
)
from rclone_conf.syntax import SPACE, Kind, read_line
from tests.rclone_conf import rclone, strategies
from tests.rclone_conf.rclone import Daemon, Sections


def sections(document: Document) -> Sections:
    """Return all sections as `rclone config dump` shows them; reject files on which rclone would crash."""
    shown: Sections = {}
    for name in document.names:
        try:
            options = document.get(name)
        except ConfValueError:
            reject()
        assert options is not None
        shown[rclone.as_shown(name)] = {rclone.as_shown(k): rclone.as_shown(v) for k, v in options.items()}
        assume(len(shown[rclone.as_shown(name)]) == len(options))
    assume(len(shown) == len(document.names))
    return shown


@given(data=strategies.any_files)
@example(data=b"[]\n[a]\nx = 1\n")
@example(data=b"[]\nx = 1\n")
@example(data=b'" " = hidden\n')
@example(data=b"[x]\nk = %(q)s\nq = %(k)s%%\n")
@example(data=b'[x]\nd = """\xc3\xa9\n')
@example(data=b'[x]\nd = """\xc3\xa9a\n')
@example(data=b"\xef\xbb\xbf\xef\xbb\xbf[x]\n")
def test_reads_every_file_as_rclone_does(data: bytes, daemon: Daemon, directory: Path) -> None:
    path = directory / "read.conf"
    path.write_bytes(data)
    assume(not is_encrypted(data))
    document = parsed(data)
    if document is None:
        assert daemon.dump(path) is None
        return
    assert document.render() == data
    ours = sections(document)
    assert daemon.dump(path) == ours


class Tally:
    """Counts examples, and those that wrote an option that is not blank."""

    def __init__(self) -> None:
        self.examples = self.written = 0

    def check(self) -> None:
        """Fail if the strategies produce too little that can be written."""
        assert self.written >= 0.4 * self.examples, f"{self.written} of {self.examples} were written"


Change = tuple[bytes, str, dict[str, str]]


def test_what_is_written_is_read_back_and_nothing_else_changes(daemon: Daemon, directory: Path) -> None:
    path = directory / "write.conf"
    tally = Tally()

    @given(change=strategies.changes())
    @example(change=(b"", "a", {"a": '"""\ud800'}))
    @example(change=(b"", "a", {'"""\ud800': ""}))
    @example(change=(b"", "a", {"a": "1\n[b]\nx = 1"}))
    @example(change=(b"[a]\nb = 1\n", "a", {"a": "%(b)s", "b": "1"}))
    @example(change=(b"", "a", {"[x]": "[section]"}))
    @example(change=(b"", "a", {"a": "`b`"}))
    @example(change=(b"", "a", {"a": " b"}))
    @example(change=(b"[a]\nx = 1\n[b]\ny = 1\n[a]\nz = 1", "a", {"x": "1", "z": "1"}))
    def check(change: Change) -> None:
        tally.examples += 1
        data, name, options = change
        old = parsed(data)
        assume(old is not None)
        assert old is not None
        before = sections(old)
        new, refused = changed(old, name, options)
        if new is None:
            assert_refused_for_a_reason(old, data, change, refused)
            return
        path.write_bytes(new.render())
        after = daemon.dump(path)
        assert after is not None
        assert after.pop(name) == {k: rclone.as_shown(v) for k, v in options.items()}
        before.pop(name, None)
        assert after == before
        tally.written += any(options.values())

        # Again after rclone has rewritten the file in its own format.
        assert daemon.create(path, "rclones-own", {"x": "1"})
        again = daemon.dump(path)
        assert again is not None
        if "DEFAULT" not in before and all(is_plain(k, v) for k, v in options.items()):
            assert again[name] == options

    check()
    tally.check()


def assert_refused_for_a_reason(old: Document, data: bytes, change: Change, refused: str | None) -> None:
    """Refused is an option for its own value, or because of `%(…)s` or `-` in the file; a name for
    itself."""
    _, name, options = change
    if refused is None:
        assert not is_possible(name) or any("." in other for other in (name, *old.names))
    elif refused in options:
        assert not is_plain(refused, options[refused]) or b"%(" in data
    else:
        assert refused == "-"
        assert any(key.startswith("#") for key in old.get(name) or {})


def is_possible(name: str) -> bool:
    """Return whether a section may have this name."""
    try:
        check_name(name)
    except ConfNameError:
        return False
    return True


def changed(old: Document, name: str, options: Mapping[str, str]) -> tuple[Document | None, str | None]:
    """Return the document with the section, or the option that was refused (None: the name was)."""
    try:
        return old.with_section(name, options), None
    except ConfValueError as error:
        return None, error.option
    except ConfNameError:
        return None, None


def is_plain(key: str, value: str) -> bool:
    """Return whether we would write this option, so it is not an unchanged line of another program."""
    try:
        check_value(key, value)
    except ConfValueError:
        return False
    return True


def parsed(data: bytes) -> Document | None:
    try:
        return Document.parse(data)
    except (ConfSyntaxError, ConfEncrypted):
        return None


def test_untouched_lines_stay_byte_for_byte() -> None:
    tally = Tally()

    @given(change=strategies.changes())
    @example(change=(b"# 1\n[b]\n\n# 2\nx = 1\n\n# 3\n\n[a]\n\nx = 1\n\n[c]\n\ny = 1\n", "a", {"x": "2"}))
    @example(change=(b"[b]\r\n\r\n[a]\r\nx = 1\r\n\r\n[c]\r\n\r\n[a]\r\nz = 1\r\n", "a", {"x": "2"}))
    @example(change=(b"[a]\n[b]\n# of a\n[a]\n", "a", {"x": "2"}))
    @example(change=(b"[a]\n", "a", {"[x]": "[section]"}))
    @example(change=(b"[a]\n# z\nx = 1\n\n# y\n\n# x\nb = 2\n# w\n\n# v\n", "a", {"x": "2", "b": "2"}))
    def check(change: Change) -> None:
        tally.examples += 1
        data, name, options = change
        old = parsed(data)
        assume(old is not None)
        assert old is not None
        sections(old)
        new, _ = changed(old, name, options)
        if new is None:
            return
        tally.written += any(options.values())
        places = [n for n, part in enumerate(parts(data)) if part.name == name]
        if not places:
            assert_appended(data, new.render(), name)
        elif len(places) == 1:
            assert_replaced(data, new.render(), places[0], options)
        else:
            assert_merged(data, new.render(), name, options)
        if old.get(name) == options and data.endswith(b"\n") and len(places) == 1:
            keys = [key for line in parts(data)[places[0]].lines if (key := key_of(line)) is not None]
            assert new.render() == data or len(set(keys)) < len(keys)

    check()
    tally.check()


class Part(NamedTuple):
    """The lines above the first header, or a header and the lines below it; `name` is None for the first."""

    name: str | None
    lines: list[bytes]


def parts(data: bytes) -> list[Part]:
    """Return the parts of a file, which together are all its lines in order.

    Does not use the package's parser. Comments directly above a header belong to the part above: they stay
    as well.
    """
    found = [Part(None, [])]
    for line in re.findall(rb"[^\n]*\n|[^\n]+", data.removeprefix(codecs.BOM_UTF8)):
        text = line.decode(errors="surrogateescape").strip(SPACE)
        if text[:1] == "[" and text[-1:] == "]":
            found.append(Part(text[1:-1].strip(SPACE), []))
        found[-1].lines.append(line)
    return found


def text_of(some: Iterable[Part]) -> bytes:
    """Return the bytes of these parts."""
    return b"".join(line for part in some for line in part.lines)


def is_comment(line: bytes) -> bool:
    return line.decode(errors="surrogateescape").strip(SPACE)[:1] in {"#", ";"}


def key_of(line: bytes) -> str | None:
    """Return the name of the option on this line, or None."""
    read = read_line(line.decode(errors="surrogateescape"))
    return read.name if read.kind is Kind.OPTION else None


def assert_appended(old: bytes, new: bytes, name: str) -> None:
    """The new file is the old one, at most two line endings, and the section."""
    assert new.startswith(old)
    rest = new.removeprefix(old)
    assert rest.lstrip(b"\r\n").startswith(f"[{name}]".encode())
    assert rest.index(b"[") <= 4


def assert_replaced(old: bytes, new: bytes, place: int, options: Mapping[str, str]) -> None:
    """Everything before and after the section's options is unchanged, and so are the comments and blank
    lines between them, except those of removed options."""
    before, after = parts(old), parts(new)
    assert [part.name for part in after] == [part.name for part in before]
    assert text_of(after[:place]) == text_of(before[:place])
    assert text_of(after[place + 1 :]) == text_of(before[place + 1 :])
    was, now = before[place].lines, after[place].lines
    kept = [line for line in was if key_of(line) is None]
    left = [line for line in now if key_of(line) is None]
    if not old.endswith(b"\n"):  # the last line may have got a line ending
        kept, left = ([line.rstrip(b"\r\n") for line in some] for some in (kept, left))
    if {key for line in was if (key := key_of(line)) is not None} <= options.keys():
        assert left == kept
    else:
        assert is_subsequence(left, kept)
        assert [line for line in left if not is_comment(line)] == [x for x in kept if not is_comment(x)]


def assert_merged(old: bytes, new: bytes, name: str, options: Mapping[str, str]) -> None:
    """Other sections keep all lines in order, except comments directly above a header of ours, which move
    with it; comments of the repetitions may follow them."""
    before, after = parts(old), parts(new)
    assert [part.name for part in after].count(name) == 1
    theirs: list[bytes] = []
    for part, below in zip(before, [*before[1:], None], strict=True):
        lines = list(part.lines) if part.name != name else []
        while below and below.name == name and lines and is_comment(lines[-1]):
            lines.pop()
        theirs += lines
    assert is_subsequence(
        [line.rstrip(b"\r\n") for line in theirs],
        [line.rstrip(b"\r\n") for part in after if part.name != name for line in part.lines],
    )
    ours = [line for part in before if part.name == name for line in part.lines]
    if {key for line in ours if (key := key_of(line)) is not None} <= options.keys():
        comments = [
            [line.rstrip(b"\r\n") for part in some for line in part.lines if is_comment(line)]
            for some in (before, after)
        ]
        assert sorted(comments[0]) == sorted(comments[1])


def is_subsequence(some: Iterable[bytes], of: Iterable[bytes]) -> bool:
    """Return whether `some` are contained in `of`, in this order."""
    rest = iter(of)
    return all(one in rest for one in some)


def test_we_read_what_rclone_writes(daemon: Daemon, directory: Path) -> None:
    path = directory / "theirs.conf"
    tally = Tally()

    @given(name=strategies.names, options=strategies.options)
    def check(name: str, options: dict[str, str]) -> None:
        tally.examples += 1
        path.write_text("[other]\ntype = local\n")
        texts = [name, *options, *options.values()]
        assume(not any("\ud800" <= c <= "\udfff" for text in texts for c in text))
        # With more references rclone may use up the memory or its stack.
        assume(sum(text.count("%(") for text in texts) <= (name != "DEFAULT"))
        daemon.create(path, name, options)
        theirs = daemon.dump(path)
        try:
            document = Document.parse(path.read_bytes())
        except ConfSyntaxError:
            assert theirs is None, "rclone can read this file"
            return
        assert theirs == sections(document)
        tally.written += any(theirs.get(name, {}).get(key) for key in options)

    check()
    tally.check()


@given(options=st.dictionaries(st.sampled_from(["a", "b_1", "zone"]), strategies.values, min_size=1))
def test_we_refuse_nothing_that_rclone_keeps(
    options: dict[str, str], daemon: Daemon, directory: Path
) -> None:
    assume(not any("\ud800" <= c <= "\udfff" for v in options.values() for c in v))
    assume(not any("%(" in value for value in options.values()))  # rclone may run out of memory
    path = directory / "keeps.conf"
    path.write_text("")
    kept = daemon.create(path, "q", options) and daemon.create(path, "other", {})
    theirs = (daemon.dump(path) or {}) if kept else {}
    for option, value in options.items():
        if is_plain(option, value):
            continue
        # Control characters are always refused.
        excused = any((c < " " and c != "\t") or c == "\x7f" for c in value)
        assert excused or theirs.get("q", {}).get(option) != value, "refused, but rclone keeps it"


@pytest.mark.parametrize(
    "text",
    [
        "[DEFAULT]\nq = %(q)s\n[x]\na = 1\n",
        pytest.param("q = %(w)s\nw = %(q)s\n[x]\na = 1\n", marks=pytest.mark.deep),
    ],
)
def test_a_reference_that_crashes_rclone_is_an_error(text: str, conf: Path) -> None:
    conf.write_text(text)
    assert rclone.run(conf.parent, "config", "dump", conf=conf).returncode == 2, "rclone no longer crashes"
    document = Document.parse(text.encode())
    assert document.get("x") == {"a": "1"}
    with pytest.raises(ConfValueError) as caught:
        document.get("DEFAULT")
    assert caught.value.option == "q"


def test_a_section_with_a_dot_borrows_options_as_in_rclone(conf: Path, tmp_path: Path) -> None:
    (tmp_path / "lent").mkdir()
    conf.write_text(f"[a]\ntype = alias\nremote = {tmp_path}\n[a.b]\ntype = alias\n")
    ran = rclone.run(tmp_path, "lsf", "a.b:", conf=conf)
    assert "lent/" in ran.stdout.splitlines()
    document = Document.parse(conf.read_bytes())
    assert document.get("a.b") == {"type": "alias"}
    assert document.borrowed("a.b") == {"remote": str(tmp_path)}
    with pytest.raises(ConfNameError, match="token"):
        document.with_section("a", {"type": "alias", "token": "canary"})
    with pytest.raises(ConfNameError, match="remote"):
        document.with_section("a.b.c", {"type": "alias"})
