"""Parser of the event stream, used to show another run: the inverse of `event_line`."""

from collections.abc import Mapping

from msgspec import Struct
from msgspec.json import decode

from adapter.contract.errors import ErrorCode, Evidence, Failure
from adapter.contract.events import (
    ErrorEvent,
    Event,
    FailedFile,
    Node,
    Outcome,
    Status,
    Summary,
    VerboseStatus,
    Verification,
    WarningEvent,
)


class _Error(Struct):
    code: ErrorCode
    message: str
    hint: str
    field: str | None = None
    evidence: Evidence = Evidence()

    def failure(self) -> Failure:
        return Failure(self.code, self.message, self.hint, self.field, self.evidence)


class _ErrorLine(Struct):
    error: _Error
    during: str
    item: str | None
    will_retry: bool = False


class _FailedFile(Struct):
    item: str
    code: ErrorCode
    message: str

    def file(self) -> FailedFile:
        return FailedFile(self.item, Failure(self.code, self.message, ""))


class _SummaryLine(Struct):
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
    total_files: int | None = None
    total_bytes: int | None = None
    bytes_downloaded: int | None = None


class _Type(Struct):
    message_type: str


_PLAIN: Mapping[str, type[Status | VerboseStatus | Node | WarningEvent]] = {
    Node.message_type: Node,
    Status.message_type: Status,
    VerboseStatus.message_type: VerboseStatus,
    WarningEvent.message_type: WarningEvent,
}


def parse_event_line(line: str) -> Event | None:
    """Return the event of a line; None if this version does not know it."""
    try:
        message_type = decode(line, type=_Type).message_type
        if message_type == ErrorEvent.message_type:
            parsed = decode(line, type=_ErrorLine)
            return ErrorEvent(parsed.error.failure(), parsed.during, parsed.item, parsed.will_retry)
        if message_type == Summary.message_type:
            return _summary(decode(line, type=_SummaryLine))
        plain = _PLAIN.get(message_type)
        return decode(line, type=plain) if plain else None
    except ValueError:  # of msgspec, or of text that is no UTF-8
        return None


def parse_failed_file(line: bytes) -> FailedFile | None:
    """Return the failed file of a line that has an entry of `failed_files`; None if it has none."""
    try:
        return decode(line, type=_FailedFile).file()
    except ValueError:
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
        total_files=line.total_files,
        total_bytes=line.total_bytes,
        bytes_downloaded=line.bytes_downloaded,
    )
