"""Files that rclone cannot send in one piece: each is held in memory whole while it is sent."""

import os
import time
from collections.abc import Iterator
from contextlib import suppress

from adapter.stand_in.call import Call
from adapter.stand_in.protection import LARGEST_PUT
from adapter.stand_in.rclone_flags import WRITES_TO_LAST
from adapter.stand_in.remote_name import parse_remote

_LOOK_S = 0.05
"""How long to look: a warning must not delay the copy of a large tree."""


def warning_of_large_files(call: Call) -> str:
    """Return a warning if a local source has a file above 5 GiB, blank if none was found in a moment."""
    line = call.line
    sources = line.arguments[:-1] if line.command in WRITES_TO_LAST else ()
    local = (line.words[index] for index in sources if parse_remote(line.words[index]) is None)
    until = time.monotonic() + _LOOK_S
    for path, size in (found for source in local for found in _files(source, until)):
        if size > LARGEST_PUT:
            return (
                f"{path} is larger than 5 GiB, the most that QingStor takes at once: rclone holds all of it, "
                f"{size / (1 << 30):.1f} GiB, in memory to send it. `pluton-qingstor backup` does not."
            )
    return ""


def _files(top: str, until: float) -> Iterator[tuple[str, int]]:
    """Yield path and size of each file at or below a path, until then; no link is followed."""
    rest = [top]
    with suppress(OSError):
        if not os.path.isdir(top):  # noqa: PTH112 - pathlib is slow to load
            yield top, os.path.getsize(top)  # noqa: PTH202
            return
    while rest and time.monotonic() < until:
        with suppress(OSError), os.scandir(rest.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    rest.append(entry.path)
                elif entry.is_file(follow_symlinks=False):
                    yield entry.path, entry.stat(follow_symlinks=False).st_size
