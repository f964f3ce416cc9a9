"""The outcome of a run. Pure.

rclone's exit status is not enough: it is 0 if a path is missing and 1 for nearly everything else, and
rclone reports 100 % if every upload was refused. So the files decide first, then the messages, then the
status.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
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
_SIGTERM = 15


@dataclass(frozen=True, slots=True)
class End:
    """What decides the outcome, collected at the end of a copy."""

    exit_status: int
    cancelled: bool
    stopped: Failure | None
    """Why we ended rclone ourselves, if we did."""
    messages: Collection[str]
    failed: Mapping[str, Failure]
    files_settled: int
    complaints: Collection[str] = ()
    """Errors of the last pass that concern no file and that rclone did not count: its status may be 0."""

    @property
    def is_last(self) -> bool:
        """Return whether no other copy may follow: the run was cancelled, or rclone had to be stopped."""
        return self.cancelled or self.stopped is not None


_WALKED = frozenset({0, 1, 5, 6, 9})
"""Exit statuses with which rclone has walked the whole source (lib/exitcode, 1.65 to 1.75). The others are 2
(usage, or a Go crash), 3 and 4 (not found), 7 (fatal), 8 and 10 (a limit), and signals."""


def ended_early(exit_status: int) -> bool:
    """Return whether rclone ended before it had looked at every file: more may be missing than has failed."""
    return exit_status not in _WALKED


def not_begun(files_settled: int) -> End:
    """Return the end of a copy that was not started because an earlier one was cancelled or stopped.

    The earlier one may still have succeeded; without this the run would seem complete.
    """
    return End(
        exit_status=-_SIGTERM,
        cancelled=False,
        stopped=None,
        messages=(),
        failed={},
        files_settled=files_settled,
    )


def joined(ends: Sequence[End], failed: Mapping[str, Failure]) -> End:
    """Return one end for all copies of a run; `failed` is what is still missing after them.

    A copy counts as good if later ones copied every file that failed in it.
    """
    wrong = [
        end
        for end in ends
        if ended_early(end.exit_status)
        or (end.exit_status != 0 and (not end.failed or any(item in failed for item in end.failed)))
    ]
    return End(
        wrong[0].exit_status if wrong else 0,
        any(end.cancelled for end in ends),
        next((end.stopped for end in ends if end.stopped), None),
        tuple(message for end in wrong for message in end.messages),
        failed,
        ends[-1].files_settled,
        tuple(complaint for end in ends for complaint in end.complaints),
    )


def verdict(end: End, place: Place, redactor: Redactor) -> tuple[Outcome, Failure | None]:
    """Return the outcome, and the failure unless it is a success."""
    if end.cancelled and (end.exit_status != 0 or end.failed or end.complaints):
        return Outcome.CANCELLED, cancelled()
    if end.exit_status == 0 and not end.failed:
        return (
            (Outcome.PARTIAL, _doubtful(end, place, redactor)) if end.complaints else (Outcome.SUCCESS, None)
        )
    if end.stopped is not None:
        by_plan = end.stopped.code is ErrorCode.PARTIAL
        return (Outcome.PARTIAL if by_plan else Outcome.FAILED), end.stopped
    if not end.failed or ended_early(end.exit_status):
        return Outcome.FAILED, _general(end, place, redactor)
    codes = Counter(failure.code for failure in end.failed.values())
    for code, _ in codes.most_common():
        if code in _STOPPERS or (not end.files_settled and code not in _ABOUT_ONE_FILE):
            failure = next(failure for failure in end.failed.values() if failure.code is code)
            return Outcome.FAILED, replace(failure, evidence=_evidence(end, failure, redactor))
    return Outcome.PARTIAL, _partial(end, codes, redactor)


def _general(end: End, place: Place, redactor: Redactor) -> Failure:
    # A signal kills rclone, or rclone cleans up and exits with 128 + its number (lib/atexit).
    number = -end.exit_status if end.exit_status < 0 else end.exit_status - 128
    if not 0 < number < 65:
        return classify(end.messages, place, redactor, end.exit_status)
    by_memory = " Look for the out-of-memory killer in the system log." if number == _SIGKILL else ""
    return Failure(
        ErrorCode.UNKNOWN,
        f"rclone was terminated by signal {number} (not sent by this program).",
        f"Run it again: files that have been copied are not copied again.{by_memory}",
        evidence=Evidence(rclone_exit_code=end.exit_status, log_tail=log_tail(end.messages, redactor)),
    )


def _doubtful(end: End, place: Place, redactor: Redactor) -> Failure:
    """Return the failure of an rclone that exited with 0 after an error, as a truncated list (1.75.2)."""
    cause = classify(end.complaints, place, redactor, end.exit_status)
    message = f"rclone reported an error although it exited with 0, so files may be missing. {cause.message}"
    return replace(cause, code=ErrorCode.PARTIAL, message=message)


def _partial(end: End, codes: Counter[ErrorCode], redactor: Redactor) -> Failure:
    item, first = next(iter(end.failed.items()))
    count = len(end.failed)
    code = ErrorCode.SOURCE_UNREADABLE if set(codes) == {ErrorCode.SOURCE_UNREADABLE} else ErrorCode.PARTIAL
    which = redactor(item)
    return Failure(
        code,
        f"{count} file{'s' if count > 1 else ''} could not be copied, the first: {which}: {first.message}",
        "`failed_files` lists them. Run it again: files that have been copied are not copied again.",
        evidence=_evidence(end, first, redactor),
    )


def _evidence(end: End, failure: Failure, redactor: Redactor) -> Evidence:
    """Return the evidence of one file, with the exit status and the log of the run."""
    return replace(
        failure.evidence, rclone_exit_code=end.exit_status, log_tail=log_tail(end.messages, redactor)
    )
