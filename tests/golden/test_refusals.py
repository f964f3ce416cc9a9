"""Every rule of the table, proved by what rclones of several versions really said."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from adapter.contract.errors import ErrorCode
from adapter.contract.redact import Redactor
from adapter.diagnosis.classify import Place, classify
from adapter.diagnosis.failure_rules import KNOWN_CODES, RULES
from adapter.diagnosis.qingstor_error import parse_qingstor_error
from adapter.diagnosis.rule import Rule
from adapter.machine.cancellation import Cancellation
from adapter.rclone.binary import probe
from tests.golden.record import BASE, CANARY, GOLDEN, Refusal, read_refusals, record_refusals
from tests.qingstor_server import ACCESS_KEY_ID, SECRET_ACCESS_KEY

_FILES = sorted(GOLDEN.rglob("refusals.json"))
_RECORDED = {path.parent.name: BASE | read_refusals(path) for path in GOLDEN.glob("*/refusals.json")}
_OF_A_RESTORE = {
    "destination_closed",
    "destination_is_a_file",
    "disk_full",
    "disk_full_unforeseen",
    "name_too_long",
    "read_only_disk",
}
_PLACE = Place("storage", "pek3a", "http://qingstor.test:80", "golden-bucket", "path")
_PREFIX = re.compile(r"2026/01/01 00:00:00 (?:[A-Z+0-9]+ *: )?")

_EXPECTED = {
    "code_access_denied": ErrorCode.PERMISSION_DENIED,
    "code_account_problem": ErrorCode.ACCOUNT_PROBLEM,
    "code_bad_digest": ErrorCode.INTEGRITY_MISMATCH,
    "code_bucket_not_active": ErrorCode.ACCOUNT_PROBLEM,
    "code_bucket_not_exists": ErrorCode.BUCKET_NOT_FOUND,
    "code_delinquent_account": ErrorCode.ACCOUNT_PROBLEM,
    "code_entity_too_large": ErrorCode.PARTIAL,
    "code_fetch_throttled": ErrorCode.THROTTLED,
    "code_incomplete_body": ErrorCode.ENDPOINT_UNREACHABLE,
    "code_internal_error": ErrorCode.SERVER_ERROR,
    "code_invalid_access_key_id": ErrorCode.ACCESS_KEY_INVALID,
    "code_invalid_bucket_name": ErrorCode.BUCKET_NOT_FOUND,
    "code_invalid_location": ErrorCode.ZONE_MISMATCH,
    "code_invalid_object_name": ErrorCode.PARTIAL,
    "code_lease_not_ready": ErrorCode.SERVER_ERROR,
    "code_max_parts_exceeded": ErrorCode.PARTIAL,
    "code_max_requests_exceeded": ErrorCode.THROTTLED,
    "code_metadata_too_large": ErrorCode.PARTIAL,
    "code_object_not_exists": ErrorCode.PATH_NOT_FOUND,
    "code_permission_denied": ErrorCode.PERMISSION_DENIED,
    "code_request_expired": ErrorCode.CLOCK_SKEW,
    "code_service_unavailable": ErrorCode.SERVER_ERROR,
    "code_signature_not_matched": ErrorCode.SECRET_KEY_INVALID,
    "code_too_many_buckets": ErrorCode.QUOTA_EXCEEDED,
    "code_upload_not_exists": ErrorCode.SERVER_ERROR,
    "code_upstream_failed": ErrorCode.SERVER_ERROR,
    "status_204": ErrorCode.ENDPOINT_UNREACHABLE,
    "status_304": ErrorCode.ENDPOINT_UNREACHABLE,
    "status_401": ErrorCode.ACCESS_KEY_INVALID,
    "status_402": ErrorCode.ACCOUNT_PROBLEM,
    "status_403": ErrorCode.PERMISSION_DENIED,
    "status_404": ErrorCode.BUCKET_NOT_FOUND,
    "status_405": ErrorCode.UNKNOWN,
    "status_407": ErrorCode.ENDPOINT_UNREACHABLE,
    "status_411": ErrorCode.PARTIAL,
    "status_429": ErrorCode.THROTTLED,
    "status_500": ErrorCode.SERVER_ERROR,
    "status_502": ErrorCode.SERVER_ERROR,
    "status_504": ErrorCode.SERVER_ERROR,
    "status_507": ErrorCode.QUOTA_EXCEEDED,
    "status_599": ErrorCode.SERVER_ERROR,
    "missing_bucket": ErrorCode.BUCKET_NOT_FOUND,
    # rclone says "source" of both; the adapter, which knows what it asked for, looks into it (restore.py).
    "missing_bucket_restored": ErrorCode.SOURCE_NOT_FOUND,
    "missing_source": ErrorCode.SOURCE_NOT_FOUND,
    "missing_file": ErrorCode.PATH_NOT_FOUND,
    "unknown_key": ErrorCode.ACCESS_KEY_INVALID,
    "wrong_secret": ErrorCode.SECRET_KEY_INVALID,
    "clock": ErrorCode.CLOCK_SKEW,
    "length_required": ErrorCode.PARTIAL,
    "no_keys": ErrorCode.CREDENTIALS_MISSING,
    "no_secret": ErrorCode.CREDENTIALS_MISSING,
    "endpoint_with_a_hyphen": ErrorCode.ENDPOINT_INVALID,
    "endpoint_with_a_path": ErrorCode.ENDPOINT_INVALID,
    "unknown_backend": ErrorCode.RCLONE_UNSUPPORTED,
    "small_chunks": ErrorCode.INVALID_FORM,
    "large_cutoff": ErrorCode.INVALID_FORM,
    "bad_rate": ErrorCode.USAGE,
    "unknown_flag": ErrorCode.USAGE,
    "missing_filters": ErrorCode.USAGE,
    "bad_filter": ErrorCode.USAGE,
    "bad_variable": ErrorCode.USAGE,
    "unknown_authority": ErrorCode.TLS_FAILED,
    "expired_certificate": ErrorCode.TLS_FAILED,
    "certificate_of_another_host": ErrorCode.TLS_FAILED,
    "missing_certificates": ErrorCode.TLS_FAILED,
    "file_without_certificates": ErrorCode.TLS_FAILED,
    "https_on_a_plain_port": ErrorCode.TLS_FAILED,
    "https_on_a_port_of_ssh": ErrorCode.TLS_FAILED,
    "http_on_a_tls_port": ErrorCode.TLS_FAILED,
    "no_common_cipher": ErrorCode.TLS_FAILED,
    "unknown_host": ErrorCode.ENDPOINT_UNREACHABLE,
    "silent_name_server": ErrorCode.ENDPOINT_UNREACHABLE,
    "zone_that_makes_no_name": ErrorCode.ENDPOINT_UNREACHABLE,
    "refused": ErrorCode.ENDPOINT_UNREACHABLE,
    "no_connection_in_time": ErrorCode.TIMEOUT,
    "no_handshake_in_time": ErrorCode.TIMEOUT,
    "no_answer_in_time": ErrorCode.TIMEOUT,
    "no_end_in_time": ErrorCode.TIMEOUT,
    "reset": ErrorCode.ENDPOINT_UNREACHABLE,
    "reset_after_the_work": ErrorCode.ENDPOINT_UNREACHABLE,
    "answer_that_breaks_off": ErrorCode.ENDPOINT_UNREACHABLE,
    "end_without_an_answer": ErrorCode.ENDPOINT_UNREACHABLE,
    "proxy_refuses": ErrorCode.ENDPOINT_UNREACHABLE,
    "proxy_cannot_connect": ErrorCode.ENDPOINT_UNREACHABLE,
    "proxy_wants_a_password": ErrorCode.ENDPOINT_UNREACHABLE,
    "proxy_gone": ErrorCode.ENDPOINT_UNREACHABLE,
    "http_proxy_gone": ErrorCode.ENDPOINT_UNREACHABLE,
    "socks_proxy_gone": ErrorCode.ENDPOINT_UNREACHABLE,
    "json_of_another_kind": ErrorCode.ENDPOINT_UNREACHABLE,
    "redirects_in_circles": ErrorCode.ENDPOINT_UNREACHABLE,
    "page_instead_of_json": ErrorCode.ENDPOINT_UNREACHABLE,
    # Of a page without a code nothing but the status is left; the connection test looks at the page itself.
    "page_not_found": ErrorCode.BUCKET_NOT_FOUND,
    "server_of_ssh": ErrorCode.ENDPOINT_UNREACHABLE,
    "list_that_breaks_off": ErrorCode.SERVER_ERROR,
    "unreadable_file": ErrorCode.SOURCE_UNREADABLE,
    "unreadable_file_hashed": ErrorCode.SOURCE_UNREADABLE,
    "unreadable_directory": ErrorCode.SOURCE_UNREADABLE,
    "source_grows": ErrorCode.SOURCE_UNREADABLE,
    "source_vanishes": ErrorCode.SOURCE_UNREADABLE,
    "corrupted_on_transfer": ErrorCode.INTEGRITY_MISMATCH,
    "corrupted_on_restore": ErrorCode.INTEGRITY_MISMATCH,
    "disk_full": ErrorCode.DISK_FULL,
    "disk_full_unforeseen": ErrorCode.DISK_FULL,
    "read_only_disk": ErrorCode.DESTINATION_UNWRITABLE,
    "destination_closed": ErrorCode.DESTINATION_UNWRITABLE,
    "destination_is_a_file": ErrorCode.DESTINATION_UNWRITABLE,
    "name_too_long": ErrorCode.DESTINATION_UNWRITABLE,
    "no_memory": ErrorCode.UNKNOWN,
}

_NOT_PROVOKED = {
    "There is a file where the copy needs a directory.": "tests/transfer/test_sources.py makes the real "
    "rclone say it",
    "The run had copied as much as maxTransfer allows before this file was through.": "said of copies to any "
    "storage; tests/transfer/test_settings.py makes the real rclone say it",
    "rclone could not be started: {said}": "no rclone says it: the status is that of our own launcher",
}
"""The rules that no recording can prove, by message, and why."""


def _expected(name: str) -> ErrorCode:
    return _EXPECTED[name.removesuffix("_without_a_code")]


def _rule(refusal: Refusal) -> Rule | None:
    """The rule that decides, found as `classify` finds it but without it."""
    texts = [_PREFIX.sub("", line, count=1).strip() for line in refusal.lines]
    for rule in RULES:
        if any(rule.fits(text, parse_qingstor_error(text), KNOWN_CODES) for text in texts):
            return rule
    return None


def _code(refusal: Refusal) -> ErrorCode:
    place = replace(_PLACE, is_restore=refusal.name in _OF_A_RESTORE)
    return classify(refusal.lines, place, Redactor(), refusal.exit_status).code


def _told(rule: Rule) -> str:
    """The name of a rule in a report; messages alone are not unique."""
    return f"{rule.code.value}: {rule.message} [{', '.join(rule.qingstor)} {rule.text}]"


_ALL = [
    (version, refusal, _rule(refusal)) for version, said in _RECORDED.items() for refusal in said.values()
]
"""Each refusal of each version, and the rule that decides it."""


def _versions(rule: Rule, *names: str) -> set[str]:
    """The versions in which it decides one of these refusals; of any refusal when none is named."""
    return {
        version
        for version, refusal, decides in _ALL
        if decides is rule and (not names or refusal.name.removesuffix("_without_a_code") in names)
    }


def test_refusals_of_at_least_four_versions_are_there() -> None:
    assert len(_RECORDED) >= 4


@pytest.mark.parametrize("version", _RECORDED)
def test_each_version_has_the_same_refusals(version: str) -> None:
    names = _RECORDED[version].keys()
    assert names == BASE.keys()
    assert {name.removesuffix("_without_a_code") for name in names} == _EXPECTED.keys()
    assert all(refusal.lines for refusal in _RECORDED[version].values())


@pytest.mark.parametrize("version", _RECORDED)
def test_every_version_s_words_give_the_same_code(version: str) -> None:
    told = {name: _code(refusal) for name, refusal in _RECORDED[version].items()}
    assert told == {name: _expected(name) for name in told}


def test_the_rule_that_decides_has_the_code_that_is_told() -> None:
    decided = {(version, refusal.name): rule.code for version, refusal, rule in _ALL if rule is not None}
    assert decided == {(version, name): _expected(name) for version, name in decided}


def test_every_rule_is_proved_by_two_versions_or_has_a_reason_not_to_be() -> None:
    by_few = {_told(rule) for rule in RULES if len(_versions(rule)) < 2}
    excused = {_told(rule) for rule in RULES if rule.message in _NOT_PROVOKED}
    assert by_few == excused


def test_every_reason_is_about_a_rule_that_exists() -> None:
    assert _NOT_PROVOKED.keys() <= {rule.message for rule in RULES}


def test_every_code_of_qingstor_that_a_rule_names_is_recorded_as_qingstor_s() -> None:
    """Not only one code of each rule, and by that rule: the code is among the words."""
    for rule in RULES:
        for code in rule.qingstor:
            assert len(_versions(rule, f"code_{code}")) >= 2, f"{code} of {_told(rule)}"
            said = [f'"{code}"' in "".join(one.lines) for _, one, _ in _ALL if one.name == f"code_{code}"]
            assert all(said), code


def test_every_rule_that_names_a_status_is_proved_by_a_status_alone() -> None:
    for rule in RULES:
        of_rule = [f"status_{status}" for status in rule.http]
        assert not rule.http or len(_versions(rule, *of_rule)) >= 2, _told(rule)


@pytest.mark.parametrize("path", _FILES, ids=lambda path: path.parent.name)
def test_a_recording_holds_no_secret_and_no_trace_of_a_machine(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    traces = (ACCESS_KEY_ID, SECRET_ACCESS_KEY, CANARY, "127.0.0.1", "/tmp", "/home", "/root", "/work")
    assert [trace for trace in traces if trace in text] == []
    assert len(text) < 60_000
    # Nothing but addresses that are set apart for documentation.
    assert set(re.findall(r"\d+\.\d+\.\d+\.\d+", text)) <= {"192.0.2.1"}


@pytest.mark.deep
def test_the_rclone_at_hand_says_what_gives_the_same_codes(rclone: Path) -> None:
    """The recordings are not a picture of the past only; a minute, so not in every run."""
    with Cancellation() as cancel:
        found = probe(rclone, {}, cancel)
    told = {refusal.name: _code(refusal) for refusal in record_refusals(found)}
    assert told == {name: _expected(name) for name in told}
    assert {name.removesuffix("_without_a_code") for name in told} == _EXPECTED.keys()
