"""Advice on valid settings: what a person should know about them, without failing anything."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from adapter.storage.form import StorageForm
from rclone_conf.qingstor import (
    DEFAULT_CONNECTION_RETRIES,
    DEFAULT_ZONE,
    KNOWN_ZONES,
    MAX_PARTS,
    MAX_UPLOAD_CUTOFF,
)
from rclone_conf.values import GIB, render_size


class AdviceCode(StrEnum):
    """One stable word for each piece of advice (contract, section 7, and `environment_ignored`)."""

    CONCURRENCY_BREAKS_CHECKSUMS = "concurrency_breaks_checksums"
    RETRIES_APPLIED_BY_ADAPTER = "retries_applied_by_adapter"
    FILE_SIZE_LIMIT = "file_size_limit"
    MULTIPART_MEMORY = "multipart_memory"
    HUGE_FILES_CHUNKED = "huge_files_chunked"
    ZONE_NOT_KNOWN = "zone_not_known"
    ZONE_DEFAULT = "zone_default"
    ENV_AUTH_IGNORED = "env_auth_ignored"
    INSECURE_ENDPOINT = "insecure_endpoint"
    SECRET_IN_CLEAR_TEXT = "secret_in_clear_text"
    EMPTY_ZONE = "empty_zone"
    BUCKET_CREATED_ON_UPLOAD = "bucket_created_on_upload"
    RETRIES_OFF = "retries_off"
    ENVIRONMENT_IGNORED = "environment_ignored"


@dataclass(frozen=True, slots=True)
class Advice:
    """A piece of advice about `field`, a field of the form; `message` is for people."""

    code: AdviceCode
    field: str
    message: str

    def as_dict(self) -> dict[str, str]:
        """Return the entry of `advice` (contract, section 3)."""
        return {"code": self.code.value, "field": self.field, "message": self.message}


@dataclass(frozen=True, slots=True)
class _Rule:
    """A row: `say` returns the message, blank if the rule does not apply."""

    code: AdviceCode
    field: str
    say: Callable[[StorageForm], str]


def advise(form: StorageForm, *, encrypted: bool = False) -> tuple[Advice, ...]:
    """Return the advice on a form, in the order of its fields; `encrypted` says whether rclone.conf is."""
    rules = (r for r in _RULES if not (encrypted and r.code is AdviceCode.SECRET_IN_CLEAR_TEXT))
    found = ((rule, rule.say(form)) for rule in rules)
    return tuple(Advice(rule.code, rule.field, message) for rule, message in found if message)


def _clear_text(form: StorageForm) -> str:
    if form.secret_access_key is None:
        return ""
    return (
        "rclone.conf keeps the Secret Access Key in clear text, readable by its owner only. "
        "Encrypt the file with 'conf encrypt' if others can read the disk or its backups."
    )


def _insecure(form: StorageForm) -> str:
    if form.server.scheme != "http":
        return ""
    return (
        "The endpoint is plain http: others on the network can read and change files. Use https if possible."
    )


def _zone_default(form: StorageForm) -> str:
    if form.is_set("zone"):
        return ""
    return f"Zone is blank, so {DEFAULT_ZONE} is used. A bucket in another zone is not found."


def _zone_not_known(form: StorageForm) -> str:
    if form.zone in KNOWN_ZONES:
        return ""
    known = ", ".join(KNOWN_ZONES)
    return (
        f"Zone {form.zone} is not one of QingStor's known zones ({known}). "
        "This is correct for a new zone or a private cloud; otherwise no bucket will be found."
    )


def _env_auth_ignored(form: StorageForm) -> str:
    if not form.env_auth or form.access_key_id is None:
        return ""
    return "Environment Auth is on and both keys are filled in: the keys are used, the environment is not."


def _retries(form: StorageForm) -> str:
    if form.connection_retries in {0, DEFAULT_CONNECTION_RETRIES}:
        return ""
    times = "once more" if form.connection_retries == 1 else f"up to {form.connection_retries} times more"
    return f"rclone ignores Connection Retries; this adapter applies it: failed files are tried {times}."


def _retries_off(form: StorageForm) -> str:
    if form.connection_retries:
        return ""
    return "Connection Retries is 0: a file that fails once, for whatever reason, is not tried again."


def _memory(form: StorageForm) -> str:
    if form.upload_cutoff is None or form.upload_cutoff >= MAX_UPLOAD_CUTOFF:
        return ""
    limit = f"Files above {render_size(form.upload_cutoff)}" if form.upload_cutoff else "All files"
    return (
        f"{limit} are sent in parts, and rclone holds such a file in memory as a whole, whatever the Chunk "
        "Size; files above the memory budget are stored in chunks instead. With a blank Upload Cutoff, files "
        "up to 5 GiB are sent in one piece and need little memory."
    )


def _size_limit(form: StorageForm) -> str:
    if form.chunk_size is None:
        return ""
    most = form.chunk_size * MAX_PARTS
    if most >= _LARGE:
        return ""
    return (
        f"An upload has at most {MAX_PARTS:,} parts: with {render_size(form.chunk_size)} each, rclone alone "
        f"fails on files above {most // GIB} GiB. This adapter sends such files in larger parts or in chunks."
    )


_LARGE = 1 << 40
"""Bytes. A single file above this is rare; if there is one, the run reports it."""


def _chunked(form: StorageForm) -> str:
    if form.upload_cutoff != MAX_UPLOAD_CUTOFF:
        return ""
    return "Files above 5 GiB, the most that QingStor takes in one piece, are stored in chunks."


def _concurrency(form: StorageForm) -> str:
    if form.upload_concurrency in {None, 1}:
        return ""
    return (
        f"With {form.upload_concurrency} parts at once, rclone alone takes its own upload for corrupted and "
        "deletes it. This adapter prevents that and compares by a record of its own; the checksum that "
        "QingStor keeps of such a file is not that of its content."
    )


_RULES = (
    _Rule(AdviceCode.SECRET_IN_CLEAR_TEXT, "secret_access_key", _clear_text),
    _Rule(AdviceCode.INSECURE_ENDPOINT, "endpoint", _insecure),
    _Rule(AdviceCode.ZONE_DEFAULT, "zone", _zone_default),
    _Rule(AdviceCode.ZONE_NOT_KNOWN, "zone", _zone_not_known),
    _Rule(AdviceCode.ENV_AUTH_IGNORED, "env_auth", _env_auth_ignored),
    _Rule(AdviceCode.RETRIES_APPLIED_BY_ADAPTER, "connection_retries", _retries),
    _Rule(AdviceCode.RETRIES_OFF, "connection_retries", _retries_off),
    _Rule(AdviceCode.MULTIPART_MEMORY, "upload_cutoff", _memory),
    _Rule(AdviceCode.HUGE_FILES_CHUNKED, "upload_cutoff", _chunked),
    _Rule(AdviceCode.FILE_SIZE_LIMIT, "chunk_size", _size_limit),
    _Rule(AdviceCode.CONCURRENCY_BREAKS_CHECKSUMS, "upload_concurrency", _concurrency),
)
