"""What rclone says of the files of this machine: its words leave open which side one is on. Pure."""

from adapter.contract.errors import ErrorCode
from adapter.diagnosis.rule import Rule

SOURCE_CHANGED = Rule(
    ErrorCode.SOURCE_UNREADABLE,
    "A file of the source changed while it was being copied.",
    "Run the backup again. If files change all the time, back up a snapshot or exclude them.",
    text=r"can't copy - source file is being updated",
)
FULL_DESTINATION = Rule(
    ErrorCode.DISK_FULL,
    "The disk of the destination is full.",
    "Free space there or restore to another disk, then run it again: restored files are kept.",
    text=r"(no space left on device|disk quota exceeded|file too big for remaining disk space)$",
)
UNREADABLE_SOURCE = Rule(
    ErrorCode.SOURCE_UNREADABLE,
    "A file or directory of the source cannot be read.",
    "Give the user of the backup the right to read it, or exclude it.",
    text=(
        r"failed to open source object: |failed to open directory |failed to read directory "
        r"|failed to get info about directory entry |error reading source |failed to calculate src hash"
        r"|read /.*: input/output error$"
    ),
)
UNWRITABLE_DESTINATION = Rule(
    ErrorCode.DESTINATION_UNWRITABLE,
    "Cannot write to the destination.",
    "Check that it is a directory and that this user may write to it.",
    text=r"(permission denied|read-only file system|not a directory|is a directory|file name too long)$",
)
_FULL_HERE = Rule(
    ErrorCode.DISK_FULL,
    "A disk of this machine is full: that of rclone's cache or of temporary files.",
    "Free space on the disks of $TMPDIR (else /tmp) and of the state directory, then run it again.",
)
_UNREADABLE_DESTINATION = Rule(
    ErrorCode.DESTINATION_UNWRITABLE,
    "A directory of the destination cannot be read.",
    "Give the user of the restore the right to read and write it.",
)


def about_this_machine(rule: Rule, *, is_restore: bool) -> Rule:
    """Return the rule, or its counterpart: rclone's words on a local file do not tell which side it is on."""
    if is_restore:
        return _UNREADABLE_DESTINATION if rule is UNREADABLE_SOURCE else rule
    if rule is FULL_DESTINATION:
        return _FULL_HERE
    return UNREADABLE_SOURCE if rule is UNWRITABLE_DESTINATION else rule
