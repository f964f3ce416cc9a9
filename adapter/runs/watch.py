"""The lines of a run, from the beginning of its journal to its summary."""

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from typing import Self

from adapter.contract.errors import AdapterError, ErrorCode, Failure
from adapter.contract.events import Outcome, Summary
from adapter.contract.json_lines import Envelope, event_line
from adapter.machine.cancellation import Cancellation
from adapter.runs.record import RunRecord, RunState
from adapter.runs.store import Runs, now_utc

_POLL_S = 0.2


def watch(runs: Runs, run_id: str, cancel: Cancellation) -> Iterator[str]:
    """Yield the lines of a run, past and new ones, up to its summary.

    A run that was killed gets a summary that says so. To stop watching does not stop the run.
    Raises AdapterError `path_not_found`.
    """
    return _follow(runs, runs.get(run_id), cancel)


def _follow(runs: Runs, record: RunRecord, cancel: Cancellation) -> Iterator[str]:
    removed = None
    with _Tail(runs, record.run_id) as tail:
        while True:
            try:
                # Before the lines: once the record has its end, the journal is complete.
                record = runs.get(record.run_id)
            except AdapterError as error:
                removed = error.failure
            for line in tail.lines():
                yield line
                if is_summary(line):
                    return
            if removed is not None:
                yield _summary_line(record, Outcome.FAILED, replace(removed, message=_REMOVED))
                return
            if record.state is not RunState.RUNNING:
                yield _summary_line(record, Outcome.FAILED, _no_summary(record))
                return
            if cancel.sleep(_POLL_S):
                yield _summary_line(record, Outcome.CANCELLED, _UNWATCHED)
                return


def is_summary(line: str) -> bool:
    """Return whether a line is a summary."""
    return _field(line, "message_type") == "summary"


def exit_code_of(line: str) -> int | None:
    """Return the exit code in the line of a summary, or None."""
    code = _field(line, "exit_code")
    return code if isinstance(code, int) else None


class _Tail:
    """The complete lines of a journal, which grows and is emptied when it has become too long."""

    def __init__(self, runs: Runs, run_id: str) -> None:
        path = runs.journal_path(run_id)
        self._file = path.open("rb") if path.exists() else BytesIO()
        self._rest = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def lines(self) -> Iterator[str]:
        read = self._file.tell()
        if self._file.seek(0, os.SEEK_END) < read:
            read, self._rest = 0, b""
        self._file.seek(read)
        *whole, self._rest = (self._rest + self._file.read()).split(b"\n")
        for line in whole:
            text = line.decode("utf-8", "replace")
            # If the journal was emptied meanwhile, the first line may be half of an old one.
            if _field(text, "message_type") is not None:
                yield text


def _field(line: str, name: str) -> object:
    try:
        found: object = json.loads(line)
    except ValueError:
        return None
    return found.get(name) if isinstance(found, dict) else None


def _summary_line(record: RunRecord, outcome: Outcome, failure: Failure) -> str:
    envelope = Envelope(record.run_id, record.plan_id, record.backup_id)
    return event_line(Summary(outcome=outcome, error=failure), envelope, now_utc())


def _no_summary(record: RunRecord) -> Failure:
    if record.state is RunState.CRASHED:
        return Failure(
            ErrorCode.UNKNOWN,
            f"Run {record.run_id} was killed before it could end.",
            "Run it again: what has been copied is kept and will not be copied again.",
        )
    return Failure(
        ErrorCode(record.error.code) if record.error else ErrorCode.UNKNOWN,
        f"Run {record.run_id} has ended without a summary, with state {record.state}.",
        f"`runs show {record.run_id}` shows what is known about it.",
    )


_REMOVED = "The record of this run was removed while it was watched, so its outcome is not known."
_UNWATCHED = Failure(
    ErrorCode.CANCELLED,
    "Stopped watching; the run goes on.",
    "`runs stop` stops the run itself.",
)
