"""Warnings about what rclone skips or reports without failing. Pure."""

import re

from adapter.contract.events import WarningEvent
from adapter.diagnosis.logline import LogRecord

NOTICES: tuple[tuple[str, str, str], ...] = (
    (
        r"Time may be set wrong - time from .* is (?P<item>\S+) different",
        "clock_differs",
        "The clocks of this machine and QingStor differ by {item}; QingStor accepts up to 15 minutes.",
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
        r"Failed to remove old chunk",
        "chunks_left_behind",
        "{item} is no longer needed and could not be deleted: this key may not, or QingStor refused it.",
    ),
    (
        r'Replacing invalid UTF-8 characters in "(?P<item>.*)"',
        "name_not_utf8",
        "{item} has a name that is not UTF-8; it is stored under an encoded name, which a restore decodes.",
    ),
)
"""Pattern of rclone's message, our code, our sentence. A new notice of rclone's is one row.

`item` is the pattern's group of that name, else the record's item."""


def warning_of(record: LogRecord) -> WarningEvent | None:
    """Return the warning for a record, if any; such a record is not a failure, whatever its level."""
    for pattern, code, sentence in NOTICES:
        if found := re.match(pattern, record.message):
            item = found.groupdict().get("item") or record.item or "An entry"
            return WarningEvent(code, sentence.format(item=item))
    return None
