"""How a run ended, from what is known at its end. Pure.

A number is not an outcome: rclone exits 0 when a path is missing and 1 for nearly everything else, and
says 100 % when every upload was refused. So the files decide first, then the messages, then the status.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from adapter.contract.errors import ErrorCode, Evidence, Failure, cancelled
from adapter.contract.events import Outcome
from adapter.contract.redact import Redactor
from adapter.diagnosis.classify import Place, classify, log_tail

_ABOUT_ONE_FILE = frozenset({ErrorCode.SOURCE_UNREADABLE, ErrorCode.PARTIAL})
"""Failures that say nothing about the rest of the run, even when they are all there is."""

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
"""Failures that a person must mend before a next run can do better: the run failed, however far it came."""

_SIGKILL = 9
_SIGTERM = 15


@dataclass(frozen=True, slots=True)
class End:
    """All that counts at the end of a run."""

    exit_status: int
    cancelled: bool
    stopped: Failure | None
    """Why we ended rclone ourselves, if we did."""
    messages: Collection[str]
    failed: Mapping[str, Failure]
    files_settled: int
    complaints: Collection[str] = ()
    """Errors of the last pass that belong to no file and that rclone did not count: its status may be 0."""

    @property
    def is_last(self) -> bool:
        """Whether nothing may follow: the run was cancelled, or rclone had to be stopped."""
        return self.cancelled or self.stopped is not None


_WALKED = frozenset({0, 1, 5, 6, 9})
"""Exit statuses with which rclone has been through the whole source (lib/exitcode, 1.65 to 1.75). Not so 2
(usage, or a crash of Go's), 3 and 4 (nothing there), 7 (fatal), 8 and 10 (a limit), and signals."""


def ended_early(exit_status: int) -> bool:
    """Whether rclone ended before it had looked at every file: more is missing than what failed."""
    return exit_status not in _WALKED


def not_begun(files_settled: int) -> End:
    """Stands for a copy that was left out because an earlier one was cancelled or stopped.

    The earlier one may have ended well all the same; without this the run would pass for complete.
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
    """Several copies of one run as one; `failed` is what is still missing after all of them.

    A copy of which a later one settled every failed file went well.
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
    """The outcome, and the failure unless it is a success."""
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
    # rclone dies of a signal, or cleans up and exits with 128 + its number (lib/atexit).
    number = -end.exit_status if end.exit_status < 0 else end.exit_status - 128
    if not 0 < number < 65:
        return classify(end.messages, place, redactor, end.exit_status)
    by_memory = " Look for the out-of-memory killer in the system log." if number == _SIGKILL else ""
    return Failure(
        ErrorCode.UNKNOWN,
        f"rclone was ended by signal {number} from outside, and not by this program.",
        f"Run it again: what has been copied is kept.{by_memory}",
        evidence=Evidence(rclone_exit_code=end.exit_status, log_tail=log_tail(end.messages, redactor)),
    )


def _doubtful(end: End, place: Place, redactor: Redactor) -> Failure:
    """An exit status of 0 that is not to be believed: a cut list of objects is one such case (1.75.2)."""
    cause = classify(end.complaints, place, redactor, end.exit_status)
    message = f"rclone ended well but reported an error, so files may be missing. {cause.message}"
    return replace(cause, code=ErrorCode.PARTIAL, message=message)


def _partial(end: End, codes: Counter[ErrorCode], redactor: Redactor) -> Failure:
    item, first = next(iter(end.failed.items()))
    count = len(end.failed)
    code = ErrorCode.SOURCE_UNREADABLE if set(codes) == {ErrorCode.SOURCE_UNREADABLE} else ErrorCode.PARTIAL
    which = redactor(item)
    return Failure(
        code,
        f"{count} file{'s' if count > 1 else ''} could not be copied, the first: {which}: {first.message}",
        "See `failed_files` for each; the next run tries them again and sends nothing twice.",
        evidence=_evidence(end, first, redactor),
    )


def _evidence(end: End, failure: Failure, redactor: Redactor) -> Evidence:
    """What QingStor said of one file, and how the run ended."""
    return replace(
        failure.evidence, rclone_exit_code=end.exit_status, log_tail=log_tail(end.messages, redactor)
    )
