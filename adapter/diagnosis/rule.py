"""A row of the table of errors. Pure."""

import re
from collections.abc import Collection
from dataclasses import dataclass

from adapter.contract.errors import ErrorCode
from adapter.diagnosis.qingstor_error import QingStorError


@dataclass(frozen=True, slots=True)
class Rule:
    """A row: it fits by QingStor's code, its HTTP status, the text or rclone's exit status.

    `message` and `hint` may use {storage}, {zone}, {endpoint}, {a_bucket} (`bucket NAME`, or `such bucket`),
    {the_bucket} (or `this account`), {path}, {said} (rclone's words), {host} (the name that was looked up)
    and {answer} (what came instead of QingStor's).
    """

    code: ErrorCode
    message: str
    hint: str
    qingstor: tuple[str, ...] = ()
    http: Collection[int] = ()
    text: str = ""
    exit_status: tuple[int, ...] = ()

    def fits(self, text: str, error: QingStorError | None, known_codes: Collection[str]) -> bool:
        """Return whether the row fits a text; QingStor's status counts only if its code is not known."""
        if error is None:
            return bool(self.text) and re.search(self.text, text, re.IGNORECASE) is not None
        if error.code in known_codes:
            return error.code in self.qingstor
        return error.http_status in self.http
