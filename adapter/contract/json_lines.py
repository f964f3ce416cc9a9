"""Events and answers as lines of JSON. Nothing is printed here."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from adapter.contract.errors import AdapterError, Failure, FormInvalid
from adapter.contract.events import ErrorEvent, Event, Node, Status, Summary, VerboseStatus, WarningEvent
from adapter.contract.line_length import MOST_FAILED_FILES, fitted, with_failed_files

SCHEMA_VERSION = 1

# JSON allows them, but readers split lines there: Node's readline at U+2028 and U+2029, Python's
# splitlines at all three. Outside of strings they cannot occur.
_LINE_ENDS = {ord(mark): f"\\u{ord(mark):04x}" for mark in "\u0085\u2028\u2029"}


@dataclass(frozen=True, slots=True)
class Envelope:
    """The fields that every line of one run has, and the `command`: a restore has fields of its own."""

    run_id: str
    plan_id: str | None = None
    backup_id: str | None = None
    command: str = ""

    @property
    def restores(self) -> bool:
        """Return whether the run is a restore."""
        return self.command == "restore"


@dataclass(frozen=True, slots=True)
class EventLine:
    """An event and its line, which is printed and recorded."""

    event: Event
    text: str


@dataclass(frozen=True, slots=True)
class Answer:
    """The result of a one-shot command: a sentence for people, data for programs, more lines for people."""

    result: str
    data: Mapping[str, object] = dataclasses.field(default_factory=dict)
    lines: Sequence[str] = ()


class FailedWithData(AdapterError):
    """The error of a one-shot command that still has a result: `data` for programs, `lines` for people."""

    def __init__(self, failure: Failure, data: Mapping[str, object], lines: Sequence[str]) -> None:
        super().__init__(failure)
        self.data = data
        self.lines = lines


def event_line(event: Event, envelope: Envelope, now: datetime) -> str:
    """Return one line (no newline) of the contract's event stream (section 4); `now` has a time zone.

    It is shorter than `LONGEST_LINE`.
    """
    head: dict[str, object] = {
        "message_type": event.message_type,
        "schema_version": SCHEMA_VERSION,
        "time": now.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "run_id": envelope.run_id,
    }
    if envelope.plan_id is not None:
        head["planId"] = envelope.plan_id
    if envelope.backup_id is not None:
        head["backupId"] = envelope.backup_id
    if isinstance(event, Summary):
        files = [file.as_dict() for file in event.failed_files[:MOST_FAILED_FILES]]
        return with_failed_files({**head, **_summary(event, envelope)}, files, event.files_failed, to_json)
    return fitted({**head, **_body(event, envelope)}, to_json)


def encode(event: Event, envelope: Envelope, now: datetime) -> EventLine:
    """Return the event with its line (see `event_line`)."""
    return EventLine(event, event_line(event, envelope, now))


def answer_line(answer: Answer) -> str:
    """Return the one object of a one-shot command that succeeded."""
    return to_json(
        {"success": True, "result": answer.result, "schema_version": SCHEMA_VERSION, "data": answer.data}
    )


def failure_line(error: AdapterError, data: Mapping[str, object] | None = None) -> str:
    """Return the one object of a one-shot command that failed; `errors` has all errors of an invalid form."""
    errors = error.errors if isinstance(error, FormInvalid) else ()
    return to_json(
        {
            "success": False,
            "result": error.failure.message,
            "schema_version": SCHEMA_VERSION,
            "error": error.failure.as_dict(),
            **_errors(errors),
            **({"data": data} if data else {}),
        }
    )


def to_json(value: Mapping[str, object]) -> str:
    """Return JSON on one line that is valid UTF-8 for every file name; lone surrogates become `?`."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False).translate(_LINE_ENDS)
    return text.encode("utf-8", "replace").decode("utf-8")


def _body(
    event: Status | VerboseStatus | Node | ErrorEvent | WarningEvent, envelope: Envelope
) -> Mapping[str, object]:
    match event:
        case ErrorEvent(failure=failure):
            return {
                "error": _short(failure),
                "during": event.during,
                "item": event.item,
                "will_retry": event.will_retry,
            }
        case Status():
            fields = dataclasses.asdict(event)
            files, size = fields.pop("files_copied"), fields.pop("bytes_copied")
            return {
                **fields,
                **({"files_restored": files, "bytes_restored": size} if envelope.restores else {}),
            }
        case VerboseStatus():
            return {**dataclasses.asdict(event), **({"size": event.data_size} if envelope.restores else {})}
        case _:
            return dataclasses.asdict(event)


def _summary(event: Summary, envelope: Envelope) -> Mapping[str, object]:
    processed = event.files_new + event.files_changed + event.files_unmodified
    return {
        "files_new": event.files_new,
        "files_changed": event.files_changed,
        "files_unmodified": event.files_unmodified,
        "dirs_new": event.dirs_new,
        "dirs_changed": event.dirs_changed,
        "dirs_unmodified": event.dirs_unmodified,
        # A bucket has none of restic's blobs.
        "data_blobs": 0,
        "tree_blobs": 0,
        "data_added": event.data_added,
        "data_added_packed": event.data_added,
        "total_files_processed": processed,
        "total_bytes_processed": event.total_bytes_processed,
        "total_duration": event.total_duration,
        "snapshot_id": envelope.run_id,
        "dry_run": event.dry_run,
        "success": event.error is None,
        "outcome": event.outcome,
        "files_failed": event.files_failed,
        "retries": event.retries,
        "verification": dataclasses.asdict(event.verification),
        "error": event.error.as_dict() if event.error else None,
        "exit_code": int(event.exit_status),
        **_errors(event.errors),
        **(_restored(event) if envelope.restores else {}),
        **(_listed(event) if envelope.command in {"ls", "verify", "cleanup"} else {}),
        **({"bytes_downloaded": event.bytes_downloaded or 0} if envelope.command == "verify" else {}),
    }


def _restored(event: Summary) -> Mapping[str, object]:
    """Return the counts that restic's summary of a restore has."""
    return {
        "files_restored": event.files_new + event.files_changed,
        "files_skipped": event.files_unmodified,
        "files_deleted": 0,
        "bytes_restored": event.data_added,
        "bytes_skipped": max(0, event.total_bytes_processed - event.data_added),
        "total_files": event.total_files,
        "total_bytes": event.total_bytes,
    }


def _listed(event: Summary) -> Mapping[str, object]:
    return {"total_files": event.total_files, "total_bytes": event.total_bytes}


def _errors(errors: Sequence[Failure]) -> Mapping[str, object]:
    return {"errors": [one.as_dict() for one in errors]} if errors else {}


def _short(failure: Failure) -> Mapping[str, object]:
    return {
        "message": failure.message,
        "code": failure.code,
        "hint": failure.hint,
        "retryable": failure.retryable,
    }
