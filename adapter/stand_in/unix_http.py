"""A request over HTTP to a socket in the file system, which http.client does not offer."""

import http.client
import socket


class _Connection(http.client.HTTPConnection):
    """A connection to a socket's path."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost")
        self._path = path

    def connect(self) -> None:
        """Connect. Raises OSError."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.connect(self._path)


class Request:
    """A request that has been sent; `answer` waits for what comes back."""

    def __init__(self, path: str, command: str, body: bytes) -> None:
        """Send JSON to a command. Raises OSError if nobody listens."""
        self._connection = _Connection(path)
        try:
            self._connection.request("POST", f"/{command}", body, {"Content-Type": "application/json"})
        except BaseException:
            self._connection.close()
            raise

    def fileno(self) -> int:
        """Return the descriptor that can be read once there is an answer."""
        return self._connection.sock.fileno()

    def answer(self) -> bytes:
        """Return the body of the answer, whatever its status. Raises OSError if there is none."""
        try:
            return self._connection.getresponse().read()
        except http.client.HTTPException as error:
            raise OSError(str(error)) from error
        finally:
            self._connection.close()
