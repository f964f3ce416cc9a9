"""What a record of rclone's log says of a file that it copies; rclone's wording of success is here. Pure."""

import re
from dataclasses import dataclass
from enum import Enum, auto

from adapter.diagnosis.logline import Level, LogRecord

_COPIED = re.compile(r"(?:Multi-thread )?Copied \((new|replaced existing)\)")
_HASH_MATCHED = re.compile(r"md5 = ([0-9a-f]{32}) OK$")
_PRETENDED = re.compile(r"Skipped \w+ as --dry-run is set")


class FileLine(Enum):
    """What a record says."""

    COPIED = auto()
    CHECKSUM = auto()
    """Both sides have this MD5; comes before COPIED."""
    PRETENDED = auto()
    """rclone only said what it would do: a wrapper of it sets RCLONE_DRY_RUN."""


@dataclass(frozen=True, slots=True)
class Said:
    """Of which file; for CHECKSUM the MD5, for COPIED whether there was nothing at its destination."""

    line: FileLine
    item: str
    md5: str = ""
    is_new: bool = False


def said_of_file(record: LogRecord) -> Said | None:
    """Return what a record says of the copying of a file, or None."""
    if not record.item or record.level >= Level.ERROR:
        return None
    if found := _COPIED.match(record.message):
        return Said(FileLine.COPIED, record.item, is_new=found[1] == "new")
    if found := _HASH_MATCHED.match(record.message):
        return Said(FileLine.CHECKSUM, record.item, found[1])
    if _PRETENDED.match(record.message):
        return Said(FileLine.PRETENDED, record.item)
    return None
