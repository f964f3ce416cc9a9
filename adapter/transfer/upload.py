"""The copying of a backup: what waits in the catalog is sent, way after way, and settled by name."""

import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace

from adapter.contract.errors import Failure
from adapter.contract.events import Action, Event, VerboseStatus
from adapter.diagnosis.verdict import End, verdict
from adapter.files.catalog import Catalog, State
from adapter.files.names import for_people
from adapter.runs.slow_disk import TimedDisk
from adapter.transfer.copy_passes import Transfer
from adapter.transfer.describing import Batch, Describing
from adapter.transfer.operation import Operation
from adapter.transfer.sending import Sending
from adapter.transfer.ways import Ways

_LENGTH_REQUIRED = 411


@dataclass(frozen=True, slots=True)
class Upload:
    """Sends what `changes` has found; the verdict is the run's at the end."""

    operation: Operation
    catalog: Catalog
    ways: Ways

    def pretend(self) -> Iterator[Event]:
        """Count as sent what would be sent, as a dry run does."""
        tally = self.operation.run.tally
        for work in self.catalog.work(State.WAITING):
            action = Action.NEW if work.is_new else Action.MODIFIED
            tally.settle(for_people(work.name), action, work.size, "unverified")
            if self.operation.options.verbose_files:
                yield VerboseStatus(action, for_people(work.name), work.size)
        self._conclude(None)

    def send(self) -> Iterator[Event]:
        """Send everything that waits, and once more with a length what a server refused without one."""
        last: Transfer | None = None
        with TimedDisk() as disk:
            for batches in (self._waiting, self._without_length):
                for number in self.ways.in_order(batches()):
                    if self.operation.cancel.requested or (last is not None and last.stopped is not None):
                        break
                    last = yield from self._send_batch(number, disk)
        self._conclude(last)

    def _send_batch(self, number: int, disk: TimedDisk) -> Generator[Event, None, Transfer]:
        operation, catalog, way = self.operation, self.catalog, self.ways.way(number)
        batch = Batch(operation, catalog, way, self.ways.roots[way.root], time.time_ns())
        describing = Describing(batch)
        sending = Sending(batch, disk, describing)
        is_altered = True
        while is_altered:
            last = Transfer(operation, catalog, self.ways.copy(number), sending)
            yield from last.copy_all()
            is_altered = (yield from describing.describe()) and last.stopped is None
        if last.stopped is None:
            yield from sending.settle_arrived(number)
        return last

    def _waiting(self) -> tuple[int, ...]:
        return self.catalog.batches(State.WAITING)

    def _without_length(self) -> tuple[int, ...]:
        """Put files into batches of their own that a server refused without a length: empty ones."""
        failed = self.operation.run.tally.failed
        if not any(_needs_length(failure) for failure in failed.values()):
            return ()
        again = [
            work._replace(
                batch=self.ways.number(replace(self.ways.way(work.batch), needs_length=True)),
                state=State.WAITING,
            )
            for work in self.catalog.work(State.FAILED)
            if (failure := failed.get(for_people(work.name))) is not None and _needs_length(failure)
        ]
        self.catalog.add_work(again)
        return self._waiting()

    def _conclude(self, last: Transfer | None) -> None:
        run, tally = self.operation.run, self.operation.run.tally
        listed, _ = self.catalog.totals()
        lost = self.catalog.count_failed() if tally.failed else 0
        end = End(
            tally.failed,
            tally.files_settled,
            # One that was sent and is not known may count as both settled and lost.
            files_left=max(0, listed - tally.files_settled - tally.files_gone - lost),
            cancelled=run.cancel.requested,
            stopped=None if last is None else last.stopped,
            exit_status=0 if last is None else last.exit_status,
            messages=() if last is None else tuple(last.messages),
        )
        run.outcome, run.error = verdict(end, self.operation.storage.redactor)


def _needs_length(failure: Failure) -> bool:
    return failure.evidence.http_status == _LENGTH_REQUIRED
