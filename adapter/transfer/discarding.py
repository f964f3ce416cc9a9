"""Objects that are not needed: chosen by their age, told with their sizes, or deleted."""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice

from adapter.contract.errors import AdapterError, cancelled
from adapter.contract.events import (
    Action,
    ErrorEvent,
    Event,
    Node,
    Outcome,
    Phase,
    VerboseStatus,
    WarningEvent,
)
from adapter.diagnosis.classify import classify
from adapter.diagnosis.logline import Level, LogRecord, PlainLine
from adapter.files.catalog import Catalog, Object, State, Work
from adapter.files.names import as_logged, for_people
from adapter.machine.private import temporary_directory
from adapter.rclone.file_lists import files_one_by_one
from adapter.runs.supervise import supervise
from adapter.transfer.operation import Operation

_BATCH = 0
_AT_ONCE = 1000
_DELETED = "Deleted"
"""What rclone logs of each object (fs/operations, 1.65.2 to 1.75.2)."""
_KEPT_MESSAGES = 40


@dataclass(slots=True)
class Discarding:
    """The objects of one run; those that are old enough are the catalog's work."""

    operation: Operation
    catalog: Catalog
    older_than_s: float
    _young: int = 0
    _bytes_deleted: int = 0

    def choose(self, objects: Iterable[Object], newest: bytes, *, tells: bool) -> Iterator[Event]:
        """Take those that were uploaded long enough ago, and before the newest manifest was: what came after
        it may be of a backup that runs on another machine. With `tells` name them with their sizes and times.

        It costs a request for each object.
        """
        operation = self.operation
        operation.run.progress.total_files, operation.run.progress.total_bytes = 0, 0
        written = yield from operation.scanner.look_at(operation.remote, (newest,), columns="tsp")
        latest = datetime.now(UTC) - timedelta(seconds=self.older_than_s)
        if newest in written and (moment := written[newest].moment) is not None:
            latest = min(latest, moment)
        left = iter(objects)
        while some := list(islice(left, _AT_ONCE)):
            names = [one.name for one in some]
            times = yield from operation.scanner.look_at(operation.remote, names, columns="tsp")
            for one in some:
                uploaded = times[one.name].moment if one.name in times else None
                if uploaded is None or uploaded > latest:
                    self._young += 1
                    continue
                self.catalog.add_work([_work(one)])
                if tells:
                    yield _node(one, uploaded)
            operation.run.raise_if_over()
        operation.run.progress.total_files, operation.run.progress.total_bytes = self.catalog.work_totals()

    def delete(self) -> Iterator[Event]:
        """Delete them. Raises AdapterError when rclone cannot even begin, or the run is over."""
        operation, messages = self.operation, deque[str](maxlen=_KEPT_MESSAGES)
        operation.run.progress.phase = Phase.FINISHING

        def take(record: LogRecord | PlainLine) -> Iterator[Event]:
            if isinstance(record, PlainLine) or record.level >= Level.ERROR:
                messages.append(record.message)
            if isinstance(record, LogRecord) and record.item:
                yield from self._take(record, record.item)

        with temporary_directory() as directory:
            names = (work.name for work in self.catalog.work(State.WAITING))
            flags = (*operation.options.flags(), *files_one_by_one(names, directory))
            argv = operation.rclone.argv("delete", operation.remote, *flags)
            ended = yield from supervise(argv, operation.storage.env, take, operation.run)
        if ended.stopped is not None:
            raise AdapterError(ended.stopped)
        if operation.cancel.requested:
            raise AdapterError(cancelled())
        if ended.exit_status != 0 and self.catalog.has_work(_BATCH, State.WAITING):
            redactor = operation.storage.redactor
            raise AdapterError(classify(messages, operation.place, redactor, ended.exit_status))

    def _take(self, record: LogRecord, item: str) -> Iterator[Event]:
        """Count what rclone says of one object."""
        found = self.catalog.find_logged((item,), _BATCH).get(item, ())
        work = next((one for one in found if one.state is State.WAITING), None)
        if work is None:
            return
        name, run = for_people(work.name), self.operation.run
        if record.message == _DELETED:
            self.catalog.settle((work.name,), State.DONE)
            run.tally.files_changed += 1
            self._bytes_deleted += work.size
            yield VerboseStatus(Action.DELETED, name, work.size)
        elif record.level >= Level.ERROR:
            self.catalog.settle((work.name,), State.FAILED)
            redactor = self.operation.storage.redactor
            failure = classify((record.message,), self.operation.place, redactor, 1)
            run.tally.fail(name, failure)
            yield ErrorEvent(failure, "cleanup", name)

    def conclude(self, *, is_deleted: bool) -> Iterator[Event]:
        """Say how much it is, or was; the run fails if an object could not be deleted."""
        run = self.operation.run
        count, size = self.catalog.work_totals()
        if is_deleted:
            count, size = run.tally.files_changed, self._bytes_deleted
        objects = "object" if count == 1 else "objects"
        young = f" {self._young} that are too young, or younger than the last backup, were left alone."
        if is_deleted:
            said = f"{count} {objects} that no backup needs deleted: {_readable(size)}."
        else:
            said = f"{count} {objects} of {_readable(size)} that no backup needs."
            said += " Nothing was deleted; --yes deletes them." if count else ""
        yield WarningEvent("cleanup_counts", said + young if self._young else said)
        run.outcome = Outcome.SUCCESS
        if run.tally.failed:
            run.fail(next(iter(run.tally.failed.values())))


def _readable(size: int) -> str:
    """Return a size in bytes as people read it, in the units of the program's other lines."""
    units = iter(("bytes", "kB", "MB", "GB"))
    number, unit = float(size), next(units)
    for larger in units:
        if number < 1000:
            break
        number, unit = number / 1000, larger
    return f"{number:.0f} {unit}" if unit == "bytes" else f"{number:,.1f} {unit}"


def _work(one: Object) -> Work:
    return Work(one.name, _BATCH, as_logged(one.name), one.size, is_new=False, state=State.WAITING)


def _node(one: Object, uploaded: datetime) -> Node:
    moment = f"{uploaded:%Y-%m-%dT%H:%M:%SZ}"
    return Node(for_people(one.name), "file", one.size, moment, mode=None, linktarget=None)
