"""Parser of the event stream, used to show another run: the inverse of `event_line`."""

from collections.abc import Mapping

from pydantic import BaseModel, TypeAdapter, ValidationError

from adapter.contract.errors import ErrorCode, Evidence, Failure
from adapter.contract.events import (
    ErrorEvent,
    Event,
    FailedFile,
    Outcome,
    Status,
    Summary,
    VerboseStatus,
    Verification,
    WarningEvent,
)


class _Error(BaseModel):
    code: ErrorCode
    message: str
    hint: str
    field: str | None = None
    evidence: Evidence = Evidence()

    def failure(self) -> Failure:
        return Failure(self.code, self.message, self.hint, self.field, self.evidence)


class _ErrorLine(BaseModel):
    error: _Error
    during: str
    item: str | None
    will_retry: bool = False


class _FailedFile(BaseModel):
    item: str
    code: ErrorCode
    message: str

    def file(self) -> FailedFile:
        return FailedFile(self.item, Failure(self.code, self.message, ""))


class _SummaryLine(BaseModel):
    outcome: Outcome
    error: _Error | None
    files_new: int
    files_changed: int
    files_unmodified: int
    data_added: int
    total_bytes_processed: int
    total_duration: float
    dry_run: bool
    files_failed: int
    failed_files: tuple[_FailedFile, ...]
    retries: int
    verification: Verification
    errors: tuple[_Error, ...] = ()


class _Type(BaseModel):
    message_type: str


_PLAIN: Mapping[str, TypeAdapter[Status] | TypeAdapter[VerboseStatus] | TypeAdapter[WarningEvent]] = {
    Status.message_type: TypeAdapter(Status),
    VerboseStatus.message_type: TypeAdapter(VerboseStatus),
    WarningEvent.message_type: TypeAdapter(WarningEvent),
}


def parse_event_line(line: str) -> Event | None:
    """Return the event of a line; None if this version does not know it."""
    try:
        message_type = _Type.model_validate_json(line).message_type
        if message_type == ErrorEvent.message_type:
            parsed = _ErrorLine.model_validate_json(line)
            return ErrorEvent(parsed.error.failure(), parsed.during, parsed.item, parsed.will_retry)
        if message_type == Summary.message_type:
            return _summary(_SummaryLine.model_validate_json(line))
        adapter = _PLAIN.get(message_type)
        return adapter.validate_json(line) if adapter else None
    except ValidationError:
        return None


def parse_failed_file(line: bytes) -> FailedFile | None:
    """Return the failed file of a line that has an entry of `failed_files`; None if it has none."""
    try:
        return _FailedFile.model_validate_json(line).file()
    except ValidationError:
        return None


def _summary(line: _SummaryLine) -> Summary:
    return Summary(
        outcome=line.outcome,
        error=line.error.failure() if line.error else None,
        files_new=line.files_new,
        files_changed=line.files_changed,
        files_unmodified=line.files_unmodified,
        data_added=line.data_added,
        total_bytes_processed=line.total_bytes_processed,
        total_duration=line.total_duration,
        dry_run=line.dry_run,
        files_failed=line.files_failed,
        failed_files=tuple(file.file() for file in line.failed_files),
        retries=line.retries,
        verification=line.verification,
        errors=tuple(error.failure() for error in line.errors),
    )
