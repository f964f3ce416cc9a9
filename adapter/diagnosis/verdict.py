"""The outcome of a run. Pure.

rclone's exit status is not enough: it is 0 if a path is missing and 1 for nearly everything else, and
rclone reports 100 % if every upload was refused. So what has become of the files decides.
"""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from adapter.contract.errors import ErrorCode, Evidence, Failure, cancelled
from adapter.contract.events import Outcome
from adapter.contract.redact import Redactor
from adapter.diagnosis.classify import Place, classify, log_tail

_ABOUT_ONE_FILE = frozenset({ErrorCode.SOURCE_UNREADABLE, ErrorCode.PARTIAL})
"""Failures of single files, which say nothing about the rest of the run."""

_STOPPERS = frozenset(
    {
        ErrorCode.DISK_FULL,
        ErrorCode.ACCOUNT_PROBLEM,
        ErrorCode.QUOTA_EXCEEDED,
        ErrorCode.CREDENTIALS_MISSING,
        ErrorCode.ACCESS_KEY_INVALID,
        ErrorCode.SECRET_KEY_INVALID,
        ErrorCode.CLOCK_SKEW,
        ErrorCode.BUCKET_NOT_FOUND,
        ErrorCode.ZONE_MISMATCH,
        ErrorCode.ENDPOINT_INVALID,
    }
)
"""Failures that a person must correct before another run can succeed: the whole run has failed."""

_SIGKILL = 9


@dataclass(frozen=True, slots=True)
class End:
    """What decides the outcome: what has become of every file that was listed, and why rclone was ended."""

    failed: Mapping[str, Failure]
    files_settled: int
    """Copied or unchanged."""
    files_left: int
    """Of which nothing is known: the run was cancelled or stopped before their turn."""
    cancelled: bool = False
    stopped: Failure | None = None
    """Why we ended rclone ourselves, if we did."""
    exit_status: int = 0
    messages: Collection[str] = ()
    """rclone's last words, for the evidence."""
    what: str = "copied"
    """What could not be done with the files that failed."""
    next_step: str = "Run it again: files that have been copied are not copied again."


def verdict(end: End, redactor: Redactor) -> tuple[Outcome, Failure | None]:
    """Return the outcome, and the failure unless it is a success: then every file is copied, unchanged or
    gone.

    rclone's exit status has no say in it.
    """
    if end.cancelled and (end.failed or end.files_left):
        return Outcome.CANCELLED, cancelled()
    if end.stopped is not None and (end.failed or end.files_left):
        by_plan = end.stopped.code is ErrorCode.PARTIAL
        return (Outcome.PARTIAL if by_plan else Outcome.FAILED), end.stopped
    if end.files_left:
        return Outcome.FAILED, replace(_LEFT, evidence=_evidence(end, _LEFT, redactor))
    if not end.failed:
        return Outcome.SUCCESS, None
    codes = Counter(failure.code for failure in end.failed.values())
    for code, _ in codes.most_common():
        if code in _STOPPERS or (not end.files_settled and code not in _ABOUT_ONE_FILE):
            failure = next(failure for failure in end.failed.values() if failure.code is code)
            return Outcome.FAILED, replace(failure, evidence=_evidence(end, failure, redactor))
    return Outcome.PARTIAL, _partial(end, codes, redactor)


_LEFT = Failure(
    ErrorCode.UNKNOWN,
    "Of some files it is not known what has become of them.",
    "Run it again, with -v for the log of rclone.",
)


def why_not_copied(messages: Collection[str], exit_status: int, place: Place, redactor: Redactor) -> Failure:
    """Return the failure of files of which rclone said nothing by its end."""
    # A signal kills rclone, or rclone cleans up and exits with 128 + its number (lib/atexit).
    number = -exit_status if exit_status < 0 else exit_status - 128
    evidence = Evidence(rclone_exit_code=exit_status, log_tail=log_tail(messages, redactor))
    if 0 < number < 65:
        by_memory = " Look for the out-of-memory killer in the system log." if number == _SIGKILL else ""
        return Failure(
            ErrorCode.UNKNOWN,
            f"rclone was terminated by signal {number} (not sent by this program).",
            f"Run it again: files that have been copied are not copied again.{by_memory}",
            evidence=evidence,
        )
    if exit_status == 0 and not messages:
        return Failure(
            ErrorCode.UNKNOWN,
            "rclone ended without copying the file, and without an error.",
            "Run it again, with -v for the log of rclone.",
            evidence=evidence,
        )
    return classify(messages, place, redactor, exit_status)


def _partial(end: End, codes: Counter[ErrorCode], redactor: Redactor) -> Failure:
    item, first = next(iter(end.failed.items()))
    count = len(end.failed)
    code = ErrorCode.SOURCE_UNREADABLE if set(codes) == {ErrorCode.SOURCE_UNREADABLE} else ErrorCode.PARTIAL
    which = redactor(item)
    return Failure(
        code,
        f"{count} file{'s' if count > 1 else ''} could not be {end.what}, the first: {which}: "
        f"{first.message}",
        f"`failed_files` lists them. {end.next_step}",
        evidence=_evidence(end, first, redactor),
    )


def _evidence(end: End, failure: Failure, redactor: Redactor) -> Evidence:
    """Return the evidence of one file, with the exit status and the log of the run."""
    return replace(
        failure.evidence, rclone_exit_code=end.exit_status, log_tail=log_tail(end.messages, redactor)
    )
