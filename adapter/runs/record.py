"""The record of one run, as it is stored on disk: who, what, when, how it ended."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from adapter.contract.events import Outcome, Summary
from adapter.machine.process_identity import ProcessIdentity

_KEPT_LINES = 20


_Moment = Annotated[datetime, Meta(tz=True)]


class RunState(StrEnum):
    """The state of a run. On disk `running` only means that no end has been written."""

    RUNNING = "running"
    SUCCESS = "success"
    PARTIAL = "partial"
    FAILED = "failed"
    CANCELLED = "cancelled"
    CRASHED = "crashed"


class Counts(Struct, frozen=True):
    """The numbers of a summary: files, bytes, seconds, retries."""

    files_new: int
    files_changed: int
    files_unmodified: int
    files_failed: int
    data_added: int
    total_bytes_processed: int
    total_duration: float
    retries: int


class Ending(Struct, frozen=True):
    """Why a run was not a success, redacted; `log_tail` are rclone's last log lines."""

    code: str
    message: str
    hint: str
    log_tail: tuple[str, ...]


class RunRecord(Struct, frozen=True, kw_only=True):
    """One run. Times are aware; `argv` is redacted; `temporary_dir` belongs to this run alone."""

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
    temporary_dir: str | None = None
    started: _Moment
    ended: _Moment | None = None
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
        return msgspec.structs.replace(
            self,
            ended=now,
            state=RunState(summary.outcome),
            exit_code=int(summary.exit_status),
            error=ending,
            counts=msgspec.convert(summary, Counts, from_attributes=True),
        )

    def abandoned(self, now: datetime, outcome: Outcome, exit_code: int) -> "RunRecord":
        """Return the record of a run that was ended without a summary."""
        return msgspec.structs.replace(self, ended=now, state=RunState(outcome), exit_code=exit_code)

    def crashed(self) -> "RunRecord":
        """Return the record of a run whose process was killed; when it ended is not known."""
        return msgspec.structs.replace(self, state=RunState.CRASHED)

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
        shown = {"process", "schema_version", *self.row()}
        return {**self.row(), **{name: value for name, value in self.to_json().items() if name not in shown}}

    def to_json(self) -> Mapping[str, object]:
        """Return what is stored, as values of JSON."""
        return msgspec.convert(msgspec.to_builtins(self), dict[str, object])


def _as_text(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z") if moment else None
