"""What we read is what the real rclone reads, and what we write is what it reads back."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import assume, example, given, reject
from hypothesis import strategies as st

from rclone_conf import (
    ConfEncrypted,
    ConfNameError,
    ConfSyntaxError,
    ConfValueError,
    Document,
    check_value,
    is_encrypted,
)
from tests.conf import rclone, strategies
from tests.conf.rclone import Daemon, Sections


def sections(document: Document) -> Sections:
    """All sections as `rclone config dump` would show them; rejects files on which rclone would crash."""
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


@given(
    data=strategies.files, name=strategies.names, options=st.dictionaries(strategies.keys, strategies.values)
)
@example(data=b"", name="a", options={"a": '"""\ud800'})
@example(data=b"", name="a", options={'"""\ud800': ""})
@example(data=b"[a]\nx = 1\n[b]\ny = 1\n[a]\nz = 1", name="a", options={"x": "1", "z": "1"})
def test_what_is_written_is_read_back_and_nothing_else_changes(
    data: bytes, name: str, options: dict[str, str], daemon: Daemon, directory: Path
) -> None:
    old = parsed(data)
    assume(old is not None)
    assert old is not None
    before = sections(old)
    new, refused = changed(old, name, options)
    if new is None:
        assert refused in {*options, "-", None}
        return
    path = directory / "write.conf"
    path.write_bytes(new.render())
    after = daemon.dump(path)
    assert after is not None
    assert after.pop(name) == {k: rclone.as_shown(v) for k, v in options.items()}
    before.pop(name, None)
    assert after == before

    # And once more after rclone has rewritten the file in its own hand.
    assert daemon.create(path, "rclones-own", {"x": "1"})
    again = daemon.dump(path)
    assert again is not None
    if "DEFAULT" not in before and all(is_plain(k, v) for k, v in options.items()):
        assert again[name] == options


def changed(old: Document, name: str, options: Mapping[str, str]) -> tuple[Document | None, str | None]:
    """The document with the section, or else the option that was refused (None: it was the name)."""
    try:
        return old.with_section(name, options), None
    except ConfValueError as error:
        return None, error.option
    except ConfNameError:
        return None, None


def is_plain(key: str, value: str) -> bool:
    """Whether this option was written by us, and not a foreign line that did not change."""
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


@given(
    data=strategies.files, name=strategies.names, options=st.dictionaries(strategies.keys, strategies.values)
)
def test_untouched_lines_stay_byte_for_byte(data: bytes, name: str, options: dict[str, str]) -> None:
    old = parsed(data)
    assume(old is not None)
    assert old is not None
    sections(old)
    new, _ = changed(old, name, options)
    if new is None:
        return
    if name not in old.names:
        assert new.render().startswith(data.removesuffix(b"\n"))
        return
    for other in old.names:
        if other != name:
            assert lines_of(new, other) == lines_of(old, other)
    same = old.get(name) or {}
    if same.keys() <= options.keys():
        assert comments_of(new.render()) == comments_of(data)
    if same == options and data.endswith(b"\n") and old.render().count(f"[{name}]".encode()) == 1:
        assert new.render() == data


def lines_of(document: Document, name: str) -> list[bytes]:
    """The option lines of a section, as bytes."""
    for other in document.names:
        if other != name:
            document = document.without_section(other)
    lines = [line.strip(b"\xef\xbb\xbf\r\n") for line in document.render().split(b"\n")]
    return [line for line in lines if (b"=" in line or b":" in line) and line[:1] not in (b"#", b";")]


def comments_of(data: bytes) -> list[bytes]:
    return sorted(
        line.rstrip(b"\r") for line in data.split(b"\n") if line.lstrip(b"\xef\xbb\xbf")[:1] in (b"#", b";")
    )


@given(name=strategies.names, options=st.dictionaries(strategies.keys, strategies.values))
def test_what_rclone_writes_we_read(
    name: str, options: dict[str, str], daemon: Daemon, directory: Path
) -> None:
    path = directory / "theirs.conf"
    path.write_text("[other]\ntype = local\n")
    texts = [name, *options, *options.values()]
    assume(not any("\ud800" <= c <= "\udfff" for text in texts for c in text))
    # More references than this and rclone may use up the memory, or its stack.
    assume(sum(text.count("%(") for text in texts) <= (name != "DEFAULT"))
    daemon.create(path, name, options)
    theirs = daemon.dump(path)
    try:
        document = Document.parse(path.read_bytes())
    except ConfSyntaxError:
        assert theirs is None, "rclone writes files that it cannot read, but this one it can"
        return
    assert theirs == sections(document)


@given(options=st.dictionaries(st.sampled_from(["a", "b_1", "zone"]), strategies.values, min_size=1))
def test_we_refuse_nothing_that_rclone_keeps(
    options: dict[str, str], daemon: Daemon, directory: Path
) -> None:
    assume(not any("\ud800" <= c <= "\udfff" for v in options.values() for c in v))
    assume(not any("%(" in value for value in options.values()))  # they may use up rclone's memory
    path = directory / "keeps.conf"
    path.write_text("")
    kept = daemon.create(path, "q", options) and daemon.create(path, "other", {})
    theirs = (daemon.dump(path) or {}) if kept else {}
    for option, value in options.items():
        if is_plain(option, value):
            continue
        # Control characters are refused on principle.
        excused = any((c < " " and c != "\t") or c == "\x7f" for c in value)
        assert excused or theirs.get("q", {}).get(option) != value, "refused without need"


@pytest.mark.parametrize("text", ["[DEFAULT]\nq = %(q)s\n[x]\na = 1\n", "q = %(w)s\nw = %(q)s\n[x]\na = 1\n"])
def test_a_reference_that_crashes_rclone_is_a_known_error(text: str, conf: Path) -> None:
    conf.write_text(text)
    assert rclone.run(conf.parent, "config", "dump", conf=conf).returncode == 2, (
        "rclone does not crash any more"
    )
    document = Document.parse(text.encode())
    assert document.get("x") == {"a": "1"}
    with pytest.raises(ConfValueError) as caught:
        document.get("DEFAULT")
    assert caught.value.option == "q"


def test_a_dot_in_the_name_borrows_options_in_rclone_and_in_borrowed(conf: Path, tmp_path: Path) -> None:
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
