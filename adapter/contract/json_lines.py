"""Events and answers as lines of JSON. Nothing is printed here."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from adapter.contract.errors import AdapterError, Failure, FormInvalid
from adapter.contract.events import ErrorEvent, Event, FailedFile, Summary

SCHEMA_VERSION = 1

# JSON allows them, but readers split lines there: Node's readline at U+2028 and U+2029, Python's
# splitlines at all three. Outside of strings they cannot occur.
_LINE_ENDS = {ord(mark): f"\\u{ord(mark):04x}" for mark in "\u0085\u2028\u2029"}


@dataclass(frozen=True, slots=True)
class Envelope:
    """The fields that every line of one run has."""

    run_id: str
    plan_id: str | None = None
    backup_id: str | None = None


@dataclass(frozen=True, slots=True)
class EventLine:
    """An event and its line, which is printed and recorded."""

    event: Event
    text: str


@dataclass(frozen=True, slots=True)
class Answer:
    """The result of a one-shot command: a sentence for people, data for programs, more text for people."""

    result: str
    data: Mapping[str, object] = dataclasses.field(default_factory=dict)
    text: str = ""


class FailedWithData(AdapterError):
    """The error of a one-shot command that still has a result: `data` for programs, `text` for people."""

    def __init__(self, failure: Failure, data: Mapping[str, object], text: str) -> None:
        super().__init__(failure)
        self.data = data
        self.text = text


def event_line(event: Event, envelope: Envelope, now: datetime) -> str:
    """Return one line (no newline) of the contract's event stream (section 4); `now` has a time zone."""
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
    return to_json({**head, **_body(event, envelope)})


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


def _body(event: Event, envelope: Envelope) -> Mapping[str, object]:
    match event:
        case ErrorEvent(failure=failure, during=during, item=item):
            return {"error": _short(failure), "during": during, "item": item}
        case Summary():
            return _summary(event, envelope)
        case _:
            return dataclasses.asdict(event)


def _summary(event: Summary, envelope: Envelope) -> Mapping[str, object]:
    processed = event.files_new + event.files_changed + event.files_unmodified
    return {
        "files_new": event.files_new,
        "files_changed": event.files_changed,
        "files_unmodified": event.files_unmodified,
        # A bucket has neither directories nor restic's blobs.
        "dirs_new": 0,
        "dirs_changed": 0,
        "dirs_unmodified": 0,
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
        "failed_files": _failed_files(event.failed_files),
        "retries": event.retries,
        "verification": dataclasses.asdict(event.verification),
        "error": event.error.as_dict() if event.error else None,
        "exit_code": int(event.exit_status),
        **_errors(event.errors),
    }


def _errors(errors: Sequence[Failure]) -> Mapping[str, object]:
    return {"errors": [one.as_dict() for one in errors]} if errors else {}


def _failed_files(files: Sequence[FailedFile]) -> list[Mapping[str, object]]:
    return [{"item": file.item, "code": file.failure.code, "message": file.failure.message} for file in files]


def _short(failure: Failure) -> Mapping[str, object]:
    return {
        "message": failure.message,
        "code": failure.code,
        "hint": failure.hint,
        "retryable": failure.retryable,
    }
