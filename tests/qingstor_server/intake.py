"""Bodies of requests on their way in: faults, hashing, and the disk."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

from aiohttp import web

from tests.qingstor_server.blob import Blobs, Piece, write_all
from tests.qingstor_server.fault import Active, Effects, FaultKind, Moment
from tests.qingstor_server.journal import Entry, Journal

BATCH = 1024 * 1024
"""Bodies up to this many bytes are hashed and written in the event loop, larger ones in a thread."""


class ConnectionSpoiled(Exception):
    """A fault wants the connection reset now; `active` counts it."""


class StruckByStatus(Exception):
    """A STATUS or HTML fault strikes in the middle of the request's body."""

    def __init__(self, kind: FaultKind) -> None:
        super().__init__(kind)
        self.kind = kind


async def hang(active: Active) -> None:
    """Do nothing until the fault is switched off, then give the connection up."""
    await active.ended.wait()
    raise ConnectionSpoiled


async def body_chunks(
    request: web.BaseRequest, entry: Entry, journal: Journal, effects: Effects
) -> AsyncIterator[bytes]:
    """The body in the sizes in which it arrives. Raises ConnectionSpoiled, StruckByStatus; ConnectionError
    when the client goes away."""
    if request.headers.get("Expect", "").lower() == "100-continue" and request.transport:
        request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    pace = effects.strike(FaultKind.BANDWIDTH).pace() if effects.get(FaultKind.BANDWIDTH) else None
    # readchunk hands over what arrived as it is; readany would join, and so copy, it.
    while not request.content.at_eof():
        chunk, _ = await request.content.readchunk()
        if not chunk:
            continue
        before = entry.received
        journal.progress(entry, len(chunk))
        if pace:
            await pace.take(len(chunk))
        yield await _struck(chunk, before, effects) if effects else chunk


async def _struck(chunk: bytes, before: int, effects: Effects) -> bytes:
    after = before + len(chunk)
    for kind in (FaultKind.RESET, FaultKind.HANG, FaultKind.STATUS, FaultKind.HTML):
        fault = effects.get(kind)
        if (
            fault is None
            or fault.moment is Moment.ANSWER
            or fault.after_bytes is None
            or after < fault.after_bytes
        ):
            continue
        active = effects.strike(kind)
        if kind is FaultKind.HANG:
            await hang(active)
        if kind is FaultKind.RESET:
            raise ConnectionSpoiled
        raise StruckByStatus(kind)
    flip = effects.get(FaultKind.FLIP_UPLOAD)
    if flip is not None and before <= flip.offset < after:
        effects.strike(FaultKind.FLIP_UPLOAD)
        return flipped(chunk, flip.offset - before)
    return chunk


def flipped(data: bytes, offset: int) -> bytes:
    """The same bytes with one of them altered."""
    return data[:offset] + bytes([data[offset] ^ 0x20]) + data[offset + 1 :]


@dataclass(frozen=True, slots=True)
class Received:
    """A body that lies on disk, whole, with the MD5 of its bytes."""

    piece: Piece
    md5: bytes


async def receive(chunks: AsyncIterator[bytes], blobs: Blobs) -> Received:
    """Store a body; nothing stays of a broken one."""
    digest = hashlib.md5(usedforsecurity=False)
    first, size = list[bytes](), 0
    async for chunk in chunks:
        first.append(chunk)
        size += len(chunk)
        if size > BATCH:
            break
    else:
        data = b"".join(first)
        digest.update(data)
        (piece,) = blobs.write(data)
        return Received(piece, digest.digest())
    blob = blobs.new()
    with blobs.create(blob) as descriptor:
        size = await _pour(first, chunks, digest, descriptor)
    return Received(Piece(blob, size), digest.digest())


async def _pour(
    first: list[bytes], chunks: AsyncIterator[bytes], digest: "hashlib._Hash", descriptor: int
) -> int:
    """Hash and write batches in a thread, each while the next one is received; the bytes in all."""
    loop = asyncio.get_running_loop()

    def absorb(batch: list[bytes]) -> int:
        for part in batch:
            digest.update(part)
            write_all(descriptor, part)
        return sum(map(len, batch))

    size, batch, gathered = 0, list[bytes](), 0
    pending = loop.run_in_executor(None, absorb, first)
    try:
        async for chunk in chunks:
            batch.append(chunk)
            gathered += len(chunk)
            if gathered >= BATCH:
                size += await asyncio.shield(pending)
                pending = loop.run_in_executor(None, absorb, batch)
                batch, gathered = [], 0
        size += await asyncio.shield(pending)
    finally:
        # Also when cancelled: the thread must not write to a descriptor that was closed.
        await asyncio.wait([pending])
    return size + absorb(batch)
