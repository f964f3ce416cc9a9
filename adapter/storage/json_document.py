"""Reading of JSON documents: what the storage document and the job document share.

The input may be hostile and may hold secrets: no message repeats a value.
"""

import difflib
import json
import re
from collections.abc import Iterable
from typing import NoReturn

from adapter.contract.errors import ErrorCode, Failure, FormInvalid
from rclone_conf import ConfValueError, check_value
from rclone_conf.values import parse_bool, parse_size

MAX_DOCUMENT_BYTES = 4 << 20
MAX_TEXT_CHARACTERS = 1000


class FieldProblem(ValueError):
    """Why a value is refused, as a clause (`it is …`), and what to do; raised by the readers of fields."""

    def __init__(self, problem: str, hint: str, code: ErrorCode = ErrorCode.INVALID_FORM) -> None:
        super().__init__(problem)
        self.problem = problem
        self.hint = hint
        self.code = code

    def failure(self, field: str, label: str) -> Failure:
        """Return it as an entry of a document's errors."""
        return Failure(self.code, f"{label}: {self.problem}.", self.hint, field=field)


def read_object(data: bytes, what: str) -> dict[str, object]:
    """Return the JSON object in `data`; `what` names it in messages. Raises FormInvalid."""
    result = _parse(data)
    if isinstance(result, FieldProblem):
        # Not raised within an `except`: Python's errors hold the text that they are about.
        raise FormInvalid([Failure(result.code, f"The {what} {result.problem}.", result.hint)])
    return result


def _parse(data: bytes) -> dict[str, object] | FieldProblem:
    problem, hint = "", "Pass one JSON object in UTF-8."
    if len(data) > MAX_DOCUMENT_BYTES:
        return FieldProblem(f"is larger than {MAX_DOCUMENT_BYTES >> 20} MiB", "Shorten it.")
    value: object = None
    try:
        value = json.loads(data.decode("utf-8-sig"), object_pairs_hook=_unique, parse_constant=_no_constant)
        json.dumps(value, ensure_ascii=False).encode()
    except FieldProblem as error:
        problem, hint = error.problem, error.hint
    except UnicodeDecodeError:
        problem = "is not UTF-8"
    except UnicodeEncodeError:
        problem = "holds half of a surrogate pair, which is not a character"
    except json.JSONDecodeError as error:
        problem = f"is not JSON: line {error.lineno}, column {error.colno}"
    except RecursionError:
        problem = "is nested too deeply"
    except ValueError:
        problem = "holds a number that is far too long"
    if not problem and isinstance(value, dict):
        return value
    return FieldProblem(problem or "is not a JSON object", hint)


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found: dict[str, object] = {}
    for name, value in pairs:
        if name in found:
            raise FieldProblem(f"has the field '{shown(name)}' twice", "Keep one of them.")
        found[name] = value
    return found


def _no_constant(_: str) -> NoReturn:
    raise FieldProblem("holds NaN or Infinity, which JSON does not have", "Use a number.")


def shown(name: str) -> str:
    """Return a field name for a message: short, and without control characters.

    Of a long one, which may be a secret, only the beginning is left.
    """
    text = name if len(name) <= 40 else name[:8] + "…"
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def unknown_field(name: str, known: Iterable[str], where: str = "") -> Failure:
    """Return the error for an unknown field; the nearest name of `known` is suggested."""
    names = list(known)
    near = difflib.get_close_matches(name[:60].lower(), names, n=1)
    hint = f"Did you mean '{near[0]}'?" if near else f"Known here: {', '.join(names)}."
    return Failure(ErrorCode.INVALID_FORM, f"'{shown(name)}' is not a field{where}.", hint, field=shown(name))


def is_blank(value: object) -> bool:
    """Return whether a field is not filled in. JavaScript front ends send the word `undefined` for that."""
    return value is None or (isinstance(value, str) and not value.strip()) or is_undefined(value)


def is_undefined(value: object) -> bool:
    """Return whether a field holds the word `undefined`."""
    return isinstance(value, str) and value.strip() == "undefined"


def read_text(value: object, option: str = "") -> str:
    """Return a trimmed text; with `option`, one that rclone.conf can hold as the value of that option."""
    if not isinstance(value, str):
        raise FieldProblem("it is not a text", "Put it in quotation marks.")
    text = value.strip()
    if len(text) > MAX_TEXT_CHARACTERS:
        raise FieldProblem(f"it is longer than {MAX_TEXT_CHARACTERS} characters", "Shorten it.")
    if option:
        try:
            check_value(option, text)
        except ConfValueError as error:
            raise FieldProblem(error.problem, error.hint or "Choose another value.") from None
    return text


def read_flag(value: object) -> bool:
    """Return true or false, given as JSON or as a word."""
    if isinstance(value, bool):
        return value
    try:
        return parse_bool(read_text(value).lower())
    except ValueError:
        raise FieldProblem("it is neither true nor false", "Write true or false.") from None


def is_below(value: object, least: int) -> bool:
    """Return whether a value is a whole number below `least`, given as a number or as digits."""
    number = _whole(value)
    return number is not None and number < least


def _whole(value: object) -> int | None:
    if isinstance(value, str) and re.fullmatch(r"\s*[+-]?[0-9]{1,40}\s*", value):
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def read_count(value: object, least: int, most: int) -> int:
    """Return a whole number in a range, given as a number or as digits."""
    number = _whole(value)
    hint = f"Write a whole number from {least} to {most}."
    if number is None:
        raise FieldProblem("it is not a whole number", hint)
    if number < least:
        raise FieldProblem(f"it is less than {least}", hint)
    if number > most:
        raise FieldProblem(f"it is more than {most}", hint)
    return number


def read_size(value: object) -> int:
    """Return the bytes of a size with its unit, or 0; `off` is rclone_conf's SIZE_OFF.

    A bare number is refused: rclone would read KiB where people mean bytes.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise FieldProblem("it is not a size", "Write a number and a unit, such as 200Mi.")
    text = str(value).strip()
    if text == "0":
        return 0
    if text[-1:].isdigit() or text.endswith("."):
        raise FieldProblem(
            "it has no unit, and rclone would count KiB",
            "Add the unit: Ki, Mi or Gi, or b for bytes, such as 200Mi.",
        )
    try:
        return parse_size(text)
    except ValueError as error:
        hint = "Write a number and one of the units b, Ki, Mi, Gi, without a blank, such as 200Mi."
        if near := re.fullmatch(
            r"([0-9]{1,12}(?:\.[0-9]{1,3})?)\s*([kmgtp])(?:i?b)?", text, re.ASCII | re.IGNORECASE
        ):
            hint = f"Write {near[1]}{near[2].upper()}i."
        raise FieldProblem(str(error), hint) from None
