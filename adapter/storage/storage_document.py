"""The parts of a storage document: every field by its name, wherever it stands; its errors in order."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from adapter.contract.errors import Failure
from adapter.contract.redact import Redactor
from adapter.storage.form_fields import FIELDS, LABELS, PLUTONS_OWN
from adapter.storage.json_document import MAX_TEXT_CHARACTERS, FieldProblem, is_blank, unknown_field

KEYS = ("access_key_id", "secret_access_key")
CREDENTIALS = tuple(field.name for field in FIELDS if field.credential)
SETTINGS = tuple(field.name for field in FIELDS if not field.credential)
OPTIONS = (*CREDENTIALS, *SETTINGS)
_TOP = ("name", "type", "authType", "tags")
_ORDER = {name: at for at, name in enumerate((*_TOP, "credentials", "settings", *OPTIONS))}


def flatten(document: Mapping[str, object]) -> tuple[dict[str, object], list[Failure]]:
    """Return every field of the document by its name, and an error for each field in the wrong part."""
    values: dict[str, object] = {"name": ""}
    errors: list[Failure] = []
    for name, value in document.items():
        if name in _TOP:
            values[name] = value
        elif name in {"credentials", "settings", *PLUTONS_OWN}:
            continue
        elif name in OPTIONS:
            place = "credentials" if name in CREDENTIALS else "settings"
            problem = FieldProblem("it is outside of credentials and settings", f"Move it into {place}.")
            errors.append(problem.failure(name, LABELS[name]))
        else:
            errors.append(unknown_field(name, (*_TOP, "credentials", "settings"), " of a storage document"))
    for place in ("credentials", "settings"):
        part = document.get(place)
        if isinstance(part, dict):
            errors += _merge(values, part)
        elif not is_blank(part):
            problem = FieldProblem("it is not an object", "Write the fields in braces.")
            errors.append(problem.failure(place, place))
    return values, errors


def _merge(values: dict[str, object], part: Mapping[str, object]) -> Iterable[Failure]:
    for name, value in part.items():
        if name not in OPTIONS:
            yield unknown_field(name, OPTIONS, " of the QingStor form")
        elif is_blank(values.get(name)):
            values[name] = value
        elif not is_blank(value) and values[name] != value:
            yield FieldProblem(
                "it is in credentials and in settings, with different values", "Keep one of them."
            ).failure(name, LABELS[name])


def in_form_order(errors: Iterable[Failure]) -> list[Failure]:
    """Return the errors in the order of the form."""
    return sorted(errors, key=lambda error: _ORDER.get(error.field or "", len(_ORDER)))


def without_secrets(errors: Iterable[Failure], document: object) -> list[Failure]:
    """Return the errors with the keys of `document` masked: a person may have pasted one into a field."""
    mask = Redactor(_secrets(document))
    return [replace(error, message=mask(error.message), hint=mask(error.hint)) for error in errors]


def _secrets(value: object) -> Iterable[str]:
    """Yield the keys in a document, wherever they are."""
    rest = [value]
    while rest:
        part = rest.pop()
        if isinstance(part, dict):
            texts = (part.get("access_key_id"), part.get("secret_access_key"))
            # A longer one does not fit into any message.
            yield from (
                text.strip() for text in texts if isinstance(text, str) and len(text) <= MAX_TEXT_CHARACTERS
            )
            rest += part.values()
        elif isinstance(part, list):
            rest += part
