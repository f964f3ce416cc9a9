"""Warnings for all that rclone leaves out or finds odd without failing. Pure."""

import re

from adapter.contract.errors import ErrorCode, Failure
from adapter.contract.events import WarningEvent
from adapter.diagnosis.logline import LogRecord

_NOTICES: tuple[tuple[str, str, str], ...] = (
    (
        r"Time may be set wrong - time from .* is (?P<item>\S+) different",
        "clock_differs",
        "The clock of this machine and QingStor's differ by {item}; beyond 15 minutes QingStor refuses.",
    ),
    (
        r"Can't follow symlink",
        "symlink_skipped",
        "{item} is a symbolic link: neither the link nor its target was copied.",
    ),
    (
        r"Can't transfer non file/directory",
        "special_file_skipped",
        "{item} is a pipe, socket or device and was not copied.",
    ),
    (
        r"Entry doesn't belong in directory",
        "object_ignored",
        "{item} in the bucket is not a file name (a folder marker of the web console?) and was left out.",
    ),
    (
        r"Duplicate (object found in destination|directory found in)",
        "object_ignored",
        "{item} is in the bucket twice; one of the two was left out.",
    ),
    (
        r'Replacing invalid UTF-8 characters in "(?P<item>.*)"',
        "name_not_utf8",
        "{item} has a name that is not UTF-8; it is stored under an encoded name, which a restore decodes.",
    ),
)
"""Pattern of rclone's message, our code, our sentence. A new notice of rclone's is one row.

`item` is what the pattern names so, else the record's own."""


_COLLISION = "Duplicate object found in source"
"""Two names that rclone reads alike: a link `a` and a file `a.rclonelink`, for one (fs/march, 1.75.2)."""


def collision_of(record: LogRecord) -> Failure | None:
    """Return why one of two files was left out, if the record says so."""
    if not record.message.startswith(_COLLISION):
        return None
    return Failure(
        ErrorCode.SOURCE_UNREADABLE,
        "rclone takes two names for the same, so one of the two files was left out.",
        "Rename one of them, then run it again.",
    )


def warning_of(record: LogRecord) -> WarningEvent | None:
    """Return the warning for a record, if any; such a record is no failure, whatever its level."""
    for pattern, code, sentence in _NOTICES:
        if found := re.match(pattern, record.message):
            item = found.groupdict().get("item") or record.item or "An entry"
            return WarningEvent(code, sentence.format(item=item))
    return None
