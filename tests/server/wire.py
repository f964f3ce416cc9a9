"""Plain HTTP requests, signed or not, as a proxy's client sends them."""

import http.client
import json
from dataclasses import dataclass
from email.utils import formatdate

from tests.qingstor_server import DEFAULT_KEY, AccessKey
from tests.qingstor_server.signature import canonical_resource, sign, string_to_sign
from tests.qingstor_server.target import parse_query


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> dict[str, object]:
        """The body's JSON object."""
        document: dict[str, object] = json.loads(self.body)
        return document

    @property
    def code(self) -> object:
        """QingStor's error code."""
        return self.json()["code"]


@dataclass(frozen=True, slots=True)
class Wire:
    """A client of the server as proxy. `key` None sends anonymous requests."""

    port: int
    key: AccessKey | None = DEFAULT_KEY
    host: str = "pek3a.qingstor.test"

    def __call__(
        self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> Reply:
        """Send one request; `path` is URI-encoded already."""
        fields = self.signed(method, path, headers)
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, f"http://{self.host}{path}", body or None, fields)
            response = connection.getresponse()
            return Reply(response.status, dict(response.getheaders()), response.read())
        finally:
            connection.close()

    def signed(self, method: str, path: str, headers: dict[str, str] | None = None) -> dict[str, str]:
        """The headers with date and, unless anonymous or there is one, a signature."""
        fields = {"Date": formatdate(usegmt=True), **(headers or {})}
        if self.key is not None and "Authorization" not in fields:
            plain, _, query = path.partition("?")
            text = string_to_sign(method, fields, canonical_resource(plain, parse_query(query)))
            fields["Authorization"] = f"QS {self.key.id}:{sign(self.key.secret, text)}"
        return fields

    def begin(self, method: str, path: str, length: int, sent: bytes) -> http.client.HTTPConnection:
        """A request of which only the head and the first bytes of its body have left; to be closed."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.putrequest(method, f"http://{self.host}{path}", skip_accept_encoding=True)
        for name, value in self.signed(method, path, {"Content-Length": str(length)}).items():
            connection.putheader(name, value)
        connection.endheaders(sent)
        return connection
