"""The outcome for each end of rclone: only a success is reported as one."""

from collections.abc import Mapping
from itertools import product

import pytest

from adapter.contract.errors import ErrorCode, Evidence, Failure, cancelled, run_cancelled
from adapter.contract.events import Outcome
from adapter.contract.redact import Redactor
from adapter.diagnosis.classify import Place
from adapter.diagnosis.verdict import End, ended_early, joined, verdict

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
    exit_status: int,
    *codes: ErrorCode,
    cancelled: bool = False,
    stopped: Failure | None = None,
    messages: tuple[str, ...] = (),
    settled: int = 5,
    complaints: tuple[str, ...] = (),
) -> tuple[Outcome, Failure | None]:
    failed: Mapping[str, Failure] = {f"file{i}": _failure(code) for i, code in enumerate(codes)}
    end = End(exit_status, cancelled, stopped, messages, failed, settled, complaints)
    return verdict(end, _PLACE, Redactor())


_WALKED = (1, 5, 6, 9)
_EARLY = (2, 3, 4, 7, 8, 10, 127, -1, -2, -3, -6, -9, -11, -15, 129, 130, 137, 143)
_NON_ZERO = (*_WALKED, *_EARLY)


def test_only_status_0_without_errors_is_a_success() -> None:
    assert _end(0) == (Outcome.SUCCESS, None)
    assert _end(0, settled=0) == (Outcome.SUCCESS, None)


_FAILED_FILES: tuple[tuple[ErrorCode, ...], ...] = (
    (),
    (ErrorCode.SERVER_ERROR,),
    (ErrorCode.SOURCE_UNREADABLE,),
)
_MESSAGES: tuple[tuple[str, ...], ...] = ((), (_503,))


@pytest.mark.parametrize("status", _NON_ZERO)
def test_another_status_is_not_a_success(status: int) -> None:
    for codes, settled, messages in product(_FAILED_FILES, (0, 5), _MESSAGES):
        outcome, error = _end(status, *codes, settled=settled, messages=messages)
        assert outcome in {Outcome.FAILED, Outcome.PARTIAL}
        assert error is not None
        assert error.code.exit_status != 0


def test_status_0_with_a_failed_file_is_partial() -> None:
    outcome, error = _end(0, ErrorCode.SERVER_ERROR)
    assert outcome is Outcome.PARTIAL
    assert error is not None
    assert error.code is ErrorCode.PARTIAL


def test_status_0_with_an_error_that_rclone_did_not_count_is_partial() -> None:
    """A truncated list of objects: rclone copies what it has seen and exits with 0 (1.65.2 and 1.75.2)."""
    outcome, error = _end(0, complaints=("Expecting NextMarker but didn't find one",))
    assert outcome is Outcome.PARTIAL
    assert error is not None
    assert error.code is ErrorCode.PARTIAL
    assert "incomplete list" in error.message


@pytest.mark.parametrize("status", _NON_ZERO)
@pytest.mark.parametrize("codes", [(), (ErrorCode.SERVER_ERROR,), (ErrorCode.DISK_FULL,)])
def test_a_cancelled_run_is_cancelled_whatever_else_happened(
    status: int, codes: tuple[ErrorCode, ...]
) -> None:
    assert _end(status, *codes, cancelled=True, messages=(_503,)) == (Outcome.CANCELLED, cancelled())
    assert _end(status, *codes, cancelled=True, stopped=_STALLED) == (Outcome.CANCELLED, cancelled())


def test_a_run_that_was_complete_before_the_request_is_a_success() -> None:
    assert _end(0, cancelled=True) == (Outcome.SUCCESS, None)


@pytest.mark.parametrize(
    ("command", "mark"),
    [("backup", "BACKUP"), ("restore", "RESTORE"), ("verify", "BACKUP"), ("cleanup", "BACKUP")],
)
def test_a_cancelled_run_begins_with_the_word_that_pluton_looks_for(command: str, mark: str) -> None:
    for has_copied in (False, True):
        failure = run_cancelled(command, has_copied=has_copied)
        assert failure.message.startswith(f"{mark}_CANCELLED: the {command} was cancelled")
        assert ("have been copied" in failure.hint) is has_copied


@pytest.mark.parametrize("status", _NON_ZERO)
def test_a_run_that_we_stopped_has_our_reason(status: int) -> None:
    assert _end(status, stopped=_STALLED, messages=(_503,)) == (Outcome.FAILED, _STALLED)
    assert _end(status, stopped=_OUT_OF_TIME) == (Outcome.PARTIAL, _OUT_OF_TIME)
    assert _end(status, ErrorCode.DISK_FULL, stopped=_STALLED) == (Outcome.FAILED, _STALLED)


def test_a_run_that_was_complete_before_we_stopped_it_is_a_success() -> None:
    assert _end(0, stopped=_STALLED) == (Outcome.SUCCESS, None)


@pytest.mark.parametrize("status", _WALKED)
def test_a_complete_run_with_failed_files_is_partial(status: int) -> None:
    outcome, error = _end(status, ErrorCode.SERVER_ERROR, ErrorCode.SOURCE_UNREADABLE, messages=(_503,))
    assert outcome is Outcome.PARTIAL
    assert error is not None
    assert error.code is ErrorCode.PARTIAL
    assert error.message.startswith("2 files could not be copied, the first: file0:")
    assert error.evidence.rclone_exit_code == status
    assert error.evidence.request_id == "r1"


@pytest.mark.parametrize("status", _EARLY)
def test_a_run_that_ended_early_with_failed_files_has_failed(status: int) -> None:
    """A run of which one file had failed when rclone was killed was reported as partial."""
    outcome, error = _end(status, ErrorCode.SERVER_ERROR, messages=(_503,))
    assert outcome is Outcome.FAILED
    assert error is not None
    assert error.code is not ErrorCode.PARTIAL
    assert ended_early(status)


@pytest.mark.parametrize("status", [0, *_WALKED])
def test_which_ends_are_early(status: int) -> None:
    assert not ended_early(status)


@pytest.mark.parametrize(("status", "number"), [(-9, 9), (-15, 15), (-1, 1), (143, 15), (130, 2), (137, 9)])
@pytest.mark.parametrize("messages", [(), (_503,)])
def test_a_killed_rclone_is_reported_by_the_signal_not_by_older_errors(
    status: int, number: int, messages: tuple[str, ...]
) -> None:
    outcome, error = _end(status, messages=messages)
    assert outcome is Outcome.FAILED
    assert error is not None
    assert f"signal {number} " in error.message
    assert error.evidence.log_tail == messages
    assert ("out-of-memory" in error.hint) == (number == 9)


def test_an_end_without_failed_files_is_reported_by_the_messages() -> None:
    outcome, error = _end(1, messages=("something else", _503))
    assert outcome is Outcome.FAILED
    assert error is not None
    assert error.code is ErrorCode.SERVER_ERROR
    assert error.evidence.rclone_exit_code == 1


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
    outcome, error = _end(1, ErrorCode.SERVER_ERROR, ErrorCode.SERVER_ERROR, code, messages=(_503,))
    assert outcome is Outcome.FAILED
    assert error is not None
    assert error.code is code
    assert error.evidence.rclone_exit_code == 1
    assert error.evidence.log_tail == (_503,)


def test_a_run_in_which_nothing_could_be_copied_failed() -> None:
    outcome, error = _end(1, ErrorCode.PERMISSION_DENIED, settled=0)
    assert outcome is Outcome.FAILED
    assert error is not None
    assert error.code is ErrorCode.PERMISSION_DENIED


def test_a_source_of_one_unreadable_file_is_partial() -> None:
    outcome, error = _end(1, ErrorCode.SOURCE_UNREADABLE, settled=0)
    assert outcome is Outcome.PARTIAL
    assert error is not None
    assert error.code is ErrorCode.SOURCE_UNREADABLE
    assert error.message.startswith("1 file could")


def test_no_secret_reaches_the_failure() -> None:
    canary = "SKTESTcanarythatmustnotshowanywhere00009"
    failed = {f"dir/{canary}": _failure(ErrorCode.SERVER_ERROR)}
    end = End(1, False, None, (f"Failed: {canary}",), failed, 1)  # noqa: FBT003  # cancelled
    _, error = verdict(end, _PLACE, Redactor([canary]))
    assert canary not in repr(error)


def _part(exit_status: int, *failed: str, complaints: tuple[str, ...] = ()) -> End:
    why = _failure(ErrorCode.SERVER_ERROR)
    messages = (f"of {exit_status}",)
    return End(exit_status, False, None, messages, dict.fromkeys(failed, why), 5, complaints)  # noqa: FBT003


@pytest.mark.parametrize(
    ("parts", "still_failed", "outcome"),
    [
        ([_part(0), _part(0)], (), Outcome.SUCCESS),
        ([_part(1, "a"), _part(0)], (), Outcome.SUCCESS),  # a later copy settled it
        ([_part(1, "a"), _part(0)], ("a",), Outcome.PARTIAL),
        ([_part(0), _part(1, "b")], ("b",), Outcome.PARTIAL),
        ([_part(1), _part(0)], (), Outcome.FAILED),  # of no file, so no later copy can correct it
        ([_part(-9, "a"), _part(0)], ("a",), Outcome.FAILED),
        ([_part(0, complaints=("list cut",)), _part(0)], (), Outcome.PARTIAL),
    ],
)
def test_several_copies_are_judged_as_one(
    parts: list[End], still_failed: tuple[str, ...], outcome: Outcome
) -> None:
    failed = dict.fromkeys(still_failed, _failure(ErrorCode.SERVER_ERROR))
    assert verdict(joined(parts, failed), _PLACE, Redactor())[0] is outcome


def test_copies_that_ended_early_are_not_a_success_even_if_the_failed_file_was_settled() -> None:
    """Killed after one failed file: a later copy that settles this file proves nothing about the others."""
    outcome, error = verdict(joined([_part(-9, "a"), _part(0)], {}), _PLACE, Redactor())
    assert outcome is Outcome.FAILED
    assert error is not None
    assert "signal 9" in error.message
