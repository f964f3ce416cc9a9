"""Endpoints: where rclone really goes, and every form that would not work, with one that would."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rclone_conf import ConfValueError
from rclone_conf.endpoint import DEFAULT_ENDPOINT, Endpoint, check_endpoint, parse_endpoint
from tests.rclone_conf.proxy import RefusingProxy
from tests.rclone_conf.rclone import Daemon
from tests.storage.examples import EXAMPLES

_GOOD = {
    "": "https://qingstor.com:443",
    "qingstor.com": "https://qingstor.com:443",
    "https://qingstor.com": "https://qingstor.com:443",
    "https://qingstor.com:443": "https://qingstor.com:443",
    "http://qingstor.com": "http://qingstor.com:80",
    "http://qingstor.test:80": "http://qingstor.test:80",
    "qingstor.com:8080": "https://qingstor.com:8080",
    "http://storage.corp.cn:9000": "http://storage.corp.cn:9000",
    "https://my_corp.cn": "https://my_corp.cn:443",
    "https://QINGSTOR.COM": "https://QINGSTOR.COM:443",
    "https://storage.corp.cn:65535": "https://storage.corp.cn:65535",
    "a.b:00080": "https://a.b:80",
}
_MISREAD = {
    "http://a.b:80:90": "http://a.b:90",
    "https://http://a.b": "http://a.b:80",
    "a.b:": "https://a.b:443",
    "a.b:80:": "https://a.b:443",
    "a.b::80": "https://a.b:80",
    "a.b:0": "https://a.b:0",
    "a.b:65536": "https://a.b:65536",
    "a..b": "https://a..b:443",
    "a.b.": "https://a.b.:443",
    "a.": "https://a.:443",
    "10.1.2.3": "https://10.1.2.3:443",
    "http://pek3a.qingstor.com": "http://pek3a.qingstor.com:80",
}
"""Taken by rclone, for something that nobody meant or that cannot work once the zone is put before it."""
_REFUSED = [
    *("https://obs.my-corp.cn", "localhost", "http://localhost:9000", "qingstor", "https://qingstor.com/"),
    *("https://qingstor.com/path", "https://a.b?x=1", "a.b#x", "http://[::1]:9000", "::1", "[::1]"),
    *("https://user:password@a.b", "user@a.b", "HTTPS://qingstor.com", "Http://a.b", "ftp://a.b", "//a.b"),
    *(
        "http//a.b",
        "http:a.b",
        "http:/a.b",
        "a.b:-1",
        "a.b:80x",
        "a.b:000080",
        ".a.b",
        "é.b",
        "a.٣",
        "a.b:\uff18\uff10",
    ),
    *(
        "xn--a.b",
        "a b.c",
        "a.b\n",
        "a.b\t",
        "a\0.b",
        "http://",
        "https://:80",
        ":80",
        ".",
        "..",
        "a.b\\c",
        "*.a.b",
    ),
]


def _asked(endpoint: Endpoint) -> str:
    if endpoint.scheme == "http":
        return f"GET {endpoint}/"
    return f"CONNECT {endpoint.host}:{endpoint.port}"


@pytest.mark.parametrize(("text", "meaning"), (_GOOD | _MISREAD).items())
def test_where_rclone_goes(daemon: Daemon, proxy: RefusingProxy, text: str, meaning: str) -> None:
    assert str(parse_endpoint(text)) == meaning
    assert daemon.lists(endpoint=text)
    assert proxy.first_asked() == _asked(parse_endpoint(text))


@pytest.mark.parametrize("text", _REFUSED)
def test_forms_that_rclone_refuses(daemon: Daemon, text: str) -> None:
    assert "format error" in daemon.opens(endpoint=text)
    with pytest.raises(ConfValueError, match="refuses"):
        parse_endpoint(text)


_piece = st.sampled_from(
    [
        "http://",
        "https://",
        "HTTP://",
        "a",
        "b9",
        "_",
        ".",
        ".",
        ":",
        "80",
        "0",
        "-",
        "/",
        "@",
        "é",
        "[",
        " ",
        "\n",
    ]
)


@EXAMPLES
@given(st.lists(_piece, min_size=1, max_size=8).map("".join))
def test_any_endpoint(daemon: Daemon, text: str) -> None:
    """rclone refuses what we say it refuses, and nothing else."""
    refused = "format error" in daemon.opens(endpoint=text)
    try:
        parse_endpoint(text)
    except ConfValueError:
        assert refused
    else:
        assert not refused


@pytest.mark.parametrize(("text", "meaning"), _GOOD.items())
def test_endpoints_that_work(text: str, meaning: str) -> None:
    assert str(check_endpoint(text, "sh1a")) == meaning


@pytest.mark.parametrize("text", [*_MISREAD, *_REFUSED])
def test_endpoints_that_do_not_work_have_a_reason_and_a_way_out(text: str) -> None:
    with pytest.raises(ConfValueError) as caught:
        check_endpoint(text)
    assert caught.value.option == "endpoint"
    assert caught.value.problem
    assert caught.value.hint.endswith((".", ")."))
    assert "password" not in caught.value.hint


@pytest.mark.parametrize(
    ("text", "problem", "nearest"),
    [
        ("https://obs.my-corp.cn", "hyphen", "https://obs.mycorp.cn"),
        ("http://localhost:9000", "no dot", "storage.example.com"),
        ("http://qingstor:9000", "no dot", "http://qingstor.example.com"),
        ("https://qingstor.com/", "slash at its end", "Write https://qingstor.com."),
        ("https://qingstor.com/path?x", "after the host", "Write https://qingstor.com."),
        ("http://[::1]:9000", "IPv6", "host name"),
        ("http://127.0.0.1:9000", "IP address", "ZONE.storage.example.com"),
        ("a.b:0", "1 and 65535", "Write a.b."),
        ("a.b:65536", "1 and 65535", "Write a.b."),
        ("https://key:secret@a.b", "user name or password", "Write https://a.b."),
        ("HTTPS://qingstor.com", "small letters", "Write https://qingstor.com."),
        ("https://é.cn", "only the letters", "https://HOST:PORT"),
        ("https://pek3a.qingstor.com", "zone pek3a", "Write https://qingstor.com and set the zone to pek3a."),
        ("s3.sh1a.qingstor.com:443", "zone sh1a", "Write qingstor.com:443 and set the zone to sh1a."),
        ("https://http://a.b", "more than one http", "Write http://a.b."),
        ("a.b:80:90", "more than one port", "Write a.b:80."),
        ("qingstor.com.", "dot too many", "Write qingstor.com."),
        ("http:a.b", "no //", "Write http://a.b."),
        ("a.b:", "without a port", "Write a.b."),
    ],
)
def test_the_reason_and_the_nearest_form(text: str, problem: str, nearest: str) -> None:
    with pytest.raises(ConfValueError) as caught:
        check_endpoint(text)
    assert problem in caught.value.problem
    assert nearest in caught.value.hint


def test_the_zone_of_the_form_may_not_stand_in_the_host() -> None:
    assert check_endpoint("corp1.storage.cn", "corp2").host == "corp1.storage.cn"
    with pytest.raises(ConfValueError, match="zone corp1"):
        check_endpoint("corp1.storage.cn", "CORP1")


@EXAMPLES
@given(st.lists(_piece, min_size=1, max_size=12).map("".join))
def test_a_form_that_is_offered_works(text: str) -> None:
    """Whatever we let pass, rclone takes for the same; whatever a hint says to write, we let pass."""
    try:
        assert check_endpoint(text) == parse_endpoint(text)
    except ConfValueError as error:
        if offered := re.fullmatch(r"Write (\S+)\.", error.hint):
            check_endpoint(offered[1])


def test_the_default() -> None:
    assert check_endpoint("") == DEFAULT_ENDPOINT == parse_endpoint("https://qingstor.com:443")


def test_a_hostile_length_takes_no_time() -> None:
    for text in ("a." * 50_000, ":" * 100_000, "http://" * 20_000, "1:" * 50_000, "@" * 100_000):
        with pytest.raises(ConfValueError):
            check_endpoint(text)
