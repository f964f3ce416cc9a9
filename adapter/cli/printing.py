"""From the events of a run to stdout and an exit status: JSON lines, or a screen for people."""

import os
import select
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import TypeVar

from rich.console import Console

from adapter.cancel import Cancellation
from adapter.cli.outlet import Outlet
from adapter.cli.streaming import Stream
from adapter.cli.terminal import Screen
from adapter.errors import ExitStatus
from adapter.event_reader import parse_event_line
from adapter.events import Event, Status, Summary
from adapter.output import event_line
from adapter.watch import exit_code_of, is_summary

_Item = TypeVar("_Item")


class ReaderStalled(Exception):
    """The run is over and its reader reads no more: leave at once, without waiting for the writing thread."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


def print_events(stream: Stream, cancel: Cancellation, *, as_json: bool, quiet: bool) -> int:
    """Show a run as it goes; its exit status, or that of a cancelled one when the reader goes away."""

    def status_of(event: Event) -> int | None:
        return event.exit_status if isinstance(event, Summary) else None

    if as_json:

        def write(event: Event) -> None:
            write_line(event_line(event, stream.envelope, datetime.now(UTC)))

        return _deliver(stream.events, write, cancel, is_status=_is_status, status_of=status_of)
    with _screen(quiet=quiet) as screen:
        return _deliver(stream.events, screen.show, cancel, is_status=_is_status, status_of=status_of)


def print_lines(lines: Iterator[str], cancel: Cancellation, *, as_json: bool, quiet: bool) -> int:
    """Show the lines of another run; the exit code that its summary has."""

    def status_of(line: str) -> int | None:
        return exit_code_of(line) if is_summary(line) else None

    def never(_line: str) -> bool:
        return False

    if as_json:
        return _deliver(lines, write_line, cancel, is_status=never, status_of=status_of)
    with _screen(quiet=quiet) as screen:

        def show(line: str) -> None:
            event = parse_event_line(line)
            if event is not None:
                screen.show(event)

        return _deliver(lines, show, cancel, is_status=never, status_of=status_of)


def write_line(text: str) -> None:
    """One write to stdout, past Python's buffer: its lock would outlive a thread that is stuck in a write."""
    rest = memoryview(text.encode("utf-8", "replace") + b"\n")
    descriptor = sys.stdout.fileno()
    while rest:
        try:
            rest = rest[os.write(descriptor, rest) :]
        except BlockingIOError:  # a pipe that whoever started us has made non-blocking
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
    """Write everything. A reader that goes away ends the run in good order; its summary is for the record."""
    outlet = Outlet(write, cancel)
    status: int = ExitStatus.INTERNAL
    for item in items:
        outlet.put(item, is_status=is_status(item))
        found = status_of(item)
        status = status if found is None else found
    if not outlet.finish():
        raise ReaderStalled(status)
    if outlet.gone:
        # What Python has buffered for stdout would fail once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitStatus.CANCELLED
    return status


def _is_status(event: Event) -> bool:
    return isinstance(event, Status)


def _screen(*, quiet: bool) -> Screen:
    console = Console(highlight=False)
    return Screen(console, bar=console.is_terminal and not quiet)
