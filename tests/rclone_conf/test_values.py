"""rclone's value types: what we read is what rclone reads, spelling by spelling."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rclone_conf.values import (
    GIB,
    KIB,
    MIB,
    SIZE_OFF,
    check_bwlimit,
    parse_bool,
    parse_duration,
    parse_encoding,
    parse_int,
    parse_size,
    render_size,
)
from tests.rclone_conf.rclone import Daemon
from tests.storage.examples import EXAMPLES

_NONSENSE = -(1 << 63)
"""What Go makes of a float that does not fit: rclone takes such texts, and we refuse them."""

_SIZES = {
    "200mi": 200 * MIB,
    "200Mi": 200 * MIB,
    "200M": 200 * MIB,
    "200MiB": 200 * MIB,
    "200mib": 200 * MIB,
    "200MI": 200 * MIB,
    "5G": 5 * GIB,
    "1.5Gi": 3 * GIB // 2,
    "0": 0,
    "-0": 0,
    "off": SIZE_OFF,
    "OFF": SIZE_OFF,
    "200": 200 * KIB,
    "4194304b": 4 * MIB,
    "1.9b": 1,
    "1e3k": 1000 * KIB,
    "1e": 1 << 60,
    "0x10p2b": 64,
    "0x_1p0k": KIB,
    "1_000k": 1000 * KIB,
    "+5k": 5 * KIB,
    "5.k": 5 * KIB,
    ".5k": 512,
    "8191Pi": 8191 << 50,
}
_NO_SIZES = [
    *(
        "",
        "Mi",
        "200MB",
        "200MIB",
        "200iB",
        "200i",
        "1Bi",
        "1kb",
        "-1",
        "-1k",
        "5 G",
        "5G ",
        " 5G",
        "0x10",
        "1__0",
    ),
    *(
        "1_k",
        "_1",
        "inf",
        "NaN",
        "٣k",
        "0b1k",
        "1e400k",
        "1,5G",
        "200Mi # note",
        "k",
        ".",
        ".k",
        "e",
        "1e+k",
        "--1",
    ),
]
_NONSENSE_SIZES = ["infb", "nanb", "infinityk", "1e30", "9E", "8Ei", "8192Pi", "9223372036854775807b", "1e2e"]


@pytest.mark.parametrize(("text", "size"), _SIZES.items())
def test_sizes(daemon: Daemon, text: str, size: int) -> None:
    assert (parse_size(text), daemon.read_option("filter", "MinSize", text)) == (size, size)


@pytest.mark.parametrize("text", _NO_SIZES)
def test_texts_that_are_no_size(daemon: Daemon, text: str) -> None:
    assert daemon.read_option("filter", "MinSize", text) is None
    with pytest.raises(ValueError, match="it "):
        parse_size(text)


@pytest.mark.parametrize("text", _NONSENSE_SIZES)
def test_sizes_of_which_rclone_makes_nonsense(daemon: Daemon, text: str) -> None:
    assert daemon.read_option("filter", "MinSize", text) == _NONSENSE
    with pytest.raises(ValueError, match="it "):
        parse_size(text)


_number = st.from_regex(r"[+-]?[0-9_]{0,6}\.?[0-9_]{0,4}([eE][+-]?[0-9]{1,2})?", fullmatch=True)
_unit = st.sampled_from([*"bBkKmMgGtTpPeEiI", "", "Ki", "MiB", "mib", "GB", "gI", "KIB", " ", "off", "x"])


@EXAMPLES
@given(st.tuples(_number, _unit).map("".join))
def test_any_size(daemon: Daemon, text: str) -> None:
    """Refused by both, or the same bytes from both."""
    theirs = daemon.read_option("filter", "MinSize", text)
    try:
        ours: int | None = parse_size(text)
    except ValueError:
        ours = None
    assert ours == (None if theirs == _NONSENSE else theirs)


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0"),
        (SIZE_OFF, "off"),
        (1, "1b"),
        (1023, "1023b"),
        (KIB, "1Ki"),
        (4 * MIB, "4Mi"),
        (200 * MIB, "200Mi"),
        (5 * GIB, "5Gi"),
        (3 * GIB // 2, "1.5Gi"),
        (1025 * KIB, "1025Ki"),
        (5 * GIB + 1, "5368709121b"),
        (1 << 60, "1Ei"),
    ],
)
def test_canonical_sizes(size: int, text: str) -> None:
    assert render_size(size) == text


@EXAMPLES
@given(
    st.one_of(
        st.integers(0, 1 << 53),
        st.tuples(st.integers(0, 5000), st.sampled_from([KIB, MIB, GIB, 1 << 40])).map(lambda p: p[0] * p[1]),
        st.tuples(st.integers(0, 8000), st.sampled_from([MIB, GIB])).map(lambda p: p[0] * p[1] // 8),
    )
)
def test_a_rendered_size_is_read_back_by_rclone(daemon: Daemon, size: int) -> None:
    text = render_size(size)
    assert (parse_size(text), daemon.read_option("filter", "MinSize", text)) == (size, size)


def test_a_size_that_no_spelling_gives_exactly_is_refused() -> None:
    with pytest.raises(ValueError, match="more digits"):
        render_size((1 << 53) + 1)


_DURATIONS = {
    "6h": 21600,
    "1h30m": 5400,
    "1.5h": 5400,
    "90": 90,
    "1.5": 1.5,
    "1d": 86400,
    "1.5d": 129600,
    "2w": 1209600,
    "1M": 2592000,
    "1y": 31536000,
    "1m": 60,
    "250ms": 0.25,
    "1us": 1e-6,
    "1µs": 1e-6,
    "1μs": 1e-6,
    "1ns": 1e-9,
    "-1h": -3600,
    "+1h": 3600,
    ".5h": 1800,
    "1.h": 3600,
    "0": 0,
    "1e3": 1000,
    "1_0d": 864000,
    "0x10p0d": 16 * 86400,
    "9223372036s": 9223372036,
}
_NO_DURATIONS = [
    "",
    "OFF",
    "h",
    "1 h",
    "1h 30m",
    "1d12h",
    "1h30",
    "1e3s",
    "0x10",
    "1D",
    "1H",
    "99999999999h",
    " 1h",
]


@pytest.mark.parametrize(("text", "seconds"), _DURATIONS.items())
def test_durations(daemon: Daemon, text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)
    theirs = daemon.read_option("main", "MaxDuration", text)
    assert isinstance(theirs, int)
    assert theirs / 1e9 == pytest.approx(seconds)


def test_off_is_an_endless_duration(daemon: Daemon) -> None:
    assert parse_duration("off") == math.inf
    assert daemon.read_option("main", "MaxDuration", "off") == (1 << 63) - 1


@pytest.mark.parametrize("text", _NO_DURATIONS)
def test_texts_that_are_no_duration(daemon: Daemon, text: str) -> None:
    assert daemon.read_option("main", "MaxDuration", text) is None
    with pytest.raises(ValueError, match="it "):
        parse_duration(text)


@pytest.mark.parametrize("text", ["inf", "nan", "1e300d", "2006-01-02", "2006-01-02T15:04:05Z"])
def test_durations_that_rclone_takes_and_we_do_not(daemon: Daemon, text: str) -> None:
    assert daemon.read_option("main", "MaxDuration", text) is not None
    with pytest.raises(ValueError, match="it "):
        parse_duration(text)


_BWLIMITS = [
    *(
        "10M",
        "off",
        "512",
        "10M:1M",
        "off:1M",
        "08:00,512k",
        "08:00,512k 12:00,10M:off",
        "Mon-08:00,1M;sunday-23:59,off",
    ),
    *(
        "8:00,1M",
        "24:00,1M",
        "08:60,1M",
        "08:00",
        "Mon,1M",
        "x-08:00,1M",
        "10MB",
        "",
        "10M:",
        ":",
        "08:00,1M,2M",
    ),
    *(
        "08:00,",
        "fast",
        "10M ",
        "10M 20M",
        "08:00,1M  09:00,2M",
        "08-00,1M",
        "8x00,1M",
        "1M:2M:3M",
        ",",
        "08:00 ,1M",
    ),
]


@pytest.mark.parametrize("text", _BWLIMITS)
def test_bandwidth_limits(daemon: Daemon, text: str) -> None:
    theirs = daemon.read_option("main", "BwLimit", text) is not None
    try:
        check_bwlimit(text)
    except ValueError:
        assert not theirs
    else:
        assert theirs


@pytest.mark.parametrize(
    "text", [*"10tTfF2", "true", "True", "TRUE", "tRUE", "false", "False", "FALSE", "yes", "on", " true"]
)
def test_booleans(daemon: Daemon, text: str) -> None:
    refused = bool(daemon.opens(env_auth=text))
    try:
        parse_bool(text)
    except ValueError:
        assert refused
    else:
        assert not refused


def test_true_and_false() -> None:
    assert [parse_bool(t) for t in ("true", "T", "1", "false", "F", "0")] == [True] * 3 + [False] * 3


@pytest.mark.parametrize(
    "text",
    [
        *(
            "3",
            "+3",
            "-3",
            "007",
            "08",
            "1_0",
            "0x10",
            "0x",
            "0b11",
            "0b2",
            "0o7",
            "0_7",
            "-0",
            " 3",
            "3 ",
            "0",
            "_1",
        ),
        *(
            "3.0",
            "1e2",
            "99999999999999999999",
            "9223372036854775807",
            "٣",
            "four",
            "+",
            "- 3",
            "0xg",
            "0X1F",
        ),
    ],
)
def test_integers(daemon: Daemon, text: str) -> None:
    refused = bool(daemon.opens(connection_retries=text))
    try:
        parse_int(text)
    except ValueError:
        assert refused
    else:
        assert not refused


def test_the_value_of_integers() -> None:
    assert [parse_int(t) for t in ("3", "-3", "010", "0x10", "0b11", "0o17", "1_0")] == [
        3,
        -3,
        8,
        16,
        3,
        15,
        10,
    ]


@pytest.mark.parametrize(
    "text",
    [
        *(
            "Slash",
            "slash",
            "Slash,Ctl,InvalidUtf8",
            "Slash, Ctl",
            "None",
            "Raw",
            "0x3",
            "5",
            "010",
            "0b1",
            "0o17",
            "1_0",
        ),
        *(
            "Bogus",
            "Slash,,Ctl",
            "Slash,+1",
            "-1",
            "99999999999999999999999",
            ",",
            "Slash,",
            "0x",
            "09",
            "1__0",
        ),
    ],
)
def test_encodings(daemon: Daemon, text: str) -> None:
    refused = bool(daemon.opens(encoding=text))
    try:
        canonical = parse_encoding(text)
    except ValueError:
        assert refused
    else:
        assert not refused
        assert not daemon.opens(encoding=canonical)


def test_an_encoding_in_any_case_becomes_one_that_rclone_takes(daemon: Daemon) -> None:
    assert parse_encoding("slash,ctl,invalidutf8", any_case=True) == "Slash,Ctl,InvalidUtf8"
    assert not daemon.opens(encoding=parse_encoding("slash,ctl,invalidutf8", any_case=True))
