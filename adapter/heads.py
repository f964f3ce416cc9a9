"""The heads of HTTP requests and answers in rclone's log (`--dump headers`). Pure.

They tell two things that rclone keeps to itself: how far the server's clock is from ours, and whether it was
QingStor that answered. rclone takes any page with status 200 for an empty list (measured with 1.65.2 and
1.75.2): a sign-in page of a hotel would pass for a working connection.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime

_REQUEST = re.compile(r"[A-Z]+ \S+ HTTP/")
_ANSWER = re.compile(r"HTTP/[\d.]+ \d{3}")
_HEADER = re.compile(r"^([A-Za-z-]+): *(.*?)\r?$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Heads:
    """What the last answer's head says; both are None when no answer came."""

    clock_ahead_s: float | None = None
    """Seconds by which the server's clock is ahead of this machine's; whole seconds, as HTTP has them."""
    is_qingstor: bool | None = None


def parse_heads(messages: Iterable[str]) -> Heads:
    """The heads among the messages of a log, the last answer with the request before it."""
    asked_at: datetime | None = None
    heads = Heads()
    for message in messages:
        if _REQUEST.match(message):
            asked_at = _date(_headers(message))
        elif _ANSWER.match(message):
            headers = _headers(message)
            answered_at = _date(headers)
            ahead = (answered_at - asked_at).total_seconds() if asked_at and answered_at else None
            heads = Heads(ahead, _is_qingstor(headers))
    return heads


def _headers(head: str) -> dict[str, str]:
    return {name.lower(): value for name, value in _HEADER.findall(head)}


def _is_qingstor(headers: dict[str, str]) -> bool:
    """Every answer of the API has a request id (its page on common headers), and what has a body is JSON."""
    return "x-qs-request-id" in headers or headers.get("content-type", "").startswith("application/json")


def _date(headers: dict[str, str]) -> datetime | None:
    try:
        date = parsedate_to_datetime(headers["date"])
    except (KeyError, ValueError):
        return None
    return date if date.tzinfo else None
