"""The heads of HTTP answers in rclone's log; recorded with 1.75.2 and 1.65.2, ids shortened."""

import pytest

from adapter.diagnosis.http_heads import Heads, clock_sentence, parse_heads

_REQUEST = (
    "GET / HTTP/1.1\r\nHost: qingstor.test:80\r\nUser-Agent: rclone/v1.65.2\r\nAuthorization: XXXX\n"
    "Date: Mon, 23 Nov 2026 02:53:25 GMT\r\nLocation: pek3a\r\nAccept-Encoding: gzip\r\n\r\n"
)
_ANSWER = (
    "HTTP/1.1 403 Forbidden\r\nContent-Length: 201\r\nContent-Type: application/json\r\n"
    "Date: Mon, 23 Nov 2026 03:13:25 GMT\r\nServer: QingStor\r\nX-Qs-Request-Id: 34d1\r\n\r\n"
)
_PAGE = "HTTP/2.0 200 OK\r\nContent-Type: text/html\r\nDate: Mon, 23 Nov 2026 02:53:20 GMT\r\n\r\n"
_NOISE = ("HTTP REQUEST (req 0x1dfe32058280)", ">" * 80, "error listing: HTTP/1.1 and Date: are words")


@pytest.mark.parametrize(
    ("messages", "heads"),
    [
        ((), Heads()),
        (_NOISE, Heads()),
        ((_REQUEST,), Heads()),
        ((*_NOISE, _REQUEST, _ANSWER), Heads(1200.0, is_qingstor=True)),
        ((_REQUEST, _PAGE), Heads(-5.0, is_qingstor=False)),
        ((_REQUEST, _PAGE, _REQUEST, _ANSWER), Heads(1200.0, is_qingstor=False)),
        ((_REQUEST, _PAGE.replace("200 OK", "301 Moved")), Heads(-5.0, is_qingstor=False)),
        (
            (_REQUEST, _PAGE.replace("200 OK", "301 Moved"), _REQUEST, _ANSWER),
            Heads(1200.0, is_qingstor=True),
        ),
        ((_REQUEST, _PAGE.replace("200 OK", "502 Bad Gateway")), Heads(-5.0)),
        ((_REQUEST, _PAGE.replace("text/html", "application/json")), Heads(-5.0, is_qingstor=False)),
        ((_ANSWER,), Heads(None, is_qingstor=True)),
        ((_REQUEST, _ANSWER.replace("Mon, 23", "Moon, 99")), Heads(None, is_qingstor=True)),
        ((_REQUEST, "HTTP/1.1 200 OK\r\n\r\n"), Heads(None, is_qingstor=False)),
        ((_REQUEST, "HTTP/1.1 200 OK\r\nX-Qs-Request-Id: 1\r\n\r\n"), Heads(None, is_qingstor=True)),
    ],
)
def test_what_heads_show(messages: tuple[str, ...], heads: Heads) -> None:
    assert parse_heads(messages) == heads


@pytest.mark.parametrize(
    ("ahead_s", "words"),
    [
        (0.0, "agrees"),
        (29.0, "agrees"),
        (-60.0, "1 minute ahead of"),
        (1201.0, "20 minutes behind"),
        (5000.0, "83 minutes behind"),
        (9000.0, "2 hours behind"),
        (-189_509_220.0, "2193 days ahead of"),
    ],
)
def test_the_clock_in_words(ahead_s: float, words: str) -> None:
    assert words in clock_sentence(ahead_s)
