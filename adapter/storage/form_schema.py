"""JSON Schema of the storage document, for front ends and editors, from the table of fields."""

from adapter.storage.form_fields import FIELDS, LABELS, PLUTONS_OWN, FieldType, FormField
from adapter.storage.form_values import MAX_CONNECTION_RETRIES, MAX_UPLOAD_CONCURRENCY
from rclone_conf.qingstor import KNOWN_ZONES, TYPE

_BLANK: dict[str, object] = {"type": ["string", "null"], "pattern": r"^\s*(undefined)?\s*$"}
_DIGITS: dict[str, object] = {"type": "string", "pattern": r"^\s*[+-]?[0-9]+\s*$"}
_SIZE: dict[str, object] = {
    "anyOf": [
        {
            "type": "string",
            "pattern": r"^\s*\+?[0-9._]+([eE][+-]?[0-9]+)?([kKmMgGtTpPeE](i[bB]|[iI])?|[bB])\s*$",
        },
        {"const": 0},
        {"type": "string", "pattern": r"^\s*0\s*$"},
    ]
}
_BY_TYPE: dict[FieldType, dict[str, object]] = {
    "string": {"type": "string"},
    "password": {"type": "string", "writeOnly": True},
    "bool": {
        "anyOf": [
            {"type": "boolean"},
            {"type": "string", "pattern": r"^\s*([tT][rR][uU][eE]|[fF][aA][lL][sS][eE]|[tTfF10])\s*$"},
        ]
    },
    "int": {"anyOf": [{"type": "integer"}, _DIGITS]},
    "sizesuffix": _SIZE,
    "encoding": {"type": "string"},
}
_MOST = {
    "connection_retries": MAX_CONNECTION_RETRIES,
    "upload_concurrency": MAX_UPLOAD_CONCURRENCY,
}
"""There is no least one: a number below the range is a blank."""


def json_schema() -> dict[str, object]:
    """Return the JSON Schema (2020-12) of the storage document.

    The form refuses a document that breaks it, and some that do not: "both keys or none", the form of an
    endpoint and the limits of sizes are not in the schema.
    """
    fields: dict[str, object] = {field.name: _schema(field) for field in FIELDS}
    part: dict[str, object] = {"type": "object", "properties": fields, "additionalProperties": False}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "QingStor storage of Pluton",
        "type": "object",
        "required": ["name"],
        "additionalProperties": False,
        "properties": {
            "name": {"type": "string", "title": LABELS["name"], "minLength": 1, "maxLength": 255},
            "type": {"anyOf": [{"const": TYPE}, _BLANK]},
            "authType": {"anyOf": [{"const": "client"}, _BLANK]},
            "tags": {},
            **{name: {} for name in PLUTONS_OWN},
            "credentials": {"anyOf": [part, _BLANK]},
            "settings": {"anyOf": [part, _BLANK]},
        },
    }


def _schema(field: FormField) -> dict[str, object]:
    schema: dict[str, object] = {
        "title": field.label,
        "description": field.description,
        "anyOf": [_limited(field), _BLANK],
    }
    if field.default != "":
        schema["default"] = field.default
    if field.name == "zone":
        schema["examples"] = list(KNOWN_ZONES)
    return schema


def _limited(field: FormField) -> dict[str, object]:
    if field.name not in _MOST:
        return _BY_TYPE[field.field_type]
    return {"anyOf": [{"type": "integer", "maximum": _MOST[field.name]}, _DIGITS]}
