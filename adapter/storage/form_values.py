"""Readers for the fields of the storage document: what a person may fill in.

A reader returns the value or raises FieldProblem, which never holds the value.
"""

import re
from collections.abc import Callable, Mapping
from functools import partial

from adapter.contract.errors import ErrorCode
from adapter.contract.secret import Secret
from adapter.storage.json_document import (
    MAX_TEXT_CHARACTERS,
    FieldProblem,
    is_below,
    is_blank,
    read_count,
    read_flag,
    read_size,
    read_text,
)
from rclone_conf import ConfNameError, ConfValueError, check_name
from rclone_conf.endpoint import DEFAULT_ENDPOINT, check_endpoint, parse_endpoint
from rclone_conf.qingstor import (
    DEFAULT_CONNECTION_RETRIES,
    DEFAULT_ENCODING,
    DEFAULT_UPLOAD_CUTOFF,
    MAX_CHUNK_SIZE,
    MAX_UPLOAD_CUTOFF,
    MIN_CHUNK_SIZE,
    TYPE,
)
from rclone_conf.values import SIZE_OFF, parse_encoding, render_size

Readers = Mapping[str, Callable[[object], object]]
"""Reader by field name."""

MAX_CONNECTION_RETRIES = 100
"""Each is another pass over the failed files, after a pause; an outage that lasts longer needs a new run."""
MAX_UPLOAD_CONCURRENCY = 64
"""Each takes a connection and one Chunk Size of memory; a larger number is probably a typing error."""


def form_readers(zone: object = "") -> Readers:
    """Return the readers for a form whose field Zone holds `zone`; the endpoint must not repeat it."""
    known = zone.strip() if isinstance(zone, str) else ""
    return {**_READERS, "endpoint": partial(_endpoint, zone=known)}


def check_endpoint_url(text: str, zone: str) -> str:
    """Return the endpoint. Raises FieldProblem if rclone could not use it."""
    try:
        check_endpoint(text, zone)
    except ConfValueError as error:
        raise FieldProblem(error.problem, error.hint, ErrorCode.ENDPOINT_INVALID) from None
    return text


def check_zone(zone: str, shape: str) -> str:
    """Return the zone. Raises FieldProblem if it does not match `shape`, a regular expression."""
    if not re.fullmatch(shape, zone):
        raise FieldProblem(
            "it cannot be a part of a host name", "Use the zone's id from the console, such as pek3a or sh1a."
        )
    return zone


def check_cutoff(size: int) -> int:
    """Return an Upload Cutoff in bytes. Raises FieldProblem if it is too large."""
    if size > MAX_UPLOAD_CUTOFF:
        raise FieldProblem(
            "it is more than 5 GiB, the most that QingStor takes at once", "Write 5Gi or less."
        )
    return size


def check_chunk(size: int) -> int:
    """Return a Chunk Size in bytes. Raises FieldProblem if it is too small or too large."""
    if size < MIN_CHUNK_SIZE:
        raise FieldProblem(
            "it is less than 4 MiB, the smallest part that QingStor takes", "Write 4Mi or more."
        )
    if size > MAX_CHUNK_SIZE:
        raise FieldProblem(
            "it is more than 5 GiB, the largest part that QingStor takes, and rclone would run out of memory",
            "Write 5Gi or less; 64Mi is plenty for a file of 600 GiB.",
        )
    return size


def read_encoding(value: object, *, any_case: bool) -> str | None:
    """Return an encoding as rclone spells it, or None for rclone's default."""
    text = read_text(value, "encoding")
    try:
        encoding = parse_encoding(text, any_case=any_case)
    except ValueError as error:
        raise FieldProblem(str(error), f"Leave it blank for rclone's default, {DEFAULT_ENCODING}.") from None
    return None if set(encoding.split(",")) == set(DEFAULT_ENCODING.split(",")) else encoding


def unless_default(value: int, default: int) -> int | None:
    """Return the value, or None for the default, which is no choice."""
    return None if value == default else value


def endpoint_unless_default(text: str) -> str | None:
    """Return an endpoint that rclone accepts, or None for QingStor's own in whatever spelling."""
    return None if parse_endpoint(text) == DEFAULT_ENDPOINT else text


def read_type(value: object) -> str:
    """Return the storage type, which must be `qingstor`."""
    return _only(TYPE, value, "Set it to qingstor; this adapter handles no other storage type.")


def read_auth_type(value: object) -> str:
    """Return the authentication type, which must be `client`."""
    return _only("client", value, "Set it to client: QingStor accepts access keys only.")


def _only(wanted: str, value: object, hint: str) -> str:
    if read_text(value) != wanted:
        raise FieldProblem(f"it is not {wanted}", hint)
    return wanted


def read_tags(value: object) -> tuple[str, ...]:
    """Return the tags, which Pluton keeps for itself; none if they are something else than texts."""
    if not isinstance(value, list | tuple):
        return ()
    return tuple(tag for tag in value if isinstance(tag, str) and len(tag) <= MAX_TEXT_CHARACTERS)


def _name(value: object) -> str:
    if not isinstance(value, str):
        raise FieldProblem("it is not a text", "Give the storage a name.")
    if is_blank(value):
        raise FieldProblem("it is blank", "Give the storage a name, such as QingStor Backups.")
    name = value.strip()
    if len(name) > 255:
        raise FieldProblem("it is longer than 255 characters", "Shorten it.")
    try:
        check_name(name)
    except ConfNameError as error:
        raise FieldProblem(error.problem, error.hint or "Choose another name.") from None
    return name


def _key(option: str, value: object) -> Secret:
    if isinstance(value, Secret):
        return value
    text = read_text(value, option)
    if re.search(r"[^!-~]", text):
        raise FieldProblem(
            "it holds a blank or a character that no QingStor key has",
            "Copy the key again from the console's page of access keys.",
        )
    return Secret(text)


def _endpoint(value: object, zone: str = "") -> str | None:
    try:
        text = read_text(value, "endpoint")
    except FieldProblem as error:
        raise FieldProblem(error.problem, error.hint, ErrorCode.ENDPOINT_INVALID) from None
    return endpoint_unless_default(check_endpoint_url(text, zone))


def _zone(value: object) -> str:
    # In lower case, as the SDK writes it before it builds the host name.
    return check_zone(read_text(value, "zone").lower(), r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


def _cutoff(value: object) -> int | None:
    size = _size(value)
    if size == SIZE_OFF:
        raise FieldProblem(
            "off does not turn parts off: rclone would send every file in parts",
            "Write 5Gi to send as few files in parts as possible, or 0 to send all files in parts.",
        )
    return unless_default(check_cutoff(size), DEFAULT_UPLOAD_CUTOFF)


def _retries(value: object) -> int:
    # Pluton's "-" button goes below 0, where a person means "the default".
    if is_below(value, 0):
        return DEFAULT_CONNECTION_RETRIES
    return read_count(value, 0, MAX_CONNECTION_RETRIES)


def _concurrency(value: object) -> int | None:
    # Pluton posts 0 for a number field that was cleared.
    if is_below(value, 1):
        return None
    return unless_default(read_count(value, 1, MAX_UPLOAD_CONCURRENCY), 1)


def _size(value: object) -> int:
    size = read_size(value)
    try:
        render_size(size)
    except ValueError as error:
        raise FieldProblem(str(error), "Write a round size, such as 200Mi.") from None
    return size


_READERS: Readers = {
    "name": _name,
    "type": read_type,
    "authType": read_auth_type,
    "tags": read_tags,
    "access_key_id": partial(_key, "access_key_id"),
    "secret_access_key": partial(_key, "secret_access_key"),
    "endpoint": _endpoint,
    "zone": _zone,
    "env_auth": read_flag,
    "connection_retries": _retries,
    "upload_cutoff": _cutoff,
    "chunk_size": lambda value: unless_default(check_chunk(_size(value)), MIN_CHUNK_SIZE),
    "upload_concurrency": _concurrency,
    "encoding": partial(read_encoding, any_case=True),
    "description": lambda value: read_text(value, "description"),
}
