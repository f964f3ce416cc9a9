"""The record of one run, as it is stored on disk: who, what, when, how it ended."""

from datetime import datetime
from enum import StrEnum
from pathlib import Path

from pydantic import AwareDatetime, BaseModel, ConfigDict

from adapter.contract.events import Outcome, Summary
from adapter.machine.process_identity import ProcessIdentity

_KEPT_LINES = 20


class RunState(StrEnum):
    """The state of a run. On disk `running` only means that no end has been written."""

    RUNNING = "running"
    SUCCESS = "success"
    PARTIAL = "partial"
    FAILED = "failed"
    CANCELLED = "cancelled"
    CRASHED = "crashed"


class Counts(BaseModel):
    """The numbers of a summary: files, bytes, seconds, retries."""

    model_config = ConfigDict(frozen=True)

    files_new: int
    files_changed: int
    files_unmodified: int
    files_failed: int
    data_added: int
    total_bytes_processed: int
    total_duration: float
    retries: int


class Ending(BaseModel):
    """Why a run was not a success, redacted; `log_tail` are rclone's last log lines."""

    model_config = ConfigDict(frozen=True)

    code: str
    message: str
    hint: str
    log_tail: tuple[str, ...]


class RunRecord(BaseModel):
    """One run. Times are aware; `argv` is redacted; `temporary_dir` belongs to this run alone."""

    model_config = ConfigDict(frozen=True)

    schema_version: int = 1
    run_id: str
    command: str
    argv: tuple[str, ...]
    source: str | None
    target: str | None
    plan_id: str | None = None
    backup_id: str | None = None
    user: str
    host: str
    process: ProcessIdentity
    temporary_dir: Path | None = None
    started: AwareDatetime
    ended: AwareDatetime | None = None
    state: RunState = RunState.RUNNING
    exit_code: int | None = None
    error: Ending | None = None
    counts: Counts | None = None

    def ended_with(self, summary: Summary, now: datetime) -> "RunRecord":
        """Return the record of the run after its summary."""
        failure = summary.error
        ending = failure and Ending(
            code=failure.code,
            message=failure.message,
            hint=failure.hint,
            log_tail=failure.evidence.log_tail[-_KEPT_LINES:],
        )
        changes: dict[str, object] = {
            "ended": now,
            "state": RunState(summary.outcome),
            "exit_code": int(summary.exit_status),
            "error": ending,
            "counts": Counts.model_validate(summary, from_attributes=True),
        }
        return self.model_copy(update=changes)

    def abandoned(self, now: datetime, outcome: Outcome, exit_code: int) -> "RunRecord":
        """Return the record of a run that was ended without a summary."""
        changes: dict[str, object] = {"ended": now, "state": RunState(outcome), "exit_code": exit_code}
        return self.model_copy(update=changes)

    def crashed(self) -> "RunRecord":
        """Return the record of a run whose process was killed; when it ended is not known."""
        return self.model_copy(update={"state": RunState.CRASHED})

    def row(self) -> dict[str, object]:
        """Return the entry of `runs list`."""
        return {
            "run_id": self.run_id,
            "command": self.command,
            "source": self.source,
            "target": self.target,
            "state": self.state,
            "pid": self.process.pid,
            "started": _as_text(self.started),
            "ended": _as_text(self.ended),
            "exit_code": self.exit_code,
        }

    def as_dict(self) -> dict[str, object]:
        """Return all fields, for `runs show`."""
        more = self.model_dump(mode="json", exclude={"process", "schema_version", *self.row()})
        return {**self.row(), **more}


def _as_text(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z") if moment else None
