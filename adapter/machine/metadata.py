"""Permissions, owner and time of a file, directory or link that is open, set as far as that is allowed."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

_NOT_ALLOWED = frozenset({errno.EPERM, errno.EACCES, errno.ENOTSUP, errno.EINVAL, errno.EROFS, errno.ENOSYS})
_SPECIAL = stat.S_ISUID | stat.S_ISGID


class Metadata(NamedTuple):
    """What a file is to have beside its content; None: not to be set.

    `mode` has the special bits; `owner_uid` and `owner_gid` are those of the saved file.
    """

    mtime_ns: int
    mode: int | None
    uid: int | None = None
    gid: int | None = None
    owner_uid: int | None = None
    owner_gid: int | None = None


def set_file_metadata(descriptor: int, metadata: Metadata) -> set[str]:
    """Set it; return what this user or this disk does not allow: `owner`, `mode`, `special bits`, `times`.

    A file is setuid or setgid only if it then belongs to the saved owner or group. Raises OSError: the disk.
    """
    at = path_of(descriptor)
    if metadata.gid is not None:  # each for itself: some users may set only the group
        with _tolerated():
            os.chown(at, -1, metadata.gid)
    if metadata.uid is not None:
        with _tolerated():
            os.chown(at, metadata.uid, -1)
    found = os.fstat(descriptor)
    if metadata.mode is not None:  # after the owner: chown(2) clears the special bits
        mode = stat.S_IMODE(metadata.mode)
        mode &= ~(0 if found.st_uid == metadata.owner_uid else stat.S_ISUID)
        mode &= ~(0 if found.st_gid == metadata.owner_gid else stat.S_ISGID)
        with _tolerated():
            os.chmod(at, mode)  # noqa: PTH101
    with _tolerated():
        os.utime(at, ns=(found.st_atime_ns, metadata.mtime_ns))
    return _unset(os.fstat(descriptor), metadata)


def path_of(descriptor: int) -> bytes:
    """Return a path to what is open, for calls that refuse an O_PATH descriptor."""
    return b"/proc/self/fd/%d" % descriptor


@contextmanager
def _tolerated() -> Iterator[None]:
    """Go on after a refusal, or a number that no disk can hold: `_unset` finds what came of it."""
    with suppress(OverflowError):
        try:
            yield
        except OSError as error:
            if error.errno not in _NOT_ALLOWED:
                raise


def _unset(found: os.stat_result, wanted: Metadata) -> set[str]:
    wrong = 0 if wanted.mode is None else stat.S_IMODE(found.st_mode ^ wanted.mode)
    differences = {
        "owner": wanted.uid not in {None, found.st_uid} or wanted.gid not in {None, found.st_gid},
        "mode": wrong & ~_SPECIAL,
        "special bits": wrong & _SPECIAL,
        "times": found.st_mtime_ns != wanted.mtime_ns,
    }
    return {word for word, differs in differences.items() if differs}
