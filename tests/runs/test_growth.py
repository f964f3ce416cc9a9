"""A process that runs many backups does not leak threads, descriptors, zombies or memory."""

import threading
from pathlib import Path

import psutil
import pytest

from adapter.cli.recording import recorded
from adapter.cli.streaming import Stream
from adapter.contract.events import Outcome, Summary
from adapter.contract.json_lines import Envelope
from adapter.machine.cancellation import Cancellation
from adapter.rclone.options import TransferOptions
from adapter.runs.run import new_run_id
from adapter.storage.target import parse_target
from adapter.transfer.backup import Backup, backup
from tests.machine.children import own_children, own_descriptors
from tests.qingstor_server import QingStorServer
from tests.transfer.in_process import TARGET, InProcess


def _recorded_backup(place: InProcess, source: Path, *, cancelled: bool) -> Outcome:
    """Run one backup with record and lock, as the command line does; return its outcome."""
    envelope = Envelope(new_run_id())
    with Cancellation() as cancel:
        request = Backup(
            (source,), parse_target(TARGET), TransferOptions(), place.form, run_id=envelope.run_id
        )
        stream = Stream(backup(request, place.machine, cancel), envelope, str(source), TARGET)
        with recorded(stream, "backup", ("backup",), place.machine) as lines:
            for line in lines:
                if isinstance(line.event, Summary):
                    return line.event.outcome
                if cancelled:
                    cancel.request()
    raise AssertionError("no summary")


def _grow(place: InProcess, source: Path, runs: int, before: int) -> None:
    """Run `runs` backups after `before` others, which load everything that stays in memory."""
    process = psutil.Process()

    def run(number: int) -> None:
        (source / "changing").write_text(str(number))
        # Every tenth is cancelled.
        outcome = _recorded_backup(place, source, cancelled=number % 10 == 0)
        assert outcome is (Outcome.CANCELLED if number % 10 == 0 else Outcome.SUCCESS)

    for number in range(before):
        run(number)
    there = own_descriptors(), own_children(), threading.active_count()
    memory = process.memory_info().rss
    for number in range(runs):
        run(number)
    assert (own_descriptors(), own_children(), threading.active_count()) == there
    assert process.memory_info().rss <= memory * 1.1


@pytest.fixture
def place(tmp_path: Path, server: QingStorServer) -> InProcess:
    """Return a place with a bucket."""
    server.add_bucket("bucket-one")
    return InProcess(tmp_path / "place", server)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Return a small source tree."""
    source = tmp_path / "source"
    source.mkdir()
    for number in range(5):
        (source / f"file {number}").write_bytes(b"x" * number)
    return source


def test_some_backups_leave_nothing_behind(place: InProcess, source: Path) -> None:
    _grow(place, source, 6, before=6)


@pytest.mark.deep
def test_five_hundred_backups_leave_nothing_behind(place: InProcess, source: Path) -> None:
    _grow(place, source, 500, before=20)
