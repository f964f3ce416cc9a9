"""A valid storage document to change, and the result of parsing one."""

import json
from collections.abc import Mapping

import pytest

from adapter.contract.errors import Failure, FormInvalid
from adapter.storage.form import StorageForm, parse_storage_document

ACCESS_KEY_ID = "AKCANARY0123456789AB"
SECRET_ACCESS_KEY = "SKcanary/0123456789+abcdefghijklmnopqrstuv"
KEYS = {"access_key_id": ACCESS_KEY_ID, "secret_access_key": SECRET_ACCESS_KEY}


def document(
    settings: Mapping[str, object] | None = None,
    credentials: Mapping[str, object] | None = None,
    **top: object,
) -> dict[str, object]:
    """Return a valid document with these parts changed."""
    return {
        "name": "QingStor Backups",
        "type": "qingstor",
        "authType": "client",
        "credentials": {**KEYS, **(credentials or {})},
        "settings": dict(settings or {}),
        "tags": [],
        **top,
    }


def parse(value: object) -> StorageForm:
    """Return the form of a document."""
    return parse_storage_document(json.dumps(value).encode())


def errors(value: object) -> tuple[Failure, ...]:
    """Return the errors of a document; fail if it has none."""
    with pytest.raises(FormInvalid) as caught:
        parse(value)
    return caught.value.errors


def only_error(value: object) -> Failure:
    """Return the only error of a document; fail if there are more."""
    found = errors(value)
    assert len(found) == 1, found
    return found[0]
