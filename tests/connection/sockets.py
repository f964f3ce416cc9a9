"""Listeners on real sockets for what QingStor does not do: silence, single bytes, other protocols."""

import select
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Self

_CERTIFICATES = Path(__file__).with_name("certificates")
AUTHORITY = _CERTIFICATES / "authority.pem"
"""The authority that signed the other certificates, which are for 127.0.0.1; its key is not kept."""

Talk = Callable[["Connection"], None]


class Connection:
    """One accepted connection; every wait in it ends with the listener."""

    def __init__(self, accepted: socket.socket, ending: threading.Event) -> None:
        self.socket = accepted
        self._ending = ending

    def read_head(self) -> bytes:
        """Return what the client sends first."""
        return self.socket.recv(1 << 16)

    def send(self, data: bytes) -> None:
        """Send, and wait until the client has closed its side."""
        self.socket.sendall(data)
        with suppress(OSError):
            self.socket.shutdown(socket.SHUT_WR)
            while self.socket.recv(1 << 16):
                pass

    def pause(self, seconds: float) -> bool:
        """Wait; return whether the listener is still open."""
        return not self._ending.wait(seconds)


class Listener:
    """A server that runs `talk` for each connection, in a thread, until the end of the `with` block."""

    def __init__(self, talk: Talk) -> None:
        self._talk = talk
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._ending = threading.Event()
        self._waker, self._wake = socket.socketpair()
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._wake.send(b"x")
        self._threads[0].join()
        for accepted in self._open:
            with suppress(OSError):
                accepted.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for one in (*self._open, self._socket, self._waker, self._wake):
            one.close()

    def _accept(self) -> None:
        poller = select.poll()
        for one in (self._socket, self._waker):
            poller.register(one, select.POLLIN)
        while self._waker.fileno() not in dict(poller.poll()):
            accepted, _ = self._socket.accept()
            self._open.append(accepted)
            thread = threading.Thread(target=self._serve, args=(accepted,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, accepted: socket.socket) -> None:
        with suppress(OSError):
            self._talk(Connection(accepted, self._ending))


def answering(data: bytes) -> Talk:
    """Return a talk that reads the request and answers these bytes."""

    def talk(connection: Connection) -> None:
        connection.read_head()
        connection.send(data)

    return talk


def silent(connection: Connection) -> None:
    """Read the request and send nothing until the end."""
    connection.read_head()
    while connection.pause(60):
        pass


def trickling(connection: Connection) -> None:
    """Answer one byte a second: no pause is as long as a client's idle time-out."""
    connection.read_head()
    for byte in page("200 OK", "application/json", '{"count": 0, "buckets": []}' + " " * 10_000):
        connection.socket.sendall(bytes((byte,)))
        if not connection.pause(1):
            return


def speaking_tls(certificate: str, talk: Talk) -> Talk:
    """Return the talk behind TLS, with a certificate: `valid`, `expired` or `other_host`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(_CERTIFICATES / f"{certificate}.pem")

    def secured(connection: Connection) -> None:
        with context.wrap_socket(connection.socket, server_side=True) as wrapped:
            connection.socket = wrapped
            talk(connection)

    return secured


def page(status: str, kind: str, body: str, *more: str) -> bytes:
    """Return an HTTP answer with a body."""
    head = (f"HTTP/1.1 {status}", f"Content-Type: {kind}", *more, f"Content-Length: {len(body)}")
    return "\r\n".join((*head, "Connection: close", "", body)).encode()


def html(status: str) -> bytes:
    """Return an HTML page, as a web server or a proxy sends it."""
    return page(status, "text/html", f"<html><body>{status}</body></html>")


@contextmanager
def black_hole() -> Iterator[int]:
    """Yield a port that accepts no connection: its queue is full, so the kernel drops new ones."""
    with ExitStack() as stack:
        server = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        address = server.getsockname()
        for _ in range(4):
            client = stack.enter_context(socket.socket())
            client.settimeout(0)
            client.connect_ex(address)
        yield address[1]


@contextmanager
def closed_port() -> Iterator[int]:
    """Yield a port that refuses connections: bound, so that it is not used otherwise, and not listening."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]
