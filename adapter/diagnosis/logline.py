"""What rclone writes to stderr, as typed records: bytes → lines → `LogRecord` or `PlainLine`. Pure.

Only this module knows rclone's spelling (`totalBytes`). Versions differ: before 1.70 a NOTICE is logged as
`warning` and a CRITICAL as `fatal` (logrus), from 1.70 on as `notice` and `critical` (slog); fields come and
go. A line that is not JSON (a panic, help after a flag error, a password prompt) is a `PlainLine`: evidence,
never an error.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Annotated, Final, TypeVar

import msgspec
from msgspec import Meta, Struct, field

MAX_LINE_BYTES: Final = 1 << 20
"""A longer line is cut here; rclone's own longest (a stats line with 1,000 transfers) is well below it."""

_MAX_CHARACTERS = 8192
"""Of a message or a name: no path is longer, but a line may have a megabyte."""
_PARTIAL = re.compile(r"\.[0-9a-z]{8}\.partial$")
"""The suffix of a download until it is complete (fs/operations/copy.go, 1.65.2 to 1.75.2)."""
_CHATTER = re.compile(
    r"Automatically setting -vv as --dump is enabled|^\d{4}/\d\d/\d\d [\d:]{8} (DEBUG|INFO) *: "
)
"""What rclone prints before its JSON log begins, and what does not explain a failure."""
_ATTEMPT = re.compile(r"Attempt \d+/\d+ (?:failed|succeeded)")


class Level(IntEnum):
    """rclone's log levels, ordered by severity."""

    DEBUG = 0
    INFO = 1
    NOTICE = 2
    ERROR = 3
    CRITICAL = 4


_LEVELS: Final = {
    "debug": Level.DEBUG,
    "info": Level.INFO,
    "notice": Level.NOTICE,
    "warning": Level.NOTICE,
    "error": Level.ERROR,
    "critical": Level.CRITICAL,
    "fatal": Level.CRITICAL,
    "panic": Level.CRITICAL,
    "alert": Level.CRITICAL,
    "emergency": Level.CRITICAL,
}


_Count = Annotated[int, Meta(ge=0, le=(1 << 63) - 1)]
"""One of Go's counters."""


class Transferring(Struct, frozen=True):
    """One file in transfer: `bytes` of `size` are done; `size` is -1 if rclone does not know it."""

    name: str
    bytes_done: _Count = field(name="bytes", default=0)
    size: Annotated[int, Meta(ge=-1, le=(1 << 63) - 1)] = 0


class Stats(Struct, frozen=True):
    """rclone's counters since its start. `bytes_sent` counts retried bytes again."""

    bytes_sent: _Count = field(name="bytes", default=0)
    total_bytes: _Count = field(name="totalBytes", default=0)
    checks: _Count = 0
    transfers: _Count = 0
    errors: _Count = 0
    listed: _Count = 0
    transferring: tuple[Transferring, ...] | None = None

    @property
    def activity(self) -> tuple[int, ...]:
        """Return the counters that are equal in two stats lines if nothing happened between them."""
        return (self.bytes_sent, self.checks, self.transfers, self.errors, self.listed)


class _Line(Struct, frozen=True):
    """A line as rclone writes it."""

    level: str
    msg: str
    object: str | None = None
    objectType: str | None = None  # noqa: N815 - rclone's spelling
    size: _Count | None = None
    stats: Stats | None = None


class LogRecord(Struct, frozen=True):
    """One line of rclone's JSON log. `item` is for display only: Go replaces what is not UTF-8."""

    level: Level
    message: str
    item: str | None = None
    item_type: str | None = None
    size: int | None = None
    stats: Stats | None = None

    @property
    def is_about_item(self) -> bool:
        """Return whether `item` is a file or directory, not a whole backend (`*local.Fs`)."""
        return bool(self.item) and not (self.item_type or "").endswith("Fs")

    @property
    def is_about_attempt(self) -> bool:
        """Return whether this ends one of rclone's attempts (`--retries`): an error even on success."""
        return _ATTEMPT.match(self.message) is not None


@dataclass(frozen=True, slots=True)
class PlainLine:
    """A line that is not a JSON log line, decoded so that every byte stays visible."""

    message: str


def is_chatter(line: bytes) -> bool:
    """Return whether a line of the log tells nothing that matters: at level DEBUG only matches of checksums
    do.

    Looked at as bytes, because four of the five lines on each file are such.
    """
    return b'"level":"debug"' in line and b"md5 = " not in line and b'"msg":"OK"' not in line


def parse_line(line: bytes) -> LogRecord | PlainLine:
    """Return the record of one line (without its newline). Never raises."""
    if line.startswith(b"{") and (found := _read(line)) is not None:
        level = _LEVELS.get(found.level.lower(), Level.NOTICE)
        message, item = found.msg[:_MAX_CHARACTERS], found.object
        if item is not None:
            item = _whole_name(item[:_MAX_CHARACTERS], message)
        return LogRecord(level, message, item, found.objectType, found.size, found.stats)
    return PlainLine(line[:_MAX_CHARACTERS].decode("utf-8", "backslashreplace"))


_DECODER = msgspec.json.Decoder(_Line)
_Form = TypeVar("_Form", bound=Struct)


def _read(line: bytes) -> _Line | None:
    """Return the line, without those of its parts that have an unknown form; None if it is no log line."""
    try:
        return _DECODER.decode(line)
    except msgspec.ValidationError:
        pass
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    try:
        raw: object = msgspec.json.decode(line)
        if isinstance(raw, dict):
            if "level" in raw and not isinstance(raw["level"], str):
                raw["level"] = ""
            if isinstance(raw.get("stats"), dict):
                raw["stats"] = _known(raw["stats"], Stats)
            return msgspec.convert(_known(raw, _Line), _Line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        pass
    return None


def _known(raw: dict[str, object], form: type[_Form]) -> dict[str, object]:
    """Return the parts that have the form's types."""
    return {
        part.encode_name: raw[part.encode_name]
        for part in msgspec.structs.fields(form)
        if part.encode_name in raw and _has_type(raw[part.encode_name], part.type)
    }


def _has_type(value: object, type_: object) -> bool:
    try:
        msgspec.convert(value, type_)
    except msgspec.ValidationError:
        return False
    return True


def _whole_name(item: str, message: str) -> str:
    """Return the final name of a damaged download; rclone logs the temporary one."""
    is_partial = message.startswith(("corrupted on transfer", "partial file rename failed"))
    return _PARTIAL.sub("", item) if is_partial else item


class LineSplitter:
    """Splits chunks into lines: the same lines however the bytes are chunked, in bounded memory."""

    def __init__(self, max_line_bytes: int = MAX_LINE_BYTES) -> None:
        self._rest = bytearray()
        self._max = max_line_bytes

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield the lines that `data` completes, without newlines and without empty lines."""
        *lines, rest = data.split(b"\n")
        for part in lines:
            if self._rest:
                self._keep(part)
                yield from self.end()
            elif (line := part[: self._max].rstrip(b"\r")) and not line.isspace():
                yield line
        self._keep(rest)

    def end(self) -> Iterator[bytes]:
        """Yield what follows the last newline, if anything."""
        line = bytes(self._rest).rstrip(b"\r")
        self._rest.clear()
        if line.strip():
            yield line

    def _keep(self, part: bytes) -> None:
        self._rest += part[: self._max - len(self._rest)]


def explains(record: LogRecord | PlainLine) -> bool:
    """Return whether a record may explain a failure: a notice, an error, or a line that is not JSON."""
    may_explain = isinstance(record, PlainLine) or record.level > Level.INFO
    return may_explain and not _CHATTER.search(record.message)
