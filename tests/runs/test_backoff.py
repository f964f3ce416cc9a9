"""Retries: only of transient failures, no more often than allowed, and not beyond the run's end."""

from collections.abc import Generator, Iterator

import pytest

from adapter.contract.errors import AdapterError, ErrorCode, Failure
from adapter.contract.events import Event, Status
from adapter.machine.cancellation import Cancellation
from adapter.runs.backoff import Backoff
from adapter.runs.run import Run

_AT_ONCE = Backoff(base_s=0.0)


class _Question:
    """A call that fails with each of these codes in turn, then returns an answer."""

    def __init__(self, *codes: ErrorCode) -> None:
        self._codes = iter(codes)
        self.asked = 0

    def __call__(self) -> Generator[Event, None, str]:
        self.asked += 1
        code = next(self._codes, None)
        if code is not None:
            raise AdapterError(Failure(code, "It failed.", "Try again."))
        yield from ()
        return "answer"


def _ask(question: _Question, run: Run, backoff: Backoff = _AT_ONCE, retries: int = 2) -> str:
    def steps() -> Iterator[Event]:
        answers.append((yield from backoff.retry(question, retries, run)))

    answers: list[str] = []
    list(steps())
    return answers[0]


def test_a_transient_failure_is_retried(cancel: Cancellation) -> None:
    question = _Question(ErrorCode.SERVER_ERROR, ErrorCode.STALLED)
    assert _ask(question, Run(cancel)) == "answer"
    assert question.asked == 3


@pytest.mark.parametrize(
    ("code", "asked"), [(ErrorCode.THROTTLED, 3), (ErrorCode.PERMISSION_DENIED, 1), (ErrorCode.UNKNOWN, 1)]
)
def test_a_failure_is_final_after_the_last_retry_or_at_once(
    code: ErrorCode, asked: int, cancel: Cancellation
) -> None:
    question = _Question(*[code] * 9)
    with pytest.raises(AdapterError) as caught:
        _ask(question, Run(cancel))
    assert (caught.value.failure.code, question.asked) == (code, asked)


def test_a_request_to_stop_ends_a_wait(cancel: Cancellation) -> None:
    question = _Question(ErrorCode.TIMEOUT)
    waiting = Backoff(base_s=3600.0).retry(question, 1, Run(cancel, interval_s=0.0))
    assert isinstance(next(waiting), Status)
    cancel.request()
    with pytest.raises(AdapterError) as caught:
        list(waiting)
    assert (caught.value.failure.code, question.asked) == (ErrorCode.CANCELLED, 1)


def test_a_run_at_its_time_limit_does_not_retry(cancel: Cancellation) -> None:
    question = _Question(ErrorCode.TIMEOUT)
    with pytest.raises(AdapterError) as caught:
        _ask(question, Run(cancel, max_duration_s=0.0), Backoff(base_s=3600.0))
    assert (caught.value.failure.code, question.asked) == (ErrorCode.PARTIAL, 1)


def test_the_pauses_grow_up_to_a_limit_and_are_longer_when_throttled() -> None:
    def longest(attempt: int, *, throttled: bool) -> float:
        return max(Backoff(1.0, 60.0).seconds(attempt, throttled=throttled) for _ in range(200))

    assert longest(1, throttled=False) <= 1 < longest(2, throttled=False) <= 2 < longest(3, throttled=False)
    assert 1 < longest(1, throttled=True) <= 3
    assert 4 < longest(20, throttled=False) <= 60
