"""A run for people: a bar with rate, time left and current files, and a few lines at the end."""

from types import TracebackType
from typing import IO, Self, cast

from rich.console import Console, Group, OverflowMethod
from rich.filesize import decimal
from rich.live import Live
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn
from rich.text import Text

from adapter.cli.stdio import TextStdout
from adapter.contract.events import (
    ErrorEvent,
    Event,
    Node,
    Outcome,
    Status,
    Summary,
    VerboseStatus,
    WarningEvent,
)
from rclone_conf import visible

_SHOWN_FILES = 4
_COLOURS = {
    Outcome.SUCCESS: "green",
    Outcome.PARTIAL: "yellow",
    Outcome.FAILED: "red",
    Outcome.CANCELLED: "yellow",
}


def open_screen(*, quiet: bool) -> "Screen":
    """Return a screen on stdout, a context manager; with a bar on a terminal unless `quiet`."""
    # rich asks for the type of an open file, and uses `write`, `flush`, `isatty` and `encoding`.
    console = Console(file=cast("IO[str]", TextStdout()), highlight=False)
    return Screen(console, bar=console.is_terminal and not quiet)


class Screen:
    """A console that shows events as lines and, with `bar`, statuses as a bar."""

    def __init__(self, console: Console, *, bar: bool) -> None:
        self._console = console
        self._bar = Progress(
            TextColumn("{task.description:>12}"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[detail]}"),
            console=console,
            auto_refresh=False,
        )
        self._has_nodes = False
        self._shown: set[str | None] = set()
        """The items of which an error was shown: each is shown once."""
        self._task = self._bar.add_task("scanning", total=1.0, detail="")
        # Not redirected: what is told on stderr stays there.
        self._live = (
            Live(
                console=console,
                auto_refresh=False,
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            if bar
            else None
        )

    def show(self, event: Event) -> None:
        """Show one event."""
        match event:
            case Status():
                self._status(event)
            case Node():
                self._node(event)
            case VerboseStatus(action=action, item=item):
                self._line(f"{action:<10} {item}", "dim")
            case WarningEvent(code=code, message=message):
                self._line(f"warning: {message} [{code}]", "yellow")
            case ErrorEvent(will_retry=True):
                pass  # shown once, when it is final
            case ErrorEvent(failure=failure, item=item):
                self._shown.add(item)
                self._line(f"error: {item}: {failure.message} [{failure.code}]", "red")
            case Summary():
                self._end()
                self._summary(event)

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def _end(self) -> None:
        if self._live:
            self._live.stop()
            self._live = None

    def _line(self, text: str, style: str) -> None:
        # Text, not markup: a file name may have brackets. `visible`: it may have control characters.
        self._console.print(Text(visible(text), style=style), soft_wrap=True)

    def _node(self, node: Node) -> None:
        """Show an entry as `ls -l` would, without owners."""
        self._has_nodes = True
        kind = {"dir": "d", "symlink": "l"}.get(node.type, "-")
        mode = "?" if node.mode is None else f"{kind}{node.mode:04o}"
        size = "" if node.size is None else decimal(node.size)
        time = "" if node.mtime is None else f"{node.mtime[:10]} {node.mtime[11:19]}"
        end = "/" if node.type == "dir" else f" -> {node.linktarget}" if node.linktarget else ""
        self._line(f"{mode:<5}  {size:>9}  {time:<19}  {node.path}{end}", "")

    def _status(self, status: Status) -> None:
        if not self._live:
            return
        detail = [f"{decimal(status.bytes_done)} of {_bytes(status.total_bytes)}"]
        detail.append(f"{status.files_done} of {_or_unknown(status.total_files)} files")
        if status.bytes_per_second:
            detail.append(f"{decimal(int(status.bytes_per_second))}/s")
        if status.seconds_remaining is not None:
            detail.append(f"{_clock(status.seconds_remaining)} left")
        if status.error_count:
            detail.append(f"{status.error_count} error{'' if status.error_count == 1 else 's'}")
        if status.stalled_seconds >= 10:
            detail.append(f"nothing moved for {status.stalled_seconds:.0f} s")
        self._bar.update(
            self._task, completed=status.percent_done or 0, description=status.phase, detail=", ".join(detail)
        )
        overflow: OverflowMethod = "ellipsis" if self._console.encoding.startswith("utf") else "crop"
        files = [
            Text(f"  {visible(name)}", style="dim", overflow=overflow, no_wrap=True)
            for name in status.current_files[:_SHOWN_FILES]
        ]
        self._live.update(Group(self._bar.get_renderable(), *files), refresh=True)

    def _summary(self, summary: Summary) -> None:
        would = "would be " if summary.dry_run else ""
        if self._has_nodes:
            self._line(f"{_or_unknown(summary.total_files)} files, {_bytes(summary.total_bytes)}", "")
            return
        if summary.bytes_downloaded is not None:
            self._compared(summary, summary.bytes_downloaded)
            return
        self._line(
            f"{summary.outcome}: {summary.files_new} new, {summary.files_changed} changed, "
            f"{summary.files_unmodified} unchanged files; {decimal(summary.data_added)} {would}copied "
            f"in {_clock(summary.total_duration)}",
            _COLOURS[summary.outcome],
        )
        self._failed_files(summary, "missing")

    def _compared(self, summary: Summary, downloaded: int) -> None:
        """Show how the files were compared: a size alone verifies no content."""
        found = summary.verification
        self._line(
            f"{summary.outcome}: {found.by_download} by download and {found.by_hash} by checksum verified, "
            f"{found.by_size} compared by size and stored checksum only, {found.unverified} not verified "
            f"in {_clock(summary.total_duration)}",
            _COLOURS[summary.outcome],
        )
        if found.by_download:
            of = _share(downloaded, summary.total_bytes)
            self._line(f"  downloaded: {decimal(downloaded)} of {_bytes(summary.total_bytes)}{of}", "")
        self._failed_files(summary, "not verified")

    def _failed_files(self, summary: Summary, what: str) -> None:
        """Show those of which no error was shown."""
        new = [file for file in summary.failed_files if file.item not in self._shown]
        for file in new[:10]:
            self._line(f"  {what}: {file.item}: {file.failure.message} [{file.failure.code}]", "red")
        if len(new) > 10:
            self._line(f"  and {len(new) - 10} more: `runs show ID --failed` lists them", "red")


def _bytes(number: int | None) -> str:
    return "?" if number is None else decimal(number)


def _share(part: int, whole: int | None) -> str:
    return f" ({part / whole:.0%})" if whole else ""


def _or_unknown(number: int | None) -> str:
    return "?" if number is None else str(number)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
