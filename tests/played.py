"""A run of the real supervision, parser, tally and verdict over an rclone that only plays its part."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from adapter.contract.events import Event
from adapter.contract.redact import Redactor
from adapter.diagnosis.classify import Place
from adapter.diagnosis.verdict import verdict
from adapter.machine.cancellation import Cancellation
from adapter.rclone.binary import Rclone
from adapter.rclone.options import TransferOptions
from adapter.runs.run import Run
from adapter.transfer.copy_passes import RETRY_CODES, Copy, Transfer
from tests.machine.children import replay

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
        rclone=Player(Path(sys.executable), (1, 75, 2), steps),
        env={},
        source="source:",
        destination="destination:",
        flags=(),
        filters=(),
        only=None,
        without_cache=None,
        cache_dir=Path("/nowhere"),
        retries=retries,
        retry_codes=RETRY_CODES,
        during="archival",
        place=PLACE,
        redactor=Redactor(),
        options=TransferOptions(verbose_files=True),
    )
    run = Run(interval_s=0.0)
    run.tally.size_of = size_of
    run.tally.server_hashes_up_to = 5 << 30

    def copied(cancel: Cancellation) -> Iterator[Event]:
        transfer = Transfer(copy, run, cancel)
        yield from transfer.copy_all()
        run.outcome, run.error = verdict(transfer.end(), copy.place, copy.redactor)

    with Cancellation() as cancel:
        return list(run.events(copied(cancel)))


def logged(log: bytes, *, block: int = 16_000) -> Iterator[str]:
    """The steps that play a log; the system bounds the length of one argument."""
    for start in range(0, len(log), block):
        yield f"bytes:err={log[start : start + block].hex()}"
