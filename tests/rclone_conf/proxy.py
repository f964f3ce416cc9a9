"""A proxy that lets nothing through: it tells where rclone really wanted to go."""

import queue
import socketserver
import threading
from typing import Self

_WAIT_S = 30


class _Refuse(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        line = self.rfile.readline().decode("latin-1").split()
        while self.rfile.readline().strip():
            pass
        assert isinstance(self.server, RefusingProxy)
        self.server.asked.put(" ".join(line[:2]))
        self.wfile.write(b"HTTP/1.1 407 Refused\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


class RefusingProxy(socketserver.ThreadingTCPServer):
    """A proxy that lets nothing through and remembers where rclone wanted to go. No name is looked up."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Refuse)
        self.asked: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05})

    @property
    def url(self) -> str:
        """What `http_proxy` takes."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *args: object) -> None:
        self.shutdown()
        self._thread.join(_WAIT_S)
        self.server_close()

    def first_asked(self) -> str:
        """The first request since the last call, as method and address."""
        first = self.asked.get(timeout=_WAIT_S)
        while not self.asked.empty():
            self.asked.get()
        return first
