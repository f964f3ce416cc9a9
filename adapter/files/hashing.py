"""MD5s of files of this machine, each between two looks at the file that see the same."""

import hashlib
import os
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass

from adapter.contract.events import Event
from adapter.files.background import Background, in_turn
from adapter.files.entry import Entry, within_reach
from adapter.runs.run import Run

_THREADS = min(4, os.cpu_count() or 1)
_BLOCK = 1 << 20
_TICK_S = 0.2


@dataclass(frozen=True, slots=True)
class ToHash:
    """A file to read: its absolute path, and what it was when it was listed."""

    path: bytes
    entry: Entry
    follows: bool = False


def hash_files(
    files: Iterable[ToHash], take: Callable[[ToHash, "str | OSError | None"], None], run: Run
) -> Generator[Event, None, None]:
    """Read the files in a few threads and hand each MD5 to `take`, or why one cannot be read; None for a file
    that has changed. Yields the run's statuses. Raises AdapterError if the run is cancelled, stalls or is out
    of time.
    """
    give = in_turn(files)
    with Background(_hashes(give) for _ in range(_THREADS)) as hashes:
        while not hashes.is_over:
            for piece in hashes.take(_TICK_S):
                run.progress.touch()
                if piece is not None:
                    take(*piece)
            run.raise_if_over()
            yield from run.progress.due()


def is_as_listed(found: os.stat_result, entry: Entry) -> bool:
    """Return whether a look at a file sees what the listing saw."""
    return (found.st_size, within_reach(found.st_mtime_ns), found.st_ctime_ns, found.st_ino) == (
        entry.size,
        entry.mtime_ns,
        entry.ctime_ns,
        entry.inode,
    )


def _hashes(give: Callable[[], ToHash | None]) -> Iterator[tuple[ToHash, str | OSError | None] | None]:
    """Yield None after every block, as a sign of life, and each file with its MD5."""
    while (file := give()) is not None:
        md5 = hashlib.md5(usedforsecurity=False)
        try:
            # A pipe that took the file's place would block without O_NONBLOCK.
            flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | (0 if file.follows else os.O_NOFOLLOW)
            with os.fdopen(os.open(file.path, flags), "rb", buffering=0) as stream:
                same = is_as_listed(os.fstat(stream.fileno()), file.entry)
                while same and (block := stream.read(_BLOCK)):
                    md5.update(block)
                    if len(block) == _BLOCK:
                        yield None
                same = same and is_as_listed(os.fstat(stream.fileno()), file.entry)
        except OSError as error:
            yield file, error
        else:
            yield file, md5.hexdigest() if same else None
