"""Atomic replacement of a file: a reader finds the old or the new content, also after a crash."""

import os
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

UNFINISHED = ".tmp"
"""The suffix of a file that is still being written, or whose writer was killed."""


def replace_file(path: Path, chunks: Iterable[bytes]) -> None:
    """Replace the file by these, one after the other, synced to the disk, with mode 0600. Raises OSError."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, suffix=UNFINISHED)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, 0o600)  # whatever the umask says
            file.writelines(chunks)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(temporary).unlink()
        raise
