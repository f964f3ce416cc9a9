"""The real rclone, as a program and as a daemon that reads and writes configuration files."""

import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

PROGRAM = Path(sys.prefix) / "bin" / "rclone"
Sections = dict[str, dict[str, str]]


def environment(home: Path, **more: str) -> dict[str, str]:
    """Return an environment for rclone without the variables of the user who runs the tests."""
    return {"PATH": os.defpath, "HOME": str(home), **more}


def run(home: Path, *args: str, conf: Path | None = None, **more: str) -> subprocess.CompletedProcess[str]:
    """Run rclone without a terminal and return its result."""
    config = ["--config", str(conf)] if conf is not None else []
    return subprocess.run(
        [PROGRAM, *config, *args],
        env=environment(home, **more),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def dump(home: Path, conf: Path, **more: str) -> Sections:
    """Return the output of `rclone config dump` for a file that rclone can read."""
    ran = run(home, "config", "dump", "--ask-password=false", conf=conf, **more)
    assert ran.returncode == 0, ran.stderr
    return as_sections(json.loads(ran.stdout))


def as_sections(value: object) -> Sections:
    """Return the parsed output of `config dump`, checked."""
    assert isinstance(value, dict)
    return {str(name): {str(k): str(v) for k, v in section.items()} for name, section in value.items()}


def as_shown(text: str) -> str:
    """Return `text` as in rclone's JSON: every byte that is not UTF-8 becomes U+FFFD."""
    return "".join("\ufffd" if "\ud800" <= c <= "\udfff" else c for c in text)


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=60)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.connect(str(self._path))


class Daemon:
    """`rclone rcd` on its own socket: it reads and writes a file in a millisecond."""

    def __init__(self, directory: Path) -> None:
        self._socket = directory / "rcd"
        self._log = directory / "rcd.log"
        self._sentinel = directory / "sentinel.conf"
        self._calls = 0
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [
                    *(PROGRAM, "rcd", "--rc-addr", f"unix://{self._socket}", "--rc-no-auth"),
                    *("--config", str(self._sentinel), "--ask-password=false"),
                ],
                env=environment(directory),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def __enter__(self) -> Self:
        deadline = time.monotonic() + 30
        while not self._socket.exists():
            assert self._process.poll() is None, self._log.read_text()
            assert time.monotonic() < deadline, "rclone rcd did not start"
            time.sleep(0.01)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait(30)

    def call(self, method: str, parameters: Mapping[str, object]) -> tuple[int, object]:
        """Make one remote-control call; return the HTTP status and the answer."""
        connection = _UnixConnection(self._socket)
        try:
            body = json.dumps(parameters)
            connection.request("POST", f"/{method}", body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()

    def dump(self, conf: Path) -> Sections | None:
        """Return what rclone reads in the file, or None if it cannot read it."""
        # If rclone cannot read a file, it keeps the previous one: load one that we recognise first.
        self._calls += 1
        mark = f"sentinel-{self._calls}"
        self._sentinel.write_text(f"[{mark}]\n")
        assert list(self._dump(self._sentinel)) == [mark]
        sections = self._dump(conf)
        return None if list(sections) == [mark] else sections

    def create(self, conf: Path, name: str, options: Mapping[str, str], *, update: bool = False) -> bool:
        """Run `rclone config create` (or `update`) on the file; return False if rclone refuses."""
        self._dump(conf)
        parameters: dict[str, object] = {
            "name": name,
            "parameters": dict(options),
            "opt": {"nonInteractive": True, "noObscure": True},
        }
        if not update:
            parameters["type"] = "local"
        return self.call("config/update" if update else "config/create", parameters)[0] == 200

    def _dump(self, conf: Path) -> Sections:
        assert self.call("config/setpath", {"path": str(conf)})[0] == 200
        status, answer = self.call("config/dump", {})
        assert status == 200, answer
        return as_sections(answer)
