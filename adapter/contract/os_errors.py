"""What the operating system refused, as a failure: nobody's bug, and something that a person can mend."""

import errno

from adapter.contract.errors import ErrorCode, Failure

_TOO_LONG = Failure(
    ErrorCode.USAGE,
    "The patterns and paths of this run are longer than a command line of this system may be.",
    "Put the patterns into a file and name it with --filter-from.",
)
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_USED_UP = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN})


def refusal(error: Exception) -> Failure | None:
    """The failure, or None for an error that says nothing of the machine."""
    if not isinstance(error, OSError):
        return None
    if error.errno == errno.E2BIG:
        return _TOO_LONG
    if error.errno in _FULL:
        return Failure(
            ErrorCode.DISK_FULL,
            f"There is no space for a file of this program: {error.strerror}.",
            "Free some space where $TMPDIR (else /tmp) and the state directory are, then run it again.",
        )
    if error.errno in _USED_UP:
        return Failure(
            ErrorCode.UNKNOWN,
            f"This machine refused what the command needs: {error.strerror}.",
            "Look at its memory and at the limits of this user (`ulimit -a`), then run it again.",
        )
    return None
