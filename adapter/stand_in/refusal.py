"""A call that is refused: what went wrong and what to do, as the first line on stderr."""

from adapter.contract.errors import AdapterError, ErrorCode, FormInvalid
from adapter.stand_in.call import Outcome

_ABSENT = {ErrorCode.BUCKET_NOT_FOUND, ErrorCode.ZONE_MISMATCH}
_DIRECTORY_NOT_FOUND = 3
"""rclone's own exit status for a bucket that is not there, or in another zone (measured with 1.75.2)."""


def refusal(error: AdapterError, exit_status: int | None = None, stderr: bytes = b"") -> Outcome:
    """Return the outcome of a refused call, with what rclone said; by default with the status of rclone."""
    code = error.failure.code
    if exit_status is None:
        exit_status = _DIRECTORY_NOT_FOUND if code in _ABSENT else 1
    return Outcome(exit_status, b"", f"{_told(error)} [{code}]", stderr)


def _told(error: AdapterError) -> str:
    """Return all of it in one line: Pluton shows no other."""
    errors = error.errors if isinstance(error, FormInvalid) else (error.failure,)
    told = " ".join(f"{one.message} {one.hint}" for one in errors)
    return f"{len(errors)} fields are wrong. {told}" if len(errors) > 1 else told
