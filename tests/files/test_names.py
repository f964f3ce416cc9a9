"""rclone's spelling of names on a disk, as the real rclone prints them, both ways."""

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapter.files.names import RAW, as_logged, for_people, is_raw, on_disk, spelled

_QUOTE = "\u201b"
_ODD = (
    *("plain", "line\nend", "picture \u240a", "delete \x7f", "\u2421", "\u2400", "\uff0f", "\uff0e"),
    *(
        "\uff0e\uff0e",
        "x\uff0e",
        "\u2420",
        " blanks ",
        "tr ",
        "return\r",
        "\u240d",
        "Cafe\u0301",
        "Caf\u00e9",
    ),
    *(_QUOTE, f"{_QUOTE}q", f"{_QUOTE}{_QUOTE}q", f"{_QUOTE}\u240a", f"{_QUOTE}\n", f"{_QUOTE}\u2400"),
    *(
        f"{_QUOTE}\uff0f",
        f"q{_QUOTE}",
        f"{_QUOTE}FF",
        f"{_QUOTE}\uff0e",
        f"{_QUOTE}d/\uff0e",
        f"{_QUOTE}d/\n",
    ),
)
_NOT_UTF8 = (b"\xff\xfe", b"a\xe2\x90", b"\xf0\xe2\x90\x8a", _QUOTE.encode() + b"\xff")
NAMES = (*map(os.fsencode, _ODD), *_NOT_UTF8)


@pytest.mark.parametrize("raw", [False, True])
def test_the_spelling_is_the_one_that_rclone_prints(rclone: Path, tmp_path: Path, *, raw: bool) -> None:
    for number, name in enumerate(NAMES):
        path = tmp_path / "source" / os.fsdecode(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"%d" % number)
    printed = subprocess.run(
        [rclone, "--config", "", "lsf", "--recursive", "--files-only", ".", *(RAW if raw else ())],
        cwd=tmp_path / "source",
        capture_output=True,
        check=False,  # by default rclone does not find directories with U+201B again
    )
    mine = {spelled(name) for name in NAMES if (_QUOTE.encode() in name) is raw}
    assert mine <= set(printed.stdout.split(b"\n"))


@pytest.mark.parametrize("name", NAMES)
def test_a_spelling_is_taken_back_and_tells_which_encoding_it_needs(name: bytes) -> None:
    assert on_disk(spelled(name)) == name
    assert is_raw(spelled(name)) is (_QUOTE.encode() in name)


_PARTS = st.lists(
    st.sampled_from(
        [b"a", b"/", b"\n", b"\x7f", b"\xff", *(one.encode() for one in "\u201b\u240a\u2400\uff0e\uff0f")]
    ),
    min_size=1,
    max_size=8,
).map(b"".join)


@given(_PARTS, _PARTS)
def test_no_two_names_are_spelled_alike(one: bytes, other: bytes) -> None:
    assert on_disk(spelled(one)) == one
    assert (spelled(one) == spelled(other)) is (one == other)
    assert b"\n" not in spelled(one)


def test_what_go_cannot_print_is_logged_alike_and_shown_apart() -> None:
    assert as_logged(b"a\xff") == as_logged(b"a\xfe") == "a\ufffd"
    assert (for_people(b"a\xff"), for_people(b"a\xfe")) == ("a\\xff", "a\\xfe")
