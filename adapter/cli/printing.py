"""The events of a run on stdout, as JSON lines or for people, and the exit status."""

import errno
import os
import select
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TypeVar

from adapter.cli.outlet import Outlet
from adapter.contract.errors import ExitStatus
from adapter.contract.event_reader import parse_event_line
from adapter.contract.events import Event, Status, Summary
from adapter.contract.json_lines import EventLine
from adapter.machine.cancellation import Cancellation
from adapter.runs.watch import exit_code_of, is_summary

_Item = TypeVar("_Item")


class ReaderStalled(Exception):
    """The run has ended and its reader has stalled: exit at once, without waiting for the writing thread."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


def print_events(lines: Iterator[EventLine], cancel: Cancellation, *, as_json: bool, quiet: bool) -> int:
    """Print a run; return its exit status, or 130 if the reader goes away. Raises ReaderStalled."""

    def is_status(line: EventLine) -> bool:
        return isinstance(line.event, Status)

    def status_of(line: EventLine) -> int | None:
        return line.event.exit_status if isinstance(line.event, Summary) else None

    def deliver(write: Callable[[EventLine], None]) -> int:
        return _deliver(lines, write, cancel, is_status=is_status, status_of=status_of)

    if as_json:
        return deliver(lambda line: write_line(line.text))
    with _screen(quiet=quiet) as show:
        return deliver(lambda line: show(line.event))


def print_lines(lines: Iterator[str], cancel: Cancellation, *, as_json: bool, quiet: bool) -> int:
    """Print the lines of another run; return the exit code in its summary. Raises ReaderStalled."""

    def status_of(line: str) -> int | None:
        return exit_code_of(line) if is_summary(line) else None

    def never(_line: str) -> bool:
        return False

    if as_json:
        return _deliver(lines, write_line, cancel, is_status=never, status_of=status_of)
    with _screen(quiet=quiet) as show:

        def show_line(line: str) -> None:
            event = parse_event_line(line)
            if event is not None:
                show(event)

        return _deliver(lines, show_line, cancel, is_status=never, status_of=status_of)


def print_answer(text: str, status: int) -> int:
    """Print the answer of a command; return `status`, or 1 for a success that could not be printed."""
    try:
        write_line(text)
    except BrokenPipeError:  # a reader such as `head` has seen enough
        return status
    except OSError as error:
        tell(f"stdout cannot be written: {error.strerror}.")
        return status or ExitStatus.FAILED
    return status


def tell(text: str) -> None:
    """Print a text for people on stderr, if there is one."""
    with suppress(OSError):
        if sys.stderr is not None:
            sys.stderr.write(f"{text}\n")


def write_line(text: str) -> None:
    """Write a line to stdout, past Python's buffer: a thread stuck in a write would keep the buffer's lock.

    Raises OSError.
    """
    rest = memoryview(text.encode("utf-8", "replace") + b"\n")
    descriptor = _stdout()
    while rest:
        try:
            rest = rest[os.write(descriptor, rest) :]
        except BlockingIOError:  # a pipe that the parent process made non-blocking
            poller = select.poll()
            poller.register(descriptor, select.POLLOUT)
            poller.poll()


def _deliver(
    items: Iterator[_Item],
    write: Callable[[_Item], None],
    cancel: Cancellation,
    *,
    is_status: Callable[[_Item], bool],
    status_of: Callable[[_Item], int | None],
) -> int:
    """Write all items; if the reader goes away, the run is stopped and ends as usual, unseen."""
    outlet = Outlet(write, cancel)
    status: int = ExitStatus.INTERNAL
    for item in items:
        outlet.put(item, is_status=is_status(item))
        found = status_of(item)
        status = status if found is None else found
    if not outlet.finish():
        raise ReaderStalled(status)
    if outlet.gone:
        # Otherwise what Python has buffered for stdout would fail again at exit.
        with suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), _stdout())
        return ExitStatus.CANCELLED
    return status


def _stdout() -> int:
    if sys.stdout is None:  # closed by the parent process; its number may belong to another file now
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
    return sys.stdout.fileno()


@contextmanager
def _screen(*, quiet: bool) -> Iterator[Callable[[Event], None]]:
    from adapter.cli.terminal import open_screen  # noqa: PLC0415 - slow to load, and Pluton reads JSON

    with open_screen(quiet=quiet) as screen:

        def show(event: Event) -> None:
            _stdout()  # rich takes a missing stdout for a null device
            screen.show(event)

        yield show
