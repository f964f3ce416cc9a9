"""The job document: one backup as Pluton asks for it (contract, section 2)."""

from collections.abc import Mapping
from pathlib import PurePath
from typing import Annotated, NoReturn

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, InstanceOf, ValidationError

from adapter.contract.errors import Failure, FormInvalid
from adapter.storage.document_errors import failures
from adapter.storage.form import StorageForm, storage_form
from adapter.storage.job_values import (
    JobInvalid,
    read_buffer,
    read_bwlimit,
    read_id,
    read_max_duration,
    read_path,
    read_patterns,
    read_rules,
    read_size_limit,
    read_size_or_off,
    read_sources,
    read_target,
    read_transfers,
    readable_id,
)
from adapter.storage.json_document import (
    FieldProblem,
    is_blank,
    read_flag,
    read_object,
    read_text,
)
from adapter.storage.storage_document import without_secrets
from adapter.storage.target import Target


def _no_field(_value: object) -> NoReturn:
    raise FieldProblem("it is not a field of a job document", f"Known here: {', '.join(_FIELDS)}.")


class Performance(BaseModel):
    """Limits, by Pluton's names; None is blank. Sizes are in rclone's spelling, `max_transfer` in bytes."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    transfers: Annotated[int | None, BeforeValidator(read_transfers)] = None
    checkers: Annotated[int | None, BeforeValidator(read_transfers)] = None
    multi_thread_streams: Annotated[int | None, BeforeValidator(read_transfers)] = Field(
        default=None, alias="multiThreadStream"
    )
    multi_thread_cutoff: Annotated[str | None, BeforeValidator(read_size_limit)] = Field(
        default=None, alias="multiThreadCutoff"
    )
    multi_thread_chunk_size: Annotated[str | None, BeforeValidator(read_size_limit)] = Field(
        default=None, alias="multiThreadChunkSize"
    )
    max_transfer: Annotated[int | None, BeforeValidator(read_size_or_off)] = Field(
        default=None, alias="maxTransfer"
    )
    buffer_size: Annotated[str | None, BeforeValidator(read_buffer)] = Field(default=None, alias="bufferSize")
    max_duration_s: Annotated[float | None, BeforeValidator(read_max_duration)] = Field(
        default=None, alias="maxDuration"
    )
    bwlimit: Annotated[str | None, BeforeValidator(read_bwlimit)] = None


class Job(BaseModel):
    """A backup. Without `storage`, the storage saved under the target's name is used."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    source: Annotated[str | None, BeforeValidator(read_path)] = None
    sources: Annotated[tuple[str, ...], BeforeValidator(read_sources)] = ()
    """Several, each stored below the target under its own absolute path."""
    target: Annotated[Target, BeforeValidator(read_target)]
    plan_id: Annotated[str | None, BeforeValidator(read_id)] = Field(default=None, alias="planId")
    backup_id: Annotated[str | None, BeforeValidator(read_id)] = Field(default=None, alias="backupId")
    includes: Annotated[tuple[str, ...], BeforeValidator(read_patterns)] = ()
    excludes: Annotated[tuple[str, ...], BeforeValidator(read_patterns)] = ()
    filters: Annotated[tuple[str, ...], BeforeValidator(read_rules)] = ()
    """rclone's rules."""
    performance: Performance = Performance()
    ignore_inode: Annotated[bool, BeforeValidator(read_flag)] = Field(default=False, alias="ignoreInode")
    source_name: Annotated[str | None, BeforeValidator(read_text)] = Field(default=None, alias="sourceName")
    dry_run: Annotated[bool, BeforeValidator(read_flag)] = Field(default=False, alias="dryRun")
    create_bucket: Annotated[bool, BeforeValidator(read_flag)] = Field(default=False, alias="createBucket")
    storage: InstanceOf[StorageForm] | None = None
    ignored: Annotated[tuple[str, ...], BeforeValidator(_no_field)] = Field(default=(), exclude=True)
    """Settings of `performance` that mean something to Pluton only."""

    @property
    def names(self) -> tuple[str, ...]:
        """Return the includes that are patterns."""
        return tuple(include for include in self.includes if not include.startswith("/"))

    @property
    def places(self) -> tuple[str, ...]:
        """Return the includes that are absolute paths: places, as Pluton means them."""
        return tuple(map(read_path, (include for include in self.includes if include.startswith("/"))))


_FIELDS = (
    "storage",
    "source",
    "sources",
    "target",
    "planId",
    "backupId",
    "includes",
    "excludes",
    "filters",
    "performance",
    "dryRun",
    "createBucket",
    "ignoreInode",
    "sourceName",
)
_PERFORMANCE = tuple(field.alias or name for name, field in Performance.model_fields.items())
_PLUTONS_PERFORMANCE = (
    "maxProcessor",
    "readConcurrency",
    "packSize",
    "scan",
    "multiThreadWriteBufferSize",
    "syncStrategy",
    "maxChangeFiles",
)
"""Of Pluton's settings those of restic, and of a sync that deletes."""
_LABELS = {
    "source": "Source",
    "sources": "Sources",
    "target": "Target",
    "includes": "Includes",
    "excludes": "Excludes",
    "filters": "Filters",
}


def parse_job(data: bytes) -> Job:
    """Return the job in a job document. Raises JobInvalid with every wrong field, first those of `storage`.

    The fields of an inline storage are named `storage.zone` and so on.
    """
    document = read_object(data, "job document")
    storage, errors = _storage(document.get("storage"))
    filled = _filled(document)
    filled.pop("storage", None)
    ignored: tuple[str, ...] = ()
    if isinstance(performance := filled.get("performance"), dict):
        asked = {name: value for name, value in _filled(performance).items() if not _is_zero(value)}
        ignored = tuple(name for name in _PLUTONS_PERFORMANCE if name in asked)
        filled["performance"] = {
            name: value for name, value in asked.items() if name not in _PLUTONS_PERFORMANCE
        }
    errors += _missing_source(filled)
    job, wrong = _validate(filled)
    errors += wrong
    if job is not None:
        errors += _wrong_places(job)
    if job is not None and storage is not None and storage.name != job.target.storage:
        problem = FieldProblem("it names another storage than the one given", "Use the same name in both.")
        errors.append(problem.failure("target", _LABELS["target"]))
    if job is None or errors:
        ids = (readable_id(filled.get(name)) for name in ("planId", "backupId"))
        raise JobInvalid(without_secrets(errors, document), *ids)
    return job.model_copy(update={"storage": storage, "ignored": ignored})


def _validate(filled: Mapping[str, object]) -> tuple[Job | None, list[Failure]]:
    try:
        return Job.model_validate(filled), []
    except ValidationError as error:
        return None, failures(error, _LABELS, (*_FIELDS, *_PERFORMANCE))


def _missing_source(filled: Mapping[str, object]) -> list[Failure]:
    includes = filled.get("includes")
    has_place = isinstance(includes, list) and any(str(include).startswith("/") for include in includes)
    if has_place or not {"source", "sources"}.isdisjoint(filled):
        return []
    return [FieldProblem("it is missing", "Fill it in.").failure("source", _LABELS["source"])]


def _wrong_places(job: Job) -> list[Failure]:
    """Return what is wrong with the sources and places of a job, taken together."""
    if job.source and job.sources:
        problem = FieldProblem("it stands beside source, which names one", "Leave one of the two out.")
        return [problem.failure("sources", _LABELS["sources"])]
    roots = job.sources or ((job.source,) if job.source else ())
    outside = [place for place in job.places if roots and not any(map(PurePath(place).is_relative_to, roots))]
    problems = [
        FieldProblem(
            f"{place} is not inside the source", "Name places inside the source, or leave the source out."
        )
        for place in outside
    ]
    return [problem.failure("includes", _LABELS["includes"]) for problem in problems]


def _is_zero(value: object) -> bool:
    """Return whether Pluton posts this for a number field that was cleared."""
    number = isinstance(value, int | float) and not isinstance(value, bool) and value == 0
    return number or (isinstance(value, str) and value.strip() == "0")


def _filled(document: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in document.items() if not is_blank(value)}


def _storage(value: object) -> tuple[StorageForm | None, list[Failure]]:
    if is_blank(value):
        return None, []
    if not isinstance(value, dict):
        problem = FieldProblem("it is not an object", "Pass a storage document, or leave it out.")
        return None, [problem.failure("storage", "Storage")]
    try:
        return storage_form(value), []
    except FormInvalid as error:
        return None, [_inside_storage(failure) for failure in error.errors]


def _inside_storage(failure: Failure) -> Failure:
    field = f"storage.{failure.field}" if failure.field else "storage"
    return Failure(failure.code, failure.message, failure.hint, field=field)
