"""The events of a running command, with restic's names and our own (contract, section 4). Plain values.

Numbers that are not known yet are None. `json_lines` turns an event into a line and adds the common fields.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar

from adapter.contract.errors import ExitStatus, Failure


class Phase(StrEnum):
    """What a run is doing."""

    SCANNING = "scanning"
    TRANSFERRING = "transferring"
    FINISHING = "finishing"
    RETRYING = "retrying"
    VERIFYING = "verifying"
    CANCELLING = "cancelling"


class Outcome(StrEnum):
    """How a run ended."""

    SUCCESS = "success"
    PARTIAL = "partial"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Action(StrEnum):
    """What happened to one file."""

    NEW = "new"
    MODIFIED = "modified"
    UNCHANGED = "unchanged"
    DELETED = "deleted"
    RESTORED = "restored"
    UPDATED = "updated"


@dataclass(frozen=True, slots=True)
class Status:
    """The progress of a run. Bytes and files count what is copied or found unchanged.

    Of them `files_copied` and `bytes_copied` are what had to be moved.
    """

    message_type: ClassVar[str] = "status"
    phase: Phase
    seconds_elapsed: float
    seconds_remaining: float | None
    percent_done: float | None
    total_files: int | None
    files_done: int
    total_bytes: int | None
    bytes_done: int
    bytes_per_second: float | None
    current_files: tuple[str, ...]
    error_count: int
    attempt: int
    stalled_seconds: float
    files_copied: int = 0
    bytes_copied: int = 0


@dataclass(frozen=True, slots=True)
class VerboseStatus:
    """One file was copied, or found unchanged."""

    message_type: ClassVar[str] = "verbose_status"
    action: Action
    item: str
    data_size: int | None


@dataclass(frozen=True, slots=True)
class Node:
    """An entry of a backup, with restic's names. `size` in bytes, `mtime` in RFC 3339, `mode` permissions."""

    message_type: ClassVar[str] = "node"
    path: str
    type: str
    size: int | None
    mtime: str | None
    mode: int | None
    linktarget: str | None


@dataclass(frozen=True, slots=True)
class ErrorEvent:
    """An error of one item, or of the run. With `will_retry` another pass over the item follows."""

    message_type: ClassVar[str] = "error"
    failure: Failure
    during: str
    item: str | None
    will_retry: bool = False


@dataclass(frozen=True, slots=True)
class WarningEvent:
    """Something that a person should know but that fails nothing."""

    message_type: ClassVar[str] = "warning"
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class FailedFile:
    """A file that could not be copied."""

    item: str
    failure: Failure

    def as_dict(self) -> dict[str, object]:
        """Return the entry of `failed_files`."""
        return {"item": self.item, "code": self.failure.code.value, "message": self.failure.message}


@dataclass(frozen=True, slots=True)
class Verification:
    """Numbers of files compared by the server's MD5, by size only, by reading them back, and not at all."""

    by_hash: int = 0
    by_size: int = 0
    by_download: int = 0
    unverified: int = 0


@dataclass(frozen=True, slots=True)
class Summary:
    """The result of a run: exactly one, always the last event. `failed_files` has all of them."""

    message_type: ClassVar[str] = "summary"
    outcome: Outcome
    error: Failure | None = None
    files_new: int = 0
    files_changed: int = 0
    files_unmodified: int = 0
    dirs_new: int = 0
    dirs_changed: int = 0
    dirs_unmodified: int = 0
    data_added: int = 0
    total_bytes_processed: int = 0
    total_duration: float = 0.0
    dry_run: bool = False
    files_failed: int = 0
    failed_files: tuple[FailedFile, ...] = ()
    retries: int = 0
    verification: Verification = field(default_factory=Verification)
    errors: tuple[Failure, ...] = ()
    """One for each invalid field of a document; `error` summarizes them."""
    total_files: int | None = None
    total_bytes: int | None = None
    bytes_downloaded: int | None = None
    """Of a comparison: the bytes of the files that were read back and are right."""

    @property
    def exit_status(self) -> ExitStatus:
        """Return the exit status of the command."""
        return self.error.code.exit_status if self.error else ExitStatus.SUCCESS


Event = Status | VerboseStatus | Node | ErrorEvent | WarningEvent | Summary
