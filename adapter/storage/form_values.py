"""What each field of the storage document may hold: the checks behind the form, as types for its model.

They raise FieldProblem, and never with the value in it. In a saved section they take whatever rclone takes.
"""

import re
from dataclasses import dataclass
from typing import Annotated

from pydantic import BeforeValidator, SecretStr, ValidationInfo

from adapter.contract.errors import ErrorCode
from adapter.storage.json_document import FieldProblem, is_blank, read_count, read_flag, read_size, read_text
from rclone_conf import ConfNameError, ConfValueError, check_name
from rclone_conf.endpoint import check_endpoint, is_accepted
from rclone_conf.qingstor import MAX_CHUNK_SIZE, MAX_UPLOAD_CUTOFF, MIN_CHUNK_SIZE, TYPE
from rclone_conf.values import SIZE_OFF, parse_bool, parse_encoding, parse_int, parse_size, render_size

MAX_CONNECTION_RETRIES = 100
"""Every one is another pass over what failed, with a pause before it: more is an outage and not a hiccup."""
MAX_UPLOAD_CONCURRENCY = 64
"""Each holds a chunk and a connection; beyond this a typing error is likelier than a wish."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How to read the values: a form that a person fills in, or a section that rclone already works with."""

    section: bool
    zone: str = ""


Info = ValidationInfo[Reading | None]
"""Without a Reading, as in a form made by hand, values are those of a form."""


def _is_section(info: Info) -> bool:
    return info.context is not None and info.context.section


def _name(value: object, info: Info) -> str:
    if not isinstance(value, str):
        raise FieldProblem("it is not a text", "Give the storage a name.")
    if _is_section(info):
        return value
    if is_blank(value):
        raise FieldProblem("it is blank", "Give the storage a name, such as QingStor Backups.")
    if len(value) > 255:
        raise FieldProblem("it is longer than 255 characters", "Shorten it.")
    try:
        check_name(value)
    except ConfNameError as error:
        raise FieldProblem(error.problem, error.hint or "Choose another name.") from None
    return value


def _type(value: object) -> str:
    if read_text(value) != TYPE:
        raise FieldProblem(
            "it is not qingstor", "Set it to qingstor; other storage types go to rclone itself."
        )
    return TYPE


def _auth_type(value: object) -> str:
    if read_text(value) != "client":
        raise FieldProblem(
            "it is not client", "Set it to client: QingStor has keys and no other way to log in."
        )
    return "client"


def _key(value: object, info: Info) -> SecretStr:
    if isinstance(value, SecretStr):
        return value
    if _is_section(info):
        return SecretStr(str(value))
    text = read_text(value, info.field_name or "")
    if re.search(r"[^!-~]", text):
        raise FieldProblem(
            "it holds a blank or a character that no QingStor key has",
            "Copy the key again from the console's page of access keys.",
        )
    return SecretStr(text)


def _endpoint(value: object, info: Info) -> str:
    try:
        text = str(value) if _is_section(info) else read_text(value, "endpoint")
        if not (_is_section(info) and is_accepted(text)):
            check_endpoint(text, info.context.zone if info.context else "")
    except (ConfValueError, FieldProblem) as error:
        raise FieldProblem(error.problem, error.hint, ErrorCode.ENDPOINT_INVALID) from None
    return text


def _zone(value: object, info: Info) -> str:
    zone = read_text(value, "zone").lower()  # as the SDK does before it builds the host name
    shape = r"[\w.-]+" if _is_section(info) else r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
    if not re.fullmatch(shape, zone):
        raise FieldProblem(
            "it is not a word that can stand in a host name",
            "Use the zone's id from the console, such as pek3a or sh1a.",
        )
    return zone


def _flag(value: object, info: Info) -> bool:
    if _is_section(info):
        return parse_bool(str(value))
    return read_flag(value)


def _retries(value: object, info: Info) -> int:
    if _is_section(info):  # any integer is good enough for rclone, which ignores it
        return min(max(0, _rclone_int(value)), MAX_CONNECTION_RETRIES)
    return read_count(value, 0, MAX_CONNECTION_RETRIES)


def _concurrency(value: object, info: Info) -> int:
    if _is_section(info):
        number = _rclone_int(value)
        if number < 0:
            raise FieldProblem("rclone crashes on a number below 0", "Set it to 1.")
        return min(number or 4, MAX_UPLOAD_CONCURRENCY)  # 0 acts as 4 (upload.go, 1.75.2)
    return read_count(value, 1, MAX_UPLOAD_CONCURRENCY)


def _rclone_int(value: object) -> int:
    try:
        return parse_int(str(value))
    except ValueError as error:
        raise FieldProblem(str(error), "Write a whole number.") from None


def _cutoff(value: object, info: Info) -> int:
    size = _size(value, info)
    if size == SIZE_OFF:
        if not _is_section(info):
            raise FieldProblem(
                "off does not turn parts off: rclone would send every file in parts",
                "Write 5Gi for as few as possible, or 0 for parts always.",
            )
        return 0
    if size > MAX_UPLOAD_CUTOFF:
        raise FieldProblem(
            "it is more than 5 GiB, the most that QingStor takes at once", "Write 5Gi or less."
        )
    return size


def _chunk(value: object, info: Info) -> int:
    size = _size(value, info)
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


def _size(value: object, info: Info) -> int:
    if not _is_section(info):
        size = read_size(value)
        try:
            render_size(size)
        except ValueError as error:
            raise FieldProblem(str(error), "Write a round size, such as 200Mi.") from None
        return size
    try:
        return parse_size(str(value))
    except ValueError as error:
        raise FieldProblem(str(error), "Write a number and a unit, such as 200Mi.") from None


def _encoding(value: object, info: Info) -> str:
    try:
        return parse_encoding(read_text(value, "encoding"), any_case=not _is_section(info))
    except FieldProblem:
        raise
    except ValueError as error:
        raise FieldProblem(
            str(error), "Leave it blank for rclone's default, Slash,Ctl,InvalidUtf8."
        ) from None


def _description(value: object, info: Info) -> str:
    return str(value) if _is_section(info) else read_text(value, "description")


def _tags(value: object) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(tag, str) for tag in value):
        raise FieldProblem("it is not a list of texts", "Write a list, such as [].")
    return tuple(read_text(tag) for tag in value)


StorageName = Annotated[str, BeforeValidator(_name)]
StorageType = Annotated[str, BeforeValidator(_type)]
AuthType = Annotated[str, BeforeValidator(_auth_type)]
Tags = Annotated[tuple[str, ...], BeforeValidator(_tags)]
Key = Annotated[SecretStr, BeforeValidator(_key)]
EndpointUrl = Annotated[str, BeforeValidator(_endpoint)]
Zone = Annotated[str, BeforeValidator(_zone)]
Flag = Annotated[bool, BeforeValidator(_flag)]
Retries = Annotated[int, BeforeValidator(_retries)]
Cutoff = Annotated[int, BeforeValidator(_cutoff)]
ChunkSize = Annotated[int, BeforeValidator(_chunk)]
Concurrency = Annotated[int, BeforeValidator(_concurrency)]
Encoding = Annotated[str, BeforeValidator(_encoding)]
Description = Annotated[str, BeforeValidator(_description)]
