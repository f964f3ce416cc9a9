"""One rclone that logs JSON, from start to end: records as they come, a live status, an end in time."""

from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass

from adapter.contract.errors import Failure
from adapter.contract.events import Event, Phase
from adapter.diagnosis.logline import LineSplitter, LogRecord, PlainLine, parse_line
from adapter.machine.child import Child
from adapter.machine.liveness import reading, sending
from adapter.runs.run import Run

_TICK_S = 0.2
_QUIET_S = 1.0
"""rclone's counters come every half second; only when they stand still other signs of life are looked for."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The raw exit status, and why we stopped rclone ourselves, if we did."""

    exit_status: int
    stopped: Failure | None


def supervise(
    argv: tuple[str, ...],
    env: Mapping[str, str],
    take: Callable[[LogRecord | PlainLine], Iterator[Event]],
    run: Run,
) -> Generator[Event, None, Ended]:
    """Run it; `take` gets every record that is not about statistics and may yield events.

    It is stopped when the run is cancelled, stalls, or has lasted as long as it may. It is always reaped.
    """
    progress, cancel = run.progress, run.cancel
    working = progress.phase
    splitter = LineSplitter()
    stopped: Failure | None = None

    def records(lines: Iterator[bytes]) -> Iterator[Event]:
        for line in lines:
            record = parse_line(line)
            if isinstance(record, LogRecord) and record.stats is not None:
                progress.take(record.stats)
            else:
                yield from take(record)

    said = 0
    with Child(argv, env, cancel) as child:
        signs = reading(child.pid), sending(child.pid, lambda: said)
        for chunk in child.chunks(_TICK_S):
            if chunk is not None:
                said += len(chunk.data)
                yield from records(splitter.feed(chunk.data))
            if progress.stalled_seconds >= _QUIET_S and any(sign.moved() for sign in signs):
                progress.touch()
            if child.stopping:
                progress.phase = Phase.CANCELLING
            elif (stopped := progress.overdue()) is not None:
                child.stop()
            yield from progress.due()
    yield from records(splitter.end())
    progress.phase = Phase.CANCELLING if cancel.requested else working
    return Ended(-1 if child.exit_status is None else child.exit_status, stopped)
