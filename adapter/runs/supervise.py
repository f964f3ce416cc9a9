"""One rclone from start to end: its log records, the run's statuses, and its end in time."""

import time
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass

from adapter.contract.errors import Failure, stalled
from adapter.contract.events import Event, Phase
from adapter.diagnosis.logline import LineSplitter, LogRecord, PlainLine, is_chatter, parse_line
from adapter.machine.child import Child, Chunk
from adapter.machine.liveness import reading, sending
from adapter.runs.run import Run

_TICK_S = 0.2
_GATHER_S = 0.03
"""Between two readings: rclone writes line by line, and to wake up for each costs more than to read it."""
_MUCH = 1 << 15
"""Bytes at once after which there is no time to lose."""
_QUIET_S = 1.0
"""rclone's stats come every half second; if they stop, other signs of activity are checked."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The raw exit status, and why rclone was stopped by the run, or None."""

    exit_status: int
    stopped: Failure | None


def _gather(chunk: Chunk) -> None:
    """Let more lines come in after a few."""
    if len(chunk.data) < _MUCH:
        time.sleep(_GATHER_S)


def _limit(seconds: float) -> Callable[[], Failure | None]:
    ends_at = time.monotonic() + seconds
    return lambda: stalled(seconds) if time.monotonic() >= ends_at else None


def supervise(
    argv: tuple[str, ...],
    env: Mapping[str, str],
    take: Callable[[LogRecord | PlainLine], Iterator[Event]],
    run: Run,
    *,
    directory: bytes | None = None,
    meanwhile: Callable[[], Iterator[Event]] = lambda: iter(()),
    limit_s: float | None = None,
) -> Generator[Event, None, Ended]:
    """Run rclone in a directory and return how it ended.

    `take` gets every log record but stats and chatter; `meanwhile` is called between pieces of the log. Both
    may yield events.

    rclone is stopped if the run is cancelled, stalls, or reaches its time limit; with `limit_s` after so many
    seconds instead, for what must still be done when a run ends early. It is always reaped.
    """
    progress, cancel = run.progress, run.cancel
    working = progress.phase
    splitter = LineSplitter()
    stopped: Failure | None = None
    why_stop = progress.overdue if limit_s is None else _limit(limit_s)

    def records(lines: Iterator[bytes]) -> Iterator[Event]:
        for line in lines:
            if is_chatter(line):
                continue
            record = parse_line(line)
            if isinstance(record, LogRecord) and record.stats is not None:
                progress.take(record.stats)
            else:
                yield from take(record)

    log_bytes = 0
    with Child(argv, env, cancel, directory=directory, after_cancel=limit_s is not None) as child:
        signs = reading(child.pid), sending(child.pid, lambda: log_bytes)
        for chunk in child.chunks(_TICK_S):
            if chunk is not None:
                log_bytes += len(chunk.data)
                yield from records(splitter.feed(chunk.data))
                yield from meanwhile()
                _gather(chunk)
            if progress.stalled_seconds >= _QUIET_S and any(sign.moved() for sign in signs):
                progress.touch()
            if child.stopping:
                progress.phase = Phase.CANCELLING
            elif (stopped := why_stop()) is not None:
                child.stop()
            yield from progress.due()
    yield from records(splitter.end())
    yield from meanwhile()
    progress.phase = Phase.CANCELLING if cancel.requested else working
    return Ended(-1 if child.exit_status is None else child.exit_status, stopped)
