"""How a stand-in for rclone is known, and where its real rclone lies. Loads next to nothing."""

import os
import stat
from pathlib import Path

MARK = b"# pluton-qingstor stand-in for rclone "
"""How the second line of the program begins; the rest of that line is JSON, for `examine`."""
NAME = "rclone"
REAL = "rclone.real"

_SECOND_LINE_ENDS_BEFORE = 16 << 10
"""Bytes: two lines with a path or two."""


def is_stand_in(path: Path | str) -> bool:
    """Return whether a program is a stand-in, links followed; False if it cannot be read."""
    return second_line(path).startswith(MARK)


def real_beside(path: Path) -> Path:
    """Return where the real rclone of a stand-in lies: beside the file that `path` leads to."""
    return Path(os.path.realpath(path)).with_name(REAL)


def second_line(path: Path | str) -> bytes:
    """Return the second line of a regular file; blank if there is none."""
    try:
        # A pipe would be waited for.
        if not stat.S_ISREG(os.stat(path).st_mode):  # noqa: PTH116  # a Path may raise for a NUL
            return b""
        with open(path, "rb") as file:  # noqa: PTH123
            if file.read(2) != b"#!":
                return b""
            head = file.read(_SECOND_LINE_ENDS_BEFORE)
    except OSError:
        return b""
    _, _, rest = head.partition(b"\n")
    return rest.partition(b"\n")[0]
