"""Waiting before another try: which failures deserve one, and how long to wait."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

from adapter.contract.errors import ErrorCode
from adapter.contract.events import Event
from adapter.runs.run import Run

_TICK_S = 0.2

TRANSIENT = frozenset(
    {
        ErrorCode.SERVER_ERROR,
        ErrorCode.THROTTLED,
        ErrorCode.ENDPOINT_UNREACHABLE,
        ErrorCode.TIMEOUT,
    }
)
"""What a question to QingStor that changes nothing may fail with, and be asked again."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """Growing, jittered waits between tries: `base_s` doubles up to `longest_s`; threefold if throttled."""

    base_s: float = 1.0
    longest_s: float = 60.0

    def seconds(self, attempt: int, *, throttled: bool) -> float:
        """The wait before the try that follows `attempt` (from 1)."""
        wait = min(self.longest_s, self.base_s * 2.0 ** (attempt - 1) * (3 if throttled else 1))
        return wait * random.uniform(0.5, 1.0)  # noqa: S311  # spreads load; there is nothing to guess

    def wait(self, attempt: int, run: Run, *, throttled: bool) -> Iterator[Event]:
        """The same wait, with the statuses that fall into it; no longer than the run may last."""
        left = self.seconds(attempt, throttled=throttled)
        while left > 0 and not run.progress.is_out_of_time and not run.cancel.sleep(min(left, _TICK_S)):
            left -= _TICK_S
            yield from run.progress.due()
