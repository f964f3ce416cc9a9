"""The error codes and exit statuses, with a copy of the table in section 5 of the contract."""

import json

import pytest

from adapter.contract.errors import AdapterError, ErrorCode, Evidence, ExitStatus, Failure, FormInvalid

_CONTRACT = {
    1: "server_error throttled account_problem quota_exceeded disk_full destination_unwritable "
    "source_not_found source_empty manifest_invalid unknown",
    2: "usage invalid_form endpoint_invalid storage_exists",
    3: "partial source_unreadable manifest_unwritten",
    10: "bucket_not_found zone_mismatch storage_not_found path_not_found",
    11: "locked conf_locked target_in_use",
    12: "credentials_missing access_key_invalid secret_key_invalid permission_denied clock_skew "
    "conf_password_missing conf_wrong_password",
    13: "conf_unreadable conf_unwritable",
    20: "rclone_not_found rclone_unsupported",
    21: "endpoint_unreachable tls_failed",
    22: "timeout stalled",
    23: "integrity_mismatch",
    70: "internal",
    130: "cancelled",
}
_STATUS_OF = {word: status for status, words in _CONTRACT.items() for word in words.split()}


def test_the_codes_are_those_of_the_contract() -> None:
    assert {code.value for code in ErrorCode} == set(_STATUS_OF)
    assert {int(status) for status in ExitStatus} == {0, *_CONTRACT}


@pytest.mark.parametrize(("word", "status"), _STATUS_OF.items())
def test_the_exit_status_of_a_code(word: str, status: int) -> None:
    assert ErrorCode(word).exit_status == status


@pytest.mark.parametrize(
    "word", ["server_error", "throttled", "endpoint_unreachable", "timeout", "stalled", "locked", "partial"]
)
def test_a_temporary_error_is_retryable(word: str) -> None:
    assert ErrorCode(word).retryable


@pytest.mark.parametrize(
    "word", ["secret_key_invalid", "invalid_form", "bucket_not_found", "disk_full", "internal", "usage"]
)
def test_an_error_that_a_person_must_correct_is_not_retryable(word: str) -> None:
    assert not ErrorCode(word).retryable


def test_the_error_object_of_the_contract() -> None:
    evidence = Evidence(3, 404, "bucket_not_exists", "r1", ("line",))
    failure = Failure(ErrorCode.ZONE_MISMATCH, "what", "next", field="zone", evidence=evidence)
    assert json.loads(json.dumps(failure.as_dict())) == {
        "code": "zone_mismatch",
        "message": "what",
        "hint": "next",
        "retryable": False,
        "field": "zone",
        "evidence": {
            "rclone_exit_code": 3,
            "http_status": 404,
            "qingstor_code": "bucket_not_exists",
            "request_id": "r1",
            "log_tail": ["line"],
        },
    }


def test_the_text_of_an_error_is_its_message() -> None:
    assert str(AdapterError(Failure(ErrorCode.UNKNOWN, "a sentence", "hint"))) == "a sentence"


def test_one_invalid_field_gives_its_own_failure_and_several_are_counted() -> None:
    zone = Failure(ErrorCode.INVALID_FORM, "zone is wrong", "correct it", field="zone")
    endpoint = Failure(ErrorCode.ENDPOINT_INVALID, "endpoint is wrong", "correct it", field="endpoint")
    assert FormInvalid([endpoint]).failure == endpoint
    both = FormInvalid([zone, endpoint])
    assert both.errors == (zone, endpoint)
    assert both.failure.code is ErrorCode.INVALID_FORM
    assert both.failure.message.startswith("2 fields are wrong. ")


def test_the_retryable_codes_are_exactly_these() -> None:
    assert {code.value for code in ErrorCode if code.retryable} == {
        *("server_error", "throttled", "partial", "locked", "conf_locked", "endpoint_unreachable"),
        *("timeout", "stalled", "cancelled"),
    }
