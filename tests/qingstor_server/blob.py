"""Bytes on disk: files that are written once, and bodies made of one or several of them."""

import hashlib
import os
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex

READ_SIZE = 1024 * 1024
PACK = "pack"
PACKED = 64 * 1024
"""Bodies up to this many bytes lie in the pack."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One stretch of a body: a file in the blob directory, and the bytes of it from `offset` on."""

    blob: str
    size: int
    offset: int = 0


Body = tuple[Piece, ...]
"""What an object holds: one piece after a PUT, one per part after a multipart upload."""


def body_size(body: Body) -> int:
    """Bytes in all pieces together."""
    return sum(piece.size for piece in body)


def write_all(descriptor: int, data: bytes) -> None:
    """Write all bytes, however many the system takes at a time."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


class Blobs:
    """The blob directory. A blob that is being read is deleted only when its last reader is through.

    Small bodies share one file, the pack: creating a file of its own for each costs more than everything
    else together when a test stores ten thousand. Their space comes back with `clear_pack` only.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._pack = os.open(folder / PACK, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._pack_size = os.fstat(self._pack).st_size
        self._readers: Counter[str] = Counter()
        self._doomed: set[str] = set()

    def new(self) -> str:
        """A fresh name; nothing exists under it yet."""
        return token_hex(16)

    @contextmanager
    def create(self, blob: str) -> Iterator[int]:
        """A descriptor to write a new blob with; a block that fails leaves nothing behind."""
        descriptor = os.open(self.path(blob), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            yield descriptor
        except BaseException:
            self.path(blob).unlink()
            raise
        finally:
            os.close(descriptor)

    def path(self, blob: str) -> Path:
        """Where a blob lies."""
        return self._folder / blob

    def write(self, data: bytes) -> Body:
        """Store data as one piece."""
        if len(data) <= PACKED:
            write_all(self._pack, data)
            piece = Piece(PACK, len(data), self._pack_size)
            self._pack_size += len(data)
            return (piece,)
        piece = Piece(self.new(), len(data))
        with self.create(piece.blob) as descriptor:
            write_all(descriptor, data)
        return (piece,)

    def copy(self, body: Body) -> Body:
        """The same bytes in files of their own."""
        return tuple(copied for piece in body for copied in self._copy_piece(piece))

    def delete(self, blobs: Iterable[str]) -> None:
        """Forget blobs; those with readers go when the reading ends."""
        for blob in blobs:
            if blob == PACK:
                continue
            if self._readers[blob]:
                self._doomed.add(blob)
            else:
                del self._readers[blob]
                self.path(blob).unlink(missing_ok=True)

    @contextmanager
    def reading(self, body: Body) -> Iterator[None]:
        """Keep a body's files until the block ends, whatever happens to the object meanwhile."""
        names = [piece.blob for piece in body]
        self._readers.update(names)
        try:
            yield
        finally:
            self._readers.subtract(names)
            over = {name for name in names if name in self._doomed and not self._readers[name]}
            self._doomed -= over
            self.delete(over)

    def slices(self, body: Body, start: int, length: int) -> Iterator[tuple[Path, int, int]]:
        """The files that hold a range of a body, in order: path, offset in the file, bytes."""
        for piece in body:
            if length <= 0:
                return
            if start < piece.size:
                count = min(piece.size - start, length)
                yield self.path(piece.blob), piece.offset + start, count
                length -= count
            start = max(0, start - piece.size)

    def chunks(self, body: Body, start: int, length: int) -> Iterator[bytes]:
        """A range of a body, at most 1 MiB at a time."""
        for path, offset, count in self.slices(body, start, length):
            with path.open("rb", buffering=0) as file:
                file.seek(offset)
                left = count
                while left and (data := file.read(min(READ_SIZE, left))):
                    left -= len(data)
                    yield data

    def read(self, body: Body) -> bytes:
        """A whole body."""
        return b"".join(self.chunks(body, 0, body_size(body)))

    def md5(self, body: Body) -> str:
        """The MD5 of what the disk holds now, as 32 hex digits."""
        digest = hashlib.md5(usedforsecurity=False)
        for data in self.chunks(body, 0, body_size(body)):
            digest.update(data)
        return digest.hexdigest()

    def flip(self, body: Body, offset: int) -> None:
        """Change one byte where it lies; size and stored ETag stay. IndexError: beyond the end."""
        for path, place, _ in self.slices(body, offset, 1):
            with path.open("r+b", buffering=0) as file:
                old = os.pread(file.fileno(), 1, place)[0]
                os.pwrite(file.fileno(), bytes([old ^ 0x20]), place)
            return
        raise IndexError(f"offset {offset} is beyond the end of the object")

    def clear_pack(self) -> None:
        """Take the space of all small bodies back; none of them may be in use."""
        os.truncate(self.path(PACK), 0)
        self._pack_size = 0

    def close(self) -> None:
        """Close the pack; nothing can be stored from now on."""
        os.close(self._pack)

    def _copy_piece(self, piece: Piece) -> Body:
        if piece.blob == PACK:
            return self.write(self.read((piece,)))
        copied = Piece(self.new(), piece.size)
        shutil.copyfile(self.path(piece.blob), self.path(copied.blob))
        return (copied,)
