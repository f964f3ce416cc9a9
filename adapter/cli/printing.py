"""The events of a run on stdout, as JSON lines or for people; what went wrong as the last line on stderr."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

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
    last: EventLine | None = None

    def noted() -> Iterator[tuple[EventLine, bool]]:
        nonlocal last
        for last in lines:
            yield last, isinstance(last.event, Status)

    with _writer(as_json=as_json, quiet=quiet) as (write_line, show):
        delivered = _deliver(
            noted(), lambda line: write_line(line.text) if as_json else show(line.event), cancel
        )
    summary = last.event if last else None
    status = summary.exit_status if isinstance(summary, Summary) else ExitStatus.INTERNAL
    return _ended(summary, status, as_json=as_json, delivered=delivered)


def print_lines(lines: Iterator[str], cancel: Cancellation, *, as_json: bool, quiet: bool) -> int:
    """Print the lines of another run; return the exit code in its summary. Raises ReaderStalled."""
    last = ""

    def noted() -> Iterator[tuple[str, bool]]:
        nonlocal last
        for last in lines:
            yield last, False

    with _writer(as_json=as_json, quiet=quiet) as (write_line, show):

        def show_line(line: str) -> None:
            event = parse_event_line(line)
            if event is not None:
                show(event)

        delivered = _deliver(noted(), write_line if as_json else show_line, cancel)
    status = exit_code_of(last)
    status = ExitStatus.INTERNAL if status is None else status
    return _ended(parse_event_line(last), status, as_json=as_json, delivered=delivered)


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
    if isinstance(error, FailedWithData):
        if as_json:
            status = _print(failure_line(error, error.data), status)
        elif error.lines:
            tell(*error.lines)
    elif as_json:
        status = _print(failure_line(error), status)
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


def _ended(summary: Event | None, status: int, *, as_json: bool, delivered: bool) -> int:
    """Tell why a run was not a success; return the status. Raises ReaderStalled if it was not delivered."""
    # The reader that stalls may be that of stderr, too.
    if isinstance(summary, Summary) and summary.error and (delivered or stderr_takes_more()):
        _tell(summary.error, summary.errors, as_json=as_json)
    if not delivered:
        raise ReaderStalled(status)
    return status


def _tell(failure: Failure, errors: Sequence[Failure], *, as_json: bool) -> None:
    """Tell what went wrong as the last line on stderr, with `as_json` the only one: Pluton shows no other."""
    if len(errors) > 1 and not as_json:
        tell(*map(_in_one_line, errors))
    tell(_in_one_line(failure))


def _in_one_line(failure: Failure) -> str:
    return f"{with_label(failure.message, failure.field)} {failure.hint} [{failure.code}]"


def _deliver(
    items: Iterator[tuple[_Item, bool]], write: Callable[[_Item], None], cancel: Cancellation
) -> bool:
    """Write all items, each with whether it is a status; return False if the reader stalls.

    If the reader goes away, the run is stopped and ends as usual, unseen. Any other trouble is told, and the
    run goes on.
    """
    outlet = Outlet(write, cancel, on_trouble=_tell_trouble)
    for item, is_status in items:
        outlet.put(item, is_status=is_status)
    delivered = outlet.finish()
    if outlet.closed:
        abandon_stdout()
    return delivered


def _tell_trouble(error: Exception) -> None:
    why = error.strerror if isinstance(error, OSError) else f"{type(error).__name__}, a bug in the adapter"
    tell(f"stdout cannot be written: {why}. The run goes on; `runs list` and `runs show` tell how it ends.")


@contextmanager
def _writer(*, as_json: bool, quiet: bool) -> Iterator[tuple[Callable[[str], None], Callable[[Event], None]]]:
    """Yield what writes a line of JSON and what shows an event; only one of them is used."""

    def nothing(_event: Event) -> None:
        """Do not even load the screen, which takes long: Pluton reads JSON."""

    if as_json:
        yield write_json, nothing
        return
    from adapter.cli.terminal import open_screen  # noqa: PLC0415 - slow to load, and Pluton reads JSON

    with open_screen(quiet=quiet) as screen:
        yield write_json, screen.show
