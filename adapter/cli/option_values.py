"""What an option may hold: readers for argparse, whose errors have a reason and a hint."""

import argparse
import math
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from adapter.storage.job_values import read_duration, read_path
from adapter.storage.json_document import FieldProblem, read_size

_Value = TypeVar("_Value")
_LEAST_MEMORY = 128 << 20


def checked(read: Callable[[str], _Value]) -> Callable[[str], _Value]:
    """Return `read` as a type for argparse; its error has the reason and the hint as two lines."""

    def checked(text: str) -> _Value:
        try:
            return read(text)
        except FieldProblem as error:
            raise argparse.ArgumentTypeError(f"{error.problem}\n{error.hint}") from None

    return checked


def a_path(text: str) -> Path:
    """Return a path. Raises FieldProblem."""
    return Path(read_path(text))


def path_or_blank(text: str) -> str:
    """Return an absolute path, or a blank. Raises FieldProblem."""
    return _utf8(read_path(text)) if text else ""


def an_endpoint(text: str) -> str:
    """Return the URL of an endpoint, or a blank. Raises FieldProblem."""
    from adapter.storage.form_values import check_endpoint_url  # noqa: PLC0415 - slow to load

    return check_endpoint_url(text, "")


def _utf8(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise FieldProblem("it is not UTF-8", "Use a path whose characters can be written.") from None
    return text


def a_positive_number(text: str) -> float:
    """Return a number of seconds. Raises FieldProblem."""
    value = _number(text)
    if not 0 < value < 1e6:
        raise FieldProblem("it is not a number of seconds above 0", "Write a number such as 30 or 0.5.")
    return value


def a_percentage(text: str) -> float:
    """Return a percentage. Raises FieldProblem."""
    value = _number(text)
    if not 0 < value <= 100:
        raise FieldProblem("it is not a percentage above 0 and up to 100", "Write a number such as 5 or 0.5.")
    return value


def _number(text: str) -> float:
    """Return the number, or NaN, which is in no range."""
    try:
        return float(text)
    except ValueError:
        return math.nan


def an_amount_of_memory(text: str) -> int:
    """Return a size in bytes, as much as rclone needs at least. Raises FieldProblem."""
    size = read_size(text)
    if size < _LEAST_MEMORY:
        raise FieldProblem("it is less than rclone needs for itself", "Write 128Mi or more.")
    return size


def an_age(text: str) -> float:
    """Return an age in seconds. Raises FieldProblem."""
    seconds = read_duration(text)
    if math.isinf(seconds):
        raise FieldProblem(
            "it is off, but an age is needed", "Write an age such as 24h, or 0 for all uploads."
        )
    return seconds


def a_file_name(text: str) -> str:
    """Return the name of a file, without a directory. Raises FieldProblem."""
    if not text or "/" in text or "\0" in text:
        raise FieldProblem("it is not the name of a file", "Write a name without a slash, such as .nobackup.")
    return text
