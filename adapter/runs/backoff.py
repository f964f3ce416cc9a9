"""Retries: for which failures, how often, and after how long a wait."""

import random
from collections.abc import Callable, Collection, Generator, Iterator
from dataclasses import dataclass
from typing import TypeVar

from adapter.contract.errors import AdapterError, ErrorCode, cancelled
from adapter.contract.events import Event
from adapter.runs.run import Run

_T = TypeVar("_T")
_TICK_S = 0.2

TRANSIENT = frozenset(
    {
        ErrorCode.SERVER_ERROR,
        ErrorCode.THROTTLED,
        ErrorCode.ENDPOINT_UNREACHABLE,
        ErrorCode.TIMEOUT,
        ErrorCode.STALLED,
    }
)
"""Failures that may pass by themselves: a call that fails with one of them is repeated."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """Growing waits with jitter: `base_s` doubles up to `longest_s`, three times as long if throttled."""

    base_s: float = 1.0
    longest_s: float = 60.0

    def seconds(self, attempt: int, *, throttled: bool) -> float:
        """Return the wait after `attempt`, which counts from 1."""
        wait = min(self.longest_s, self.base_s * 2.0 ** (attempt - 1) * (3 if throttled else 1))
        return wait * random.uniform(0.5, 1.0)  # noqa: S311  # spreads load; not a secret

    def retry(
        self,
        ask: Callable[[], Generator[Event, None, _T]],
        retries: int,
        run: Run,
        codes: Collection[ErrorCode] = TRANSIENT,
    ) -> Generator[Event, None, _T]:
        """Return what `ask` returns; after a failure of `codes` call it again, up to `retries` times.

        Raises AdapterError as `ask` does, or because the run was cancelled or has reached its time limit.
        """
        attempt = 1
        while True:
            try:
                return (yield from ask())
            except AdapterError as error:
                code = error.failure.code
                if code not in codes or attempt > retries:
                    raise
            yield from self.wait(attempt, run, throttled=code is ErrorCode.THROTTLED)
            if run.cancel.requested:
                raise AdapterError(cancelled())
            run.progress.touch()
            if (overdue := run.progress.overdue()) is not None:
                raise AdapterError(overdue)
            attempt += 1

    def wait(self, attempt: int, run: Run, *, throttled: bool) -> Iterator[Event]:
        """Wait, yielding the statuses that are due; no longer than the run may last."""
        left = self.seconds(attempt, throttled=throttled)
        while left > 0 and not run.progress.is_out_of_time and not run.cancel.sleep(min(left, _TICK_S)):
            left -= _TICK_S
            yield from run.progress.due()
