"""Running the program as Pluton does: a child process, documents on stdin, JSON on stdout."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.forked import run_forked
from tests.qingstor_server import ACCESS_KEY_ID, SECRET_ACCESS_KEY, QingStorServer

Json = dict[str, "Json"] | list["Json"] | str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Finished:
    """What a run of the program left."""

    status: int
    stdout: str
    stderr: str

    @property
    def lines(self) -> list[dict[str, "Json"]]:
        """stdout as JSON lines; fails when one is not a JSON object."""
        return [as_object(json.loads(line)) for line in self.stdout.splitlines()]

    @property
    def answer(self) -> dict[str, "Json"]:
        """The one object of a one-shot command; fails when there is more or less."""
        (line,) = self.lines
        return line

    @property
    def summary(self) -> dict[str, "Json"]:
        """The one summary of a streaming command; fails unless it is the last line and the only one."""
        summaries = [line for line in self.lines if line["message_type"] == "summary"]
        assert summaries == self.lines[-1:], self.stdout[-2000:]
        return summaries[0]

    def of_type(self, message_type: str) -> list[dict[str, "Json"]]:
        """The lines of one type."""
        return [line for line in self.lines if line["message_type"] == message_type]


_PROGRAM = ("-m", "adapter")


@dataclass(frozen=True, slots=True)
class Program:
    """The program with an rclone.conf and an environment of its own."""

    directory: Path
    server: QingStorServer | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    python: tuple[str, ...] = _PROGRAM
    """What the interpreter is to run."""

    @property
    def conf(self) -> Path:
        """The rclone.conf that it reads and writes."""
        return self.directory / "rclone.conf"

    @property
    def state_dir(self) -> Path:
        """Where the program keeps what it remembers."""
        return self.directory / "home" / ".local" / "state" / "pluton-qingstor"

    @property
    def environment(self) -> dict[str, str]:
        """What the program starts with: a home of its own and the server as proxy."""
        proxy = self.server.environment() if self.server else {}
        home = self.directory / "home"
        home.mkdir(exist_ok=True)
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "TMPDIR": str(self.directory),
            "RCLONE_CONFIG": str(self.conf),
            **proxy,
            **self.variables,
        }

    def argv(self, *words: str | os.PathLike[str]) -> list[str]:
        """The command line."""
        return [sys.executable, *self.python, *(os.fspath(word) for word in words)]

    def run(self, *words: str | os.PathLike[str], document: object = None, timeout: float = 240) -> Finished:
        """Run it to its end; `document` goes to stdin as JSON (bytes as they are)."""
        given = document if isinstance(document, bytes) else json.dumps(document).encode()
        stdin = given if document is not None else b""
        root = Path(__file__).parents[1]
        if self.python == _PROGRAM:
            said = [os.fspath(word) for word in words]
            ended = run_forked(said, self.environment, root, stdin, timeout)
            return Finished(ended.status, ended.stdout.decode(), ended.stderr.decode())
        done = subprocess.run(
            self.argv(*words),
            input=stdin,
            env=self.environment,
            cwd=root,
            capture_output=True,
            timeout=timeout,
            check=False,
        )
        return Finished(done.returncode, done.stdout.decode(), done.stderr.decode())

    def start(self, *words: str | os.PathLike[str]) -> "subprocess.Popen[bytes]":
        """Start it and let it run; stdout and stderr are pipes."""
        return subprocess.Popen(
            self.argv(*words),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self.environment,
            cwd=Path(__file__).parents[1],
        )

    def save(self, **settings: object) -> None:
        """Save the storage `QingStor Backups` without a test."""
        done = self.run(
            "storage", "save", "--no-test", "--replace", "--json", document=document(settings=settings)
        )
        assert done.status == 0, done.stdout + done.stderr


def remember(state_dir: Path, looked_at: bytes) -> None:
    """Let a machine know the rclone at hand already: a look costs two more processes in each test."""
    state_dir.mkdir(mode=0o700, parents=True)
    (state_dir / "rclone.json").write_bytes(looked_at)


def document(
    name: str = "QingStor Backups",
    access_key_id: str = ACCESS_KEY_ID,
    secret_access_key: str = SECRET_ACCESS_KEY,
    endpoint: str = "http://qingstor.test:80",
    settings: Mapping[str, object] | None = None,
) -> dict[str, object]:
    """A storage document for the local server."""
    return {
        "name": name,
        "type": "qingstor",
        "authType": "client",
        "credentials": {
            "access_key_id": access_key_id,
            "secret_access_key": secret_access_key,
            "endpoint": endpoint,
        },
        "settings": {"zone": "pek3a", **(settings or {})},
        "tags": [],
    }


def as_object(value: "Json") -> dict[str, "Json"]:
    """The value, which must be a JSON object."""
    assert isinstance(value, dict), value
    return value


def number(value: "Json") -> float:
    """The value, which must be a number."""
    assert isinstance(value, int | float), value
    return value
