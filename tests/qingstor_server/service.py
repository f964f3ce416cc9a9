"""The way of a request through the server: faults, signature, operation, answer."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from aiohttp import web

from tests.qingstor_server import bucket_calls, object_calls, upload_calls
from tests.qingstor_server.accounts import Accounts
from tests.qingstor_server.answer import (
    fault_answer,
    html_answer,
    new_request_id,
    refusal_answer,
    reset_connection,
    send,
)
from tests.qingstor_server.call import Answer, Call
from tests.qingstor_server.fault import Effects, FaultKind, Faults, Moment
from tests.qingstor_server.intake import ConnectionSpoiled, StruckByStatus, hang
from tests.qingstor_server.journal import Journal
from tests.qingstor_server.multipart import Uploads
from tests.qingstor_server.operation import Operation
from tests.qingstor_server.refusal import Refused
from tests.qingstor_server.settings import Settings
from tests.qingstor_server.signature import authenticate
from tests.qingstor_server.state import State
from tests.qingstor_server.store import Store
from tests.qingstor_server.target import HostUnknown, parse_target

Handler = Callable[[Call, State], Awaitable[Answer]]

HANDLERS: dict[Operation, Handler] = {
    operation: getattr(module, operation.value)
    for module in (bucket_calls, object_calls, upload_calls)
    for operation in Operation
    if hasattr(module, operation.value)
}
"""Every operation is the function of its name in one of the three modules."""


class Service:
    """QingStor, as far as a backup meets it."""

    def __init__(self, root: Path, settings: Settings | None = None) -> None:
        store = Store(root)
        self.state = State(settings or Settings(), Accounts(), store, Uploads(store))
        self.faults = Faults()
        self.journal = Journal()

    def close(self) -> None:
        """Release the requests that hang, and close the store."""
        self.faults.clear()
        self.state.store.close()

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request. A reset or lost connection ends in a response that nobody receives."""
        try:
            target = parse_target(request.method, request.raw_path, request.headers, self.state.settings)
        except HostUnknown:
            # A proxy says that it cannot reach such a host.
            answer = html_answer(502)
            return web.Response(status=answer.status, headers=answer.headers, body=answer.body)
        entry = self.journal.begin(target)
        effects = self.faults.claim(target)
        try:
            return await self._perform(Call(request, target, entry, effects, self.journal))
        except ConnectionSpoiled:
            reset_connection(request)
            return web.Response()
        except (ConnectionError, web.RequestPayloadError):
            return web.Response()
        finally:
            effects.close()
            self.journal.end(entry)

    async def _perform(self, call: Call) -> web.StreamResponse:
        request_id = new_request_id()
        skew = self.state.settings.clock_skew
        if clock := call.effects.get(FaultKind.CLOCK_SKEW):
            call.effects.strike(FaultKind.CLOCK_SKEW)
            skew += clock.seconds
        try:
            answer = await _struck(call, Moment.REQUEST, request_id)
            if answer is None:
                answer = await self._operate(call, skew)
                answer = await _struck(call, Moment.ANSWER, request_id) or answer
        except Refused as refused:
            await _drain(call)
            answer = refusal_answer(refused, request_id)
        except StruckByStatus as struck:
            fault = call.effects.strike(struck.kind).fault
            answer = fault_answer(fault, request_id)
        if answer.headers.get("Content-Type") != "text/html":
            answer.headers["x-qs-request-id"] = request_id
        if answer.status >= 300 and call.request.method == "HEAD":
            answer.body = b""
        return await send(call, answer, self.state.store.blobs, skew=skew)

    async def _operate(self, call: Call, skew: float) -> Answer:
        target = call.target
        if target.operation is Operation.UNKNOWN:
            raise Refused("method_not_allowed", "There is no such operation.")
        call.caller = authenticate(target, call.headers, self.state.accounts, skew=skew)
        call.entry.access_key = call.caller.id if call.caller else None
        return await HANDLERS[target.operation](call, self.state)


async def _struck(call: Call, moment: Moment, request_id: str) -> Answer | None:
    """Let the faults of this moment strike; an answer when one of them answers."""
    effects = call.effects
    if not effects:
        return None
    if moment is Moment.REQUEST and (latency := effects.get(FaultKind.LATENCY)):
        effects.strike(FaultKind.LATENCY)
        await asyncio.sleep(latency.seconds)
    if _is_due(effects, FaultKind.RESET, moment):
        effects.strike(FaultKind.RESET)
        raise ConnectionSpoiled
    if _is_due(effects, FaultKind.HANG, moment):
        await hang(effects.strike(FaultKind.HANG))
    for kind in (FaultKind.STATUS, FaultKind.HTML):
        if _is_due(effects, kind, moment):
            fault = effects.strike(kind).fault
            await _drain(call)
            return fault_answer(fault, request_id)
    return None


def _is_due(effects: Effects, kind: FaultKind, moment: Moment) -> bool:
    fault = effects.get(kind)
    return fault is not None and fault.moment is moment and fault.after_bytes is None


async def _drain(call: Call) -> None:
    """Take in what the client still sends, so that it reads the answer instead of a broken pipe."""
    if call.request.headers.get("Expect"):
        return
    async for chunk in call.request.content.iter_any():
        call.journal.progress(call.entry, len(chunk))
