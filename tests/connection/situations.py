"""The table of situations: the code, stage and words of each."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.connection import causes
from tests.connection.scene import SAVED, Asked, Scene


@dataclass(frozen=True, slots=True)
class Situation:
    """`stage` is the one that fails; `says` are words of the message, `advises` of the hint."""

    build: Callable[[Scene], Asked]
    code: str
    status: int
    stage: str
    says: tuple[str, ...] = ()
    advises: tuple[str, ...] = ()
    waits: bool = False

    @property
    def name(self) -> str:
        """For the test report."""
        return self.build.__name__.replace("_", " ").strip()


@dataclass(frozen=True, slots=True)
class Works:
    """A connection that works, and the advice that it gets."""

    build: Callable[[Scene], Asked]
    advice: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        """For the test report."""
        return self.build.__name__.replace("_", " ")


FAILURES = (
    Situation(causes.unknown_key, "access_key_invalid", 12, "connect", ("Access Key ID",), ("console",)),
    Situation(causes.wrong_secret, "secret_key_invalid", 12, "connect", ("Secret Access Key",), ("Copy",)),
    Situation(causes.account_in_arrears, "account_problem", 1, "connect", ("arrears",), ("balance",)),
    Situation(causes.account_with_a_problem, "account_problem", 1, "connect", ("account",)),
    Situation(
        causes.read_only_key, "permission_denied", 12, "write", ("may not write",), ("least-privilege",)
    ),
    Situation(causes.somebody_elses_bucket, "permission_denied", 12, "bucket", ("may not list",), ("owner",)),
    Situation(causes.key_that_may_not_list_buckets, "permission_denied", 12, "connect", (), ("--bucket",)),
    Situation(
        causes.missing_bucket, "bucket_not_found", 10, "bucket", ("bucket-oen", "pek3a"), ("bucket-one?",)
    ),
    Situation(
        causes.missing_bucket_like_one_in_another_zone,
        "bucket_not_found",
        10,
        "bucket",
        ("photograhps", "pek3a"),
        ("photographs in zone sh1a", "set the Zone to sh1a"),
    ),
    Situation(
        causes.missing_bucket_unlike_any,
        "bucket_not_found",
        10,
        "bucket",
        ("xyz", "pek3a"),
        ("buckets in this zone (bucket-one)", "create xyz first"),
    ),
    Situation(
        causes.missing_bucket_while_other_zones_fail,
        "bucket_not_found",
        10,
        "bucket",
        ("not all of the other zones answered",),
        ("try again",),
    ),
    Situation(
        causes.missing_bucket_among_more_than_are_listed,
        "bucket_not_found",
        10,
        "bucket",
        ("bucket-0001",),
        ("console",),
    ),
    Situation(causes.missing_bucket_in_an_empty_account, "bucket_not_found", 10, "bucket", (), ("spelling",)),
    Situation(causes.bucket_in_another_zone, "zone_mismatch", 10, "zone", ("sh1a, not in pek3a",), ("sh1a",)),
    Situation(
        causes.bucket_in_another_zone_with_a_key_for_it_alone,
        "zone_mismatch",
        10,
        "bucket",
        ("sh1a",),
        ("sh1a",),
    ),
    Situation(
        causes.empty_zone_with_buckets_elsewhere,
        "zone_mismatch",
        10,
        "zone",
        ("pek3a has none of your buckets", "sh1a (bucket-one, bucket-two)"),
        ("sh1a",),
    ),
    Situation(causes.unknown_zone, "zone_mismatch", 10, "zone", ("pek3a, not in pek9x",), ("pek3a",)),
    Situation(causes.zone_without_a_host, "zone_mismatch", 10, "zone", ("no zone pek3a",), ("sh1a",)),
    Situation(
        causes.zone_that_a_proxy_cannot_find, "zone_mismatch", 10, "zone", ("pek9x", "proxy"), ("sh1a",)
    ),
    Situation(
        causes.host_that_does_not_resolve,
        "endpoint_unreachable",
        21,
        "connect",
        ("unreachable.test",),
        ("DNS",),
    ),
    Situation(
        causes.refused_port, "endpoint_unreachable", 21, "connect", ("cannot be reached",), ("Endpoint",)
    ),
    Situation(
        causes.address_behind_which_nothing_is,
        "timeout",
        22,
        "connect",
        ("stage connect",),
        ("network",),
        waits=True,
    ),
    Situation(
        causes.server_that_never_answers,
        "timeout",
        22,
        "connect",
        ("stage connect",),
        ("network",),
        waits=True,
    ),
    Situation(
        causes.server_that_answers_one_byte_a_second,
        "timeout",
        22,
        "connect",
        ("connect",),
        ("network",),
        waits=True,
    ),
    Situation(
        causes.zone_that_never_answers, "timeout", 22, "bucket", ("zone pek3a", "stage bucket"), waits=True
    ),
    Situation(causes.upload_that_never_ends, "timeout", 22, "write", ("stage write",), waits=True),
    Situation(
        causes.certificate_of_an_unknown_authority,
        "tls_failed",
        21,
        "connect",
        ("trust",),
        ("RCLONE_CA_CERT",),
    ),
    Situation(causes.expired_certificate, "tls_failed", 21, "connect", ("expired",), ("date",)),
    Situation(
        causes.certificate_of_another_host, "tls_failed", 21, "connect", ("another host",), ("host name",)
    ),
    Situation(
        causes.missing_file_of_certificates, "tls_failed", 21, "connect", ("RCLONE_CA_CERT",), ("readable",)
    ),
    Situation(causes.https_on_a_plain_port, "tls_failed", 21, "connect", ("https",), ("http://",)),
    Situation(causes.http_on_a_tls_port, "tls_failed", 21, "connect", ("https",), ("https://",)),
    Situation(
        causes.http_on_a_tls_port_that_hangs_up,
        "endpoint_unreachable",
        21,
        "connect",
        ("broke off",),
        ("https",),
    ),
    Situation(
        causes.http_on_the_tls_port_of_a_web_server,
        "endpoint_unreachable",
        21,
        "connect",
        ("400",),
        ("scheme",),
    ),
    Situation(
        causes.page_of_a_web_server, "endpoint_unreachable", 21, "connect", ("not as QingStor",), ("proxy",)
    ),
    Situation(
        causes.page_not_found_of_a_web_server, "endpoint_unreachable", 21, "connect", ("not as QingStor",)
    ),
    Situation(causes.s3_server, "endpoint_unreachable", 21, "connect", ("not as QingStor",), ("S3",)),
    Situation(
        causes.json_of_a_sign_in_page,
        "endpoint_unreachable",
        21,
        "connect",
        ("not as QingStor",),
        ("sign-in",),
    ),
    Situation(causes.json_of_another_shape, "endpoint_unreachable", 21, "connect", ("not as QingStor",), ()),
    Situation(
        causes.json_that_ends_too_soon, "endpoint_unreachable", 21, "connect", ("not as QingStor",), ()
    ),
    Situation(causes.redirect_to_nowhere, "endpoint_unreachable", 21, "connect", ("status 302",), ()),
    Situation(causes.redirects_without_end, "endpoint_unreachable", 21, "connect", ("not as QingStor",), ()),
    Situation(causes.answer_without_content, "endpoint_unreachable", 21, "connect", ("not as QingStor",), ()),
    Situation(
        causes.page_not_found_of_a_proxy_before_the_zone,
        "endpoint_unreachable",
        21,
        "bucket",
        (
            "pek3a.qingstor.test",
            "page of its own",
        ),
        (),
    ),
    Situation(
        causes.proxy_that_lets_no_upload_through, "endpoint_unreachable", 21, "write", ("status 403",), ()
    ),
    Situation(
        causes.proxy_that_takes_no_upload_of_that_size,
        "endpoint_unreachable",
        21,
        "write",
        ("status 413",),
        (),
    ),
    Situation(
        causes.proxy_that_keeps_an_upload, "endpoint_unreachable", 21, "write", ("not as QingStor",), ()
    ),
    Situation(causes.another_protocol, "endpoint_unreachable", 21, "connect", ("not in HTTP",), ("port",)),
    Situation(causes.connection_that_breaks, "endpoint_unreachable", 21, "connect", ("broke off",)),
    Situation(causes.error_page_of_a_proxy, "server_error", 1, "connect", (), ("later",)),
    Situation(causes.internal_error, "server_error", 1, "connect", (), ("later",)),
    Situation(causes.service_unavailable, "server_error", 1, "connect", (), ("later",)),
    Situation(causes.too_many_requests, "throttled", 1, "connect", ("fewer",), ("later",)),
    Situation(causes.clock_20_minutes_behind, "clock_skew", 12, "connect", ("20 minutes behind",), ("NTP",)),
    Situation(causes.clock_20_minutes_ahead, "clock_skew", 12, "connect", ("20 minutes ahead",), ("NTP",)),
    Situation(
        causes.proxy_that_refuses, "endpoint_unreachable", 21, "connect", ("proxy", "refuses"), ("NO_PROXY",)
    ),
    Situation(
        causes.proxy_that_wants_a_password, "endpoint_unreachable", 21, "connect", ("proxy", "password")
    ),
    Situation(
        causes.proxy_that_refuses_in_its_own_words,
        "endpoint_unreachable",
        21,
        "connect",
        ("proxy", "refuses"),
        ("NO_PROXY",),
    ),
    Situation(
        causes.proxy_that_is_not_there, "endpoint_unreachable", 21, "connect", ("HTTPS_PROXY",), ("proxy",)
    ),
    Situation(causes.endpoint_with_a_hyphen, "endpoint_invalid", 2, "", ("hyphen",), ("hyphen",)),
    Situation(causes.endpoint_with_a_path, "endpoint_invalid", 2, "", ("path",), ("https://qingstor.com",)),
    Situation(causes.localhost, "endpoint_invalid", 2, "", ("dot",), ("storage.example.com",)),
    Situation(causes.ipv6_address, "endpoint_invalid", 2, "", ("IPv6",), ("host name",)),
    Situation(causes.blank_keys, "invalid_form", 2, "", ("keys",), ("Environment Auth",)),
    Situation(
        causes.blank_keys_and_an_empty_environment,
        "credentials_missing",
        12,
        "credentials",
        ("Searched",),
        ("QINGSTOR_ACCESS_KEY_ID",),
    ),
    Situation(causes.one_key_only, "invalid_form", 2, "", ("Secret Access Key",), ("both keys",)),
    Situation(
        causes.half_a_pair_in_the_environment,
        "credentials_missing",
        12,
        "credentials",
        ("$QINGSTOR_ACCESS_KEY_ID is set but $QINGSTOR_SECRET_ACCESS_KEY is not.",),
        ("both",),
    ),
    Situation(
        causes.encrypted_conf_without_a_password, "conf_password_missing", 12, "", (), ("RCLONE_CONFIG_PASS",)
    ),
    Situation(
        causes.encrypted_conf_with_a_wrong_password,
        "conf_wrong_password",
        12,
        "",
        (),
        ("RCLONE_CONFIG_PASS",),
    ),
    Situation(causes.storage_that_is_not_saved, "storage_not_found", 10, "", ("hands",), (SAVED,)),
    Situation(causes.no_rclone, "rclone_not_found", 20, "rclone", ("nowhere",), ("rclone.org",)),
    Situation(causes.rclone_without_the_backend, "rclone_unsupported", 20, "rclone", ("qingstor backend",)),
    Situation(causes.rclone_that_is_too_old, "rclone_unsupported", 20, "rclone", ("1.57.0", "1.65.0")),
    Situation(causes.rclone_that_cannot_say_its_version, "rclone_unsupported", 20, "rclone"),
    Situation(causes.rclone_that_hangs, "timeout", 22, "rclone", ("stage rclone",), ("hand",), waits=True),
    Situation(causes.rclone_that_hears_nothing, "timeout", 22, "connect", ("stage connect",), waits=True),
    Situation(causes.rclone_that_crashes, "unknown", 1, "connect", ("rclone",), ("evidence",)),
    Situation(causes.bucket_with_a_path, "usage", 2, "", ("bucket-one/nope",), ("path",)),
    Situation(causes.bucket_of_a_star, "usage", 2, "", ("'*'",), ("small letters",)),
    Situation(causes.write_without_a_bucket, "usage", 2, "", ("bucket",), ("--bucket",)),
)

WORKING = (
    Works(causes.key_for_one_bucket),
    Works(causes.bucket_beyond_those_that_are_listed),
    Works(causes.empty_account, frozenset({"empty_zone"})),
    Works(causes.zone_of_a_private_cloud, frozenset({"zone_not_known"})),
    Works(causes.keys_of_the_environment, frozenset({"empty_zone"})),
    Works(causes.encrypted_conf_with_its_password, frozenset({"empty_zone"})),
)
