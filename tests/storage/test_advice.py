"""Advice: given when its rule applies, and only then."""

import pytest

from adapter.storage.advice import Advice, AdviceCode, advise
from tests.storage.documents import document, parse

_ALWAYS = {AdviceCode.SECRET_IN_CLEAR_TEXT}
_QUIET = {"zone": "sh1a"}


def _codes(settings: dict[str, object], credentials: dict[str, object] | None = None) -> set[AdviceCode]:
    return {advice.code for advice in advise(parse(document({**_QUIET, **settings}, credentials)))}


def test_plain_values_need_no_advice() -> None:
    quiet = {"upload_concurrency": 1, "connection_retries": 3, "env_auth": False, "description": "x"}
    assert _codes(quiet, {"endpoint": "https://qingstor.com:443"}) == _ALWAYS


@pytest.mark.parametrize(
    "posted",
    [
        {"upload_cutoff": "200mi", "chunk_size": "4mi", "upload_concurrency": "1", "connection_retries": "3"},
        {"upload_cutoff": "200Mi", "chunk_size": "4096k", "upload_concurrency": 1},
        {"upload_concurrency": 0, "connection_retries": -1, "encoding": "slash,ctl,invalidutf8"},
        {"upload_concurrency": -1, "upload_cutoff": "204800k"},
    ],
)
def test_what_pluton_posts_untouched_needs_no_advice(posted: dict[str, object]) -> None:
    for endpoint in ("", "https://qingstor.com:443", "https://qingstor.com", "qingstor.com"):
        assert _codes(posted, {"endpoint": endpoint}) == _ALWAYS


@pytest.mark.parametrize(
    ("settings", "credentials", "code"),
    [
        ({"upload_concurrency": 2}, {}, AdviceCode.CONCURRENCY_BREAKS_CHECKSUMS),
        ({"connection_retries": 5}, {}, AdviceCode.RETRIES_APPLIED_BY_ADAPTER),
        ({"connection_retries": 0}, {}, AdviceCode.RETRIES_OFF),
        ({"connection_retries": 1}, {}, AdviceCode.RETRIES_APPLIED_BY_ADAPTER),
        ({"chunk_size": "5Mi"}, {}, AdviceCode.FILE_SIZE_LIMIT),
        ({"upload_cutoff": "201mi"}, {}, AdviceCode.MULTIPART_MEMORY),
        ({"upload_cutoff": 0}, {}, AdviceCode.MULTIPART_MEMORY),
        ({"upload_cutoff": "5Gi"}, {}, AdviceCode.HUGE_FILES_CHUNKED),
        ({"zone": "nowhere9"}, {}, AdviceCode.ZONE_NOT_KNOWN),
        ({"zone": ""}, {}, AdviceCode.ZONE_DEFAULT),
        ({"env_auth": True}, {}, AdviceCode.ENV_AUTH_IGNORED),
        ({}, {"endpoint": "http://qingstor.test:80"}, AdviceCode.INSECURE_ENDPOINT),
    ],
)
def test_each_rule_alone(
    settings: dict[str, object], credentials: dict[str, object], code: AdviceCode
) -> None:
    assert _codes(settings, credentials) == {*_ALWAYS, code}


def test_no_advice_on_clear_text_without_keys() -> None:
    assert _codes({"env_auth": True}, {"access_key_id": "", "secret_access_key": ""}) == set()


def test_no_advice_on_the_file_size_with_large_parts() -> None:
    assert _codes({"chunk_size": "256Mi"}) == _ALWAYS


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"chunk_size": "5mi"}, "with 5Mi each, rclone alone fails on files above 48 GiB"),
        ({"upload_cutoff": "100m"}, "Files above 100Mi"),
        ({"connection_retries": 0}, "not tried again"),
        ({"upload_cutoff": "0"}, "All files"),
        ({"connection_retries": 7}, "up to 7 times"),
        ({"zone": "nowhere9"}, "nowhere9"),
        ({"zone": ""}, "pek3a is used"),
    ],
)
def test_the_message_names_the_values(settings: dict[str, object], says: str) -> None:
    messages = [advice.message for advice in advise(parse(document({**_QUIET, **settings})))]
    assert any(says in message for message in messages), messages


def test_a_piece_of_advice_as_json() -> None:
    advice = Advice(AdviceCode.EMPTY_ZONE, "zone", "Nothing here.")
    assert advice.as_dict() == {"code": "empty_zone", "field": "zone", "message": "Nothing here."}


def test_the_codes_are_those_of_the_contract() -> None:
    assert {code.value for code in AdviceCode} == {
        *(
            "concurrency_breaks_checksums",
            "retries_applied_by_adapter",
            "file_size_limit",
            "multipart_memory",
        ),
        *("huge_files_chunked", "zone_not_known", "zone_default", "env_auth_ignored", "insecure_endpoint"),
        "retries_off",
        *("secret_in_clear_text", "empty_zone", "bucket_created_on_upload", "environment_ignored"),
    }
