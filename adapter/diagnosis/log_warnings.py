"""Warnings about what rclone skips or reports without failing. Pure."""

import re

from adapter.contract.errors import ErrorCode, Failure
from adapter.contract.events import WarningEvent
from adapter.diagnosis.logline import LogRecord

NOTICES: tuple[tuple[str, str, str], ...] = (
    (
        r"Time may be set wrong - time from .* is (?P<item>\S+) different",
        "clock_differs",
        "The clocks of this machine and QingStor differ by {item}; QingStor accepts up to 15 minutes.",
    ),
    (
        r"Can't follow symlink",
        "symlink_skipped",
        "{item} is a symbolic link; neither the link nor its target was copied.",
    ),
    (
        r"Can't transfer non file/directory",
        "special_file_skipped",
        "{item} is a pipe, socket or device and was not copied.",
    ),
    (
        r"Entry doesn't belong in directory",
        "object_ignored",
        "Skipped {item} in the bucket: it is not a file name (perhaps a folder marker of the web console).",
    ),
    (
        r"Duplicate (object found in destination|directory found in)",
        "object_ignored",
        "{item} is in the bucket twice; one of the two was skipped.",
    ),
    (
        r'Replacing invalid UTF-8 characters in "(?P<item>.*)"',
        "name_not_utf8",
        "{item} has a name that is not UTF-8; it is stored under an encoded name, which a restore decodes.",
    ),
)
"""Pattern of rclone's message, our code, our sentence. A new notice of rclone's is one row.

`item` is the pattern's group of that name, else the record's item."""

_COLLISION = "Duplicate object found in source"
"""Two names that are the same to rclone, such as a link `a` and a file `a.rclonelink` (fs/march, 1.75.2)."""


def collision_of(record: LogRecord) -> Failure | None:
    """Return the failure of a file that was skipped because of another one's name, if the record says so."""
    if not record.message.startswith(_COLLISION):
        return None
    return Failure(
        ErrorCode.SOURCE_UNREADABLE,
        "rclone cannot distinguish the names of two files, so it skipped one of them.",
        "Rename one of them, then run it again.",
    )


def warning_of(record: LogRecord) -> WarningEvent | None:
    """Return the warning for a record, if any; such a record is not a failure, whatever its level."""
    for pattern, code, sentence in NOTICES:
        if found := re.match(pattern, record.message):
            item = found.groupdict().get("item") or record.item or "An entry"
            return WarningEvent(code, sentence.format(item=item))
    return None
