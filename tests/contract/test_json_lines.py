"""Every event is one line of valid JSON with the field names of the contract, for any file name."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapter.contract.errors import AdapterError, ErrorCode, Failure, FormInvalid
from adapter.contract.event_reader import parse_event_line
from adapter.contract.events import (
    Action,
    ErrorEvent,
    Event,
    FailedFile,
    Outcome,
    Phase,
    Status,
    Summary,
    VerboseStatus,
    Verification,
    WarningEvent,
)
from adapter.contract.json_lines import Answer, Envelope, answer_line, event_line, failure_line

_NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
_ENVELOPE = Envelope("run-1", "p1", "b1")
_FAILURE = Failure(ErrorCode.SERVER_ERROR, "what", "next")
_HEAD = "message_type schema_version time run_id planId backupId"
_STATUS = Status(
    phase=Phase.TRANSFERRING,
    seconds_elapsed=1.5,
    seconds_remaining=None,
    percent_done=0.25,
    total_files=4,
    files_done=1,
    total_bytes=400,
    bytes_done=100,
    bytes_per_second=None,
    current_files=("a", "b"),
    error_count=0,
    attempt=1,
    stalled_seconds=0.0,
)
_SUMMARY = Summary(
    outcome=Outcome.PARTIAL,
    error=Failure(ErrorCode.PARTIAL, "what", "next"),
    files_new=1,
    files_changed=2,
    files_unmodified=3,
    data_added=10,
    total_bytes_processed=20,
    total_duration=1.25,
    files_failed=1,
    failed_files=(FailedFile("f", _FAILURE),),
    retries=2,
    verification=Verification(by_hash=4, by_size=2),
)


def _line(event: Event, envelope: Envelope = _ENVELOPE) -> str:
    return event_line(event, envelope, _NOW)


@pytest.mark.parametrize(
    ("event", "fields"),
    [
        (
            _STATUS,
            (
                "seconds_elapsed seconds_remaining percent_done total_files files_done total_bytes "
                "bytes_done current_files bytes_per_second error_count phase attempt stalled_seconds"
            ),
        ),
        (VerboseStatus(Action.NEW, "f", 5), "action item data_size"),
        (ErrorEvent(_FAILURE, "backup", "f"), "error during item will_retry"),
        (WarningEvent("code", "sentence"), "code message"),
        (
            _SUMMARY,
            (
                "files_new files_changed files_unmodified dirs_new dirs_changed dirs_unmodified data_blobs "
                "tree_blobs data_added data_added_packed total_files_processed total_bytes_processed "
                "total_duration snapshot_id dry_run success outcome files_failed failed_files "
                "failed_files_omitted retries verification error exit_code"
            ),
        ),
    ],
)
def test_the_fields_are_those_of_the_contract(event: Event, fields: str) -> None:
    line = json.loads(_line(event))
    assert set(line) == {*_HEAD.split(), *fields.split()}
    assert line["message_type"] == event.message_type
    assert (line["schema_version"], line["run_id"]) == (1, "run-1")
    assert (line["planId"], line["backupId"]) == ("p1", "b1")
    assert line["time"] == "2026-01-02T03:04:05.678Z"


def test_missing_ids_are_omitted() -> None:
    assert not {"planId", "backupId"} & set(json.loads(_line(_STATUS, Envelope("r"))))


def test_unknown_numbers_of_a_status_are_null() -> None:
    line = json.loads(_line(_STATUS))
    assert line["seconds_remaining"] is None
    assert line["bytes_per_second"] is None
    assert (line["phase"], line["current_files"]) == ("transferring", ["a", "b"])


def test_an_error_event() -> None:
    line = json.loads(_line(ErrorEvent(_FAILURE, "backup", None)))
    assert line["error"] == {"message": "what", "code": "server_error", "hint": "next", "retryable": True}
    assert (line["during"], line["item"]) == ("backup", None)


def test_a_summary() -> None:
    line = json.loads(_line(_SUMMARY))
    assert (line["success"], line["outcome"], line["exit_code"]) == (False, "partial", 3)
    assert line["total_files_processed"] == 6
    assert line["snapshot_id"] == "run-1"
    assert line["failed_files"] == [{"item": "f", "code": "server_error", "message": "what"}]
    assert line["verification"] == {"by_hash": 4, "by_size": 2, "by_download": 0, "unverified": 0}
    assert set(line["error"]) == {"code", "message", "hint", "retryable", "field", "evidence"}


def test_a_summary_lists_every_invalid_field_and_can_be_parsed() -> None:
    wrong = tuple(
        Failure(ErrorCode.INVALID_FORM, name, "correct it", field=name) for name in ("target", "zone")
    )
    summary = replace(_SUMMARY, errors=wrong)
    line = _line(summary)
    assert [error["field"] for error in json.loads(line)["errors"]] == ["target", "zone"]
    read = parse_event_line(line)
    assert isinstance(read, Summary)
    assert read.errors == wrong


def test_the_summary_of_a_success() -> None:
    line = json.loads(_line(Summary(outcome=Outcome.SUCCESS)))
    assert (line["success"], line["outcome"], line["error"], line["exit_code"]) == (True, "success", None, 0)


def test_an_answer() -> None:
    assert json.loads(answer_line(Answer("done", {"storages": []}, "for people"))) == {
        "success": True,
        "result": "done",
        "schema_version": 1,
        "data": {"storages": []},
    }


def test_a_failed_answer_and_its_data() -> None:
    line = json.loads(failure_line(AdapterError(_FAILURE), {"stages": []}))
    assert (line["success"], line["result"], line["schema_version"]) == (False, "what", 1)
    assert line["error"]["code"] == "server_error"
    assert line["data"] == {"stages": []}
    assert "errors" not in line


def test_the_failure_of_an_invalid_form_lists_every_field() -> None:
    wrong = [Failure(ErrorCode.INVALID_FORM, name, "correct it", field=name) for name in ("zone", "name")]
    line = json.loads(failure_line(FormInvalid(wrong)))
    assert [error["field"] for error in line["errors"]] == ["zone", "name"]


@given(st.text(st.characters(categories=None, exclude_categories=()), max_size=30))
def test_any_file_name_stays_on_one_line_of_valid_utf8(name: str) -> None:
    """Node's readline also splits lines at U+2028 and U+2029, which cut events in two."""
    line = _line(VerboseStatus(Action.NEW, name, 1))
    assert len(line.splitlines()) == 1
    assert json.loads(line.encode())["item"] == name.encode("utf-8", "replace").decode()


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_number_that_json_cannot_hold_raises(number: float) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        answer_line(Answer("x", {"number": number}))
