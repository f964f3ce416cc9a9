"""Watching a run through its journal, and lines parsed back to events."""

import json
import shutil
from pathlib import Path

import pytest

from adapter.contract.errors import ErrorCode, Evidence, Failure
from adapter.contract.event_reader import parse_event_line
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
    Verification,
    WarningEvent,
)
from adapter.contract.json_lines import Envelope, event_line
from adapter.machine.cancellation import Cancellation
from adapter.runs.journal import MOST_BYTES, Journal
from adapter.runs.store import Runs
from adapter.runs.watch import exit_code_of, is_summary, watch
from tests.records import NOW, begun

_FAILURE = Failure(
    ErrorCode.PARTIAL, "Some.", "Again.", evidence=Evidence(1, 503, "busy", "id", ("one", "two"))
)
_EVENTS: tuple[Event, ...] = (
    Status(Phase.TRANSFERRING, 1.5, 2.0, 0.25, 4, 1, 100, 25, 10.0, ("a", "ü"), 0, 1, 0.5),
    Status(Phase.SCANNING, 0.0, None, 0.0, None, 0, None, 0, None, (), 0, 1, 0.0),
    VerboseStatus(Action.NEW, "a name", 3),
    VerboseStatus(Action.UNCHANGED, "a\u2028name", None),
    WarningEvent("code", "message"),
    ErrorEvent(Failure(ErrorCode.TIMEOUT, "Late.", "Wait."), "backup", "item"),
    ErrorEvent(Failure(ErrorCode.TIMEOUT, "Late.", "Wait."), "backup", None),
    Summary(Outcome.SUCCESS, files_new=3, total_duration=1.5, verification=Verification(by_hash=3)),
    Summary(
        Outcome.PARTIAL,
        error=_FAILURE,
        files_failed=1,
        failed_files=(FailedFile("x", Failure(ErrorCode.TIMEOUT, "Late.", "")),),
        retries=2,
    ),
)


@pytest.mark.parametrize("event", _EVENTS, ids=lambda event: event.message_type)
def test_a_line_is_the_event_again(event: Event) -> None:
    assert parse_event_line(event_line(event, Envelope("run-1", "p", "b"), NOW)) == event


@pytest.mark.parametrize("line", ["", "no JSON", "[]", '{"message_type": "of a later version"}', '{"a": 1}'])
def test_an_unknown_line_is_not_an_event(line: str) -> None:
    assert parse_event_line(line) is None


def test_a_line_that_is_not_a_summary_has_no_exit_code() -> None:
    assert not is_summary("no JSON")
    assert exit_code_of("no JSON") is None


def test_a_record_that_is_removed_while_it_is_watched(tmp_path: Path, cancel: Cancellation) -> None:
    runs = Runs(tmp_path)
    with Journal(runs, begun(), Envelope("run-1"), lambda: NOW) as journal:
        followed = journal.follow(iter(_EVENTS[:1]))
        next(followed)
        watched = watch(runs, "run-1", cancel)
        next(watched)
        shutil.rmtree(runs.directory)
        (summary,) = watched
    assert is_summary(summary)
    assert exit_code_of(summary) == ErrorCode.PATH_NOT_FOUND.exit_status
    assert "removed" in summary


def test_a_journal_that_is_emptied_is_followed_to_its_summary(tmp_path: Path, cancel: Cancellation) -> None:
    runs = Runs(tmp_path)
    long = WarningEvent("long", "x" * 30_000)
    count = 3 * MOST_BYTES // 30_000
    events: list[Event] = [*[long] * count, Summary(Outcome.SUCCESS)]
    lines = []
    with Journal(runs, begun(), Envelope("run-1"), lambda: NOW) as journal:
        watched = watch(runs, "run-1", cancel)
        for number, _ in enumerate(journal.follow(iter(events))):
            if number % 5 == 0:  # now and then, so that it is behind when the journal is emptied
                lines.append(next(watched))
        lines += watched
    assert [json.loads(line)["message_type"] for line in lines[:-1]] == ["warning"] * (len(lines) - 1)
    assert is_summary(lines[-1])
    assert exit_code_of(lines[-1]) == 0
