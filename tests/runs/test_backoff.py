"""Trying again: only what passes by itself, no more often than allowed, and not beyond the run's end."""

from collections.abc import Generator, Iterator

import pytest

from adapter.contract.errors import AdapterError, ErrorCode, Failure
from adapter.contract.events import Event, Status
from adapter.machine.cancellation import Cancellation
from adapter.runs.backoff import Backoff
from adapter.runs.run import Run

_AT_ONCE = Backoff(base_s=0.0)


class _Question:
    """Fails with each of these codes in turn, then has an answer."""

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


def test_what_passes_by_itself_is_asked_again(cancel: Cancellation) -> None:
    question = _Question(ErrorCode.SERVER_ERROR, ErrorCode.STALLED)
    assert _ask(question, Run(cancel)) == "answer"
    assert question.asked == 3


@pytest.mark.parametrize(
    ("code", "asked"), [(ErrorCode.THROTTLED, 3), (ErrorCode.PERMISSION_DENIED, 1), (ErrorCode.UNKNOWN, 1)]
)
def test_the_rest_fails_after_so_many_tries(code: ErrorCode, asked: int, cancel: Cancellation) -> None:
    question = _Question(*[code] * 9)
    with pytest.raises(AdapterError) as caught:
        _ask(question, Run(cancel))
    assert (caught.value.failure.code, question.asked) == (code, asked)


def test_who_waits_hears_a_request_to_stop(cancel: Cancellation) -> None:
    question = _Question(ErrorCode.TIMEOUT)
    waiting = Backoff(base_s=3600.0).retry(question, 1, Run(cancel, interval_s=0.0))
    assert isinstance(next(waiting), Status)
    cancel.request()
    with pytest.raises(AdapterError) as caught:
        list(waiting)
    assert (caught.value.failure.code, question.asked) == (ErrorCode.CANCELLED, 1)


def test_a_run_that_is_out_of_time_asks_no_more(cancel: Cancellation) -> None:
    question = _Question(ErrorCode.TIMEOUT)
    with pytest.raises(AdapterError) as caught:
        _ask(question, Run(cancel, max_duration_s=0.0), Backoff(base_s=3600.0))
    assert (caught.value.failure.code, question.asked) == (ErrorCode.PARTIAL, 1)
