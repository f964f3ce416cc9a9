"""Sections: rclone reads back what we write, and we read what rclone accepts."""

import json
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapter.contract.errors import ErrorCode, FormInvalid
from adapter.storage.form import from_section
from rclone_conf import Document
from rclone_conf.values import GIB, MIB
from tests.rclone_conf.rclone import Daemon
from tests.storage.documents import ACCESS_KEY_ID, KEYS, SECRET_ACCESS_KEY, document, parse
from tests.storage.examples import DEEP, EXAMPLES

_size = st.tuples(st.integers(4, 5000), st.sampled_from(["mi", "Mi", "M", "MiB"])).map(
    lambda p: f"{p[0]}{p[1]}"
)
_settings = st.fixed_dictionaries(
    {},
    optional={
        "zone": st.from_regex(r"[a-zA-Z][a-z0-9]{1,8}", fullmatch=True),
        "env_auth": st.booleans(),
        "connection_retries": st.integers(0, 100),
        "upload_cutoff": _size,
        "chunk_size": _size,
        "upload_concurrency": st.integers(1, 64).map(str),
        "encoding": st.sampled_from(["slash,ctl", "Slash,InvalidUtf8", "None"]),
        "description": st.text(
            st.characters(codec="utf-8", exclude_categories=["Cc"], exclude_characters="`%"), max_size=30
        ),
    },
)


@settings(EXAMPLES, max_examples=200 if DEEP else 15)
@given(st.lists(_settings, min_size=1, max_size=25))
def test_rclone_reads_back_what_we_write(
    rclone: Path, tmp_path_factory: pytest.TempPathFactory, many: list[dict[str, object]]
) -> None:
    forms = [
        parse(document({**one, "description": _plain(one)}, name=f"s{at}")) for at, one in enumerate(many)
    ]
    written = Document.parse(b"")
    for form in forms:
        written = written.with_section(form.name, form.options())
    conf = tmp_path_factory.getbasetemp() / "written.conf"
    conf.write_bytes(written.render())
    dump = subprocess.run([rclone, "--config", conf, "config", "dump"], capture_output=True, check=True)
    assert json.loads(dump.stdout) == {form.name: form.options() for form in forms}


def _plain(one: dict[str, object]) -> str:
    """Return a description without the quotation marks that an INI file cannot hold."""
    return str(one.get("description", "")).replace('"', "'").strip()


def test_a_saved_storage_is_the_same_form_again() -> None:
    form = parse(document({"zone": "SH1a", "upload_cutoff": "1.5g", "env_auth": True, "encoding": "slash"}))
    again = from_section(form.name, form.options())
    assert again == form
    assert again.options() == form.options()


def test_the_words_that_pluton_writes_for_blank_fields_are_blank() -> None:
    form = from_section(
        "x", {"type": "qingstor", **KEYS, "zone": "undefined", "endpoint": "", "chunk_size": ""}
    )
    assert (form.zone, form.is_set("zone"), form.endpoint, form.chunk_size) == ("pek3a", False, None, None)


@pytest.mark.parametrize(
    ("section", "attribute", "value"),
    [
        ({"upload_cutoff": "off"}, "upload_cutoff", 0),
        ({"upload_cutoff": "204800"}, "upload_cutoff", None),
        ({"upload_cutoff": "204801"}, "upload_cutoff", 200 * MIB + 1024),
        ({"chunk_size": "4096"}, "chunk_size", None),
        ({"chunk_size": "8192"}, "chunk_size", 8 * MIB),
        ({"chunk_size": "5368709120b"}, "chunk_size", 5 * GIB),
        ({"upload_concurrency": "0"}, "upload_concurrency", None),
        ({"upload_concurrency": "1"}, "upload_concurrency", None),
        ({"upload_concurrency": "1000"}, "upload_concurrency", 64),
        ({"upload_concurrency": "010"}, "upload_concurrency", 8),
        ({"connection_retries": "-3"}, "connection_retries", 3),
        ({"connection_retries": "0"}, "connection_retries", 0),
        ({"description": '"the office"'}, "description", '"the office"'),
        ({"connection_retries": "1000"}, "connection_retries", 100),
        ({"env_auth": "T"}, "env_auth", True),
        ({"env_auth": "0"}, "env_auth", False),
        ({"endpoint": "http://127.0.0.1:9000"}, "endpoint", "http://127.0.0.1:9000"),
        ({"endpoint": "http://pek3a.corp.cn"}, "endpoint", "http://pek3a.corp.cn"),
        ({"zone": "SH1A"}, "zone", "sh1a"),
        ({"description": "d" * 5000}, "description", "d" * 5000),
    ],
)
def test_we_accept_what_rclone_accepts(
    daemon: Daemon, section: dict[str, str], attribute: str, value: object
) -> None:
    assert not daemon.opens(**section)
    form = from_section("x", {"type": "qingstor", **KEYS, **section})
    assert getattr(form, attribute) == value


def test_a_section_without_keys_is_still_a_form() -> None:
    assert from_section("x", {"type": "qingstor"}).access_key_id is None


def test_odd_names_and_other_options_are_kept() -> None:
    form = from_section(
        "[a/b]", {"type": "qingstor", **KEYS, "no_check_bucket": "true", "secret": "SKcanary"}
    )
    assert form.name == "[a/b]"
    assert form.other_options == {"no_check_bucket": "true", "secret": "SKcanary"}
    assert "canary" not in repr(form) + str(form.redacted())


@pytest.mark.parametrize(
    ("section", "field", "code"),
    [
        ({"chunk_size": "1Mi"}, "chunk_size", ErrorCode.INVALID_FORM),
        ({"chunk_size": "200MB"}, "chunk_size", ErrorCode.INVALID_FORM),
        ({"upload_cutoff": "6Gi"}, "upload_cutoff", ErrorCode.INVALID_FORM),
        ({"connection_retries": "3.0"}, "connection_retries", ErrorCode.INVALID_FORM),
        ({"env_auth": "yes"}, "env_auth", ErrorCode.INVALID_FORM),
        ({"encoding": "slash"}, "encoding", ErrorCode.INVALID_FORM),
        ({"endpoint": "localhost"}, "endpoint", ErrorCode.ENDPOINT_INVALID),
        ({"access_key_id": ""}, "access_key_id", ErrorCode.INVALID_FORM),
        ({"secret_access_key": ""}, "secret_access_key", ErrorCode.INVALID_FORM),
    ],
)
def test_we_refuse_what_rclone_refuses(
    daemon: Daemon, section: dict[str, str], field: str, code: ErrorCode
) -> None:
    assert daemon.opens(**section)
    with pytest.raises(FormInvalid) as caught:
        from_section("x", {"type": "qingstor", **KEYS, **section})
    (error,) = caught.value.errors
    assert (error.field, error.code) == (field, code)
    assert error.hint


@pytest.mark.parametrize("section", [{"upload_concurrency": "-1"}, {"chunk_size": "1Pi"}])
def test_we_refuse_what_crashes_rclone(daemon: Daemon, section: dict[str, str]) -> None:
    assert not daemon.opens(**section)  # the crash comes with the first upload
    with pytest.raises(FormInvalid):
        from_section("x", {"type": "qingstor", **KEYS, **section})


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("zone", '"pek3a"'),
        ("zone", "'pek3a'"),
        ("endpoint", '"https://qingstor.com:443"'),
        ("access_key_id", f'"{ACCESS_KEY_ID}"'),
        ("secret_access_key", f"'{SECRET_ACCESS_KEY}'"),
        ("env_auth", '"true"'),
        ("upload_cutoff", '"200Mi"'),
        ("chunk_size", "'8Mi'"),
        ("upload_concurrency", '"2"'),
        ("connection_retries", '"3"'),
        ("encoding", '"Slash"'),
    ],
)
def test_a_value_in_quotation_marks_is_told_as_that(option: str, value: str) -> None:
    with pytest.raises(FormInvalid) as caught:
        from_section("x", {"type": "qingstor", **KEYS, option: value})
    (error,) = caught.value.errors
    assert error.field == option
    assert "in quotation marks" in error.message
    assert "Remove" in error.hint
    assert "canary" not in str(error).lower()


def test_another_type_is_refused() -> None:
    with pytest.raises(FormInvalid) as caught:
        from_section("x", {"type": "s3"})
    assert caught.value.errors[0].field == "type"
