"""Files and directories of this program's own: for its user alone, whatever the umask says.

A umask of 000 would let others replace what decides which files are unchanged; one of 777 would lock this
program out of its own directories.
"""

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_DIRECTORY = 0o700
_FILE = 0o600


def make_directory(path: Path) -> None:
    """Make a directory and those above it that are missing, each with mode 0700. Raises OSError.

    What is there already keeps its mode: it may be shared on purpose (`openness` tells).
    """
    missing = [one for one in (path, *path.parents) if not one.is_dir()]
    for directory in reversed(missing):
        try:
            directory.mkdir(_DIRECTORY)
        except FileExistsError:  # another process was faster, or it is no directory
            if not directory.is_dir():
                raise
        else:
            directory.chmod(_DIRECTORY)


def openness(path: Path) -> str:
    """Return a sentence if everybody may replace what is in a directory; blank if not, or not known."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return ""
    # In a directory like /tmp one's files can be replaced by nobody else.
    if not mode & stat.S_IWOTH or mode & stat.S_ISVTX:
        return ""
    return f"Everybody may write in {path}, and so change what decides which files are unchanged."


@contextmanager
def temporary_directory(prefix: str = "pluton-qingstor-", within: Path | None = None) -> Iterator[Path]:
    """Yield a new directory, removed at the end, in `within` or where Python's temporary files are.

    Raises OSError if it cannot be made.
    """
    directory = Path(tempfile.mkdtemp(prefix=prefix, dir=within))
    try:
        directory.chmod(_DIRECTORY)
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def open_file(path: Path, flags: int) -> int:
    """Return the descriptor of a file that is created if it is missing. Raises OSError."""
    descriptor = os.open(path, flags | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, _FILE)
    try:
        if os.fstat(descriptor).st_uid == os.geteuid():
            os.fchmod(descriptor, _FILE)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def write_file(path: Path, data: bytes) -> None:
    """Write a file, or replace what is in it. Raises OSError."""
    with os.fdopen(open_file(path, os.O_WRONLY | os.O_TRUNC), "wb") as file:
        file.write(data)
