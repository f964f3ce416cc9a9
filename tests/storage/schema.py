"""A validator for the few keywords of JSON Schema that our schema uses."""

import re
from collections.abc import Callable

_TYPES: dict[str, type] = {"string": str, "boolean": bool, "integer": int, "array": list, "object": dict}


def conforms(value: object, schema: object) -> bool:
    """Return whether the value fits the schema; fail on an unknown keyword of JSON Schema."""
    assert isinstance(schema, dict)
    return all(_KEYWORDS[word](value, wanted, schema) for word, wanted in schema.items())


def _is_type(value: object, wanted: object, _schema: object) -> bool:
    if isinstance(wanted, list):
        return any(_is_type(value, one, _schema) for one in wanted)
    if wanted == "null":
        return value is None
    if isinstance(value, bool) and wanted != "boolean":
        return False
    return isinstance(value, _TYPES[str(wanted)])


def _is_const(value: object, wanted: object, _schema: object) -> bool:
    return value == wanted and type(value) is type(wanted)


def _is_any_of(value: object, wanted: object, _schema: object) -> bool:
    assert isinstance(wanted, list)
    return any(conforms(value, one) for one in wanted)


def _matches(value: object, wanted: object, _schema: object) -> bool:
    return not isinstance(value, str) or re.search(str(wanted), value) is not None


def _bounded(measure: Callable[[object], int | None], sign: int) -> Callable[[object, object, object], bool]:
    def holds(value: object, wanted: object, _schema: object) -> bool:
        assert isinstance(wanted, int)
        size = measure(value)
        return size is None or sign * size >= sign * wanted

    return holds


def _length(value: object) -> int | None:
    return len(value) if isinstance(value, str) else None


def _number(value: object) -> int | None:
    return value if isinstance(value, int) else None


def _has_required(value: object, wanted: object, _schema: object) -> bool:
    assert isinstance(wanted, list)
    return not isinstance(value, dict) or set(wanted) <= set(value)


def _has_items(value: object, wanted: object, _schema: object) -> bool:
    return not isinstance(value, list) or all(conforms(one, wanted) for one in value)


def _has_properties(value: object, wanted: object, _schema: object) -> bool:
    assert isinstance(wanted, dict)
    return not isinstance(value, dict) or all(
        conforms(one, wanted[name]) for name, one in value.items() if name in wanted
    )


def _has_no_more(value: object, wanted: object, schema: object) -> bool:
    assert wanted is False
    assert isinstance(schema, dict)
    return not isinstance(value, dict) or set(value) <= set(schema["properties"])


def _note(_value: object, _wanted: object, _schema: object) -> bool:
    return True


_KEYWORDS: dict[str, Callable[[object, object, object], bool]] = {
    **dict.fromkeys(["$schema", "title", "description", "default", "examples", "writeOnly"], _note),
    "type": _is_type,
    "const": _is_const,
    "anyOf": _is_any_of,
    "pattern": _matches,
    "minLength": _bounded(_length, 1),
    "maxLength": _bounded(_length, -1),
    "minimum": _bounded(_number, 1),
    "maximum": _bounded(_number, -1),
    "required": _has_required,
    "items": _has_items,
    "properties": _has_properties,
    "additionalProperties": _has_no_more,
}
