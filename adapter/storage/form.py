"""The storage document of Pluton's Add Storage form, checked against what rclone and QingStor can do."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import msgspec

from adapter.contract.errors import Failure, FormInvalid
from adapter.contract.redact import MASK
from adapter.contract.secret import Secret
from adapter.storage.form_fields import LABELS
from adapter.storage.form_schema import json_schema
from adapter.storage.form_values import Readers, form_readers
from adapter.storage.json_document import (
    FieldProblem,
    is_blank,
    is_undefined,
    read_flag,
    read_object,
    unknown_field,
)
from adapter.storage.section_values import SECTION_READERS
from adapter.storage.storage_document import (
    CREDENTIALS,
    KEYS,
    OPTIONS,
    SETTINGS,
    flatten,
    in_form_order,
    without_secrets,
)
from rclone_conf.endpoint import DEFAULT_ENDPOINT, Endpoint, parse_endpoint
from rclone_conf.qingstor import (
    ALWAYS_WRITTEN,
    DEFAULT_CONNECTION_RETRIES,
    DEFAULT_ZONE,
    OPTION_NAMES,
    TYPE,
)
from rclone_conf.values import render_size

__all__ = [
    "StorageForm",
    "from_section",
    "json_schema",
    "parse_storage_document",
    "storage_form",
]

_SIZES = {"upload_cutoff", "chunk_size"}
_COUNTS = {"connection_retries", "upload_concurrency"}


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageForm:
    """One QingStor storage, every value checked by a reader of its field. Sizes are bytes.

    None is a blank field, or one that holds the form's default: Pluton posts that whether or not the person
    touched it, so the choice is the adapter's. `zone`, `connection_retries` and `env_auth` hold a default.
    """

    name: str
    type: str = TYPE
    authType: str = "client"  # noqa: N815 - Pluton's spelling
    tags: tuple[str, ...] = ()
    access_key_id: Secret | None = None
    secret_access_key: Secret | None = None
    endpoint: str | None = None
    zone: str = DEFAULT_ZONE
    env_auth: bool = False
    connection_retries: int = DEFAULT_CONNECTION_RETRIES
    upload_cutoff: int | None = None
    chunk_size: int | None = None
    upload_concurrency: int | None = None
    encoding: str | None = None
    description: str | None = None
    other_options: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Options of a saved section that the form does not have. They may be secrets and are never shown."""
    filled: frozenset[str] = field(default=frozenset(), repr=False, compare=False)
    """The fields that the person filled in."""
    blanks_keys: bool = field(default=False, repr=False)
    """Whether the document says in so many words that there are no keys: `""` or null in both."""

    def is_set(self, option: str) -> bool:
        """Return whether the person filled this field in."""
        return option in self.filled

    @property
    def server(self) -> Endpoint:
        """Return scheme, host and port of the endpoint, or of the default one; the host has no zone."""
        return parse_endpoint(self.endpoint) if self.endpoint else DEFAULT_ENDPOINT

    def options(self) -> dict[str, str]:
        """Return the section for rclone.conf, secrets included, in its order (contract, section 6).

        The options of ALWAYS_WRITTEN with what applies; the others only if they have a value.
        """
        texts = {name: self._text(name) for name in OPTION_NAMES}
        return {name: text for name, text in texts.items() if text}

    def _text(self, option: str) -> str:
        """Return what applies in rclone's spelling; blank for a blank option that a section need not have."""
        value: object = getattr(self, option)
        if isinstance(value, Secret):
            return value.reveal()
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, int):
            return render_size(value) if option in _SIZES else str(value)
        return value if isinstance(value, str) else ALWAYS_WRITTEN.get(option, "")

    def redacted(self) -> dict[str, object]:
        """Return the document for display: a key is MASK if set and blank if not, all else is what applies.

        Sizes are in rclone's spelling.
        """
        return {
            "name": self.name,
            "type": self.type,
            "authType": self.authType,
            "credentials": {name: self._shown(name) for name in CREDENTIALS},
            "settings": {name: self._shown(name) for name in SETTINGS},
            "tags": list(self.tags),
        }

    def _shown(self, option: str) -> object:
        value: object = getattr(self, option)
        if isinstance(value, Secret):
            return MASK
        text = self._text(option)
        if isinstance(value, bool):
            return value
        return int(text) if option in _COUNTS else text


def parse_storage_document(data: bytes) -> StorageForm:
    """Return the form in a storage document. Raises FormInvalid with every wrong field, in form order."""
    return storage_form(read_object(data, "storage document"))


def storage_form(document: Mapping[str, object]) -> StorageForm:
    """Return the form in a parsed document; raises as `parse_storage_document`."""
    values, errors = flatten(document)
    filled = {name: value for name, value in values.items() if not is_blank(value)}
    form, wrong = validate(filled, form_readers(filled.get("zone")))
    errors += wrong
    errors += check_keys(filled)
    if form is None or errors:
        raise FormInvalid(without_secrets(in_form_order(errors), document))
    blanked = (
        all(name in values and not is_undefined(values[name]) for name in KEYS) and not form.access_key_id
    )
    return replace(form, blanks_keys=blanked)


def from_section(name: str, section: Mapping[str, str]) -> StorageForm:
    """Return the storage in a saved section, read as tolerantly as rclone does.

    The keys may be missing. Raises FormInvalid for values that make rclone fail or crash.
    """
    filled = options_of(section)
    form, errors = validate({"name": name, **filled}, SECTION_READERS, others_of(section))
    errors += _check_halves(filled)
    if form is None or errors:
        raise FormInvalid(in_form_order(errors))
    return form


def options_of(section: Mapping[str, str]) -> dict[str, object]:
    """Return what a saved section says of the form's fields, without blank ones."""
    return {
        option: value for option, value in section.items() if option in OPTION_NAMES and not is_blank(value)
    }


def others_of(section: Mapping[str, str]) -> dict[str, str]:
    """Return the options of a saved section that the form does not have."""
    return {option: value for option, value in section.items() if option not in OPTION_NAMES}


def validate(
    filled: Mapping[str, object], readers: Readers, other_options: Mapping[str, str] | None = None
) -> tuple[StorageForm | None, list[Failure]]:
    """Return the form with these fields, or the errors in them, one for each wrong field."""
    values: dict[str, object] = {"other_options": other_options or {}, "filled": frozenset(filled)}
    errors: list[Failure] = []
    for name, value in filled.items():
        if name not in readers:
            errors.append(unknown_field(name, OPTIONS))
            continue
        try:
            values[name] = readers[name](value)
        except FieldProblem as problem:
            errors.append(problem.failure(name, LABELS[name]))
    if "name" not in filled:
        errors.append(FieldProblem("it is missing", "Fill it in.").failure("name", LABELS["name"]))
    return (None if errors else msgspec.convert(values, StorageForm)), errors


def check_keys(filled: Mapping[str, object]) -> list[Failure]:
    """Return what is wrong with the keys among the fields: half a pair, or none without Environment Auth."""
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
    return [
        FieldProblem(
            f"it is blank while the {LABELS[other]} is set", "Fill in both keys, or leave both blank."
        ).failure(blank, LABELS[blank])
        for blank, other in (KEYS, KEYS[::-1])
        if blank not in filled and other in filled
    ]
