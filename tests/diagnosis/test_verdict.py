"""The outcome of a run: a success only if it is known of every file what has become of it."""

import pytest

from adapter.contract.errors import ErrorCode, Evidence, Failure, cancelled, run_cancelled
from adapter.contract.events import Outcome
from adapter.contract.redact import Redactor
from adapter.diagnosis.classify import Place
from adapter.diagnosis.verdict import End, verdict, why_not_copied

_PLACE = Place("store", "pek3a", "https://qingstor.com:443", "bucket")
_503 = (
    'Failed to copy: QingStor Error: StatusCode "503", Code "service_unavailable", Message "m", '
    'Request ID "r1", Reference URL "u"'
)
_STALLED = Failure(ErrorCode.STALLED, "stalled", "look")
_OUT_OF_TIME = Failure(ErrorCode.PARTIAL, "out of time", "again")


def _failure(code: ErrorCode) -> Failure:
    return Failure(code, f"{code} happened.", "hint", evidence=Evidence(http_status=503, request_id="r1"))


def _end(
    *codes: ErrorCode,
    left: int = 0,
    cancelled: bool = False,
    stopped: Failure | None = None,
    messages: tuple[str, ...] = (),
    settled: int = 5,
    exit_status: int = 0,
) -> tuple[Outcome, Failure | None]:
    failed = {f"file{i}": _failure(code) for i, code in enumerate(codes)}
    end = End(
        failed,
        settled,
        left,
        cancelled=cancelled,
        stopped=stopped,
        exit_status=exit_status,
        messages=messages,
    )
    return verdict(end, Redactor())


@pytest.mark.parametrize("status", [0, 1, 2, -9, 143])
def test_a_run_of_which_every_file_is_settled_is_a_success_whatever_rclone_says(status: int) -> None:
    assert _end(exit_status=status) == (Outcome.SUCCESS, None)
    assert _end(exit_status=status, settled=0) == (Outcome.SUCCESS, None)


@pytest.mark.parametrize("codes", [(), (ErrorCode.SERVER_ERROR,)])
def test_a_run_of_which_a_file_is_not_accounted_for_has_failed(codes: tuple[ErrorCode, ...]) -> None:
    outcome, error = _end(*codes, left=1)
    assert outcome is Outcome.FAILED
    assert error is not None
    assert error.code is ErrorCode.UNKNOWN


@pytest.mark.parametrize("codes", [(), (ErrorCode.SERVER_ERROR,), (ErrorCode.DISK_FULL,)])
def test_a_cancelled_run_is_cancelled_whatever_else_happened(codes: tuple[ErrorCode, ...]) -> None:
    assert _end(*codes, left=1, cancelled=True, messages=(_503,)) == (Outcome.CANCELLED, cancelled())
    assert _end(*codes, left=1, cancelled=True, stopped=_STALLED) == (Outcome.CANCELLED, cancelled())


def test_a_run_that_was_complete_before_the_request_is_a_success() -> None:
    assert _end(cancelled=True) == (Outcome.SUCCESS, None)


@pytest.mark.parametrize(
    ("command", "mark"),
    [("backup", "BACKUP"), ("restore", "RESTORE"), ("verify", "BACKUP"), ("cleanup", "BACKUP")],
)
def test_a_cancelled_run_begins_with_the_word_that_pluton_looks_for(command: str, mark: str) -> None:
    for has_copied in (False, True):
        failure = run_cancelled(command, has_copied=has_copied)
        assert failure.message.startswith(f"{mark}_CANCELLED: the {command} was cancelled")
        assert ("have been copied" in failure.hint) is has_copied


def test_a_run_that_we_stopped_has_our_reason() -> None:
    assert _end(left=1, stopped=_STALLED, messages=(_503,)) == (Outcome.FAILED, _STALLED)
    assert _end(left=1, stopped=_OUT_OF_TIME) == (Outcome.PARTIAL, _OUT_OF_TIME)
    assert _end(ErrorCode.DISK_FULL, stopped=_STALLED) == (Outcome.FAILED, _STALLED)


def test_a_run_that_was_complete_before_we_stopped_it_is_a_success() -> None:
    assert _end(stopped=_STALLED) == (Outcome.SUCCESS, None)


@pytest.mark.parametrize("status", [0, 1, 2, -9])
def test_a_run_with_failed_files_is_partial(status: int) -> None:
    outcome, error = _end(
        ErrorCode.SERVER_ERROR, ErrorCode.SOURCE_UNREADABLE, messages=(_503,), exit_status=status
    )
    assert outcome is Outcome.PARTIAL
    assert error is not None
    assert error.code is ErrorCode.PARTIAL
    assert error.message.startswith("2 files could not be copied, the first: file0:")
    assert error.evidence.rclone_exit_code == status
    assert error.evidence.request_id == "r1"


@pytest.mark.parametrize(
    "code",
    [
        ErrorCode.DISK_FULL,
        ErrorCode.ACCOUNT_PROBLEM,
        ErrorCode.QUOTA_EXCEEDED,
        ErrorCode.ACCESS_KEY_INVALID,
        ErrorCode.SECRET_KEY_INVALID,
        ErrorCode.CLOCK_SKEW,
        ErrorCode.BUCKET_NOT_FOUND,
    ],
)
def test_an_error_that_a_person_must_correct_fails_the_run(code: ErrorCode) -> None:
    outcome, error = _end(
        ErrorCode.SERVER_ERROR, ErrorCode.SERVER_ERROR, code, messages=(_503,), exit_status=1
    )
    assert outcome is Outcome.FAILED
    assert error is not None
    assert error.code is code
    assert error.evidence.rclone_exit_code == 1
    assert error.evidence.log_tail == (_503,)


def test_a_run_in_which_nothing_could_be_copied_failed() -> None:
    outcome, error = _end(ErrorCode.PERMISSION_DENIED, settled=0)
    assert outcome is Outcome.FAILED
    assert error is not None
    assert error.code is ErrorCode.PERMISSION_DENIED


def test_a_source_of_one_unreadable_file_is_partial() -> None:
    outcome, error = _end(ErrorCode.SOURCE_UNREADABLE, settled=0)
    assert outcome is Outcome.PARTIAL
    assert error is not None
    assert error.code is ErrorCode.SOURCE_UNREADABLE
    assert error.message.startswith("1 file could")


def test_no_secret_reaches_the_failure() -> None:
    canary = "SKTESTcanarythatmustnotshowanywhere00009"
    failed = {f"dir/{canary}": _failure(ErrorCode.SERVER_ERROR)}
    end = End(failed, 1, 0, exit_status=1, messages=(f"Failed: {canary}",))
    _, error = verdict(end, Redactor([canary]))
    assert canary not in repr(error)


@pytest.mark.parametrize(("status", "number"), [(-9, 9), (-15, 15), (-1, 1), (143, 15), (130, 2), (137, 9)])
@pytest.mark.parametrize("messages", [(), (_503,)])
def test_a_killed_rclone_is_reported_by_the_signal_not_by_older_errors(
    status: int, number: int, messages: tuple[str, ...]
) -> None:
    error = why_not_copied(messages, status, _PLACE, Redactor())
    assert f"signal {number} " in error.message
    assert error.evidence.log_tail == messages
    assert ("out-of-memory" in error.hint) == (number == 9)


def test_a_file_that_rclone_did_not_speak_of_has_failed_for_its_last_words() -> None:
    error = why_not_copied(("something else", _503), 1, _PLACE, Redactor())
    assert error.code is ErrorCode.SERVER_ERROR
    assert error.evidence.rclone_exit_code == 1


def test_a_file_that_rclone_passed_over_in_silence_has_failed_too() -> None:
    error = why_not_copied((), 0, _PLACE, Redactor())
    assert error.code is ErrorCode.UNKNOWN
    assert "without copying" in error.message
