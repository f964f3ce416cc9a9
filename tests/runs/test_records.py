"""The records of runs: private, complete, limited in number and age, and never a reason to fail."""

import errno
import fcntl
import itertools
import json
import os
import stat
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import NoReturn

import pytest
from msgspec.structs import replace

from adapter.contract.errors import AdapterError, ErrorCode, Failure
from adapter.contract.events import Event, Outcome, Phase, Status, Summary, WarningEvent
from adapter.contract.json_lines import Envelope
from adapter.machine.held_file import hold
from adapter.machine.process_identity import own_identity, terminate
from adapter.runs.journal import MOST_BYTES, Journal
from adapter.runs.record import RunRecord, RunState
from adapter.runs.store import LONGEST_KEPT, MOST_RECORDS, Runs
from tests.records import NOW, begun

_STATUS = Status(Phase.SCANNING, 0.0, None, 0.0, None, 0, None, 0, None, (), 0, 1, 0.0)


def _journal(runs: Runs, record: RunRecord) -> Journal:
    return Journal(runs, record, Envelope(record.run_id), lambda: NOW)


def _run(runs: Runs, record: RunRecord, summary: Summary) -> list[Event]:
    with _journal(runs, record) as journal:
        return [line.event for line in journal.follow(iter((_STATUS, summary)))]


def _die(runs: Runs, record: RunRecord) -> None:
    """Leave what a killed run leaves: a record without an end, and a journal that is not held."""
    runs.directory.mkdir(parents=True, exist_ok=True)
    runs.write(record)
    runs.journal_path(record.run_id).write_bytes(b"")


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    """Return the runs of a state directory that does not exist yet."""
    return Runs(tmp_path / "state")


def test_a_run_is_seen_while_it_runs_and_after_its_end(runs: Runs) -> None:
    with _journal(runs, begun()) as journal:
        assert runs.get("run-1").state is RunState.RUNNING
        for line in journal.follow(iter((_STATUS, Summary(Outcome.SUCCESS, files_new=3)))):
            # When the summary is yielded, the record has its end too.
            ended = isinstance(line.event, Summary)
            assert runs.get("run-1").state is (RunState.SUCCESS if ended else RunState.RUNNING)
    record = runs.get("run-1")
    assert (record.exit_code, record.ended) == (0, NOW)
    assert record.counts is not None
    assert record.counts.files_new == 3


def test_files_and_directory_are_private(runs: Runs) -> None:
    _run(runs, begun(), Summary(Outcome.SUCCESS))
    assert stat.S_IMODE(runs.directory.stat().st_mode) == 0o700
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in runs.directory.iterdir()}
    assert modes == {"run-1.json": 0o600, "run-1.jsonl": 0o600}


def test_the_error_of_a_run_is_recorded(runs: Runs) -> None:
    failure = Failure(ErrorCode.DISK_FULL, "The disk is full.", "Make room.")
    _run(runs, begun(), Summary(Outcome.FAILED, error=failure))
    record = runs.get("run-1")
    assert record.error is not None
    assert (record.state, record.exit_code, record.error.code) == (RunState.FAILED, 1, "disk_full")


def test_a_run_without_an_end_whose_process_is_gone_has_crashed(runs: Runs) -> None:
    _die(runs, begun())
    assert [run.state for run in runs.all()] == [RunState.CRASHED]


def test_a_run_that_its_caller_abandons_is_cancelled(runs: Runs) -> None:
    closed = []

    def events() -> Iterator[Event]:
        try:
            yield _STATUS
        finally:
            closed.append(runs.get("run-1").state)

    with _journal(runs, begun()) as journal:
        followed = journal.follow(events())
        next(followed)
        followed.close()  # type: ignore[attr-defined]  # an iterator to the outside, a generator in fact
    assert closed == [RunState.RUNNING]
    assert runs.get("run-1").state is RunState.CANCELLED


def test_the_next_run_to_a_target_reports_a_crash_once_and_cleans_up(runs: Runs, tmp_path: Path) -> None:
    ours = tmp_path / "pluton-qingstor-dead-x1"
    ours.mkdir()
    (ours / "files").write_bytes(b"x")
    _die(runs, replace(begun("dead"), temporary_dir=str(ours)))
    _die(runs, begun("elsewhere", target="S:bucket/b"))

    events = _run(runs, begun("next"), Summary(Outcome.SUCCESS))
    again = _run(runs, begun("after"), Summary(Outcome.SUCCESS))

    warnings = [event for event in events if isinstance(event, WarningEvent)]
    assert [(warning.code, "dead" in warning.message) for warning in warnings] == [
        ("earlier_run_crashed", True)
    ]
    assert [type(event) for event in events] == [Status, WarningEvent, Summary]
    assert [type(event) for event in again] == [Status, Summary]
    assert not ours.exists()
    assert runs.get("dead").state is RunState.CRASHED


def test_a_run_that_fails_without_a_summary_is_not_cancelled(runs: Runs) -> None:
    """Its caller makes an `internal` summary of it; once the record said `cancelled`."""

    def events() -> Iterator[Event]:
        yield _STATUS
        raise LookupError

    with _journal(runs, begun()) as journal, pytest.raises(LookupError):
        list(journal.follow(events()))
    record = runs.get("run-1")
    assert (record.state, record.exit_code) == (RunState.FAILED, 70)


def test_a_run_is_never_seen_before_it_is_held(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once others removed its journal, or held it for a moment, and the run was taken for dead."""
    real = fcntl.flock

    def others_come_first(descriptor: int, operation: int) -> None:
        if not operation & fcntl.LOCK_EX:
            real(descriptor, operation)
            return
        looks = [os.open(path, os.O_RDONLY) for path in runs.directory.glob("*.jsonl")]
        try:
            for look in looks:
                real(look, fcntl.LOCK_SH | fcntl.LOCK_NB)
            real(descriptor, operation)
        finally:
            for look in looks:
                os.close(look)

    def others_clean_up(descriptor: int, operation: int) -> None:
        if operation & fcntl.LOCK_EX:
            runs.forget_old(NOW)
        real(descriptor, operation)

    for number, other in enumerate((others_come_first, others_clean_up)):
        monkeypatch.setattr("fcntl.flock", other)
        with _journal(runs, begun(f"run-{number}")):
            assert runs.get(f"run-{number}").state is RunState.RUNNING
            assert runs.journal_path(f"run-{number}").exists()


def test_an_id_is_held_once(runs: Runs) -> None:
    _run(runs, begun(), Summary(Outcome.SUCCESS))
    with pytest.raises(FileExistsError):
        hold(runs.journal_path("run-1"))
    assert sorted(path.name for path in runs.directory.iterdir()) == ["run-1.json", "run-1.jsonl"]


def _full(*_: object, **__: object) -> NoReturn:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_run_that_ends_on_a_full_disk_is_not_a_crash(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    failure = Failure(ErrorCode.CANCELLED, "It was cancelled." * 20, "Run it again.")
    with _journal(runs, begun()) as journal:
        with monkeypatch.context() as disk:
            disk.setattr("tempfile.mkstemp", _full)
            events = list(journal.follow(iter((Summary(Outcome.CANCELLED, error=failure),))))
        assert [type(line.event) for line in events] == [WarningEvent, Summary]
    record = runs.get("run-1")
    assert (record.state, record.ended, record.exit_code) == (RunState.CANCELLED, NOW, 130)
    assert [type(e) for e in _run(runs, begun("next"), Summary(Outcome.SUCCESS))] == [Status, Summary]


def test_half_a_line_on_a_full_disk_is_taken_back(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once the next line was appended to it, and both were lost."""
    real = os.write

    def half(descriptor: int, data: bytes) -> int:
        if len(data) < 50:
            _full()
        return real(descriptor, data[: len(data) // 2])

    with _journal(runs, begun()) as journal:
        with monkeypatch.context() as disk:
            disk.setattr("os.write", half)
            journal._note(_STATUS)
        journal._note(WarningEvent("code", "message"))
    lines = runs.journal_path("run-1").read_bytes().splitlines()
    assert [json.loads(line)["message_type"] for line in lines] == ["warning"]


@pytest.mark.parametrize("name", ["pluton-qingstor-other-x1", "documents"])
def test_only_a_directory_of_that_very_run_is_removed(runs: Runs, tmp_path: Path, name: str) -> None:
    foreign = tmp_path / name
    foreign.mkdir()
    _die(runs, replace(begun("dead"), temporary_dir=str(foreign)))
    _run(runs, begun("next"), Summary(Outcome.SUCCESS))
    assert foreign.is_dir()


def test_a_link_in_place_of_our_directory_is_not_followed(runs: Runs, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").write_bytes(b"x")
    link = tmp_path / "pluton-qingstor-dead-x1"
    link.symlink_to(precious)
    _die(runs, replace(begun("dead"), temporary_dir=str(link)))
    _run(runs, begun("next"), Summary(Outcome.SUCCESS))
    assert (precious / "file").read_bytes() == b"x"


def test_records_are_bounded_in_number_and_age_but_a_living_run_stays(runs: Runs) -> None:
    runs.directory.mkdir(parents=True)
    for number in range(MOST_RECORDS + 5):
        started = NOW - timedelta(minutes=MOST_RECORDS + 5 - number)
        record = begun(f"run-{number:04}", started=started)
        runs.write(record.ended_with(Summary(Outcome.SUCCESS), started))
    old = NOW - LONGEST_KEPT - timedelta(days=1)
    runs.write(begun("zz-too-old", started=old).ended_with(Summary(Outcome.SUCCESS), old))
    with _journal(runs, begun("aa-alive", started=old)):
        _run(runs, begun("zz-now"), Summary(Outcome.SUCCESS))
        ids = [record.run_id for record in runs.all()]
    assert {"aa-alive", "zz-now"} <= set(ids)
    assert "zz-too-old" not in ids
    assert len(ids) <= MOST_RECORDS + 2
    assert "run-0000" not in ids
    assert f"run-{MOST_RECORDS + 4:04}" in ids


def test_the_newest_is_first_also_within_one_second(runs: Runs) -> None:
    """Seen in CI: ids have whole seconds, so the random end of an id decided the order."""
    for number, run_id in enumerate(("run-c", "run-a", "run-b")):
        _run(runs, begun(run_id, started=NOW + timedelta(microseconds=number)), Summary(Outcome.SUCCESS))
    assert [record.run_id for record in runs.all()] == ["run-b", "run-a", "run-c"]


def test_a_damaged_record_hides_no_other(runs: Runs) -> None:
    _run(runs, begun("good"), Summary(Outcome.SUCCESS))
    (runs.directory / "torn.json").write_bytes(b'{"run_id": "to')
    (runs.directory / "odd.json").write_bytes(b"\xff\x00")
    assert [record.run_id for record in runs.all()] == ["good"]


@pytest.mark.parametrize(
    "change",
    [
        {"run_id": "../../victim", "started": "2020-01-01T00:00:00Z"},
        {"run_id": "good"},
        {"started": "2020-01-01T00:00:00"},
        {"temporary_dir": "/tmp/pluton-qingstor-dead-\0"},
        {"process": {"pid": 10**30, "start": 0, "boot": ""}},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_damaged_record_harms_no_run_and_no_other_file(
    runs: Runs, tmp_path: Path, change: dict[str, object]
) -> None:
    victims = [tmp_path / f"victim{end}" for end in (".json", ".jsonl")]
    for victim in victims:
        victim.write_bytes(b"precious")
    _run(runs, begun("good"), Summary(Outcome.SUCCESS))
    _die(runs, begun("dead"))
    path = runs.directory / "dead.json"
    path.write_text(json.dumps({**json.loads(path.read_bytes()), **change}))
    _run(runs, begun("next"), Summary(Outcome.SUCCESS))
    assert {record.run_id for record in runs.all()} >= {"good", "next"}
    assert all(victim.exists() for victim in victims)


def test_a_process_number_that_is_too_large_is_not_signalled() -> None:
    assert not terminate(replace(own_identity(), pid=10**30))


@pytest.mark.parametrize("run_id", ["", "missing", "../run-1", "run-1/../run-1", ".", "*", "\0"])
def test_an_id_is_a_name_and_not_a_path(runs: Runs, run_id: str) -> None:
    _run(runs, begun("run-1"), Summary(Outcome.SUCCESS))
    with pytest.raises(AdapterError) as caught:
        runs.get(run_id)
    assert caught.value.failure.code is ErrorCode.PATH_NOT_FOUND


def test_names_that_are_not_unicode_are_kept_as_far_as_json_can(runs: Runs) -> None:
    record = replace(begun(), source="/srv/\udcff", argv=("backup", "/srv/\udcff"))
    _run(runs, record, Summary(Outcome.SUCCESS))
    assert runs.get("run-1").source == "/srv/?"


def test_a_state_directory_that_cannot_be_written_is_a_warning(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    events = _run(Runs(tmp_path / "file" / "state"), begun(), Summary(Outcome.SUCCESS))
    assert [type(event) for event in events] == [Status, WarningEvent, Summary]
    assert isinstance(events[1], WarningEvent)
    assert events[1].code == "state_unwritable"


def test_the_journal_has_one_status_a_second_and_a_maximum_size(runs: Runs) -> None:
    long = WarningEvent("long", "x" * 100_000)
    with _journal(runs, begun()) as journal:
        events: list[Event] = [_STATUS, _STATUS, _STATUS, *[long] * 100, Summary(Outcome.SUCCESS)]
        path = runs.journal_path("run-1")
        seen = journal.follow(iter(events))
        for _ in range(3):
            next(seen)
        assert len(path.read_bytes().splitlines()) == 1
        for _ in seen:
            assert path.stat().st_size <= MOST_BYTES
    assert json.loads(path.read_bytes().splitlines()[-1])["message_type"] == "summary"


def test_a_journal_that_began_anew_fills_up_again_before_it_does_so_once_more(runs: Runs) -> None:
    long = WarningEvent("long", "x" * 30_000)
    path = runs.journal_path("run-1")
    with _journal(runs, begun()) as journal:
        sizes = [path.stat().st_size for _ in journal.follow(iter([long] * 350))]
    assert sum(later < earlier for earlier, later in itertools.pairwise(sizes)) == 2
