"""The storage document: the limits and spellings of every field, and the section it gives."""

from dataclasses import FrozenInstanceError, asdict, replace

import pytest

from adapter.contract.errors import ErrorCode
from adapter.contract.secret import Secret
from adapter.storage.form import StorageForm, from_section, json_schema
from adapter.storage.form_fields import LABELS
from rclone_conf.endpoint import DEFAULT_ENDPOINT
from rclone_conf.values import GIB, KIB, MIB
from tests.rclone_conf.rclone import Daemon
from tests.storage.documents import (
    ACCESS_KEY_ID,
    KEYS,
    SECRET_ACCESS_KEY,
    document,
    errors,
    only_error,
    parse,
)
from tests.storage.schema import conforms

_FULL = document(
    {
        "zone": "SH1a ",
        "env_auth": "true",
        "connection_retries": "5",
        "upload_cutoff": "100mi",
        "chunk_size": "16M",
        "upload_concurrency": 4,
        "encoding": "slash,ctl",
        "description": "For the office",
    },
    {"endpoint": " http://qingstor.test:80 "},
)
"""Every field filled in, as a form sends it."""


def test_the_section_of_a_full_document() -> None:
    section = parse(_FULL).options()
    assert list(section.items()) == [
        ("type", "qingstor"),
        ("env_auth", "true"),
        ("access_key_id", ACCESS_KEY_ID),
        ("secret_access_key", SECRET_ACCESS_KEY),
        ("endpoint", "http://qingstor.test:80"),
        ("zone", "sh1a"),
        ("connection_retries", "5"),
        ("upload_cutoff", "100Mi"),
        ("chunk_size", "16Mi"),
        ("upload_concurrency", "4"),
        ("encoding", "Slash,Ctl"),
        ("description", "For the office"),
    ]


def test_rclone_accepts_the_section(daemon: Daemon) -> None:
    assert not daemon.opens(**parse(_FULL).options())


def test_the_values_of_a_full_document() -> None:
    form = parse(_FULL)
    assert (form.upload_cutoff, form.chunk_size, form.upload_concurrency) == (100 * MIB, 16 * MIB, 4)
    assert (form.zone, form.env_auth, form.connection_retries) == ("sh1a", True, 5)
    assert str(form.server) == "http://qingstor.test:80"


_DEFAULTS = {
    "type": "qingstor",
    "env_auth": "false",
    "endpoint": "https://qingstor.com:443",
    "zone": "pek3a",
    "connection_retries": "3",
    "upload_cutoff": "200Mi",
    "chunk_size": "4Mi",
    "upload_concurrency": "1",
}
"""What applies when nothing is filled in; a section says all of it."""


def test_a_value_equal_to_the_default_of_the_form_is_no_choice() -> None:
    posted = {
        "zone": "pek3a",
        "env_auth": False,
        "connection_retries": 3,
        "upload_cutoff": "200mi",
        "chunk_size": "4mi",
        "upload_concurrency": 1,
        "encoding": "Slash,Ctl,InvalidUtf8",
    }
    form = parse(document(posted, {"endpoint": "https://qingstor.com:443"}))
    saved = from_section(form.name, form.options())
    blank = parse(document())
    for left_alone in (form, saved):
        assert (left_alone.upload_cutoff, left_alone.chunk_size) == (None, None)
        assert (left_alone.upload_concurrency, left_alone.endpoint, left_alone.encoding) == (None, None, None)
        assert left_alone.options() == blank.options()


@pytest.mark.parametrize(
    ("option", "value", "means"),
    [
        *(("upload_concurrency", value, None) for value in (0, -1, "0", " -1 ", -(10**30))),
        *(("connection_retries", value, 3) for value in (-1, "-1", "-0001")),
        *(("connection_retries", value, 0) for value in (0, "0", "-0")),
    ],
)
def test_a_number_field_that_was_cleared(option: str, value: object, means: object) -> None:
    assert getattr(parse(document({option: value})), option) == means


@pytest.mark.parametrize("value", [None, "", 5, [], {"x": 1}, "2026-01-01", ["client"]])
@pytest.mark.parametrize(
    "name", ["id", "storageId", "authTypes", "defaultPath", "tags", "createdAt", "updatedAt"]
)
def test_what_pluton_keeps_for_itself_is_ignored(name: str, value: object) -> None:
    posted = {**document(), name: value}
    assert parse(posted).options() == parse(document()).options()
    assert conforms(posted, json_schema())


@pytest.mark.parametrize("blank", ["", None, "undefined", "   ", " undefined ", "\t"])
def test_blank_means_the_default(blank: object) -> None:
    names = ("zone", "env_auth", "connection_retries", "upload_cutoff", "chunk_size", "upload_concurrency")
    form = parse(
        document(
            dict.fromkeys((*names, "encoding", "description"), blank),
            {"endpoint": blank},
            tags=blank,
            type=blank,
            authType=blank,
        )
    )
    assert form.options() == {**_DEFAULTS, **KEYS}
    assert (form.zone, form.env_auth, form.connection_retries) == ("pek3a", False, 3)
    assert (form.upload_cutoff, form.chunk_size, form.upload_concurrency) == (None, None, None)
    assert form.server == DEFAULT_ENDPOINT
    assert not any(form.is_set(name) for name in names)


@pytest.mark.parametrize("part", ["credentials", "settings"])
def test_a_part_may_be_missing(part: str) -> None:
    wanted = document()
    fields = {**wanted["credentials"], "zone": "sh1a"}  # type: ignore[dict-item]
    other = "settings" if part == "credentials" else "credentials"
    form = parse({"name": "x", other: fields})
    assert (form.zone, form.is_set("secret_access_key")) == ("sh1a", True)


def test_a_field_may_be_in_both_parts_with_the_same_value() -> None:
    assert parse(document({"endpoint": "qingstor.com", "zone": "sh1a"}, {"zone": "sh1a"})).zone == "sh1a"
    assert parse(document({"zone": ""}, {"zone": "sh1a"})).zone == "sh1a"
    assert parse(document({"zone": "sh1a"}, {"zone": None})).zone == "sh1a"
    error = only_error(document({"zone": "sh1a"}, {"zone": "pek3a"}))
    assert (error.field, "different values" in error.message) == ("zone", True)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        *(
            ("300mi", 300 * MIB),
            ("300Mi", 300 * MIB),
            ("300M", 300 * MIB),
            ("300MiB", 300 * MIB),
            ("5G", 5 * GIB),
        ),
        *(
            ("0", 0),
            (0, 0),
            ("0b", 0),
            ("1.5Gi", 1536 * MIB),
            ("1b", 1),
            ("4096k", 4 * MIB),
            (" 5Gi ", 5 * GIB),
        ),
    ],
)
def test_upload_cutoff(text: object, size: int) -> None:
    assert parse(document({"upload_cutoff": text})).upload_cutoff == size


@pytest.mark.parametrize(
    ("option", "value", "says"),
    [
        ("upload_cutoff", "5.001Gi", "more than 5 GiB"),
        ("upload_cutoff", "6G", "more than 5 GiB"),
        ("upload_cutoff", "off", "off does not turn parts off"),
        ("upload_cutoff", "200", "no unit"),
        ("upload_cutoff", 200, "no unit"),
        ("upload_cutoff", 209715200, "no unit"),
        ("upload_cutoff", 0.5, "no unit"),
        ("upload_cutoff", "-1Mi", "negative"),
        ("upload_cutoff", "200MB", "not a number with a unit"),
        ("upload_cutoff", "big", "unit"),
        ("upload_cutoff", True, "not a size"),
        ("upload_cutoff", [], "not a size"),
        ("chunk_size", "3.999Mi", "less than 4 MiB"),
        ("chunk_size", 0, "less than 4 MiB"),
        ("chunk_size", "off", "less than 4 MiB"),
        ("chunk_size", "4", "no unit"),
        ("chunk_size", "5.1Gi", "more than 5 GiB"),
        ("chunk_size", "1T", "more than 5 GiB"),
        ("upload_concurrency", 65, "more than 64"),
        ("upload_concurrency", "9" * 39, "more than 64"),
        ("upload_concurrency", "1.5", "not a whole number"),
        ("upload_concurrency", 1.5, "not a whole number"),
        ("upload_concurrency", True, "not a whole number"),
        ("upload_concurrency", "four", "not a whole number"),
        ("upload_concurrency", "+-4", "not a whole number"),
        ("upload_concurrency", "²", "not a whole number"),
        ("connection_retries", 101, "more than 100"),
        ("connection_retries", {}, "not a whole number"),
        ("env_auth", "yes", "neither true nor false"),
        ("env_auth", 2, "neither true nor false"),
        ("zone", "pek 3a", "host name"),
        ("zone", "-pek3a", "host name"),
        ("zone", "a.b", "host name"),
        ("zone", "z" * 64, "host name"),
        ("zone", "北京", "host name"),
        ("zone", 3, "not a text"),
        ("encoding", "Bogus", "none of rclone's encodings"),
        ("description", "one\ntwo", "line break"),
        ("description", "`quoted`", "quotation marks"),
        ("description", "d" * 1001, "longer than 1000"),
        ("description", ["x"], "not a text"),
        ("access_key_id", "two words", "no QingStor key"),
        ("access_key_id", "clé-canary", "no QingStor key"),
        ("secret_access_key", "canary\ncanary", "line break"),
        ("secret_access_key", "k" * 100_000, "longer than 1000"),
        ("secret_access_key", 12345678, "not a text"),
    ],
)
def test_values_that_are_refused(option: str, value: object, says: str) -> None:
    keys = {option: value} if option.endswith(("_id", "_key")) else {}
    error = only_error(document({} if keys else {option: value}, keys))
    assert (error.code, error.field) == (ErrorCode.INVALID_FORM, option)
    assert error.message.startswith(f"{LABELS[option]}: ")
    assert says in error.message
    assert error.hint
    assert "canary" not in error.message + error.hint


@pytest.mark.parametrize(
    ("value", "hint"),
    [("200MB", "200Mi"), ("200 mb", "200Mi"), ("1.5GB", "1.5Gi"), ("200", "unit: Ki, Mi or Gi")],
)
def test_the_hint_for_a_size_is_a_size_that_is_accepted(value: str, hint: str) -> None:
    assert hint in only_error(document({"upload_cutoff": value})).hint


@pytest.mark.parametrize(
    ("option", "values"),
    [
        ("connection_retries", [0, "0", 100, " 7 ", "+3"]),
        ("upload_concurrency", [1, 64, "64"]),
        ("chunk_size", ["4Mi", "4mi", "4096Ki", "5Gi", "4194304b"]),
        ("env_auth", [True, False, "true", "FALSE", "1", "0"]),
        ("zone", ["pek3a", "PEK3A", "new-zone9", "z"]),
        ("encoding", ["None", "Slash,InvalidUtf8", "0x3"]),
        ("description", ["büro # 3 = \"x\" ; [y] 'z'", "100 %"]),
    ],
)
def test_values_that_rclone_accepts_too(daemon: Daemon, option: str, values: list[object]) -> None:
    for value in values:
        form = parse(document({option: value}))
        assert form.is_set(option)
        assert not daemon.opens(**form.options())


def test_a_key_is_trimmed() -> None:
    form = parse(document({}, {"access_key_id": f" {ACCESS_KEY_ID}\n"}))
    assert form.options()["access_key_id"] == ACCESS_KEY_ID


@pytest.mark.parametrize(
    ("endpoint", "says"),
    [
        ("https://obs.my-corp.cn", "hyphen"),
        ("http://localhost:9000", "no dot"),
        ("https://pek3a.qingstor.com", "zone pek3a"),
        ("https://corp1.storage.cn", "zone corp1"),
        (5, "not a text"),
        ("https://a.b\nsecret_access_key = x", "line break"),
        ("e" * 100_000, "longer"),
    ],
)
def test_endpoint_errors_have_a_code_of_their_own(endpoint: object, says: str) -> None:
    error = only_error(document({"zone": "corp1"}, {"endpoint": endpoint}))
    assert (error.code, error.field) == (ErrorCode.ENDPOINT_INVALID, "endpoint")
    assert says in error.message
    assert error.hint


@pytest.mark.parametrize("endpoint", ["", "https://qingstor.com:443", "qingstor.com", "https://qingstor.com"])
def test_endpoints_that_mean_the_default(endpoint: str) -> None:
    assert parse(document({}, {"endpoint": endpoint})).server == DEFAULT_ENDPOINT


@pytest.mark.parametrize("name", ["QingStor Backups", "büro-1", "a.b+c@d_e", "北京", "x"])
def test_names(name: str) -> None:
    assert parse(document(name=name)).name == name


def test_blanks_at_the_ends_of_a_name_are_cut() -> None:
    assert parse(document(name="  QingStor Backups\t")).name == "QingStor Backups"


@pytest.mark.parametrize(
    "name",
    [
        "",
        None,
        "undefined",
        "-x",
        "a/b",
        "a:b",
        "a]b",
        "a\nb",
        "a\0b",
        "DEFAULT",
        "n" * 256,
        5,
        {},
    ],
)
def test_names_that_are_refused(name: object) -> None:
    error = only_error(document(name=name))
    assert (error.field, error.message.startswith("Storage Name: ")) == ("name", True)
    assert error.hint


def test_a_name_is_needed() -> None:
    wanted = document()
    del wanted["name"]
    error = only_error(wanted)
    assert (error.field, error.message) == ("name", "Storage Name: it is missing.")


@pytest.mark.parametrize(
    ("top", "field"),
    [
        ({"type": "s3"}, "type"),
        ({"authType": "oauth"}, "authType"),
    ],
)
def test_the_rest_of_the_document(top: dict[str, object], field: str) -> None:
    assert only_error({**document(), **top}).field == field


def test_tags_are_kept() -> None:
    assert parse(document(tags=["office", "nightly"])).tags == ("office", "nightly")


@pytest.mark.parametrize(
    ("present", "blank", "label"),
    [
        ("access_key_id", "secret_access_key", "Secret Access Key"),
        ("secret_access_key", "access_key_id", "Access Key ID"),
    ],
)
@pytest.mark.parametrize("env_auth", ["true", "false"])
def test_one_key_without_the_other(present: str, blank: str, label: str, env_auth: str) -> None:
    error = only_error(document({"env_auth": env_auth}, {blank: ""}))
    assert (error.field, error.message.startswith(f"{label}: it is blank while")) == (blank, True)


def test_anonymous_access_is_refused() -> None:
    error = only_error(document({}, {"access_key_id": "", "secret_access_key": "undefined"}))
    assert error.field == "access_key_id"
    assert "cannot use QingStor anonymously" in error.message
    assert "Environment Auth" in error.hint


def test_rclone_has_no_anonymous_access(daemon: Daemon) -> None:
    """The reason for the rule above. If rclone learns it, the rule can be removed."""
    for env_auth in ("true", "false"):
        answer = daemon.lists(access_key_id="", secret_access_key="", env_auth=env_auth)
        assert "access key not provided" in answer


def test_environment_auth_needs_no_keys() -> None:
    form = parse(document({"env_auth": True}, {"access_key_id": "", "secret_access_key": ""}))
    assert form.options() == {**_DEFAULTS, "env_auth": "true"}


def test_all_errors_at_once_in_the_order_of_the_form() -> None:
    found = errors(
        {
            "surprise": 1,
            "settings": {
                "description": 5,
                "encoding": "x",
                "upload_concurrency": 65,
                "chunk_size": 1,
                "upload_cutoff": "9G",
                "connection_retries": "x",
                "env_auth": "x",
                "zone": "?",
            },
            "credentials": {"endpoint": "localhost", "secret_access_key": "x"},
            "authType": "x",
            "type": "x",
            "name": "/",
        }
    )
    assert [error.field for error in found] == [
        *("name", "type", "authType", "access_key_id", "endpoint", "zone", "env_auth"),
        *(
            "connection_retries",
            "upload_cutoff",
            "chunk_size",
            "upload_concurrency",
            "encoding",
            "description",
        ),
        "surprise",
    ]


@pytest.mark.parametrize(
    ("wrong", "field", "hint"),
    [
        (document({"chunksize": "4Mi"}), "chunksize", "'chunk_size'"),
        (document({}, {"acces_key_id": "x"}), "acces_key_id", "'access_key_id'"),
        (document(setting={}), "setting", "'settings'"),
        (document(zone="sh1a"), "zone", "Move it into settings"),
        (document(access_key_id="x"), "access_key_id", "Move it into credentials"),
        (document({"q": 1}), "q", "upload_cutoff"),
    ],
)
def test_unknown_and_misplaced_fields(wrong: dict[str, object], field: str, hint: str) -> None:
    error = only_error(wrong)
    assert error.field == field
    assert hint in error.hint


def test_the_redacted_document_hides_the_keys_and_is_a_document() -> None:
    form = parse(_FULL)
    shown = form.redacted()
    assert ACCESS_KEY_ID not in str(shown)
    assert SECRET_ACCESS_KEY not in str(shown)
    assert list(shown) == ["name", "type", "authType", "credentials", "settings", "tags"]
    again = parse(shown)
    assert {**again.options(), **parse(document()).options()} != {}
    hidden = Secret("")
    assert replace(again, access_key_id=hidden, secret_access_key=hidden) == replace(
        form, access_key_id=hidden, secret_access_key=hidden
    )


def test_the_redacted_document_shows_which_keys_are_set() -> None:
    blank = parse(document({"env_auth": True}, {"access_key_id": "", "secret_access_key": ""}))
    assert blank.redacted()["credentials"] == {
        "access_key_id": "",
        "secret_access_key": "",
        "endpoint": "https://qingstor.com:443",
    }
    one, other = (parse(document({}, {"secret_access_key": "x" * n})).redacted() for n in (8, 40))
    assert one == other


@pytest.mark.parametrize("render", [repr, str, lambda form: str(asdict(form)), lambda form: f"{form}"])
def test_no_way_of_printing_a_form_shows_a_key(render: object) -> None:
    assert callable(render)
    text = render(parse(_FULL))
    assert "anary" not in text
    assert ACCESS_KEY_ID not in text


def test_a_form_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        parse(document()).zone = "sh1a"  # type: ignore[misc]


def test_sizes_are_bytes() -> None:
    form: StorageForm = parse(document({"chunk_size": "4097k"}))
    assert form.chunk_size == 4097 * KIB
    assert form.options()["chunk_size"] == "4097Ki"


def test_the_longest_text() -> None:
    longest = "d" * 1000
    assert parse(document({"description": longest})).description == longest
