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
from typing import Annotated, Final

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

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


# `object`, not Any: these run before validation, on any JSON value.
def _level(value: object) -> object:
    if isinstance(value, Level):
        return value
    return _LEVELS.get(value.lower(), Level.NOTICE) if isinstance(value, str) else Level.NOTICE


def _or_none(value: object, validate: ValidatorFunctionWrapHandler) -> object:
    """Return None for a part of unknown form; the rest of the line is kept."""
    try:
        return validate(value)
    except ValidationError:
        return None


def _readable(text: str) -> str:
    return text[:_MAX_CHARACTERS]


def _or_zero(value: object, validate: ValidatorFunctionWrapHandler) -> object:
    """Return 0 for a counter that is not a number, as for a missing one."""
    try:
        return validate(value)
    except ValidationError:
        return 0


_MOST = (1 << 63) - 1
"""The maximum of Go's counters."""
_Count = Annotated[int, Field(ge=0, le=_MOST), WrapValidator(_or_zero)]


class _Rclone(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, populate_by_name=True)


class Transferring(_Rclone):
    """One file in transfer: `bytes` of `size` are done; `size` is -1 if rclone does not know it."""

    name: str
    bytes_done: Annotated[_Count, Field(alias="bytes")] = 0
    size: Annotated[int, Field(ge=-1, le=_MOST), WrapValidator(_or_zero)] = -1


class Stats(_Rclone):
    """rclone's counters since its start. `bytes_sent` counts retried bytes again."""

    bytes_sent: Annotated[_Count, Field(alias="bytes")] = 0
    total_bytes: Annotated[_Count, Field(alias="totalBytes")] = 0
    checks: _Count = 0
    transfers: _Count = 0
    errors: _Count = 0
    listed: _Count = 0
    transferring: Annotated[tuple[Transferring, ...] | None, WrapValidator(_or_none)] = None

    @property
    def activity(self) -> tuple[int, ...]:
        """Return the counters that are equal in two stats lines if nothing happened between them."""
        return (self.bytes_sent, self.checks, self.transfers, self.errors, self.listed)


class LogRecord(_Rclone):
    """One line of rclone's JSON log. `item` is for display only: Go replaces what is not UTF-8."""

    level: Annotated[Level, BeforeValidator(_level)]
    message: Annotated[str, AfterValidator(_readable), Field(alias="msg")]
    item: Annotated[
        Annotated[str, AfterValidator(_readable)] | None, WrapValidator(_or_none), Field(alias="object")
    ] = None
    item_type: Annotated[str | None, WrapValidator(_or_none), Field(alias="objectType")] = None
    size: Annotated[int | None, Field(ge=0, le=_MOST), WrapValidator(_or_none)] = None
    stats: Annotated[Stats | None, WrapValidator(_or_none)] = None

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
    if line.startswith(b"{"):
        try:
            return _with_whole_name(LogRecord.model_validate_json(line))
        except ValidationError:
            pass
    return PlainLine(line[:_MAX_CHARACTERS].decode("utf-8", "backslashreplace"))


def _with_whole_name(record: LogRecord) -> LogRecord:
    """Return the record of a damaged download with its final name; rclone logs the temporary one."""
    if not record.item or not record.message.startswith(
        ("corrupted on transfer", "partial file rename failed")
    ):
        return record
    return record.model_copy(update={"item": _PARTIAL.sub("", record.item)})


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
