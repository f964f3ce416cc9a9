"""Errors of QingStor, parsed from the text that its Go SDK prints. Pure."""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class QingStorError:
    """What SDK v3.2 prints of an error answer (request/errors/qingstor.go); `code` is empty after HEAD."""

    http_status: int
    code: str
    request_id: str


_QINGSTOR = re.compile(
    r'QingStor Error: StatusCode "(\d+)", Code "([^"]*)", Message ".*?", Request ID "([^"]*)"', re.DOTALL
)


def parse_qingstor_error(text: str) -> QingStorError | None:
    """Return the first QingStor error in a text, if there is one."""
    found = _QINGSTOR.search(text)
    return QingStorError(int(found[1]), found[2], found[3]) if found else None
