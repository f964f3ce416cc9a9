"""No line is longer than a reader takes in one piece, and none loses what its reader decides by."""

import json
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from adapter.contract.errors import ErrorCode, Evidence, Failure
from adapter.contract.events import (
    Action,
    ErrorEvent,
    Event,
    FailedFile,
    Outcome,
    Phase,
    Status,
    Summary,
    VerboseStatus,
    WarningEvent,
)
from adapter.contract.json_lines import Envelope, event_line
from adapter.contract.line_length import LONGEST_LINE

_NOW = datetime(2026, 1, 2, tzinfo=UTC)
_KINDS = ("warning", "error", "verbose_status", "status", "summary")


def _event(kind: str, text: str, entries: int) -> Event:
    """Return an event with this text wherever one may stand, and lists of that length."""
    failure = Failure(ErrorCode.UNKNOWN, text, text, evidence=Evidence(log_tail=(text,) * entries))
    files = (FailedFile(text, failure),) * entries
    match kind:
        case "warning":
            return WarningEvent("code", text)
        case "error":
            return ErrorEvent(failure, "backup", text)
        case "verbose_status":
            return VerboseStatus(Action.NEW, text, 1)
        case "status":
            names = (text,) * entries
            return Status(Phase.SCANNING, 0.0, None, None, None, 0, None, 0, None, names, 0, 1, 0.0)
    count = entries + 5
    return Summary(
        Outcome.FAILED, failure, files_failed=count, failed_files=files, errors=(failure,) * (entries % 50)
    )


@given(
    st.sampled_from(_KINDS),
    st.sampled_from(("a", "\x01", "中", "\U0001f600", "\udcff", '"')),
    st.integers(0, 5000),
    st.integers(0, 300),
    st.sampled_from(("backup", "restore")),
)
def test_every_line_fits_and_keeps_its_fields(
    kind: str, character: str, length: int, entries: int, command: str
) -> None:
    event = _event(kind, character * length, entries)
    line = event_line(event, Envelope("run-1", "p" * 1000, "b" * 1000, command), _NOW)
    assert len(line.encode()) + 1 < LONGEST_LINE
    found = json.loads(line)
    assert (found["message_type"], found["run_id"]) == (event.message_type, "run-1")
    if isinstance(event, Summary):
        assert found["exit_code"] == 1
        assert found["error"]["code"] == "unknown"
        assert len(found["failed_files"]) + found["failed_files_omitted"] == event.files_failed


def test_as_many_failed_files_as_fit_are_there() -> None:
    files = tuple(
        FailedFile(f"{number:04}", Failure(ErrorCode.PARTIAL, "m" * 100, "")) for number in range(2000)
    )
    line = event_line(
        Summary(Outcome.PARTIAL, files_failed=len(files), failed_files=files), Envelope("r"), _NOW
    )
    one = len(json.dumps(files[0].as_dict())) + 2
    assert LONGEST_LINE - 2 * one < len(line) < LONGEST_LINE
    assert [file["item"] for file in json.loads(line)["failed_files"]] == [
        file.item for file in files[: len(json.loads(line)["failed_files"])]
    ]


def test_of_a_log_the_last_lines_are_kept() -> None:
    log = tuple(f"line {number} {'x' * 500}" for number in range(200))
    failure = Failure(ErrorCode.UNKNOWN, "what", "next", evidence=Evidence(log_tail=log))
    line = json.loads(event_line(Summary(Outcome.FAILED, failure), Envelope("r"), _NOW))
    kept = line["error"]["evidence"]["log_tail"]
    assert kept[-1].startswith("line 199 ")
    assert line["error"]["message"] == "what"
