"""The failure that rclone's error messages describe, by the table in `failure_rules`. Pure.

If no row fits, the failure is `unknown` with the evidence, not a guess.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from adapter.contract.errors import NO_EVIDENCE, Evidence, Failure
from adapter.contract.redact import Redactor
from adapter.diagnosis.absence import unresolved_host
from adapter.diagnosis.failure_rules import KNOWN_CODES, RULES, UNKNOWN
from adapter.diagnosis.local_rules import about_this_machine
from adapter.diagnosis.qingstor_error import QingStorError, parse_qingstor_error
from adapter.diagnosis.rule import Rule

_TAIL_LINES = 12
_TAIL_CHARACTERS = 400
_SAID_CHARACTERS = 200
_READ_CHARACTERS = 4000
"""Of a message; of a longer one (a dump, a line that is not a log) the beginning is enough."""


@dataclass(frozen=True, slots=True)
class Place:
    """The storage, bucket and path of a run, for messages: only what was entered, never a secret.

    In a restore they are the source, otherwise the destination.
    """

    storage: str
    zone: str
    endpoint: str
    bucket: str = ""
    path: str = ""
    is_restore: bool = False


_PREFIX = re.compile(r"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d (?:[A-Z+0-9]+ *: )?")
"""Date and level of a line that rclone prints before, or outside of, its JSON log."""


def classify(
    messages: Collection[str], place: Place, redactor: Redactor, exit_status: int | None = None
) -> Failure:
    """Return the failure that error messages (oldest first) describe.

    Each rule is tried on every message before the next rule, so the order of the table decides: errors that a
    person must correct before temporary ones, a cause before its consequences.
    """
    texts = [_PREFIX.sub("", text[:_READ_CHARACTERS], count=1).strip() for text in messages]
    rule, said, error = _find(texts, exit_status)
    rule = about_this_machine(rule, is_restore=place.is_restore)
    evidence = _evidence(error, rclone_exit_code=exit_status, log_tail=log_tail(messages, redactor))
    return failure_of(
        rule, place, evidence, said=redactor(said)[:_SAID_CHARACTERS], host=unresolved_host([said])
    )


def classify_answer(error: QingStorError, place: Place) -> Failure:
    """Return the failure that an error answer of QingStor describes, if rclone was not involved."""
    rule = next((rule for rule in RULES if rule.fits("", error, KNOWN_CODES)), UNKNOWN)
    return failure_of(
        rule, place, _evidence(error), said=f"QingStor answered with status {error.http_status}."
    )


def failure_of(
    rule: Rule, place: Place, evidence: Evidence = NO_EVIDENCE, *, said: str = "", host: str | None = None
) -> Failure:
    """Return the failure of a row of the table; `said` must hold no secret."""
    status = evidence.http_status
    words = {
        "storage": place.storage,
        "zone": place.zone,
        "endpoint": place.endpoint,
        "a_bucket": f"bucket {place.bucket}" if place.bucket else "such bucket",
        "the_bucket": f"bucket {place.bucket}" if place.bucket else "this account",
        "path": place.path or "such object",
        "said": said,
        "host": host or place.endpoint,
        "answer": "a page of its own" if status is None or status < 300 else f"status {status}",
    }
    return Failure(rule.code, rule.message.format(**words), rule.hint.format(**words), evidence=evidence)


def _evidence(
    error: QingStorError | None, *, rclone_exit_code: int | None = None, log_tail: tuple[str, ...] = ()
) -> Evidence:
    return Evidence(
        rclone_exit_code=rclone_exit_code,
        http_status=error.http_status if error else None,
        qingstor_code=(error.code or None) if error else None,
        request_id=(error.request_id or None) if error else None,
        log_tail=log_tail,
    )


def _find(texts: Sequence[str], exit_status: int | None) -> tuple[Rule, str, QingStorError | None]:
    """Return the rule that fits, the text that it fits, and QingStor's error in that text, if any."""
    last = texts[-1] if texts else f"exit status {exit_status}, without a message."
    # Before any text: with this status rclone did not run, so "permission denied" is not about a file.
    for rule in RULES:
        if exit_status in rule.exit_status:
            return rule, last, None
    errors = [(text, parse_qingstor_error(text)) for text in texts]
    for rule in RULES:
        for text, error in errors:
            if rule.fits(text, error, KNOWN_CODES):
                return rule, text, error
    return UNKNOWN, last, next((error for _, error in errors if error), None)


def log_tail(messages: Collection[str], redactor: Redactor) -> tuple[str, ...]:
    """Return the last messages, redacted, each cut to a readable length."""
    return tuple(redactor(text)[:_TAIL_CHARACTERS] for text in list(messages)[-_TAIL_LINES:])
