"""Trying again: which failures deserve it, how often, and how long to wait before."""

import random
from collections.abc import Callable, Generator, Iterator
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
"""What passes by itself: a question to QingStor that fails so is asked again."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """Growing, jittered waits between tries: `base_s` doubles up to `longest_s`; threefold if throttled."""

    base_s: float = 1.0
    longest_s: float = 60.0

    def seconds(self, attempt: int, *, throttled: bool) -> float:
        """The wait before the try that follows `attempt` (from 1)."""
        wait = min(self.longest_s, self.base_s * 2.0 ** (attempt - 1) * (3 if throttled else 1))
        return wait * random.uniform(0.5, 1.0)  # noqa: S311  # spreads load; there is nothing to guess

    def retry(
        self, ask: Callable[[], Generator[Event, None, _T]], retries: int, run: Run
    ) -> Generator[Event, None, _T]:
        """Return what `ask` returns; after a failure that passes by itself ask again, up to `retries` times.

        Raises AdapterError as `ask` does, or because the run was cancelled or is out of time meanwhile.
        """
        attempt = 1
        while True:
            try:
                return (yield from ask())
            except AdapterError as error:
                code = error.failure.code
                if code not in TRANSIENT or attempt > retries:
                    raise
            yield from self.wait(attempt, run, throttled=code is ErrorCode.THROTTLED)
            if run.cancel.requested:
                raise AdapterError(cancelled())
            run.progress.touch()
            if (overdue := run.progress.overdue()) is not None:
                raise AdapterError(overdue)
            attempt += 1

    def wait(self, attempt: int, run: Run, *, throttled: bool) -> Iterator[Event]:
        """The same wait, with the statuses that fall into it; no longer than the run may last."""
        left = self.seconds(attempt, throttled=throttled)
        while left > 0 and not run.progress.is_out_of_time and not run.cancel.sleep(min(left, _TICK_S)):
            left -= _TICK_S
            yield from run.progress.due()
