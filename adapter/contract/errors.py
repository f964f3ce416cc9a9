"""Error codes and exit statuses, and the failure that carries one.

Add a new error code here (member, exit status, retryable or not), in `docs/troubleshooting.md` and, if it is
read from rclone's output, as a rule in `diagnosis/failure_rules.py`. Codes are never renamed or reused.
"""

import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum


class ExitStatus(IntEnum):
    """Exit statuses of `pluton-qingstor`, one for each family of errors."""

    SUCCESS = 0
    FAILED = 1
    USAGE = 2
    PARTIAL = 3
    NOT_FOUND = 10
    LOCKED = 11
    CREDENTIALS = 12
    CONF = 13
    RCLONE = 20
    NETWORK = 21
    TIME = 22
    DIFFERENT = 23
    INTERNAL = 70
    CANCELLED = 130


class ErrorCode(StrEnum):
    """One stable word for each kind of failure; `exit_status` and `retryable` follow from it."""

    SERVER_ERROR = "server_error"
    THROTTLED = "throttled"
    ACCOUNT_PROBLEM = "account_problem"
    QUOTA_EXCEEDED = "quota_exceeded"
    DISK_FULL = "disk_full"
    DESTINATION_UNWRITABLE = "destination_unwritable"
    SOURCE_NOT_FOUND = "source_not_found"
    SOURCE_EMPTY = "source_empty"
    MANIFEST_INVALID = "manifest_invalid"
    UNKNOWN = "unknown"
    USAGE = "usage"
    INVALID_FORM = "invalid_form"
    ENDPOINT_INVALID = "endpoint_invalid"
    STORAGE_EXISTS = "storage_exists"
    PARTIAL = "partial"
    SOURCE_UNREADABLE = "source_unreadable"
    MANIFEST_UNWRITTEN = "manifest_unwritten"
    BUCKET_NOT_FOUND = "bucket_not_found"
    ZONE_MISMATCH = "zone_mismatch"
    STORAGE_NOT_FOUND = "storage_not_found"
    PATH_NOT_FOUND = "path_not_found"
    LOCKED = "locked"
    CONF_LOCKED = "conf_locked"
    TARGET_IN_USE = "target_in_use"
    CREDENTIALS_MISSING = "credentials_missing"
    ACCESS_KEY_INVALID = "access_key_invalid"
    SECRET_KEY_INVALID = "secret_key_invalid"
    PERMISSION_DENIED = "permission_denied"
    CLOCK_SKEW = "clock_skew"
    CONF_PASSWORD_MISSING = "conf_password_missing"
    CONF_WRONG_PASSWORD = "conf_wrong_password"
    CONF_UNREADABLE = "conf_unreadable"
    CONF_UNWRITABLE = "conf_unwritable"
    RCLONE_NOT_FOUND = "rclone_not_found"
    RCLONE_UNSUPPORTED = "rclone_unsupported"
    ENDPOINT_UNREACHABLE = "endpoint_unreachable"
    TLS_FAILED = "tls_failed"
    TIMEOUT = "timeout"
    STALLED = "stalled"
    INTEGRITY_MISMATCH = "integrity_mismatch"
    INTERNAL = "internal"
    CANCELLED = "cancelled"

    @property
    def exit_status(self) -> ExitStatus:
        """Return the exit status of a program that fails with this code."""
        return _EXIT_STATUS[self]

    @property
    def retryable(self) -> bool:
        """Return whether the same call may succeed later without any change."""
        return self in _RETRYABLE


_BY_STATUS: dict[ExitStatus, tuple[ErrorCode, ...]] = {
    ExitStatus.FAILED: (
        ErrorCode.SERVER_ERROR,
        ErrorCode.THROTTLED,
        ErrorCode.ACCOUNT_PROBLEM,
        ErrorCode.QUOTA_EXCEEDED,
        ErrorCode.DISK_FULL,
        ErrorCode.DESTINATION_UNWRITABLE,
        ErrorCode.SOURCE_NOT_FOUND,
        ErrorCode.SOURCE_EMPTY,
        ErrorCode.MANIFEST_INVALID,
        ErrorCode.UNKNOWN,
    ),
    ExitStatus.USAGE: (
        ErrorCode.USAGE,
        ErrorCode.INVALID_FORM,
        ErrorCode.ENDPOINT_INVALID,
        ErrorCode.STORAGE_EXISTS,
    ),
    ExitStatus.PARTIAL: (ErrorCode.PARTIAL, ErrorCode.SOURCE_UNREADABLE, ErrorCode.MANIFEST_UNWRITTEN),
    ExitStatus.NOT_FOUND: (
        ErrorCode.BUCKET_NOT_FOUND,
        ErrorCode.ZONE_MISMATCH,
        ErrorCode.STORAGE_NOT_FOUND,
        ErrorCode.PATH_NOT_FOUND,
    ),
    ExitStatus.LOCKED: (ErrorCode.LOCKED, ErrorCode.CONF_LOCKED, ErrorCode.TARGET_IN_USE),
    ExitStatus.CREDENTIALS: (
        ErrorCode.CREDENTIALS_MISSING,
        ErrorCode.ACCESS_KEY_INVALID,
        ErrorCode.SECRET_KEY_INVALID,
        ErrorCode.PERMISSION_DENIED,
        ErrorCode.CLOCK_SKEW,
        ErrorCode.CONF_PASSWORD_MISSING,
        ErrorCode.CONF_WRONG_PASSWORD,
    ),
    ExitStatus.CONF: (ErrorCode.CONF_UNREADABLE, ErrorCode.CONF_UNWRITABLE),
    ExitStatus.RCLONE: (ErrorCode.RCLONE_NOT_FOUND, ErrorCode.RCLONE_UNSUPPORTED),
    ExitStatus.NETWORK: (ErrorCode.ENDPOINT_UNREACHABLE, ErrorCode.TLS_FAILED),
    ExitStatus.TIME: (ErrorCode.TIMEOUT, ErrorCode.STALLED),
    ExitStatus.DIFFERENT: (ErrorCode.INTEGRITY_MISMATCH,),
    ExitStatus.INTERNAL: (ErrorCode.INTERNAL,),
    ExitStatus.CANCELLED: (ErrorCode.CANCELLED,),
}
_EXIT_STATUS = {code: status for status, codes in _BY_STATUS.items() for code in codes}

_RETRYABLE = frozenset(
    {
        ErrorCode.SERVER_ERROR,
        ErrorCode.THROTTLED,
        ErrorCode.PARTIAL,
        ErrorCode.LOCKED,
        ErrorCode.CONF_LOCKED,
        ErrorCode.ENDPOINT_UNREACHABLE,
        ErrorCode.TIMEOUT,
        ErrorCode.STALLED,
        ErrorCode.CANCELLED,
    }
)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What rclone and QingStor said, redacted. `log_tail` has the last lines, oldest first."""

    rclone_exit_code: int | None = None
    http_status: int | None = None
    qingstor_code: str | None = None
    request_id: str | None = None
    log_tail: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, object]:
        """Return the `evidence` object of the contract; unknown parts are null."""
        return {
            "rclone_exit_code": self.rclone_exit_code,
            "http_status": self.http_status,
            "qingstor_code": self.qingstor_code,
            "request_id": self.request_id,
            "log_tail": list(self.log_tail),
        }


NO_EVIDENCE = Evidence()
_KEPT_FRAMES = 10


@dataclass(frozen=True, slots=True)
class Failure:
    """One error: what happened to which thing (`message`), what to do next (`hint`), and the evidence."""

    code: ErrorCode
    message: str
    hint: str
    field: str | None = None
    evidence: Evidence = NO_EVIDENCE

    @property
    def retryable(self) -> bool:
        """Return whether the same call may succeed later without any change."""
        return self.code.retryable

    def as_dict(self) -> dict[str, object]:
        """Return the `error` object of the contract (section 3)."""
        return {
            "code": self.code.value,
            "message": self.message,
            "hint": self.hint,
            "retryable": self.retryable,
            "field": self.field,
            "evidence": self.evidence.as_dict(),
        }


class AdapterError(Exception):
    """An error with its `failure`; `str()` gives the message."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


class FormInvalid(AdapterError):
    """The error of a document with invalid fields: one or more `errors`, in the order of the form."""

    def __init__(self, errors: Sequence[Failure]) -> None:
        first = errors[0]
        if len(errors) == 1:
            failure = first
        else:
            failure = Failure(
                ErrorCode.INVALID_FORM,
                f"{len(errors)} fields are wrong. The first: {first.message}",
                "Correct each of them; `errors` has a hint for each.",
                field=first.field,
            )
        super().__init__(failure)
        self.errors = tuple(errors)


def bug(error: BaseException) -> Failure:
    """Return the failure for an exception that nobody foresaw: where it was raised, without its text.

    The text may hold a secret.
    """
    frames = [(frame.f_code, line) for frame, line in traceback.walk_tb(error.__traceback__)]
    places = tuple(f"{code.co_filename}:{line} in {code.co_name}" for code, line in frames)
    return Failure(
        ErrorCode.INTERNAL,
        f"Internal error: {type(error).__name__}. This is a bug in the adapter.",
        "Run the same command with -v and report its output.",
        evidence=Evidence(log_tail=places[-_KEPT_FRAMES:]),
    )


def cancelled() -> Failure:
    """Return the failure of whatever was cancelled; a run says it in the words of `run_cancelled`."""
    return Failure(ErrorCode.CANCELLED, "Cancelled before it was complete.", "Run it again.")


def run_cancelled(command: str, *, has_copied: bool) -> Failure:
    """Return the failure of a cancelled run. Pluton recognizes it by the first word, and does not retry."""
    mark = "RESTORE_CANCELLED" if command == "restore" else "BACKUP_CANCELLED"
    kept = ": files that have been copied are not copied again" if has_copied else ""
    return Failure(
        ErrorCode.CANCELLED,
        f"{mark}: the {command} was cancelled before it was complete.",
        f"Run it again{kept}.",
    )


def out_of_time(max_duration_s: float) -> Failure:
    """Return the failure of a run that reached its --max-duration, in seconds."""
    return Failure(
        ErrorCode.PARTIAL,
        f"Stopped after {max_duration_s:.0f} s, as set by --max-duration.",
        "Run it again: files that have been copied are not copied again.",
    )


def transfer_limit(size: str) -> Failure:
    """Return the failure of a run that has copied as much as its job allows; `size` as rclone spells it."""
    return Failure(
        ErrorCode.PARTIAL,
        f"Stopped after {size}, as set by maxTransfer.",
        "Run it again: files that have been copied are not copied again.",
    )


def stalled(timeout_s: float) -> Failure:
    """Return the failure of a run that made no progress for `timeout_s` seconds."""
    return Failure(
        ErrorCode.STALLED,
        f"Stopped after {timeout_s:.0f} s without progress (--stall-timeout).",
        "Check the network and the disk of the source, then run it again.",
    )
