"""Answers on their way out: headers, JSON, bodies from disk, and the faults that spoil them."""

import asyncio
import json
import socket
import struct
import time
from collections.abc import Iterator
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from secrets import token_hex

from aiohttp import web

from tests.qingstor_server.blob import Blobs
from tests.qingstor_server.call import Answer, Call, Extent
from tests.qingstor_server.fault import Fault, FaultKind
from tests.qingstor_server.intake import ConnectionSpoiled, flipped, hang
from tests.qingstor_server.refusal import Refused

_INLINE = 128 * 1024
"""Bodies up to this are read and sent with the headers in one write; sendfile pays only for more."""


def json_answer(document: object, status: int = 200, headers: dict[str, str] | None = None) -> Answer:
    """An answer with a JSON body."""
    body = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
    return Answer(status, {"Content-Type": "application/json", **(headers or {})}, body)


def refusal_answer(refused: Refused, request_id: str) -> Answer:
    """QingStor's error document."""
    document = {
        "code": refused.code,
        "message": refused.message,
        "request_id": request_id,
        "url": "https://docs.qingcloud.com/qingstor/api/common/error_code",
    }
    return json_answer(document, refused.status, refused.headers)


def fault_answer(fault: Fault, request_id: str) -> Answer:
    """What a STATUS or HTML fault answers."""
    if fault.kind is FaultKind.STATUS:
        return refusal_answer(Refused(fault.code, fault.message, status=fault.status), request_id)
    return html_answer(fault.status)


def html_answer(status: int) -> Answer:
    """A page as a proxy in between would send it: no JSON, no code."""
    title = f"{status} {_reason(status)}"
    page = (
        f"<html><head><title>{title}</title></head><body><center><h1>{title}</h1></center></body></html>\r\n"
    )
    return Answer(status, {"Content-Type": "text/html"}, page.encode())


def new_request_id() -> str:
    """32 hex digits."""
    return token_hex(16)


async def send(call: Call, answer: Answer, blobs: Blobs, *, skew: float) -> web.StreamResponse:
    """Send an answer, with the faults that strike on the way out. Raises ConnectionSpoiled."""
    length = answer.body.length if isinstance(answer.body, Extent) else len(answer.body)
    answer.headers.setdefault("Content-Length", str(length))
    answer.headers["Server"] = "QingStor"
    answer.headers["Date"] = http_date(int(time.time() + skew))
    call.entry.status = answer.status
    if call.request.method == "HEAD" or answer.status in {204, 304}:
        length, answer.body = 0, b""
        if answer.status in {204, 304}:
            del answer.headers["Content-Length"]
    call.entry.sent = length
    if isinstance(answer.body, Extent):
        with blobs.reading(answer.body.body):
            return await _send_extent(call, answer, answer.body, blobs)
    if call.effects and (spoil := _Spoil.of(call, length)):
        return await spoil.send(answer, iter((answer.body,)))
    return web.Response(status=answer.status, headers=answer.headers, body=answer.body or None)


async def _send_extent(call: Call, answer: Answer, extent: Extent, blobs: Blobs) -> web.StreamResponse:
    if call.effects and (spoil := _Spoil.of(call, extent.length)):
        return await spoil.send(answer, blobs.chunks(extent.body, extent.start, extent.length))
    if extent.length <= _INLINE:
        data = b"".join(blobs.chunks(extent.body, extent.start, extent.length))
        return web.Response(status=answer.status, headers=answer.headers, body=data)
    response = web.StreamResponse(status=answer.status, headers=answer.headers)
    await response.prepare(call.request)
    loop = asyncio.get_running_loop()
    for path, offset, count in blobs.slices(extent.body, extent.start, extent.length):
        transport = call.request.transport
        if transport is None:
            raise ConnectionResetError
        with path.open("rb") as file:
            await loop.sendfile(transport, file, offset, count)
    await response.write_eof()
    return response


class _Spoil:
    """The faults of an answer's body and of its speed."""

    def __init__(self, call: Call, length: int) -> None:
        self._call = call
        self._effects = call.effects
        self._slow = call.effects.get(FaultKind.SLOW)
        self._pace = call.effects.get(FaultKind.BANDWIDTH)
        flip = call.effects.get(FaultKind.FLIP_DOWNLOAD)
        self._flip = flip if flip and flip.offset < length else None
        self._end = min(self._ends(length), default=None)

    @classmethod
    def of(cls, call: Call, length: int) -> "_Spoil | None":
        """What spoils this answer, or None when nothing does."""
        spoil = cls(call, length)
        return spoil if any((spoil._slow, spoil._pace, spoil._flip, spoil._end)) else None

    async def send(self, answer: Answer, chunks: Iterator[bytes]) -> web.StreamResponse:
        """Send what is left of the answer."""
        if self._slow:
            await self._trickle(answer, chunks, self._slow)
        response = web.StreamResponse(status=answer.status, headers=answer.headers)
        await response.prepare(self._call.request)
        pace = self._effects.strike(FaultKind.BANDWIDTH).pace() if self._pace else None
        done = 0
        for chunk in _pieces(chunks, 64 * 1024 if pace else None):
            data = chunk if self._end is None else chunk[: self._end[0] - done]
            if self._flip and done <= self._flip.offset < done + len(data):
                self._effects.strike(FaultKind.FLIP_DOWNLOAD)
                data = flipped(data, self._flip.offset - done)
            if pace:
                await pace.take(len(data))
            if data:
                await response.write(data)
            done += len(data)
            if self._end is not None and done == self._end[0]:
                await self._break_off(*self._end)
        await response.write_eof()
        return response

    def _ends(self, length: int) -> Iterator[tuple[int, FaultKind]]:
        """Where the body ends before its time, and how."""
        for kind in (FaultKind.TRUNCATE, FaultKind.RESET, FaultKind.HANG):
            fault = self._effects.get(kind)
            if fault is None:
                continue
            # after_bytes of a request with a body of its own was that body's affair.
            meant = kind is FaultKind.TRUNCATE or (
                fault.after_bytes is not None and not self._call.entry.received
            )
            if meant and (fault.after_bytes or 0) < length:
                yield fault.after_bytes or 0, kind

    async def _break_off(self, done: int, kind: FaultKind) -> None:
        self._call.entry.sent = done
        active = self._effects.strike(kind)
        if kind is FaultKind.HANG:
            await hang(active)
        if kind is FaultKind.RESET:
            raise ConnectionSpoiled
        transport = self._call.request.transport
        if transport:
            transport.close()
        raise ConnectionResetError

    async def _trickle(self, answer: Answer, chunks: Iterator[bytes], fault: Fault) -> None:
        """Send byte by byte past the HTTP library, which would send the headers at once; then close."""
        self._effects.strike(FaultKind.SLOW)
        fields = {**answer.headers, "Connection": "close"}
        head = f"HTTP/1.1 {answer.status} {_reason(answer.status)}\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in fields.items()) + "\r\n"
        for chunk in (head.encode(), *chunks):
            for byte in chunk:
                transport = self._call.request.transport
                if transport is None or transport.is_closing():
                    raise ConnectionResetError
                transport.write(bytes((byte,)))
                await asyncio.sleep(1 / fault.bytes_per_second)
        if transport := self._call.request.transport:
            transport.close()
        raise ConnectionResetError


def reset_connection(request: web.BaseRequest) -> None:
    """End the connection with RST instead of FIN: the peer sees `connection reset by peer`."""
    transport = request.transport
    if transport is not None:
        raw = transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()


def _pieces(chunks: Iterator[bytes], size: int | None) -> Iterator[bytes]:
    for chunk in chunks:
        step = size or len(chunk) or 1
        for start in range(0, len(chunk), step):
            yield chunk[start : start + step]


@lru_cache(maxsize=64)
def http_date(second: int) -> str:
    """Unix seconds as HTTP writes dates."""
    return formatdate(second, usegmt=True)


def _reason(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"
