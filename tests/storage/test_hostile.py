"""Hostile documents: the result is a form or FormInvalid, and no message holds a secret."""

import json
from collections.abc import Callable
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapter.contract.errors import FormInvalid
from adapter.storage.advice import advise
from adapter.storage.form import StorageForm, from_section, parse_storage_document
from adapter.storage.job import parse_job
from rclone_conf import Document
from rclone_conf.qingstor import OPTION_NAMES
from tests.storage.documents import ACCESS_KEY_ID, SECRET_ACCESS_KEY
from tests.storage.examples import EXAMPLES

_CANARIES = (ACCESS_KEY_ID, SECRET_ACCESS_KEY)

_words = st.sampled_from(
    [
        *(
            "",
            " ",
            "undefined",
            "null",
            "0",
            "off",
            "200mi",
            "4Mi",
            "5G",
            "1e999",
            "NaN",
            "true",
            "false",
            "yes",
            "-1",
        ),
        *(
            "sh1a",
            "qingstor",
            "client",
            "https://a.b:80",
            "https://u:p@h-h/",
            "`",
            '"""',
            "%(x)s",
            "a\nb",
            "\0",
            "é",
        ),
        *(
            "\ud800",
            "x" * 2000,
            "1" * 500,
            "[section]",
            "Slash,Ctl",
            *_CANARIES,
            f"https://{SECRET_ACCESS_KEY}@a.b",
        ),
    ]
)
_scalar = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 500), st.integers(), st.floats(), _words, st.text(max_size=20)
)
_value = st.recursive(
    _scalar,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_words, inner, max_size=3),
    max_leaves=5,
)
_known = st.sampled_from(
    [*OPTION_NAMES, "name", "authType", "tags", "credentials", "settings", "storage", "extra"]
)
_keys = st.one_of(_known, _words, st.text(max_size=10))
_part = st.dictionaries(_keys, _value, max_size=8)
_keyed = st.fixed_dictionaries(
    {}, optional={"access_key_id": st.just(ACCESS_KEY_ID), "secret_access_key": st.just(SECRET_ACCESS_KEY)}
)
_credentials = st.tuples(_part, _keyed).map(lambda parts: {**parts[0], **parts[1]})
_document = st.fixed_dictionaries(
    {"name": st.just("x") | _value},
    optional={
        "credentials": _credentials | _value,
        "settings": _part | _value,
        "tags": _value,
        "type": _value,
    },
)


T = TypeVar("T")


def _result(parse: Callable[[], T]) -> T | FormInvalid:
    try:
        return parse()
    except FormInvalid as refusal:
        return refusal


def _check_refusal(refusal: FormInvalid) -> None:
    assert refusal.errors
    assert all(failure.message and failure.hint for failure in refusal.errors)
    said = repr(refusal) + str(refusal) + repr([failure.as_dict() for failure in refusal.errors])
    assert SECRET_ACCESS_KEY not in said
    assert SECRET_ACCESS_KEY[:20] not in said
    # Nor may a traceback show the text that the parser was reading.
    assert refusal.__cause__ is None
    assert refusal.__context__ is None


def _check_form(form: StorageForm) -> None:
    """Check that an accepted form can be shown, advised on, written, and read again unchanged."""
    shown = repr(form) + repr(form.redacted()) + repr(advise(form))
    if form.description not in _CANARIES:  # any text may be there
        assert SECRET_ACCESS_KEY not in shown
    section = form.options()
    written = Document.parse(b"").with_section(form.name, section).render()
    read = Document.parse(written).get(form.name)
    assert read == section
    assert from_section(form.name, read).options() == section


@EXAMPLES
@given(_document | _value)
def test_any_document(value: object) -> None:
    result = _result(lambda: parse_storage_document(json.dumps(value).encode()))
    if isinstance(result, FormInvalid):
        _check_refusal(result)
    else:
        _check_form(result)


@EXAMPLES
@given(
    st.dictionaries(
        st.sampled_from(OPTION_NAMES) | st.text(max_size=8), _words | st.text(max_size=20), max_size=8
    ),
    st.text(max_size=10),
)
def test_any_section(section: dict[str, str], name: str) -> None:
    result = _result(lambda: from_section(name, {**section, "type": "qingstor"}))
    if isinstance(result, FormInvalid):
        _check_refusal(result)
    else:
        assert result.redacted()["name"] == name
        assert {advice.field for advice in advise(result)} <= set(OPTION_NAMES)
        assert set(result.other_options) == set(section) - set(OPTION_NAMES)


_job = st.fixed_dictionaries(
    {},
    optional={
        "storage": _document | _value,
        "source": st.just("/srv") | _value,
        "target": st.sampled_from(["x:bucket-1/p", "x:b", "x", ":", "x:bucket//", f"x:{SECRET_ACCESS_KEY}"])
        | _value,
        "performance": st.dictionaries(
            st.sampled_from(["transfers", "bufferSize", "maxDuration", "bwlimit", "z"]), _scalar
        )
        | _value,
        "includes": _value,
        "excludes": st.lists(_words),
        "dryRun": _value,
        "planId": _value,
        "nonsense": _value,
    },
)


@EXAMPLES
@given(_job | _value)
def test_any_job(value: object) -> None:
    result = _result(lambda: parse_job(json.dumps(value).encode()))
    if isinstance(result, FormInvalid):
        _check_refusal(result)
    else:
        assert result.source
        assert result.target.bucket


@EXAMPLES
@given(st.binary(max_size=200))
def test_any_bytes(data: bytes) -> None:
    for parse in (parse_storage_document, parse_job):
        with pytest.raises(FormInvalid):
            parse(data)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "is not JSON"),
        (b"{", "is not JSON: line 1, column 2"),
        (b"[]", "is not a JSON object"),
        (b"null", "is not a JSON object"),
        (b'"x"', "is not a JSON object"),
        (b"\xff\xfe{\x00}\x00", "is not UTF-8"),
        (b'{"name": "\xe9"}', "is not UTF-8"),
        (b'{"name": "a", "name": "b"}', "has the field 'name' twice"),
        (b'{"name": "a", "settings": {"zone": "a", "zone": "a"}}', "has the field 'zone' twice"),
        (b'{"name": NaN}', "NaN"),
        (b'{"name": -Infinity}', "NaN or Infinity"),
        (b'{"name": ' + b"9" * 5000 + b"}", "a number that is far too long"),
        (b'{"name": "\\ud800"}', "surrogate"),
        (b'{"\\udfff": 1}', "surrogate"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a":' * 50_000 + b"1" + b"}" * 50_000, "nested too deeply"),
        (b'{"name": "' + b"x" * (5 << 20) + b'"}', "larger than"),
    ],
    ids=range(17),
)
@pytest.mark.parametrize(
    ("parse", "what"), [(parse_storage_document, "storage document"), (parse_job, "job document")]
)
def test_bytes_that_are_not_a_document(data: bytes, says: str, parse: object, what: str) -> None:
    assert callable(parse)
    with pytest.raises(FormInvalid) as caught:
        parse(data)
    (failure,) = caught.value.errors
    assert failure.message.startswith(f"The {what} ")
    assert says in failure.message
    assert failure.hint


def test_a_byte_order_mark_is_no_error() -> None:
    assert parse_storage_document(b'\xef\xbb\xbf{"name": "x", "settings": {"env_auth": true}}').env_auth


def test_a_secret_in_the_wrong_field_is_not_repeated() -> None:
    document = {
        "name": "x",
        "credentials": {
            "access_key_id": "AKcanary-id",
            "secret_access_key": "SKcanary.key",
            "endpoint": "HTTPS://SKcanary.key",
        },
        "AKcanary-id": 1,
        "x" * 32 + "SKcanary.key": 1,
    }
    with pytest.raises(FormInvalid) as caught:
        parse_storage_document(json.dumps(document).encode())
    assert len(caught.value.errors) == 3
    assert "anary" not in "".join(failure.message + failure.hint for failure in caught.value.errors)
