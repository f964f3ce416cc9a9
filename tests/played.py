"""A run of the real supervision, parser, tally and verdict over an rclone that only plays its part."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from adapter.contract.events import Event
from adapter.diagnosis.classify import Place
from adapter.diagnosis.verdict import verdict
from adapter.machine.cancellation import Cancellation
from adapter.machine.settings import Settings
from adapter.rclone.binary import Rclone
from adapter.rclone.open_storage import open_storage
from adapter.rclone.options import TransferOptions
from adapter.runs.run import Run
from adapter.runs.scan import open_scanner
from adapter.storage.form import storage_form
from adapter.storage.target import parse_target
from adapter.transfer.copy_passes import RETRY_CODES, Copy, Transfer
from adapter.transfer.operation import Operation
from adapter.transfer.plan import limits_of
from tests.machine.children import replay
from tests.program import document

PLACE = Place("store", "pek3a", "http://qingstor.test:80", "golden-bucket", "path")


@dataclass(frozen=True, slots=True)
class Player(Rclone):
    """Whatever it is asked for, it plays these steps (see `tests/machine/replay.py`)."""

    steps: tuple[str, ...] = ()

    def argv(self, *_: str) -> tuple[str, ...]:
        """The replay child."""
        return replay(*self.steps)


def play(*steps: str, retries: int = 0, size_of: Callable[[str], int | None] = lambda _: None) -> list[Event]:
    """All events of a copy by an rclone that plays `steps`."""
    copy = Copy(
        env={},
        source="source:",
        destination="destination:",
        flags=(),
        filters=(),
        only=None,
        without_cache=None,
        cache_dir=Path("/nowhere"),
        retry_codes=RETRY_CODES,
        during="archival",
    )

    def copied(run: Run) -> Iterator[Event]:
        operation = _operation(run, Player(Path(sys.executable), (1, 75, 2), steps), retries)
        transfer = Transfer(operation, copy)
        yield from transfer.copy_all()
        run.outcome, run.error = verdict(transfer.end(), PLACE, operation.storage.redactor)

    with Cancellation() as cancel:
        run = Run(cancel, interval_s=0.0)
        run.tally.size_of = size_of
        run.tally.server_hashes_up_to = 5 << 30
        return list(run.events(copied(run)))


def _operation(run: Run, rclone: Rclone, retries: int) -> Operation:
    """On a storage with these Connection Retries, at `PLACE`."""
    home = Path("/nowhere")
    settings = Settings({}, home, home / "conf", home / "state", None, lambda: None, lambda: None)
    form = storage_form(document(settings={"connection_retries": retries}))
    storage = open_storage(form, settings)
    options = TransferOptions(verbose_files=True)
    return Operation(
        target=parse_target(f"{form.name}:{PLACE.bucket}/{PLACE.path}"),
        options=options,
        settings=settings,
        storage=storage,
        rclone=rclone,
        place=PLACE,
        limits=limits_of(form, options, rclone),
        scanner=open_scanner(rclone, storage, PLACE, run),
        run=run,
    )


def logged(log: bytes, *, block: int = 16_000) -> Iterator[str]:
    """The steps that play a log; the system bounds the length of one argument."""
    for start in range(0, len(log), block):
        yield f"bytes:err={log[start : start + block].hex()}"
