"""What this process may do with a file: tried, never asked.

access(2) goes by the real user and leaves out capabilities, so it refuses what CAP_DAC_READ_SEARCH allows.
Nor does it know what a network file system will say.
"""

import os
import stat
import tempfile
from pathlib import Path


def try_reading(path: Path) -> None:
    """Open a file for reading, or list and search a directory. Raises the OSError of what is not allowed."""
    if stat.S_ISDIR(path.stat().st_mode):
        with os.scandir(path) as entries:
            next(entries, None)
        os.stat(f"{path}/.")  # noqa: PTH116  # a Path drops the dot, which needs the right to search
        return
    # Without waiting for a writer, if it has become a pipe meanwhile.
    os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC))


def try_creating_in(directory: Path) -> None:
    """Create a file without a name in a directory. Raises the OSError of what is not allowed."""
    with tempfile.TemporaryFile(dir=directory):
        pass
