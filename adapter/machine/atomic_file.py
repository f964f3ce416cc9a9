"""A file that is replaced whole: a reader finds the old one or the new one, also after a crash."""

import os
import tempfile
from contextlib import suppress
from pathlib import Path

UNFINISHED = ".tmp"
"""At the end of a name: a file that is still being written, or whose writer was killed."""


def replace_file(path: Path, data: bytes) -> None:
    """Write `data` to the disk and put it in place of what is there, with mode 0600. Raises OSError."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, suffix=UNFINISHED)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(temporary).unlink()
        raise
