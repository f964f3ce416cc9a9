"""The storage document of Pluton's Add Storage form, checked against what rclone and QingStor can do."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Annotated

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
)

from adapter.contract.errors import Failure, FormInvalid
from adapter.contract.redact import MASK, Redactor
from adapter.storage.form_fields import FIELDS, LABELS
from adapter.storage.form_schema import json_schema
from adapter.storage.form_values import Readers, form_readers
from adapter.storage.json_document import (
    MAX_TEXT_CHARACTERS,
    FieldProblem,
    failures,
    is_blank,
    read_flag,
    read_object,
    unknown_field,
)
from adapter.storage.section_values import SECTION_READERS
from rclone_conf.endpoint import DEFAULT_ENDPOINT, Endpoint, parse_endpoint
from rclone_conf.qingstor import DEFAULT_CONNECTION_RETRIES, DEFAULT_ZONE, OPTION_NAMES, TYPE
from rclone_conf.values import render_size

__all__ = [
    "StorageForm",
    "from_section",
    "json_schema",
    "parse_storage_document",
    "storage_form",
    "without_secrets",
]

_CREDENTIALS = tuple(field.name for field in FIELDS if field.credential)
_SETTINGS = tuple(field.name for field in FIELDS if not field.credential)
_OPTIONS = (*_CREDENTIALS, *_SETTINGS)
_TOP = ("name", "type", "authType", "tags")
_ORDER = {name: at for at, name in enumerate((*_TOP, "credentials", "settings", *_OPTIONS))}


def _read(value: object, info: ValidationInfo[Readers | None]) -> object:
    """Read a value with the reader of its field: in a form built by code, as one of a document."""
    readers = form_readers() if info.context is None else info.context
    return readers[info.field_name or ""](value)


_Text = Annotated[str, BeforeValidator(_read)]
_Key = Annotated[SecretStr, BeforeValidator(_read)]
_Flag = Annotated[bool, BeforeValidator(_read)]
_Number = Annotated[int, BeforeValidator(_read)]
_Tags = Annotated[tuple[str, ...], BeforeValidator(_read)]


class StorageForm(BaseModel):
    """One QingStor storage, every value checked. Sizes are bytes; None is a blank field.

    `zone`, `connection_retries` and `env_auth` hold their default when blank; `is_set` tells.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    name: _Text
    type: _Text = TYPE
    authType: _Text = "client"  # noqa: N815 - Pluton's spelling
    tags: _Tags = ()
    access_key_id: _Key | None = None
    secret_access_key: _Key | None = None
    endpoint: _Text | None = None
    zone: _Text = DEFAULT_ZONE
    env_auth: _Flag = False
    connection_retries: _Number = DEFAULT_CONNECTION_RETRIES
    upload_cutoff: _Number | None = None
    chunk_size: _Number | None = None
    upload_concurrency: _Number | None = None
    encoding: _Text | None = None
    description: _Text | None = None
    other_options: Mapping[str, str] = Field(default={}, repr=False, exclude=True)
    """Options of a saved section that the form does not have. They may be secrets and are never shown."""

    def is_set(self, option: str) -> bool:
        """Return whether the person filled this field in."""
        return option in self.model_fields_set

    @property
    def server(self) -> Endpoint:
        """Return scheme, host and port of the endpoint, or of the default one; the host has no zone."""
        return parse_endpoint(self.endpoint) if self.endpoint else DEFAULT_ENDPOINT

    def options(self) -> dict[str, str]:
        """Return the section for rclone.conf, secrets included, in its order (contract, section 6).

        Only options with a value, and always `type` and `zone`; `env_auth` only when it is on.
        """
        texts = {name: self._text(name) for name in OPTION_NAMES}
        return {
            name: text
            for name, text in texts.items()
            if text and (name in {"type", "zone"} or self.is_set(name))
        }

    def _text(self, option: str) -> str:
        """Return the value in rclone's spelling; blank for a blank one and for `env_auth` off."""
        value: object = getattr(self, option)
        if isinstance(value, SecretStr):
            return value.get_secret_value()
        if isinstance(value, bool):
            return "true" if value else ""
        if isinstance(value, int):
            return render_size(value) if option in {"upload_cutoff", "chunk_size"} else str(value)
        return value if isinstance(value, str) else ""

    def redacted(self) -> dict[str, object]:
        """Return the document for display: a key is MASK if set and blank if not, all else is plain.

        Sizes are in rclone's spelling; a blank field is blank, but the zone is the one that is used.
        """
        return {
            "name": self.name,
            "type": self.type,
            "authType": self.authType,
            "credentials": {name: self._shown(name) for name in _CREDENTIALS},
            "settings": {name: self._shown(name) for name in _SETTINGS},
            "tags": list(self.tags),
        }

    def _shown(self, option: str) -> object:
        value: object = getattr(self, option)
        if isinstance(value, SecretStr):
            return MASK
        if isinstance(value, bool) or (
            isinstance(value, int) and option not in {"upload_cutoff", "chunk_size"}
        ):
            return value
        return self._text(option)


def parse_storage_document(data: bytes) -> StorageForm:
    """Return the form in a storage document. Raises FormInvalid with every wrong field, in form order."""
    return storage_form(read_object(data, "storage document"))


def storage_form(document: Mapping[str, object]) -> StorageForm:
    """Return the form in a parsed document; raises as `parse_storage_document`."""
    values, errors = _flatten(document)
    filled = {name: value for name, value in values.items() if not is_blank(value)}
    zone = filled.get("zone")
    form, wrong = _validate(filled, form_readers(zone.strip() if isinstance(zone, str) else ""))
    errors += wrong
    errors += _check_keys(filled)
    if form is None or errors:
        raise FormInvalid(without_secrets(_in_form_order(errors), document))
    return form


def from_section(name: str, section: Mapping[str, str]) -> StorageForm:
    """Return the storage in a saved section, read as tolerantly as rclone does.

    The keys may be missing. Raises FormInvalid for values that make rclone fail or crash.
    """
    filled: dict[str, object] = {
        option: value for option, value in section.items() if option in OPTION_NAMES and not is_blank(value)
    }
    others = {option: value for option, value in section.items() if option not in OPTION_NAMES}
    form, errors = _validate({"name": name, **filled, "other_options": others}, SECTION_READERS)
    errors += _check_halves(filled)
    if form is None or errors:
        raise FormInvalid(_in_form_order(errors))
    return form


def _flatten(document: Mapping[str, object]) -> tuple[dict[str, object], list[Failure]]:
    """Return every field of the document by its name, and an error for each field in the wrong part."""
    values: dict[str, object] = {"name": ""}
    errors: list[Failure] = []
    for name, value in document.items():
        if name in _TOP:
            values[name] = value
        elif name in {"credentials", "settings"}:
            continue
        elif name in _OPTIONS:
            place = "credentials" if name in _CREDENTIALS else "settings"
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
        if name not in _OPTIONS:
            yield unknown_field(name, _OPTIONS, " of the QingStor form")
        elif is_blank(values.get(name)):
            values[name] = value
        elif not is_blank(value) and values[name] != value:
            yield FieldProblem(
                "it is in credentials and in settings, with different values", "Keep one of them."
            ).failure(name, LABELS[name])


def _validate(filled: Mapping[str, object], readers: Readers) -> tuple[StorageForm | None, list[Failure]]:
    try:
        return StorageForm.model_validate(filled, context=readers), []
    except ValidationError as error:
        return None, failures(error, LABELS, _OPTIONS)


def _check_keys(filled: Mapping[str, object]) -> list[Failure]:
    if "access_key_id" in filled or "secret_access_key" in filled:
        return _check_halves(filled)
    try:
        env_auth = read_flag(filled.get("env_auth", False))
    except FieldProblem:
        return []  # already reported
    if env_auth:
        return []
    return [
        FieldProblem(
            "both keys are blank, and rclone cannot use QingStor anonymously",
            "Fill in both keys, or turn Environment Auth on to take them from the environment at run time.",
        ).failure("access_key_id", LABELS["access_key_id"])
    ]


def _check_halves(filled: Mapping[str, object]) -> list[Failure]:
    halves: tuple[tuple[str, str], ...] = (
        ("access_key_id", "secret_access_key"),
        ("secret_access_key", "access_key_id"),
    )
    return [
        FieldProblem(
            f"it is blank while the {LABELS[other]} is set", "Fill in both keys, or leave both blank."
        ).failure(blank, LABELS[blank])
        for blank, other in halves
        if blank not in filled and other in filled
    ]


def _in_form_order(errors: Iterable[Failure]) -> list[Failure]:
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
