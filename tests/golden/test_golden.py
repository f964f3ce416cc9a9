"""The same scenario, logged by rclones of several versions, gives the same events, counts and outcome."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import pytest
from pydantic import TypeAdapter

from adapter.contract.errors import ErrorCode
from adapter.contract.events import Action, Outcome, Summary, VerboseStatus, Verification, WarningEvent
from adapter.diagnosis.logline import LogRecord, parse_line
from adapter.machine.cancellation import Cancellation
from adapter.rclone.binary import probe
from tests.golden.record import CANARY, GOLDEN, record
from tests.played import logged, play
from tests.qingstor_server import ACCESS_KEY_ID, SECRET_ACCESS_KEY

_VERSIONS = sorted(path.name for path in GOLDEN.iterdir() if (path / "statuses.json").is_file())
_STATUSES = TypeAdapter(dict[str, int])
_LOCAL = {"notes.txt": 4, "sub/ü name": 100, "new": 5}


class Settled(NamedTuple):
    """A file that was copied, or passed over without an error."""

    action: Action
    item: str
    size: int | None


@dataclass
class _Told:
    """What the adapter makes of a log."""

    settled: set[Settled]
    failed: dict[str, ErrorCode]
    verification: Verification
    bytes_sent: int
    outcome: Outcome
    code: ErrorCode | None
    data_added: int = 0
    warnings: list[WarningEvent] = field(default_factory=list)


def _tell(log: bytes, exit_status: int, scenario: str) -> _Told:
    names = [name for name in _LOCAL if name != "new" or scenario not in {"first", "unchanged"}]
    events = play(*logged(log), f"exit:{exit_status}", listed={name: _LOCAL[name] for name in names})
    summary = events[-1]
    assert isinstance(summary, Summary)
    assert summary.verification is not None
    return _Told(
        {
            Settled(event.action, event.item, event.data_size)
            for event in events
            if isinstance(event, VerboseStatus)
        },
        {file.item: file.failure.code for file in summary.failed_files},
        summary.verification,
        _bytes_sent(log),
        summary.outcome,
        summary.error.code if summary.error else None,
        summary.data_added,
        [event for event in events if isinstance(event, WarningEvent)],
    )


def _bytes_sent(log: bytes) -> int:
    """As rclone's last statistics say it."""
    records = [record for line in log.splitlines() if isinstance(record := parse_line(line), LogRecord)]
    return [record.stats.bytes_sent for record in records if record.stats is not None][-1]


_NOTES = Settled(Action.UNCHANGED, "notes.txt", 4)
_NAME = Settled(Action.UNCHANGED, "sub/ü name", 100)
_EXPECTED = {
    "first": _Told(
        {Settled(Action.NEW, "notes.txt", 4), Settled(Action.NEW, "sub/ü name", 100)},
        {},
        Verification(by_hash=2),
        bytes_sent=104,
        outcome=Outcome.SUCCESS,
        code=None,
        data_added=104,
    ),
    "unchanged": _Told(
        {_NOTES, _NAME},
        {},
        Verification(by_size=2),
        bytes_sent=0,
        outcome=Outcome.SUCCESS,
        code=None,
    ),
    # Nobody asked for it, so nothing of it is true.
    "dry_run": _Told(
        set(),
        dict.fromkeys(_LOCAL, ErrorCode.UNKNOWN),
        Verification(unverified=3),
        bytes_sent=9,
        outcome=Outcome.FAILED,
        code=ErrorCode.UNKNOWN,
    ),
    "one_fails": _Told(
        {_NAME, Settled(Action.MODIFIED, "notes.txt", 4)},
        {"new": ErrorCode.SERVER_ERROR},
        Verification(by_hash=1, by_size=1, unverified=1),
        bytes_sent=9,
        outcome=Outcome.PARTIAL,
        code=ErrorCode.PARTIAL,
        data_added=4,
    ),
    "changed": _Told(
        {_NAME, Settled(Action.MODIFIED, "notes.txt", 4), Settled(Action.NEW, "new", 5)},
        {},
        Verification(by_hash=2, by_size=1),
        bytes_sent=9,
        outcome=Outcome.SUCCESS,
        code=None,
        data_added=9,
    ),
}


def _recorded(version: str, scenario: str) -> tuple[bytes, int]:
    directory = GOLDEN / version
    statuses = _STATUSES.validate_json((directory / "statuses.json").read_bytes())
    return (directory / f"{scenario}.jsonl").read_bytes(), statuses[scenario]


def test_logs_of_at_least_four_versions_are_there() -> None:
    assert len(_VERSIONS) >= 4


@pytest.mark.parametrize("version", _VERSIONS)
@pytest.mark.parametrize("scenario", _EXPECTED)
def test_every_version_tells_the_same(version: str, scenario: str) -> None:
    assert _tell(*_recorded(version, scenario), scenario) == _EXPECTED[scenario]


@pytest.mark.parametrize("version", _VERSIONS)
def test_a_wrong_secret_is_told_by_every_version(version: str) -> None:
    """Up to 1.69.3 rclone gives up after the first list; later ones also try each file."""
    told = _tell(*_recorded(version, "wrong_secret"), "wrong_secret")
    assert (told.outcome, told.code) == (Outcome.FAILED, ErrorCode.SECRET_KEY_INVALID)
    assert set(told.failed.values()) <= {ErrorCode.SECRET_KEY_INVALID}
    assert told.settled == set()


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*/*.jsonl")), ids=lambda path: "/".join(path.parts[-2:]))
def test_a_recording_holds_no_secret_and_no_trace_of_a_machine(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for trace in (ACCESS_KEY_ID, SECRET_ACCESS_KEY, CANARY, "127.0.0.1", "/tmp", "/home", "/root"):
        assert trace not in text


def test_recordings_stay_small() -> None:
    recorded = (path for version in _VERSIONS for path in (GOLDEN / version).iterdir())
    assert sum(path.stat().st_size for path in recorded if path.name != "refusals.json") < 60_000


def test_the_recorder_gives_the_same_with_the_rclone_at_hand(rclone: Path) -> None:
    """The recordings are not a picture of the past only: today's rclone, live, tells the same."""
    with Cancellation() as cancel:
        found = probe(rclone, {}, cancel)
    for recording in record(found):
        told = _tell(recording.log, recording.exit_status, recording.scenario)
        if recording.scenario in _EXPECTED:
            assert told == _EXPECTED[recording.scenario]
        else:
            assert told.code is ErrorCode.SECRET_KEY_INVALID
        for trace in (SECRET_ACCESS_KEY, CANARY):
            assert trace.encode() not in recording.log
