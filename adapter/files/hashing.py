"""MD5s of files of this machine, whole or in pieces, each between two looks at the file that see the same."""

import hashlib
import os
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from adapter.contract.events import Event
from adapter.files.background import Background, in_turn
from adapter.files.entry import Entry, folded, within_reach
from adapter.runs.run import Run

_T = TypeVar("_T")
_Result_co = TypeVar("_Result_co", covariant=True)
_THREADS = min(4, os.cpu_count() or 1)
_BLOCK = 1 << 20
_TICK_S = 0.2


@dataclass(frozen=True, slots=True)
class ToHash:
    """A file to read: its absolute path, and what it was when it was listed."""

    path: bytes
    entry: Entry
    follows: bool = False
    pieces: tuple[int, ...] = ()
    """Their sizes in bytes, for `hash_pieces`."""


class _Digest(Protocol, Generic[_Result_co]):
    def update(self, data: bytes, /) -> None: ...

    def result(self) -> _Result_co: ...


class _Whole:
    """The MD5 of all."""

    def __init__(self) -> None:
        self._md5 = hashlib.md5(usedforsecurity=False)

    def update(self, data: bytes, /) -> None:
        self._md5.update(data)

    def result(self) -> str:
        return self._md5.hexdigest()


class _InPieces:
    """The MD5s of pieces of these sizes, and of what is left, if anything."""

    def __init__(self, sizes: Sequence[int]) -> None:
        self._sizes = iter(sizes)
        self._room = 0
        self._md5s: list[hashlib._Hash] = []

    def update(self, data: bytes, /) -> None:
        left = memoryview(data)
        while left:
            if not self._room:
                self._md5s.append(hashlib.md5(usedforsecurity=False))
                self._room = next(self._sizes, len(left))
            self._md5s[-1].update(left[: self._room])
            taken = min(len(left), self._room)
            self._room -= taken
            left = left[taken:]

    def result(self) -> tuple[str, ...]:
        return tuple(md5.hexdigest() for md5 in self._md5s)


def hash_files(
    files: Iterable[ToHash], run: Run
) -> Generator[Event, None, dict[bytes, str | OSError | None]]:
    """Read the files in a few threads. Return the MD5 of each by its name, or why it cannot be read, or None
    if it has changed. Yields the run's statuses. Raises AdapterError if the run is cancelled, stalls or is
    out of time.
    """
    return (yield from _hash(files, lambda _: _Whole(), run))


def hash_pieces(
    files: Iterable[ToHash], run: Run
) -> Generator[Event, None, dict[bytes, tuple[str, ...] | OSError | None]]:
    """Do the same with the MD5s of each file's pieces; of what is left after them one more."""
    return (yield from _hash(files, lambda file: _InPieces(file.pieces), run))


def _hash(
    files: Iterable[ToHash], new: Callable[[ToHash], _Digest[_T]], run: Run
) -> Generator[Event, None, dict[bytes, _T | OSError | None]]:
    give, found = in_turn(files), dict[bytes, _T | OSError | None]()
    with Background(_hashes(give, new) for _ in range(_THREADS)) as hashes:
        while not hashes.is_over:
            for piece in hashes.take(_TICK_S):
                run.progress.touch()
                if piece is not None:
                    found[piece[0].entry.name] = piece[1]
            run.raise_if_over()
            yield from run.progress.due()
    return found


def is_as_listed(found: os.stat_result, entry: Entry) -> bool:
    """Return whether a look at a file sees what the listing saw."""
    return (
        found.st_size,
        within_reach(found.st_mtime_ns),
        found.st_ctime_ns,
        folded(found.st_ino),
    ) == (entry.size, entry.mtime_ns, entry.ctime_ns, entry.inode)


def _hashes(
    give: Callable[[], ToHash | None], new: Callable[[ToHash], _Digest[_T]]
) -> Iterator[tuple[ToHash, "_T | OSError | None"] | None]:
    """Yield None after every block, as a sign of life, and each file with what its content comes to."""
    while (file := give()) is not None:
        digest = new(file)
        try:
            # A pipe that took the file's place would block without O_NONBLOCK.
            flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | (0 if file.follows else os.O_NOFOLLOW)
            with os.fdopen(os.open(file.path, flags), "rb", buffering=0) as stream:
                same = is_as_listed(os.fstat(stream.fileno()), file.entry)
                while same and (block := stream.read(_BLOCK)):
                    digest.update(block)
                    if len(block) == _BLOCK:
                        yield None
                same = same and is_as_listed(os.fstat(stream.fileno()), file.entry)
        except OSError as error:
            yield file, error
        else:
            yield file, digest.result() if same else None
