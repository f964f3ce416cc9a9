"""Redaction masks a secret in every encoding that a log may use, and leaves ordinary text alone."""

import base64
import json
import re
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapter.contract.redact import MASK, Redactor
from rclone_conf import redaction
from rclone_conf.qingstor import OPTIONS
from tests.storage.documents import ACCESS_KEY_ID, SECRET_ACCESS_KEY
from tests.storage.examples import EXAMPLES

_ODD = 'SK "canary"&<x>=%20/é+ü\\'
_redact = Redactor([ACCESS_KEY_ID, SECRET_ACCESS_KEY, _ODD])


def _as_go(text: str) -> str:
    """Return JSON as Go's encoding/json writes it: it escapes three characters because of HTML."""
    return re.sub(
        "[<>&]", lambda match: f"\\u{ord(match[0]):04x}", json.dumps(text, ensure_ascii=False)[1:-1]
    )


_ENCODINGS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "url": lambda s: quote(s, safe=""),
    "url in small letters": lambda s: quote(s, safe="").lower(),
    "path": quote,
    "form": quote_plus,
    "json": lambda s: json.dumps(s)[1:-1],
    "json in utf-8": lambda s: json.dumps(s, ensure_ascii=False)[1:-1],
    "go": _as_go,
    "base64": lambda s: base64.b64encode(s.encode()).decode(),
    "base64 for urls": lambda s: base64.urlsafe_b64encode(s.encode()).decode().rstrip("="),
}


@pytest.mark.parametrize("secret", [SECRET_ACCESS_KEY, _ODD, ACCESS_KEY_ID])
@pytest.mark.parametrize("encoding", _ENCODINGS)
def test_every_encoding_of_a_secret_is_masked(secret: str, encoding: str) -> None:
    encoded = _ENCODINGS[encoding](secret)
    said = _redact(f"before {encoded} after")
    assert said.startswith("before ")
    assert said.endswith(" after")
    assert MASK in said
    assert encoded[2:-4] not in said


@EXAMPLES
@given(st.binary(max_size=20), st.binary(max_size=20))
def test_a_secret_inside_base64_is_masked(before: bytes, after: bytes) -> None:
    secret = SECRET_ACCESS_KEY.encode()
    said = _redact(base64.b64encode(before + secret + after).decode())
    whole = base64.b64encode(bytes(len(before) % 3) + secret).decode()
    assert MASK in said
    assert whole[8:-8] not in said


@EXAMPLES
@given(st.text(min_size=4, max_size=40), st.text(max_size=30), st.text(max_size=30))
def test_any_secret_anywhere(secret: str, before: str, after: str) -> None:
    if secret not in MASK:
        assert secret not in Redactor([secret])(before + secret + after).replace(MASK, "\n\n\n\n")


@pytest.mark.parametrize(
    ("text", "gone"),
    [
        ("Authorization: QS AKcanary:c2lnbmF0dXJlU0tjYW5hcnk=", "anary"),
        ("authorization: QS AKcanary:xyz", "anary"),
        ('{"Authorization": "QS AKcanary:c2lnbmF0dXJl"}', "anary"),
        ("map[Authorization:[QS AKcanary:c2lnbmF0dXJl] Date:[x]]", "anary"),
        ("Authorization: Basic Y2FuYXJ5", "Y2FuYXJ5"),
        ("Proxy-Authorization: Bearer canary.x", "canary"),
        ("sent QS AKcanary:fUGlMluBUUFgL5XGbfUaxHI2hZ8SDkZd64bagyR5zqg= to it", "anary"),
        ("GET /b/k?access_key_id=AKcanary&expires=1&signature=c2lnY2FuYXJ5%3D HTTP/1.1", "c2lnY"),
        ("GET /b/k?access_key_id=AKcanary&expires=1", "AKcanary"),
        ("secret_access_key = SKcanary", "canary"),
        ('"secret_access_key":"SKcanary"', "canary"),
        ("secret_access_key=SKcanary,zone=pek3a", "canary"),
        ("dial https://user:canary@host.example.com/path", "canary"),
        ("proxy http://user:can@ary@10.0.0.1:3128", "ary@"),
        ("http://canary@host", "canary"),
    ],
)
def test_an_unknown_credential_is_masked(text: str, gone: str) -> None:
    said = Redactor()(text)
    assert gone not in said
    assert MASK in said


@pytest.mark.parametrize(
    "text",
    [
        "",
        'QingStor Error: StatusCode "401", Code "signature_not_matched", Message "x", Request ID "abc"',
        "access_key_id not found",
        "the signature does not match",
        "Failed to copy: a/b@c.txt: https://qingstor.com/x@y",
        "QS is short",
        "mail me@example.com: 10% done",
        "https://pek3a.qingstor.com:443/bucket?limit=1000&prefix=a",
        "Authorized users only",
    ],
)
def test_ordinary_text_stays(text: str) -> None:
    assert _redact(text) == text


def test_what_follows_a_masked_header_stays() -> None:
    assert (
        Redactor()("GET x?signature=abc&expires=12 HTTP/1.1") == f"GET x?signature={MASK}&expires=12 HTTP/1.1"
    )
    assert Redactor()("https://u:p@host.cn/a b") == f"https://{MASK}@host.cn/a b"


def test_short_and_blank_secrets_are_not_masked() -> None:
    assert Redactor(["", "a", "abc"])("an abc of alphabets") == "an abc of alphabets"


def test_a_secret_that_contains_another_is_masked_completely() -> None:
    assert Redactor(["canary", "canary-and-more"])("x canary-and-more y") == f"x {MASK} y"


def test_the_secret_options_of_the_conf_are_masked() -> None:
    """Neither package may import the list of the other."""
    assert redaction.MASK == MASK
    for option in OPTIONS:
        masked = Redactor()(f"{option.name} = abcdef") == f"{option.name} = {MASK}"
        assert masked is option.secret, option.name


def test_the_repr_of_a_redactor_shows_no_secret() -> None:
    assert "anary" not in repr(_redact) + str(_redact)


def test_long_lines_are_redacted_quickly() -> None:
    for text in (
        "a." * 100_000,
        "http://" * 30_000,
        "QS " * 50_000,
        "authorization: " * 20_000,
        "://@" * 50_000,
    ):
        _redact(text)
