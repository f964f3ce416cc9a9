"""The real rclone, as a program and as a daemon that answers in a millisecond."""

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
    """`rclone rcd` on its own socket: it reads and writes files, and parses values and endpoints.

    `proxy` is where its requests go, so that no name is looked up.
    """

    def __init__(self, directory: Path, proxy: str = "") -> None:
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
                env=environment(directory, **({"http_proxy": proxy, "https_proxy": proxy} if proxy else {})),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def __enter__(self) -> Self:
        deadline = time.monotonic() + 30
        while not self._answers():
            assert self._process.poll() is None, self._log.read_text()
            assert time.monotonic() < deadline, "rclone rcd did not start"
            time.sleep(0.01)
        return self

    def _answers(self) -> bool:
        # The socket's file is there a moment before rclone listens on it.
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            return connection.connect_ex(str(self._socket)) == 0

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait(30)

    def call(self, method: str, **parameters: object) -> tuple[dict[str, object], str]:
        """Make one remote-control call; return the answer, or nothing and rclone's error."""
        connection = _UnixConnection(self._socket)
        try:
            body = json.dumps(parameters)
            connection.request("POST", f"/{method}", body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            answer: object = json.loads(response.read())
        finally:
            connection.close()
        assert isinstance(answer, dict)
        return (answer, "") if response.status == 200 else ({}, str(answer["error"]))

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
        return not self.call("config/update" if update else "config/create", **parameters)[1]

    def _dump(self, conf: Path) -> Sections:
        assert self.call("config/setpath", path=str(conf)) == ({}, "")
        answer, error = self.call("config/dump")
        assert not error
        return as_sections(answer)

    def read_option(self, block: str, option: str, text: str) -> object:
        """Return what rclone makes of an option's text, as its JSON shows it; None if it refuses."""
        _, error = self.call("options/set", **{block: {option: text}})
        if error:
            return None
        answer, _ = self.call("options/get", blocks=block)
        options = answer[block]
        assert isinstance(options, dict)
        return options[option]

    def opens(self, **options: str) -> str:
        """Return rclone's error about a qingstor remote of these options; nothing if it is content."""
        return self.call("operations/fsinfo", fs=_remote(options))[1]

    def lists(self, **options: str) -> str:
        """Return the same for listing its buckets, for which rclone asks the server."""
        return self.call("operations/list", fs=_remote(options), remote="")[1]


def _remote(options: Mapping[str, str]) -> dict[str, str]:
    keys = {"access_key_id": "AKcanary", "secret_access_key": "SKcanary"}
    return {"type": "qingstor", **keys, **options}
