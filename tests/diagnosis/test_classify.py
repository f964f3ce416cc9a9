"""A real message of rclone for every rule, and which rule wins if several fit.

Recorded with 1.75.2 against a local QingStor, or with 1.65.2 if marked so; paths and ids are shortened.
Marked "source": copied from the source of rclone or Go, because it is hard to provoke.
"""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapter.contract.errors import ErrorCode, Failure
from adapter.contract.redact import Redactor
from adapter.diagnosis.absence import unresolved_host
from adapter.diagnosis.classify import Place, classify
from adapter.diagnosis.failure_rules import KNOWN_CODES, RULES
from adapter.diagnosis.qingstor_error import QingStorError, parse_qingstor_error

_DATE = "2026/01/01 00:00:00 "
_PLACE = Place("My store", "sh1a", "https://my.host:443", "my-bucket", "some/path")


def _sdk(status: int, code: str = "", message: str = "m") -> str:
    """Return an error as the SDK prints it; `code` is empty after HEAD and for answers that are not JSON."""
    return (
        f'QingStor Error: StatusCode "{status}", Code "{code}", Message "{message}", Request ID "abc", '
        'Reference URL "https://docs.qingcloud.com/"'
    )


def _put(reason: str) -> str:
    return f'Failed to copy: Put "http://pek3a.qingstor.test:80/bkt/p/a.txt": {reason}'


def _classify(*messages: str, exit_status: int | None = None) -> Failure:
    return classify(messages, _PLACE, Redactor(), exit_status)


_QINGSTOR = [
    (401, "invalid_access_key_id", ErrorCode.ACCESS_KEY_INVALID),
    (401, "signature_not_matched", ErrorCode.SECRET_KEY_INVALID),
    (403, "request_expired", ErrorCode.CLOCK_SKEW),
    (402, "delinquent_account", ErrorCode.ACCOUNT_PROBLEM),
    (403, "account_problem", ErrorCode.ACCOUNT_PROBLEM),
    (403, "bucket_not_active", ErrorCode.ACCOUNT_PROBLEM),
    (403, "too_many_buckets", ErrorCode.QUOTA_EXCEEDED),
    (400, "max_requests_exceeded", ErrorCode.THROTTLED),
    (404, "bucket_not_exists", ErrorCode.BUCKET_NOT_FOUND),
    (404, "upload_not_exists", ErrorCode.SERVER_ERROR),
    (400, "upload_not_exists", ErrorCode.SERVER_ERROR),  # as in QingStor's table of errors
    (400, "invalid_bucket_name", ErrorCode.BUCKET_NOT_FOUND),
    (400, "invalid_location", ErrorCode.ZONE_MISMATCH),
    (404, "object_not_exists", ErrorCode.PATH_NOT_FOUND),
    (403, "permission_denied", ErrorCode.PERMISSION_DENIED),
    (400, "access_denied", ErrorCode.PERMISSION_DENIED),
    (500, "internal_error", ErrorCode.SERVER_ERROR),
    (503, "service_unavailable", ErrorCode.SERVER_ERROR),
    (503, "upstream_failed", ErrorCode.SERVER_ERROR),
    (403, "lease_not_ready", ErrorCode.SERVER_ERROR),
    (400, "incomplete_body", ErrorCode.ENDPOINT_UNREACHABLE),
    (400, "bad_digest", ErrorCode.INTEGRITY_MISMATCH),
    (400, "invalid_object_name", ErrorCode.PARTIAL),
    (400, "entity_too_large", ErrorCode.PARTIAL),
    (400, "max_parts_exceeded", ErrorCode.PARTIAL),
    # Codes that are not in QingStor's table, or no code: the HTTP status decides.
    (401, "new_code", ErrorCode.ACCESS_KEY_INVALID),
    (402, "", ErrorCode.ACCOUNT_PROBLEM),
    (204, "", ErrorCode.ENDPOINT_UNREACHABLE),
    (302, "", ErrorCode.ENDPOINT_UNREACHABLE),
    (407, "", ErrorCode.ENDPOINT_UNREACHABLE),
    (411, "", ErrorCode.PARTIAL),
    (403, "new_code", ErrorCode.PERMISSION_DENIED),
    (404, "", ErrorCode.BUCKET_NOT_FOUND),
    (429, "new_code", ErrorCode.THROTTLED),
    (500, "", ErrorCode.SERVER_ERROR),
    (502, "", ErrorCode.SERVER_ERROR),
    (507, "", ErrorCode.QUOTA_EXCEEDED),
    (599, "new_code", ErrorCode.SERVER_ERROR),
    (400, "bad_request", ErrorCode.UNKNOWN),
    (405, "method_not_allowed", ErrorCode.UNKNOWN),
]


@pytest.mark.parametrize(("status", "qingstor_code", "code"), _QINGSTOR)
@pytest.mark.parametrize("before", ["Failed to copy: ", "error listing: ", "failed to open source object: "])
def test_an_error_of_qingstor(status: int, qingstor_code: str, code: ErrorCode, before: str) -> None:
    failure = _classify(f"{before}{_sdk(status, qingstor_code)}", exit_status=1)
    assert failure.code is code
    assert failure.evidence.http_status == status
    assert failure.evidence.qingstor_code == (qingstor_code or None)
    assert failure.evidence.request_id == "abc"
    assert failure.evidence.rclone_exit_code == 1


_SAID: dict[ErrorCode, tuple[str, ...]] = {
    ErrorCode.CREDENTIALS_MISSING: (
        "error listing: access key not provided",
        'Failed to create file system for "storage:": secret_access_key not found',
    ),
    ErrorCode.ENDPOINT_INVALID: (
        'Failed to create file system for "storage:": the endpoint "https://a-b.c" format error',
    ),
    ErrorCode.RCLONE_UNSUPPORTED: (
        'Failed to create file system for "q:": didn\'t find backend called "qingstor"',
    ),
    ErrorCode.INVALID_FORM: (
        'Failed to create file system for "storage:b/p": qingstor: chunk size: 1Mi is less than 4Mi',
    ),
    ErrorCode.USAGE: (
        f'{_DATE}NOTICE: Fatal error: invalid argument "foo" for "--bwlimit" flag: bad suffix "o"',
        f"{_DATE}Fatal error: unknown flag: --nope",  # 1.65.2
        f'{_DATE}CRITICAL: Failed to initialise global options: failed to reload "filter" options: x',
        f"{_DATE}Failed to load filters: open /filters: no such file or directory",  # 1.65.2
        f'{_DATE}ERROR+4 Failed to load "main": couldn\'t parse config item "timeout" = "foo" as fs.Duration',
        f'{_DATE}Invalid value when setting --timeout from variable RCLONE_TIMEOUT="foo"',  # 1.65.2
    ),
    ErrorCode.TLS_FAILED: (
        'error listing: Get "https://127.0.0.1:9/": http: server gave HTTP response to HTTPS client',
        'Get "https://h/": tls: failed to verify certificate: x509: certificate signed by unknown authority',
        # The next five read the same in 1.65.2.
        'Get "https://h/": tls: x509: certificate has expired or is not yet valid: now 2026 is after 2021',
        "x509: cannot validate certificate for 127.0.0.1 because it doesn't contain any IP SANs",
        'error listing: Get "https://127.0.0.1:9/": tls: first record does not look like a TLS handshake',
        f'{_DATE}Failed to read --ca-cert file "/nowhere.pem" : open /nowhere.pem: no such file or directory',
        'Get "http://h/": net/http: HTTP/1.x transport broken: malformed HTTP response "\\x15\\x03\\x01"',
        'error listing: Get "https://h/": remote error: tls: handshake failure',  # source
    ),
    ErrorCode.TIMEOUT: (
        _put("net/http: timeout awaiting response headers"),
        _put("read tcp 127.0.0.1:3->127.0.0.1:4: i/o timeout"),  # 1.65.2
    ),
    ErrorCode.ENDPOINT_UNREACHABLE: (
        'error listing: Get "http://h/b": dial tcp: lookup pek3a.h on 10.0.0.1:53: no such host',
        'error listing: parse "http://pek 3a.h/b": invalid character " " in host name',
        _put("proxyconnect tcp: dial tcp 127.0.0.1:1: connect: connection refused"),
        'Get "https://h/": proxyconnect tcp: tls: first record does not look like a TLS handshake',
        'Get "https://h/": proxyconnect tcp: dial tcp: lookup proxy.corp on 10.0.0.1:53: no such host',
        'Get "https://h/": Blocked by policy - 12',
        'Get "https://h/": unknown status code',  # source
        'Get "/login": stopped after 10 redirects',
        "error listing: json: cannot unmarshal array into Go value of type service.ListBucketsOutput",
        "error listing: unexpected end of JSON input",
        'Get "http://h/": dial tcp: lookup pek3a.h on 10.0.0.1:53: read udp 1.2:5->10.0:53: i/o timeout',
        'Get "http://h/": dial tcp: lookup pek3a.h: i/o timeout',
        _put("read tcp 127.0.0.1:3->127.0.0.1:4: read: connection reset by peer"),
        "Failed to copy: unexpected EOF",
        _put("EOF"),
        _put("dial tcp 127.0.0.1:1: connect: connection refused"),
        # The next four read the same in 1.65.2.
        'error listing: Get "https://qingstor.test:443/": Forbidden',
        'error listing: Get "https://qingstor.test:443/": Proxy Authentication Required',
        "error listing: invalid character '<' looking for beginning of value",
        'Get "http://h/": net/http: HTTP/1.x transport connection broken: malformed HTTP response "SSH-2.0"',
    ),
    ErrorCode.SERVER_ERROR: ("Expecting NextMarker but didn't find one",),
    ErrorCode.INTEGRITY_MISMATCH: (
        'corrupted on transfer: md5 hashes differ src(Local file system) "0" vs dst(QingStor bucket) "f"',
        'corrupted on transfer: md5 hash differ "d0" vs "37"',  # 1.65.2
    ),
    ErrorCode.DISK_FULL: (
        "Failed to copy: preallocate: file too big for remaining disk space",
        "Failed to copy: write /d/a.1234abcd.partial: no space left on device",  # source
    ),
    ErrorCode.SOURCE_NOT_FOUND: ("error reading source root directory: directory not found",),
    ErrorCode.SOURCE_UNREADABLE: (
        _put("can't copy - source file is being updated (size changed from 43344576 to 45810576)"),
        "Failed to copy: failed to open source object: open /s/locked: permission denied",
        'failed to open directory "d": open /s/d: permission denied',
        "Failed to calculate src hash: hash: failed to open: open /s/locked: permission denied",
        'failed to get info about directory entry "/s/d/f": lstat /s/d/f: permission denied',
        "Failed to copy: lstat /s/d/f: not a directory",
        "something about /s/f: permission denied",
    ),
    ErrorCode.DESTINATION_UNWRITABLE: (
        'Failed to create file system for "storage:bucket-one/srv": is a file not a directory',
    ),
    ErrorCode.BUCKET_NOT_FOUND: (f"{_DATE}Failed to size: directory not found",),  # 1.65.2
    ErrorCode.PATH_NOT_FOUND: ("Failed to copy: object not found",),  # source
    ErrorCode.PARTIAL: (
        "Failed to copy: max transfer limit reached as set by --max-transfer",
        "Failed to copy: exceeded total allowed configured maxUploadParts (10000). Adjust PartSize",  # source
    ),
    ErrorCode.UNKNOWN: (
        "panic: makechan: size out of range",
        "SIGSEGV: segmentation violation",
        "goroutine 1 gp=0x2d1fa60801e0 m=nil [sync.WaitGroup.Wait]:",
        "something that nobody has seen before",
    ),
}
_TEXTS = [(message, code) for code, messages in _SAID.items() for message in messages]


@pytest.mark.parametrize(("message", "code"), _TEXTS)
def test_a_message_of_rclone(message: str, code: ErrorCode) -> None:
    assert _classify(message).code is code


@pytest.mark.parametrize(
    ("message", "code", "says"),
    [
        ("Failed to copy: mkdir /d/sub: not a directory", ErrorCode.DESTINATION_UNWRITABLE, "Cannot write"),
        (
            "Failed to copy: open /d/ok.f09e07c2.partial: permission denied",
            ErrorCode.DESTINATION_UNWRITABLE,
            "Cannot write",
        ),
        (
            'failed to open directory "d": open /d/d: permission denied',
            ErrorCode.DESTINATION_UNWRITABLE,
            "directory of the destination cannot be read",
        ),
        ("Failed to copy: write /d/a: no space left on device", ErrorCode.DISK_FULL, "of the destination"),
    ],
)
def test_in_a_restore_this_machine_is_the_destination(message: str, code: ErrorCode, says: str) -> None:
    failure = classify((message,), replace(_PLACE, is_restore=True), Redactor())
    assert failure.code is code
    assert says in failure.message
    assert "destination" not in _classify(message).message


def test_every_rule_has_a_recorded_message() -> None:
    met = {_first_rule(message) for message, _ in _TEXTS}
    met |= {_first_rule(_sdk(status, code)) for status, code, _ in _QINGSTOR}
    missing = [
        rule.message for number, rule in enumerate(RULES) if number not in met and not rule.exit_status
    ]
    assert missing == []


def _first_rule(message: str) -> int | None:
    error = parse_qingstor_error(message)
    # A date before the message is cut off by `classify`.
    text = message.removeprefix(_DATE)
    return next((number for number, rule in enumerate(RULES) if rule.fits(text, error, KNOWN_CODES)), None)


def test_a_network_error_of_a_restore_is_not_an_error_of_the_file() -> None:
    """The words `failed to open source object` decided, and the run was not retried."""
    message = (
        'Failed to copy: failed to open source object: Get "http://h/b/f": read: connection reset by peer'
    )
    assert _classify(message).code is ErrorCode.ENDPOINT_UNREACHABLE


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (
            'Get "https://h/": proxyconnect tcp: dial tcp 127.0.0.1:1: connect: connection refused',
            "HTTPS_PROXY",
        ),
        ('Get "http://h/": proxyconnect tcp: dial tcp: lookup p on 1.1.1.1:53: no such host', "HTTP_PROXY"),
        ('Get "https://h/": dial tcp: lookup h on 1.1.1.1:53: read udp: i/o timeout', "name server"),
        ('Get "https://h/": Blocked by policy - 12', "proxy of this machine refuses"),
        ('Get "https://h/": unexpected EOF', "broke off"),
        ('Get "https://h/": EOF', "broke off"),
    ],
)
def test_the_message_names_the_cause(message: str, words: str) -> None:
    assert words in _classify(message).message


def test_the_name_of_a_file_does_not_decide() -> None:
    message = (
        "Failed to copy: failed to open source object: open /s/connection refused.txt: permission denied"
    )
    assert _classify(message).code is ErrorCode.SOURCE_UNREADABLE


@pytest.mark.parametrize(
    ("messages", "code"),
    [
        (
            (_sdk(503, "service_unavailable"), _sdk(401, "signature_not_matched")),
            ErrorCode.SECRET_KEY_INVALID,
        ),
        ((_put("i/o timeout"), _sdk(403, "permission_denied")), ErrorCode.PERMISSION_DENIED),
        (("Failed to copy: x", _sdk(404, "bucket_not_exists"), "y"), ErrorCode.BUCKET_NOT_FOUND),
        (("Failed to copy: a: permission denied", _put("i/o timeout")), ErrorCode.TIMEOUT),
        ((_sdk(400, "bad_request"), "Failed to copy: unexpected EOF"), ErrorCode.ENDPOINT_UNREACHABLE),
    ],
)
def test_of_several_errors_the_cause_of_the_others_wins(messages: tuple[str, ...], code: ErrorCode) -> None:
    assert _classify(*messages).code is code
    assert _classify(*reversed(messages)).code is code


def test_the_message_contains_what_was_entered() -> None:
    assert "my-bucket in zone sh1a" in _classify(_sdk(404, "bucket_not_exists")).message
    assert "https://my.host:443" in _classify(_put("i/o timeout")).message
    assert "My store" in _classify("access key not provided").message
    assert "some/path" in _classify(_sdk(404, "object_not_exists")).message


@pytest.mark.parametrize(
    "lookup",
    [
        "lookup pek9x.h on 10.0.0.1:53: no such host",
        "lookup pek9x.h: no such host",  # 1.65.2
        "lookup pek9x.h on [::1]:53: server misbehaving",
    ],
)
def test_the_message_names_the_host_that_cannot_be_found(lookup: str) -> None:
    message = f'error listing: Get "http://pek9x.h:80/b": dial tcp: {lookup}'
    assert "pek9x.h cannot be found" in _classify(message).message
    assert unresolved_host(["something else", message]) == "pek9x.h"
    assert unresolved_host(["something else"]) is None


def test_names_that_look_like_placeholders_are_not_replaced() -> None:
    place = Place("{zone}", "{", "}", "{0}", "{bucket}")
    failure = classify([_sdk(404, "object_not_exists")], place, Redactor())
    assert failure.message == "There is no {bucket} in bucket {0}."


def test_an_unknown_failure_quotes_rclone() -> None:
    failure = _classify("first", f"{_DATE}NOTICE: last words", exit_status=7)
    assert failure.code is ErrorCode.UNKNOWN
    assert failure.message.endswith(": last words")
    assert failure.evidence.log_tail == ("first", f"{_DATE}NOTICE: last words")


def test_a_failure_without_a_message_has_the_exit_status() -> None:
    failure = _classify(exit_status=9)
    assert failure.code is ErrorCode.UNKNOWN
    assert "exit status 9" in failure.message


def test_a_binary_that_cannot_be_started() -> None:
    failure = _classify("No such file or directory", exit_status=127)
    assert failure.code is ErrorCode.RCLONE_NOT_FOUND
    assert "No such file or directory" in failure.message


def test_the_evidence_is_redacted_and_bounded() -> None:
    canary = "SKTESTcanarythatmustnotshowanywhere00008"
    messages = [f"line {number} {canary} " + "x" * 1000 for number in range(50)]
    failure = classify(messages, _PLACE, Redactor([canary]), 1)
    assert len(failure.evidence.log_tail) == 12
    assert failure.evidence.log_tail[-1].startswith("line 49 ")
    assert max(map(len, failure.evidence.log_tail)) <= 400
    assert canary not in repr(failure)


def test_a_qingstor_error_is_found_in_a_longer_text() -> None:
    text = f"Attempt 1/1 failed: {_sdk(403, 'permission_denied', message='no quotes')} and more"
    assert parse_qingstor_error(text) == QingStorError(403, "permission_denied", "abc")
    assert parse_qingstor_error(_sdk(502, message='a "quoted"\nword')) == QingStorError(502, "", "abc")
    assert parse_qingstor_error("QingStor Error: StatusCode") is None


def test_many_beginnings_of_an_error_do_not_take_long() -> None:
    """Each beginning was followed to the end of the text: minutes for one line."""
    assert _classify('QingStor Error: StatusCode "1", Code "", Message "' * 20_000).code is ErrorCode.UNKNOWN


@given(st.lists(st.text(max_size=80) | st.sampled_from([text for text, _ in _TEXTS]), max_size=5))
def test_no_text_raises(messages: list[str]) -> None:
    failure = _classify(*messages, exit_status=1)
    assert failure.message
    assert failure.hint
