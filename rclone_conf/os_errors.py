"""What the system says about a file, as a sentence that names the path and what to do."""

import errno
from pathlib import Path

from rclone_conf.errors import ConfReadError, ConfWriteError

_REASONS: dict[int, tuple[str, str]] = {
    errno.EACCES: ("permission denied", "Run this as the owner, or give that user the right to it."),
    errno.EPERM: ("operation not permitted", "Run this as the owner, or give that user the right to it."),
    errno.EROFS: ("the file system is read-only", "Mount it writable, or choose another path."),
    errno.ENOSPC: ("no space left", "Free some space there and try again."),
    errno.EDQUOT: ("the disk quota is used up", "Free some space there and try again."),
    errno.EBUSY: (
        "it is a mount point, so it cannot be replaced",
        "Mount its directory, not the single file.",
    ),
    errno.EISDIR: ("it is a directory", "Choose the path of a file."),
    errno.ENOTDIR: ("a part of the path is not a directory", "Correct the path."),
    errno.ELOOP: ("its symbolic links go in a circle", "Correct the links."),
    errno.ENAMETOOLONG: ("the path is too long", "Choose a shorter path."),
    errno.EFBIG: ("it would grow beyond the size limit", "Raise the limit of the file size."),
}


def cannot_read(path: Path, error: OSError) -> ConfReadError:
    """The error to raise when reading `path` failed."""
    reason, advice = _explain(error)
    return ConfReadError(f"Cannot read {path}: {reason}. {advice}", reason)


def cannot_write(path: Path, error: OSError) -> ConfWriteError:
    """The error to raise when `path` was not written."""
    reason, advice = _explain(error)
    return ConfWriteError(f"Cannot write {path}, which is as it was: {reason}. {advice}", reason)


def _explain(error: OSError) -> tuple[str, str]:
    known = _REASONS.get(error.errno or 0)
    return known or ((error.strerror or "unknown error").lower(), "Look at the disk and the system's log.")
