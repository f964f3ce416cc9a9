"""`form fields` and `form schema`, compared with the form itself and with docs/form.md."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapter.contract.errors import FormInvalid
from adapter.storage.form import json_schema, parse_storage_document
from adapter.storage.form_fields import FIELDS, FormField
from rclone_conf.qingstor import OPTION_NAMES, OPTIONS
from tests.rclone_conf.rclone import Daemon
from tests.storage.documents import KEYS, document, errors, parse
from tests.storage.examples import EXAMPLES
from tests.storage.schema import conforms

_PAGE = Path(__file__).parents[2] / "docs" / "form.md"


def test_the_labels_in_the_order_of_plutons_form() -> None:
    assert [field.label for field in FIELDS] == [
        *(
            "Access Key ID",
            "Secret Access Key",
            "Endpoint URL",
            "Zone",
            "Environment Auth",
            "Connection Retries",
        ),
        *("Upload Cutoff", "Chunk Size", "Upload Concurrency", "Encoding", "Description"),
    ]


def test_every_option_but_the_type_has_a_field() -> None:
    assert {field.name for field in FIELDS} == set(OPTION_NAMES) - {"type"}


def test_an_entry_as_pluton_reads_it() -> None:
    entry = FIELDS[1].as_dict()
    assert entry.pop("description")
    assert entry == {
        "label": "Secret Access Key",
        "value": "secret_access_key",
        "fieldType": "password",
        "authFieldType": "client",
        "required": False,
        "default": "",
        "command": "--qingstor-secret-access-key",
    }
    assert "authFieldType" not in FIELDS[3].as_dict()


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.name)
def test_a_default_is_accepted_and_is_rclones_default(daemon: Daemon, field: FormField) -> None:
    """Pluton fills its form with these, so each must be accepted, and be the default of rclone."""
    if field.default == "":
        return
    options = parse(document({field.name: field.default})).options()
    assert not daemon.opens(**options)
    theirs = next(option.default for option in OPTIONS if option.name == field.name)
    assert options.get(field.name, theirs) == theirs


def test_the_schema_has_every_field_in_both_parts() -> None:
    properties = json_schema()["properties"]
    assert isinstance(properties, dict)
    assert list(properties) == [
        *("name", "type", "authType", "tags"),
        *("id", "storageId", "authTypes", "defaultPath", "createdAt", "updatedAt"),
        *("credentials", "settings"),
    ]
    for part in ("credentials", "settings"):
        fields = properties[part]["anyOf"][0]["properties"]
        assert list(fields) == [field.name for field in FIELDS]


_BLANKS = ("", None, "undefined", "  ", " undefined\t")
_SPELLINGS: dict[str, tuple[object, ...]] = {
    "string": ("sh1a", "qingstor.com", 5),
    "password": ("SKcanary",),
    "bool": (True, False, "true", "FALSE", "T", "f", "1", " 0", "tRuE", "yes", 1),
    "int": (0, 1, 64, 100, 101, True, "0", "3 ", "+7", "007", 1.5, "x"),
    "sizesuffix": (
        *(
            "4mi",
            "200Mi",
            "4.5Gi",
            "1e4k",
            "5e9b",
            "4MiB",
            "5_000k",
            "+4M",
            " 4Mi",
            ".5g",
            "5.g",
            "5368709120B",
        ),
        *("0", 0, "0b", " 0 ", "off", "200", 200, "4MB"),
    ),
    "encoding": ("slash", "None", "Slash, Ctl", 3),
}
_options = st.fixed_dictionaries(
    {}, optional={field.name: st.sampled_from((*_BLANKS, *_SPELLINGS[field.field_type])) for field in FIELDS}
)
_loose: st.SearchStrategy[object] = st.sampled_from([*_BLANKS, 0, []])
_keys = st.just(KEYS)


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.name)
def test_every_spelling_that_the_form_accepts_fits_the_schema(field: FormField) -> None:
    accepted = 0
    for spelling in (*_BLANKS, *_SPELLINGS[field.field_type]):
        value = document({**KEYS, "env_auth": False, field.name: spelling}, dict.fromkeys(KEYS, ""))
        if field.name in KEYS:
            value = document({}, {field.name: spelling})
        if _is_accepted(value):
            accepted += 1
            assert conforms(value, json_schema()), spelling
    assert accepted


def _is_accepted(value: object) -> bool:
    try:
        parse(value)
    except FormInvalid:
        return False
    return True


@EXAMPLES
@given(
    st.fixed_dictionaries(
        {
            "name": st.sampled_from(["x", "", "a b", 1]),
            "credentials": st.tuples(_keys, _options).map(lambda p: {**p[1], **p[0]}),
        },
        optional={
            "settings": _options | _loose,
            "type": st.sampled_from(["qingstor", "", "s3"]),
            "authType": st.sampled_from(["client", None, "x"]),
            "tags": st.sampled_from([[], ["a"], None, "a"]),
            "more": st.just(1),
        },
    )
)
def test_what_the_form_accepts_fits_the_schema(value: dict[str, object]) -> None:
    assert not _is_accepted(value) or conforms(value, json_schema())


@pytest.mark.parametrize(
    "value",
    [
        {},
        document(more=1),
        document({"zone": 5}),
        document({"upload_concurrency": 65}),
        document({"connection_retries": "many"}),
        document({"upload_cutoff": 200}),
        document({"chunk_size": "4MB"}),
        document({"env_auth": "yes"}),
        document({"q": 1}),
        document(type="s3"),
        document({"connection_retries": 101}),
    ],
)
def test_the_form_refuses_what_breaks_the_schema(value: dict[str, object]) -> None:
    assert not conforms(value, json_schema())
    assert errors(value)


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.name)
def test_the_page_has_every_field(field: FormField) -> None:
    page = _PAGE.read_text()
    section = re.search(rf"^## {re.escape(field.label)}\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
    assert section, f"docs/form.md has no section on {field.label}"
    for needed in (f"`{field.name}`", "**Limits.**", "**rclone.**", "**Adapter.**"):
        assert needed in section[1]


def test_every_example_of_the_page_is_a_valid_document() -> None:
    blocks = re.findall(r"```json\n(.*?)```", _PAGE.read_text(), re.DOTALL)
    assert blocks
    for block in blocks:
        parse_storage_document(block.encode())
