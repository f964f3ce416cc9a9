"""The events of a run on stdout, as JSON lines or for people; what went wrong as the last line on stderr."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

from adapter.cli.labels import with_label
from adapter.cli.outlet import Outlet, ReaderGone
from adapter.cli.stdio import abandon_stdout, stderr_takes_more, tell, write_json, write_text
from adapter.contract.errors import AdapterError, ExitStatus, Failure, FormInvalid
from adapter.contract.event_reader import parse_event_line
from adapter.contract.events import Event, Status, Summary
from adapter.contract.json_lines import Answer, EventLine, FailedWithData, answer_line, failure_line
from adapter.machine.cancellation import Cancellation
from adapter.runs.watch import exit_code_of

_Item = TypeVar("_Item")


class ReaderStalled(Exception):
    """The run has ended and its reader has stalled: exit at once, without waiting for the writing thread."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


def print_events(lines: Iterator[EventLine], cancel: Cancellation, *, as_json: bool, quiet: bool) -> int:
    """Print a run and return its exit status, whether or not anybody reads. Raises ReaderStalled."""
    kind: _Kind[EventLine] = _Kind(
        text_of=lambda line: line.text,
        event_of=lambda line: line.event,
        is_status=lambda line: isinstance(line.event, Status),
    )
    return _print_run(lines, kind, cancel, as_json=as_json, quiet=quiet)


def print_lines(lines: Iterator[str], cancel: Cancellation, *, as_json: bool, quiet: bool) -> int:
    """Print the lines of another run; return the exit code in its summary. Raises ReaderStalled."""
    # None is left out: a reader of an old run wants all of it.
    kind: _Kind[str] = _Kind(text_of=str, event_of=parse_event_line, is_status=lambda _: False)
    return _print_run(lines, kind, cancel, as_json=as_json, quiet=quiet)


def print_answer(answer: Answer, *, as_json: bool) -> int:
    """Print the answer of a command; return its exit status, 1 for one that could not be printed."""
    output = answer_line(answer) if as_json else (answer.result, *answer.lines)
    return _print(output, ExitStatus.SUCCESS)


def print_text(text: str) -> int:
    """Print the text of `--help` and the like; return the exit status."""
    return _print(text.split("\n"), ExitStatus.SUCCESS)


def print_failure(error: AdapterError, *, as_json: bool) -> int:
    """Print one object on stdout with `as_json`, and for people what went wrong; return the exit status."""
    status: int = error.failure.code.exit_status
    results = error if isinstance(error, FailedWithData) else None
    if as_json:
        status = _print(failure_line(error, results.data if results else None), status)
    elif results is not None:
        tell(*results.lines)
    _tell(error.failure, error.errors if isinstance(error, FormInvalid) else (), as_json=as_json)
    return status


def _print(output: str | Sequence[str], status: int) -> int:
    """Write JSON, or lines for people; return `status`, or 1 instead of 0 if that was not possible."""
    try:
        if isinstance(output, str):
            write_json(output)
        else:
            write_text(output)
    except ReaderGone:  # a reader such as `head` has seen enough
        return status
    except OSError as error:
        tell(f"stdout cannot be written: {error.strerror}.")
        return status or ExitStatus.FAILED
    return status


@dataclass(frozen=True, slots=True)
class _Kind(Generic[_Item]):
    """What an item of a run is: its line, its event if this version knows it, whether it is a status."""

    text_of: Callable[[_Item], str]
    event_of: Callable[[_Item], Event | None]
    is_status: Callable[[_Item], bool]


def _print_run(
    items: Iterator[_Item], kind: _Kind[_Item], cancel: Cancellation, *, as_json: bool, quiet: bool
) -> int:
    """Print all items, then on stderr why the run was not a success; return the exit code of its summary.

    If the reader goes away, the run is stopped and ends as usual, unseen. Any other trouble is told, and the
    run goes on. Raises ReaderStalled if the reader stalls.
    """
    last: _Item | None = None
    with _writer(kind, as_json=as_json, quiet=quiet) as write:
        outlet = Outlet(write, cancel, on_trouble=_tell_trouble)
        for last in items:
            outlet.put(last, is_status=kind.is_status(last))
        delivered = outlet.finish()
        if outlet.closed:
            abandon_stdout()
    summary = None if last is None else kind.event_of(last)
    # The reader that stalls may be that of stderr, too.
    if isinstance(summary, Summary) and summary.error and (delivered or stderr_takes_more()):
        _tell(summary.error, summary.errors, as_json=as_json)
    code = None if last is None else exit_code_of(kind.text_of(last))
    status = ExitStatus.INTERNAL if code is None else code
    if not delivered:
        raise ReaderStalled(status)
    return status


@contextmanager
def _writer(kind: _Kind[_Item], *, as_json: bool, quiet: bool) -> Iterator[Callable[[_Item], None]]:
    """Yield what writes an item to stdout."""
    if as_json:
        yield lambda item: write_json(kind.text_of(item))
        return
    from adapter.cli.terminal import open_screen  # noqa: PLC0415 - slow to load, and Pluton reads JSON

    with open_screen(quiet=quiet) as screen:

        def show(item: _Item) -> None:
            event = kind.event_of(item)
            if event is not None:
                screen.show(event)

        yield show


def _tell_trouble(error: Exception) -> None:
    why = error.strerror if isinstance(error, OSError) else f"{type(error).__name__}, a bug in the adapter"
    tell(f"stdout cannot be written: {why}. The run goes on; `runs list` and `runs show` tell how it ends.")


def _tell(failure: Failure, errors: Sequence[Failure], *, as_json: bool) -> None:
    """Tell what went wrong as the last line on stderr, with `as_json` the only one: Pluton shows no other."""
    if len(errors) > 1 and not as_json:
        tell(*map(_in_one_line, errors))
    tell(_in_one_line(failure))


def _in_one_line(failure: Failure) -> str:
    return f"{with_label(failure.message, failure.field)} {failure.hint} [{failure.code}]"
