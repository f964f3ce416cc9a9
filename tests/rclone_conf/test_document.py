"""Changes of a document, by example."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from rclone_conf import ConfNameError, ConfSyntaxError, ConfValueError, Document, check_name, check_value
from tests.rclone_conf.rclone import Daemon

FILE = """\
# All our remotes.

# The archive.
[archive]
type = s3
# Rotated in May.
secret_access_key=canary
region: eu

; disabled for now
; acl = private

# Backups of the office.
[office]
type = local

# The end.
"""


def edited(name: str, options: Mapping[str, str], text: str = FILE) -> str:
    return Document.parse(text.encode()).with_section(name, options).render().decode()


def test_reading() -> None:
    document = Document.parse(FILE.encode())
    assert document.names == ("archive", "office")
    archive = document.get("archive")
    assert archive == {"type": "s3", "secret_access_key": "canary", "region": "eu"}
    assert list(archive) == ["type", "secret_access_key", "region"]
    assert document.get("Archive") is None
    with pytest.raises(TypeError):
        archive["type"] = "x"  # type: ignore[index]  # it is read-only
    assert Document().render() == b""


def test_an_unchanged_section_is_an_unchanged_file() -> None:
    options = Document.parse(FILE.encode()).get("archive")
    assert options is not None
    assert edited("archive", options) == FILE


def test_one_value_changes_one_line() -> None:
    options = {"type": "s3", "secret_access_key": "new", "region": "eu"}
    assert edited("archive", options) == FILE.replace("secret_access_key=canary", "secret_access_key = new")


def test_new_options_come_in_the_order_given() -> None:
    old = {"type": "s3", "secret_access_key": "canary", "region": "eu"}
    options = {"first": "1", **dict(list(old.items())[:2]), "zone": "z", "region": "eu", "last": "2"}
    wanted = FILE.replace("[archive]\n", "[archive]\nfirst = 1\n")
    assert edited("archive", options) == wanted.replace("region: eu\n", "zone = z\nregion: eu\nlast = 2\n")


def test_an_option_goes_with_its_comments() -> None:
    assert edited("archive", {"type": "s3", "region": "eu"}) == FILE.replace(
        "# Rotated in May.\nsecret_access_key=canary\n", ""
    )


def test_a_section_goes_with_its_comments_and_leaves_all_others() -> None:
    document = Document.parse(FILE.encode())
    assert document.without_section("archive").render().decode() == (
        "# All our remotes.\n\n; disabled for now\n; acl = private\n\n"
        "# Backups of the office.\n[office]\ntype = local\n\n# The end.\n"
    )
    assert document.without_section("office").render().decode() == FILE.replace(
        "# Backups of the office.\n[office]\ntype = local\n\n", ""
    )
    assert document.without_section("missing") is document


def test_a_new_section_goes_to_the_end_after_one_blank_line() -> None:
    assert edited("new", {"type": "local"}) == FILE + "\n[new]\ntype = local\n"
    assert edited("new", {"type": "local"}, "") == "[new]\ntype = local\n"
    assert edited("new", {}, "[a]\n\n") == "[a]\n\n[new]\n"
    assert edited("new", {}, "[a]") == "[a]\n\n[new]\n"
    assert edited("new", {}, "\ufeff[a]\r\n") == "\ufeff[a]\r\n\r\n[new]\r\n"


def test_adding_and_removing_does_not_grow_the_file() -> None:
    document = Document.parse(FILE.encode()).with_section("new", {"a": "1"}).without_section("new")
    again = document.with_section("new", {"a": "1"}).without_section("new")
    assert again.render() == document.render()


def test_line_endings_follow_the_section() -> None:
    text = "[a]\r\nx = 1\r\n[b]\nx = 1"
    assert edited("a", {"x": "2", "y": "3"}, text) == "[a]\r\nx = 2\r\ny = 3\r\n[b]\nx = 1"
    assert edited("b", {"x": "1", "y": "3"}, text) == "[a]\r\nx = 1\r\n[b]\nx = 1\ny = 3\n"


def test_a_repeated_section_is_merged() -> None:
    text = "[a]\nx = 1\ny = 1\n[b]\n# note\n[a]\n# newer\ny = 2\n"
    assert edited("a", {"x": "1", "y": "2"}, text) == "[a]\nx = 1\n# note\n# newer\ny = 2\n[b]\n"


def test_arbitrary_bytes_are_kept() -> None:
    data = b"\xef\xbb\xbf# \xff\xfe\n[caf\xe9]\nk\xe9y = \x00\xc3\x28 \xf0\x9f\n[x]\n- = 1\n- = 2\n"
    document = Document.parse(data)
    assert document.render() == data
    assert document.with_section("new", {}).render() == data + b"\n[new]\n"
    assert document.get("x") == {"#1": "1", "#2": "2"}
    assert document.with_section("x", {"#1": "1", "#2": "2", "n": "1"}).render() == data + b"n = 1\n"
    with pytest.raises(ConfValueError):
        document.with_section("x", {"#2": "2"})


def test_a_reference_is_kept_if_its_value_does_not_change() -> None:
    text = "[a]\nhost = h\nurl = x://%(host)s/\n"
    assert edited("a", {"host": "h", "url": "x://h/", "n": "1"}, text) == text + "n = 1\n"
    assert edited("a", {"host": "other", "url": "x://h/"}, text) == "[a]\nhost = other\nurl = x://h/\n"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[a]\nnothing\n", 2),
        ("[a\n", 1),
        ("\n\n= x\n", 3),
        ("[]\n\nx = 1", 3),
        ('[a]\n"x = canary', 2),
        ("`", 1),
    ],
)
def test_a_syntax_error_names_the_line_and_not_its_text(text: str, line: int) -> None:
    with pytest.raises(ConfSyntaxError) as caught:
        Document.parse(text.encode())
    assert caught.value.line == line
    assert str(line) in caught.value.message
    assert "canary" not in caught.value.message
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("value", "word"),
    [
        ("canary\n", "line break"),
        ("canary\r", "line break"),
        ("canary\n[office]\ntype = evil", "line break"),
        ("canary\x00", "U\\+0000"),
        ("canary\x1b[2J", "U\\+001B"),
        (" canary", "blanks"),
        ("canary\u3000", "blanks"),
        ("`canary", "quotation marks"),
        ("`canary`", "quotation marks"),
        ("can`ary", "quotation marks"),
        ('"""canary"""', "quotation marks"),
        ('"""canary', "quotation marks"),
        ("canary %(type)s", "another option"),
        ("canary\udcff", "Unicode"),
    ],
)
def test_values_that_cannot_be_stored(value: str, word: str) -> None:
    for refuse in (
        lambda: check_value("secret_access_key", value),
        lambda: Document.parse(FILE.encode()).with_section("new", {"secret_access_key": value}),
        lambda: Document.parse(FILE.encode()).with_section("office", {"secret_access_key": value}),
    ):
        with pytest.raises(ConfValueError, match=word) as caught:
            refuse()
        assert caught.value.option == "secret_access_key"
        assert caught.value.hint
        assert "canary" not in f"{caught.value!r}"


UNUSUAL = ["", "a b", "#a", "; a", "[a]", "a=b:c", '"a"', "'a'", '"', '""', '"""', "%", "%s", "%()s", "100%"]
UNUSUAL += ["a\tb", "\\", "$HOME", "\u6f22\u5b57", "\U0001f511", "x" * 100_000, 'a`"b', "x\x85y"]


@pytest.mark.parametrize("value", UNUSUAL)
def test_unusual_values_that_can_be_stored(value: str, daemon: Daemon, directory: Path) -> None:
    value = value.removeprefix("\x85")
    document = Document.parse(FILE.encode()).with_section("new", {"x": value, "y": "z"})
    path = directory / "safe.conf"
    path.write_bytes(document.render())
    dumped = daemon.dump(path)
    assert dumped is not None
    assert dumped["new"] == {"x": value, "y": "z"}
    assert dumped["archive"]["secret_access_key"] == "canary"


LETTERS = " -_.+@ab19\xe9\xdf\xb2\xbd\u0660\u4e2d\U0001d7d8\u0301\u2160"
OTHERS = ":/\\,=[]#;\"'`\n\t\0\x7f\U0001f511"


@given(name=st.text(st.sampled_from(LETTERS + LETTERS + OTHERS), max_size=5))
def test_names_are_those_that_rclone_accepts(name: str, daemon: Daemon, directory: Path) -> None:
    assume(name != "DEFAULT")
    path = directory / "names.conf"
    path.write_text("")
    theirs = daemon.create(path, name, {})
    if theirs:
        check_name(name)
        assert Document.parse(path.read_bytes()).names == (name,)
        return
    with pytest.raises(ConfNameError) as caught:
        check_name(name)
    assert caught.value.hint
    assert caught.value.message.isprintable()


def test_default_is_refused_as_a_name() -> None:
    with pytest.raises(ConfNameError, match="DEFAULT"):
        check_name("DEFAULT")
    check_name("default")
