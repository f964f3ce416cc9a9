"""stdout and stderr: bytes that get out whatever the locale, and trouble with either that ends nothing.

Text for people passes through here, line by line: no control character of a file name, a section or an error
reaches the terminal, and none of them can begin a line of its own. JSON is not text for people.
"""

import errno
import io
import logging
import os
import select
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import TextIO

from adapter.cli.outlet import ReaderGone
from rclone_conf import visible

_GONE = frozenset({errno.EPIPE, errno.ECONNRESET})


class _Visible(logging.Formatter):
    """A formatter of log lines for people."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the lines of a record; a traceback has several."""
        return "\n".join(map(visible, super().format(record).split("\n")))


class TextStdout(io.TextIOBase):
    """stdout as a file for text: written at once, past Python's buffer. Raises as `write_json`."""

    @property
    def encoding(self) -> str:  # type: ignore[override]  # typeshed has a plain attribute
        """Return the encoding of the locale."""
        return _encoding()

    def isatty(self) -> bool:
        """Return whether stdout is a terminal."""
        return sys.stdout is not None and sys.stdout.isatty()

    def write(self, text: str) -> int:
        """Write all of the text; what the locale cannot print is escaped."""
        _write(text.encode(_encoding(), "backslashreplace"))
        return len(text)


@contextmanager
def standard_streams() -> Iterator[None]:
    """Let stdout and stderr escape what the locale cannot print, and log to stderr.

    At the end what they cannot take is dropped: Python would change the exit status for it.
    """
    if isinstance(sys.stderr, io.TextIOWrapper):
        sys.stderr.reconfigure(errors="backslashreplace")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Visible("%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(handlers=(handler,))
    logging.raiseExceptions = False  # a log line that cannot be written is no trouble of the run's
    try:
        yield
    finally:
        set_log_level(logging.NOTSET)
        for stream in (sys.stdout, sys.stderr):
            _flush_or_drop(stream)


def set_log_level(level: int) -> None:
    """Log nothing of this program's below this level."""
    logging.getLogger("adapter").setLevel(level)


def write_json(line: str) -> None:
    """Write a line of JSON to stdout, in UTF-8. Raises ReaderGone or OSError."""
    _write(line.encode("utf-8", "replace") + b"\n")


def write_text(lines: Iterable[str]) -> None:
    """Write lines for people to stdout. Raises as `write_json`."""
    TextStdout().write("".join(f"{visible(line)}\n" for line in lines))


def tell(*lines: str) -> None:
    """Write lines for people to stderr; one that cannot be written is lost."""
    if sys.stderr is not None:
        with suppress(OSError, ValueError):
            sys.stderr.write("".join(f"{visible(line)}\n" for line in lines))
            sys.stderr.flush()


def stderr_takes_more() -> bool:
    """Return whether a line can be written to stderr without waiting for its reader."""
    if sys.stderr is None:
        return False
    poller = select.poll()
    poller.register(sys.stderr.fileno(), select.POLLOUT)
    return any(state & select.POLLOUT for _, state in poller.poll(0))


def abandon_stdout() -> None:
    """Let stdout lead nowhere from now on."""
    if sys.stdout is not None:
        _lead_nowhere(sys.stdout)


def _flush_or_drop(stream: TextIO | None) -> None:
    if stream is None:
        return
    try:
        stream.flush()
    except (OSError, ValueError):
        _lead_nowhere(stream)


def _lead_nowhere(stream: TextIO) -> None:
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def _encoding() -> str:
    return sys.stdout.encoding if sys.stdout is not None else "utf-8"


def _write(data: bytes) -> None:
    """Write past Python's buffer: a thread stuck in a write would keep the buffer's lock."""
    if sys.stdout is None:  # closed by the parent process; its number may belong to another file now
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
    rest = memoryview(data)
    descriptor = sys.stdout.fileno()
    while rest:
        try:
            rest = rest[os.write(descriptor, rest) :]
        except BlockingIOError:  # a pipe that the parent process made non-blocking
            poller = select.poll()
            poller.register(descriptor, select.POLLOUT)
            poller.poll()
        except OSError as error:
            if error.errno in _GONE:
                raise ReaderGone from error
            raise
