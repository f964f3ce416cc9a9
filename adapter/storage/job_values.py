"""What the fields of a job document may hold. Each reader raises FieldProblem for what it refuses."""

import math
import os
from collections.abc import Sequence

from adapter.contract.errors import AdapterError, Failure, FormInvalid
from adapter.storage.json_document import FieldProblem, read_count, read_size, read_text
from adapter.storage.target import Target, parse_target
from rclone_conf.values import GIB, SIZE_OFF, check_bwlimit, parse_duration, render_size

MAX_TRANSFERS = 256
"""Each takes a connection and a buffer. At 30 ms a request, 64 was still faster than 32 (rclone 1.75.2)."""
MAX_BUFFER_SIZE = GIB
_MAX_PATH_CHARACTERS = 4096


class JobInvalid(FormInvalid):
    """A job document with wrong fields, and its ids if they can be read."""

    def __init__(self, errors: Sequence[Failure], plan_id: str | None, backup_id: str | None) -> None:
        super().__init__(errors)
        self.plan_id = plan_id
        self.backup_id = backup_id


def read_path(value: object) -> str:
    """Return the absolute path of a local file or directory."""
    if not isinstance(value, str) or not value:
        # An unset variable of a shell gives a blank, which Path would take for the working directory.
        raise FieldProblem("it is not a path", "Write the path of a file or directory.")
    if "\0" in value:
        raise FieldProblem("it holds a NUL character", "Remove it: no path can hold one.")
    if len(value) > _MAX_PATH_CHARACTERS:
        raise FieldProblem(f"it is longer than {_MAX_PATH_CHARACTERS} characters", "Use a shorter path.")
    try:
        return os.path.abspath(value)  # noqa: PTH100  # Path.absolute keeps `..`
    except FileNotFoundError:
        raise FieldProblem("the working directory is gone", "Write the absolute path.") from None


def read_target(value: object) -> Target:
    """Return the target in a text."""
    if isinstance(value, Target):
        return value
    if not isinstance(value, str):
        raise FieldProblem("it is not a text", "Write NAME:bucket or NAME:bucket/path.")
    try:
        return parse_target(value)
    except AdapterError as error:
        clause = error.failure.message.partition(": ")[2].removesuffix(".")
        raise FieldProblem(clause, error.failure.hint) from None


def read_patterns(value: object) -> tuple[str, ...]:
    """Return a list of patterns."""
    if not isinstance(value, list | tuple) or not all(isinstance(pattern, str) for pattern in value):
        raise FieldProblem("it is not a list of patterns", 'Write a list of texts, such as ["*.tmp"].')
    return tuple(map(read_pattern, value))


def read_rules(value: object) -> tuple[str, ...]:
    """Return a list of rclone's rules."""
    rules = read_patterns(value)
    for rule in rules:
        if rule != "!" and rule[:2] not in {"+ ", "- "}:
            raise FieldProblem(f"{rule} is not a rule of rclone's", "Begin each rule with `+ ` or `- `.")
    return rules


def read_sources(value: object) -> tuple[str, ...]:
    """Return a list of absolute paths, one at least."""
    if not isinstance(value, list | tuple) or not value:
        raise FieldProblem("it is not a list of paths", 'Write a list of paths, such as ["/srv", "/etc"].')
    if not all(isinstance(path, str) and path.startswith("/") for path in value):
        raise FieldProblem("a path in it is not absolute", "Write each path from the root on.")
    return tuple(map(read_path, value))


def read_pattern(text: str) -> str:
    """Return a pattern that rclone accepts, as far as that can be checked without rclone."""
    if "\0" in text or "\n" in text or not text:
        raise FieldProblem("a pattern is empty or has a line break or NUL", "Correct the pattern.")
    return text


def read_id(value: object) -> str:
    """Return an id of Pluton's, which every line of a run repeats."""
    return read_text(str(value) if isinstance(value, int) and not isinstance(value, bool) else value)


def readable_id(value: object) -> str | None:
    """Return an id if it can be read, of a document that is wrong elsewhere."""
    try:
        return None if value is None else read_id(value)
    except FieldProblem:
        return None


def read_transfers(value: object) -> int:
    """Return how many files are copied at once."""
    return read_count(value, 1, MAX_TRANSFERS)


def read_buffer(value: object) -> str:
    """Return the size of a buffer, in rclone's spelling."""
    size = read_size(value)
    if not 0 <= size <= MAX_BUFFER_SIZE:
        raise FieldProblem("it is off or more than 1 GiB", "Write a size such as 16Mi.")
    return render_size(size)


def read_size_limit(value: object) -> str | None:
    """Return a size in rclone's spelling, or None for no limit."""
    size = read_size_or_off(value)
    return None if size is None else render_size(size)


def read_size_or_off(value: object) -> int | None:
    """Return a size in bytes, or None for no limit."""
    size = read_size(value)
    return None if size in {0, SIZE_OFF} else size


def read_duration(value: object) -> float:
    """Return the seconds of a duration with its unit, or 0; `off` is infinite.

    A bare number is refused: rclone would read seconds where people may mean minutes or hours.
    """
    hint = "Write a time and its unit, such as 6h or 1h30m."
    text = read_text(value)
    if text[-1:].isdigit() and text.strip("0"):
        raise FieldProblem("it has no unit", hint)
    try:
        seconds = parse_duration(text)
    except ValueError as error:
        raise FieldProblem(str(error), hint) from None
    if seconds < 0:
        raise FieldProblem("it is negative", hint)
    return seconds


def read_limit(value: object) -> float:
    """Return the seconds of a time limit; `0` and `off` are infinite."""
    return read_duration(value) or math.inf


def read_max_duration(value: object) -> float | None:
    """Return the seconds of a time limit, or None for none."""
    seconds = read_limit(value)
    return seconds if math.isfinite(seconds) else None


def read_bwlimit(value: object) -> str:
    """Return a rate or timetable in rclone's spelling."""
    text = read_text(value)
    try:
        check_bwlimit(text)
    except ValueError as error:
        raise FieldProblem(
            str(error), "Write a rate such as 10M, or a timetable such as 08:00,1M 20:00,off."
        ) from None
    return text
