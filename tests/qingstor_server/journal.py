"""What the server was asked: a log of requests, gauges of uploads, and waiting for something to happen."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from tests.qingstor_server.operation import Operation
from tests.qingstor_server.target import Target

UPLOADING = frozenset({Operation.PUT_OBJECT, Operation.UPLOAD_PART})


@dataclass(slots=True)
class Entry:
    """One request. `status` is None until it is answered, and stays so when the connection was lost before.

    `received` and `sent` are bytes of body; `started` and `ended` are Unix seconds.
    """

    method: str
    host: str
    path: str
    query: str
    operation: Operation
    bucket: str
    key: str
    started: float
    access_key: str | None = None
    status: int | None = None
    received: int = 0
    sent: int = 0
    ended: float | None = None


@dataclass(frozen=True, slots=True)
class Load:
    """Requests by operation since the log was cleared; uploads (objects and parts) now and at most."""

    counts: dict[str, int]
    uploads_in_flight: int
    uploads_peak: int
    requests_in_flight: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """What someone waits for: `count` requests of an operation that started (`ended`: ended) and whose
    bodies brought at least `received` bytes each."""

    operation: str
    count: int
    ended: bool = False
    received: int = 0

    def __post_init__(self) -> None:
        """Raise ValueError for an operation that does not exist: it would never come."""
        Operation(self.operation)

    def met_by(self, entries: Iterable[Entry]) -> bool:
        """Whether the log shows it."""
        return self.count <= sum(
            entry.operation == self.operation
            and entry.received >= self.received
            and (entry.ended is not None or not self.ended)
            for entry in entries
        )


class Journal:
    """The log since the start or the last `clear`. Requests to the control interface are not in it."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self._running = 0
        self._uploading = 0
        self._peak = 0
        self._waiters: list[tuple[Wanted, asyncio.Future[None]]] = []

    def begin(self, target: Target) -> Entry:
        """Note a request whose head has arrived."""
        entry = Entry(
            method=target.method,
            host=target.host,
            path=target.path,
            query=target.raw_query,
            operation=target.operation,
            bucket=target.bucket,
            key=target.shown_key,
            started=time.time(),
        )
        self.entries.append(entry)
        self._running += 1
        if entry.operation in UPLOADING:
            self._uploading += 1
            self._peak = max(self._peak, self._uploading)
        self._wake()
        return entry

    def progress(self, entry: Entry, count: int) -> None:
        """Note bytes of a request's body."""
        entry.received += count
        self._wake()

    def end(self, entry: Entry) -> None:
        """Note that a request is over, answered or not."""
        entry.ended = time.time()
        self._running -= 1
        if entry.operation in UPLOADING:
            self._uploading -= 1
        self._wake()

    def clear(self) -> None:
        """Forget the requests so far; the peak starts again from now."""
        self.entries = []
        self._peak = self._uploading

    def load(self) -> Load:
        """Counts and gauges."""
        counts = Counter(entry.operation.value for entry in self.entries)
        return Load(dict(counts), self._uploading, self._peak, self._running)

    async def wait_for(self, wanted: Wanted, seconds: float) -> bool:
        """Whether it happened within that time; at once if it has happened already."""
        if wanted.met_by(self.entries):
            return True
        future = asyncio.get_running_loop().create_future()
        self._waiters.append((wanted, future))
        try:
            async with asyncio.timeout(seconds):
                await future
        except TimeoutError:
            return False
        finally:
            self._waiters.remove((wanted, future))
        return True

    def _wake(self) -> None:
        for wanted, future in self._waiters:
            if not future.done() and wanted.met_by(self.entries):
                future.set_result(None)
