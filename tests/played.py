"""A run of the real supervision, parser, tally and verdict over an rclone that only plays its part."""

import sys
from collections.abc import Collection, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from adapter.contract.errors import Failure
from adapter.contract.events import Action, Event, VerboseStatus
from adapter.diagnosis.classify import Place
from adapter.diagnosis.verdict import End, verdict
from adapter.files.catalog import Catalog, State, Work, open_catalog
from adapter.machine.cancellation import Cancellation
from adapter.machine.settings import Settings
from adapter.rclone.binary import Rclone
from adapter.rclone.open_storage import open_storage
from adapter.rclone.options import TransferOptions
from adapter.runs.run import Run
from adapter.runs.scan import open_scanner
from adapter.storage.form import storage_form
from adapter.storage.target import parse_target
from adapter.transfer.copy_passes import RETRY_CODES, Confirmed, Copy, Transfer
from adapter.transfer.operation import Operation
from adapter.transfer.plan import limits_of
from tests.machine.children import replay
from tests.program import document

LISTED = {"a": 4, "b": 5}
PLACE = Place("store", "pek3a", "http://qingstor.test:80", "golden-bucket", "path")


@dataclass(frozen=True, slots=True)
class Player(Rclone):
    """Whatever it is asked for, it plays these steps (see `tests/machine/replay.py`)."""

    steps: tuple[str, ...] = ()

    def argv(self, *_: str) -> tuple[str, ...]:
        """The replay child."""
        return replay(*self.steps)


class Taking:
    """Counts what rclone says it has copied; what it passes over without an error is unchanged."""

    def __init__(self, run: Run, catalog: Catalog) -> None:
        self._run, self._catalog = run, catalog

    def confirmed(self, files: Sequence[Confirmed]) -> Iterator[Event]:
        """Count each."""
        for one in files:
            action = Action.NEW if one.is_new else Action.MODIFIED
            yield self._settled(one.work, action, "by_hash" if one.md5 else "by_size")

    def reconsider(self, _work: Work, failure: Failure) -> Failure | None:
        """There is nothing more to see."""
        return failure

    def passed_over(self, work: Work) -> Generator[Event, None, bool]:
        """Count it as unchanged, as a restore does."""
        yield self._settled(work, Action.UNCHANGED, "by_size")
        return True

    def told_apart(self, _files: Sequence[Work], _md5s: Collection[str]) -> Generator[Event, None, None]:
        """Do nothing: no names here are alike."""
        yield from ()

    def _settled(self, work: Work, action: Action, compared: str) -> VerboseStatus:
        item = work.name.decode()
        self._catalog.settle((work.name,), State.DONE)
        self._run.tally.settle(item, action, work.size, compared)
        return VerboseStatus(action, item, work.size)


def play(*steps: str, retries: int = 0, listed: Mapping[str, int] = LISTED) -> list[Event]:
    """All events of a copy of these files, by name and size, by an rclone that plays `steps`."""
    copy = Copy(
        batch=0,
        env={},
        directory=b"/",
        source=".",
        destination="destination:",
        flags=(),
        retry_codes=RETRY_CODES,
        during="archival",
    )

    def copied(run: Run) -> Iterator[Event]:
        operation = operation_of(run, Player(Path(sys.executable), (1, 75, 2), steps), retries)
        with open_catalog(None) as catalog:
            catalog.add_work(
                Work(name.encode(), 0, name, size, is_new=True, state=State.WAITING)
                for name, size in listed.items()
            )
            transfer = Transfer(operation, catalog, copy, Taking(run, catalog))
            yield from transfer.copy_all()
        tally = run.tally
        left = len(listed) - tally.files_settled - len(tally.failed)
        end = End(
            tally.failed,
            tally.files_settled,
            left,
            cancelled=run.cancel.requested,
            stopped=transfer.stopped,
            exit_status=transfer.exit_status,
            messages=transfer.messages,
        )
        run.outcome, run.error = verdict(end, operation.storage.redactor)

    with Cancellation() as cancel:
        run = Run(cancel, interval_s=0.0)
        return list(run.events(copied(run)))


def operation_of(run: Run, rclone: Rclone, retries: int) -> Operation:
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
