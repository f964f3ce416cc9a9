"""One request on its way through the service, and the answer that comes out."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from aiohttp import web
from pydantic import TypeAdapter, ValidationError

from tests.qingstor_server.accounts import AccessKey
from tests.qingstor_server.blob import Body
from tests.qingstor_server.fault import Effects
from tests.qingstor_server.intake import body_chunks
from tests.qingstor_server.journal import Entry, Journal
from tests.qingstor_server.refusal import Refused
from tests.qingstor_server.target import Target

Document = TypeVar("Document")


@dataclass(frozen=True, slots=True)
class Extent:
    """A range of a body to be sent from disk."""

    body: Body
    start: int
    length: int


@dataclass(slots=True)
class Answer:
    """Status, headers and body; JSON bodies are bytes already."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | Extent = b""


@dataclass(slots=True)
class Call:
    """A request with everything that is known about it; `caller` is None for an anonymous one."""

    request: web.BaseRequest
    target: Target
    entry: Entry
    effects: Effects
    journal: Journal
    caller: AccessKey | None = None

    @property
    def headers(self) -> Mapping[str, str]:
        """The request's headers, names in any case."""
        return self.request.headers

    @property
    def query(self) -> dict[str, str]:
        """The decoded query."""
        return self.target.query

    def chunks(self) -> AsyncIterator[bytes]:
        """The request's body as it arrives, with the faults that strike on the way."""
        return body_chunks(self.request, self.entry, self.journal, self.effects)

    async def document(self, shape: TypeAdapter[Document]) -> Document:
        """The request's JSON body. Raises Refused: 400 invalid_json, or invalid_request for a wrong shape."""
        return self.parse(shape, b"".join([chunk async for chunk in self.chunks()]) or b"{}")

    @staticmethod
    def parse(shape: TypeAdapter[Document], body: bytes) -> Document:
        """A JSON body that was read already; raises like `document`."""
        try:
            return shape.validate_json(body)
        except ValidationError as error:
            code = "invalid_json" if error.errors()[0]["type"] == "json_invalid" else "invalid_request"
            raise Refused(code, "The body is not the JSON document that this operation needs.") from None

    def number(self, name: str, default: int) -> int:
        """A non-negative integer of the query. Raises Refused (400 invalid_argument)."""
        text = self.query.get(name, "")
        if not text:
            return default
        if not (text.isascii() and text.isdigit()):
            raise Refused("invalid_argument", f"{name} must be a whole number.")
        return int(text)
