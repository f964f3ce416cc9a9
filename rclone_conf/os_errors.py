"""Messages for an OSError: what failed, for which path, and what to do."""

import errno
from pathlib import Path

from rclone_conf.errors import ConfReadError, ConfWriteError

_REASONS: dict[int, tuple[str, str]] = {
    errno.EACCES: ("permission denied", "Run this as the owner, or change the permissions."),
    errno.EPERM: ("operation not permitted", "Run this as the owner, or change the permissions."),
    errno.EROFS: ("the file system is read-only", "Mount it writable, or choose another path."),
    errno.ENOSPC: ("no space left", "Free some space and try again."),
    errno.EDQUOT: ("the disk quota is exceeded", "Free some space and try again."),
    errno.EBUSY: (
        "it is a mount point, so it cannot be replaced",
        "Mount its directory, not the single file.",
    ),
    errno.EISDIR: ("it is a directory", "Choose the path of a file."),
    errno.ENOTDIR: ("a part of the path is not a directory", "Correct the path."),
    errno.ELOOP: ("its symbolic links form a loop", "Correct the links."),
    errno.ENAMETOOLONG: ("the path is too long", "Choose a shorter path."),
    errno.EFBIG: ("it would exceed the file size limit", "Raise the limit with ulimit -f."),
}


def cannot_read(path: Path, error: OSError) -> ConfReadError:
    """Return the error to raise if `path` cannot be read."""
    reason, advice = _explain(error)
    return ConfReadError(f"Cannot read {path}: {reason}. {advice}", reason)


def cannot_write(path: Path, error: OSError) -> ConfWriteError:
    """Return the error to raise if `path` was not written."""
    reason, advice = _explain(error)
    return ConfWriteError(f"Cannot write {path}: {reason}. The file is unchanged. {advice}", reason)


def _explain(error: OSError) -> tuple[str, str]:
    known = _REASONS.get(error.errno or 0)
    return known or ((error.strerror or "unknown error").lower(), "Check the disk and the system log.")
