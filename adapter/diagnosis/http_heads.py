"""The heads of HTTP requests and answers in rclone's log (`--dump headers`). Pure.

They show two things that rclone does not report: how far the server's clock is from ours, and whether
QingStor answered at all. rclone treats any page with status 200 as an empty list (measured with 1.65.2 and
1.75.2), so the sign-in page of a hotel would look like a working connection.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime

_REQUEST = re.compile(r"[A-Z]+ \S+ HTTP/")
_ANSWER = re.compile(r"HTTP/[\d.]+ (\d{3})")
_HEADER = re.compile(r"^([A-Za-z-]+): *(.*?)\r?$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Heads:
    """What the heads of the answers show; both are None if no answer came."""

    clock_ahead_s: float | None = None
    """Seconds by which the server's clock is ahead of this machine's; HTTP gives whole seconds."""
    is_qingstor: bool | None = None
    """False if any answer was not QingStor's; a 5xx, which a proxy sends for a dead host, does not count."""


def parse_heads(messages: Iterable[str]) -> Heads:
    """Return what the heads in log messages show; the clock is that of the last answer."""
    asked_at: datetime | None = None
    ahead: float | None = None
    is_qingstor: bool | None = None
    strange = False
    for message in messages:
        if _REQUEST.match(message):
            asked_at = _date(_headers(message))
        elif answer := _ANSWER.match(message):
            headers, status = _headers(message), int(answer[1])
            answered_at = _date(headers)
            ahead = (answered_at - asked_at).total_seconds() if asked_at and answered_at else None
            # QingStor's page on common headers: every answer has it, even without a body.
            known = "x-qs-request-id" in headers
            is_qingstor = known if known or status < 500 else None
            # The answer after a redirect counts, not the redirect.
            strange = strange or (is_qingstor is False and not 300 <= status < 400)
    return Heads(ahead, False if strange else is_qingstor)


def clock_sentence(ahead_s: float) -> str:
    """Return a sentence about this machine's clock if the server's is `ahead_s` seconds ahead of it."""
    for seconds, unit in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        count = round(abs(ahead_s) / seconds)
        if abs(ahead_s) >= 2 * seconds or (count and unit == "minute"):
            amount = f"{count} {unit}{'s' if count > 1 else ''}"
            where = "behind" if ahead_s > 0 else "ahead of"
            return f"The clock of this machine is {amount} {where} QingStor's."
    return "The clock of this machine agrees with QingStor's."


def _headers(head: str) -> dict[str, str]:
    return {name.lower(): value for name, value in _HEADER.findall(head)}


def _date(headers: dict[str, str]) -> datetime | None:
    try:
        date = parsedate_to_datetime(headers["date"])
    except (KeyError, ValueError):
        return None
    return date if date.tzinfo else None
