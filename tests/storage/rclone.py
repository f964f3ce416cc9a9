"""The real rclone as a daemon: it parses values and endpoints in a millisecond each, and saves nothing."""

import http.client
import json
import os
import queue
import re
import socketserver
import subprocess
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

_WAIT_S = 30


class Rclone:
    """`rclone rcd` on a free port of 127.0.0.1, with nothing of the tester's environment."""

    def __init__(self, program: Path, home: Path, proxy: str = "") -> None:
        variables = {"http_proxy": proxy, "https_proxy": proxy} if proxy else {}
        self._process = subprocess.Popen(
            [program, "rcd", "--rc-addr", "127.0.0.1:0", "--rc-no-auth", "--config", ""],
            env={"PATH": os.defpath, "HOME": str(home), **variables},
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._ports: queue.SimpleQueue[int] = queue.SimpleQueue()
        # Every refused call is logged: nobody reading would fill the pipe and stop rclone.
        self._reader = threading.Thread(target=self._read_log)
        self._reader.start()

    def _read_log(self) -> None:
        assert self._process.stderr is not None
        with self._process.stderr as log:
            for line in log:
                if match := re.search(r"http://127\.0\.0\.1:(\d+)/", line):
                    self._ports.put(int(match[1]))

    def __enter__(self) -> Self:
        try:
            self._port = self._ports.get(timeout=_WAIT_S)
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def _stop(self) -> None:
        self._process.terminate()
        self._process.wait(_WAIT_S)
        self._reader.join(_WAIT_S)

    def call(self, method: str, **parameters: object) -> tuple[dict[str, object], str]:
        """The answer of a remote-control call, or nothing and rclone's error."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=_WAIT_S)
        try:
            connection.request(
                "POST", f"/{method}", json.dumps(parameters), {"Content-Type": "application/json"}
            )
            response = connection.getresponse()
            answer: object = json.loads(response.read())
        finally:
            connection.close()
        assert isinstance(answer, dict)
        return (answer, "") if response.status == 200 else ({}, str(answer["error"]))

    def read_option(self, block: str, option: str, text: str) -> object:
        """What rclone makes of an option's text, as its JSON shows it; None when it refuses."""
        _, error = self.call("options/set", **{block: {option: text}})
        if error:
            return None
        answer, _ = self.call("options/get", blocks=block)
        options = answer[block]
        assert isinstance(options, dict)
        return options[option]

    def opens(self, **options: str) -> str:
        """What rclone says when it makes a qingstor remote of these options; nothing when it is content."""
        return self.call("operations/fsinfo", fs=_remote(options))[1]

    def lists(self, **options: str) -> str:
        """The same for listing its buckets, for which rclone asks the server."""
        return self.call("operations/list", fs=_remote(options), remote="")[1]


def _remote(options: dict[str, str]) -> dict[str, str]:
    keys = {"access_key_id": "AKcanary", "secret_access_key": "SKcanary"}
    return {"type": "qingstor", **keys, **options}


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
