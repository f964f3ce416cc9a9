"""Readers for the fields of a saved section: what rclone accepts, without what makes it fail or crash."""

from collections.abc import Callable
from functools import partial

from adapter.contract.secret import Secret
from adapter.storage.form_values import (
    MAX_CONNECTION_RETRIES,
    MAX_UPLOAD_CONCURRENCY,
    Readers,
    check_chunk,
    check_cutoff,
    check_endpoint_url,
    check_zone,
    endpoint_unless_default,
    read_auth_type,
    read_encoding,
    read_tags,
    read_type,
    unless_default,
)
from adapter.storage.json_document import FieldProblem, read_text
from rclone_conf.endpoint import is_accepted
from rclone_conf.qingstor import DEFAULT_CONNECTION_RETRIES, DEFAULT_UPLOAD_CUTOFF, MIN_CHUNK_SIZE
from rclone_conf.values import SIZE_OFF, parse_bool, parse_int, parse_size


def _endpoint(value: object) -> str | None:
    text = str(value)
    return endpoint_unless_default(text if is_accepted(text) else check_endpoint_url(text, ""))


def _retries(value: object) -> int:
    # rclone accepts any integer, and ignores it.
    number = _int(value)
    return DEFAULT_CONNECTION_RETRIES if number < 0 else min(number, MAX_CONNECTION_RETRIES)


def _concurrency(value: object) -> int | None:
    number = _int(value)
    if number < 0:
        raise FieldProblem("rclone crashes on a number below 0", "Set it to 1.")
    # Pluton writes 0 for a field that was cleared; to rclone it means 4 (upload.go, 1.75.2).
    return unless_default(min(number or 1, MAX_UPLOAD_CONCURRENCY), 1)


def _flag(value: object) -> bool:
    try:
        return parse_bool(str(value))
    except ValueError as error:
        raise FieldProblem(str(error), "Write true or false.") from None


def _int(value: object) -> int:
    try:
        return parse_int(str(value))
    except ValueError as error:
        raise FieldProblem(str(error), "Write a whole number.") from None


def _cutoff(value: object) -> int | None:
    size = _size(value)
    # off is the same as 0 to rclone
    return 0 if size == SIZE_OFF else unless_default(check_cutoff(size), DEFAULT_UPLOAD_CUTOFF)


def _size(value: object) -> int:
    try:
        return parse_size(str(value))
    except ValueError as error:
        raise FieldProblem(str(error), "Write a number and a unit, such as 200Mi.") from None


def is_quoted(value: str) -> bool:
    """Return whether a value is in quotation marks, which rclone takes as a part of it."""
    text = value.strip()
    return len(text) > 1 and text[0] in "\"'" and text[-1] == text[0]


def _refusing_quotes(read: Callable[[object], object]) -> Callable[[object], object]:
    def checked(value: object) -> object:
        if is_quoted(str(value)):
            raise FieldProblem(
                "its value is in quotation marks in rclone.conf, and rclone takes them as a part of it",
                "Remove the quotation marks: `conf repair` does it.",
            )
        return read(value)

    return checked


_READERS: Readers = {
    "access_key_id": lambda value: Secret(str(value)),
    "secret_access_key": lambda value: Secret(str(value)),
    "endpoint": _endpoint,
    "zone": lambda value: check_zone(read_text(value, "zone").lower(), r"[\w.-]+"),
    "env_auth": _flag,
    "connection_retries": _retries,
    "upload_cutoff": _cutoff,
    "chunk_size": lambda value: unless_default(check_chunk(_size(value)), MIN_CHUNK_SIZE),
    "upload_concurrency": _concurrency,
    "encoding": partial(read_encoding, any_case=False),
}

SECTION_READERS: Readers = {
    "name": lambda value: value,
    "type": read_type,
    "authType": read_auth_type,
    "tags": read_tags,
    "description": str,
    **{option: _refusing_quotes(read) for option, read in _READERS.items()},
}
