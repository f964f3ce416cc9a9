"""Readers for the fields of a saved section: what rclone accepts, without what makes it fail or crash."""

from functools import partial

from pydantic import SecretStr

from adapter.storage.form_values import (
    MAX_CONNECTION_RETRIES,
    MAX_UPLOAD_CONCURRENCY,
    Readers,
    check_chunk,
    check_cutoff,
    check_endpoint_url,
    check_zone,
    read_auth_type,
    read_encoding,
    read_tags,
    read_type,
)
from adapter.storage.json_document import FieldProblem, read_text
from rclone_conf.endpoint import is_accepted
from rclone_conf.values import SIZE_OFF, parse_bool, parse_int, parse_size


def _endpoint(value: object) -> str:
    text = str(value)
    return text if is_accepted(text) else check_endpoint_url(text, "")


def _retries(value: object) -> int:
    # rclone accepts any integer, and ignores it.
    return min(max(0, _int(value)), MAX_CONNECTION_RETRIES)


def _concurrency(value: object) -> int:
    number = _int(value)
    if number < 0:
        raise FieldProblem("rclone crashes on a number below 0", "Set it to 1.")
    return min(number or 4, MAX_UPLOAD_CONCURRENCY)  # 0 acts as 4 (upload.go, 1.75.2)


def _int(value: object) -> int:
    try:
        return parse_int(str(value))
    except ValueError as error:
        raise FieldProblem(str(error), "Write a whole number.") from None


def _cutoff(value: object) -> int:
    size = _size(value)
    return 0 if size == SIZE_OFF else check_cutoff(size)  # the same to rclone


def _size(value: object) -> int:
    try:
        return parse_size(str(value))
    except ValueError as error:
        raise FieldProblem(str(error), "Write a number and a unit, such as 200Mi.") from None


SECTION_READERS: Readers = {
    "name": lambda value: value,
    "type": read_type,
    "authType": read_auth_type,
    "tags": read_tags,
    "access_key_id": lambda value: SecretStr(str(value)),
    "secret_access_key": lambda value: SecretStr(str(value)),
    "endpoint": _endpoint,
    "zone": lambda value: check_zone(read_text(value, "zone").lower(), r"[\w.-]+"),
    "env_auth": lambda value: parse_bool(str(value)),
    "connection_retries": _retries,
    "upload_cutoff": _cutoff,
    "chunk_size": lambda value: check_chunk(_size(value)),
    "upload_concurrency": _concurrency,
    "encoding": partial(read_encoding, any_case=False),
    "description": str,
}
