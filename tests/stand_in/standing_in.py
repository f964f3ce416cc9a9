"""A stand-in in front of the real rclone, with a conf of its own, talking to the local QingStor."""

import os
import site
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.program import remember
from tests.qingstor_server import ACCESS_KEY_ID, SECRET_ACCESS_KEY, AccessKey, QingStorServer, Right
from tests.qingstor_server.operation import Operation

_START = """\
import sys
sys.path.append({root!r})
from adapter.cli.rclone_start import start
start({at!r}, sys.argv[1:], {sites!r})
"""
BUCKET = "bucket-one"
INSIDE = {Right.LIST, Right.READ, Right.WRITE, Right.DELETE}
"""The rights of a key that is limited to one bucket."""


def start_argv(directory: Path, *words: str) -> list[str]:
    """The command line of a stand-in, as the installed program starts it."""
    code = _START.format(root=str(Path(__file__).parents[2]), at=str(directory), sites=site.getsitepackages())
    return [os.path.realpath(sys.executable), "-ISc", code, *words]


@dataclass(frozen=True)
class Ended:
    """How a call ended, and what the server was asked for."""

    status: int
    stdout: bytes
    stderr: str
    asked: list[str]

    @property
    def first_line(self) -> str:
        """What Pluton shows."""
        return self.stderr.partition("\n")[0]


@dataclass(frozen=True)
class StandingIn:
    """The directory of a stand-in."""

    directory: Path
    server: QingStorServer
    temporary: Path | None = None
    """The directory for temporary files; a path that is too long for a socket is not used for one."""

    @property
    def conf(self) -> Path:
        """The rclone.conf."""
        return self.directory / "rclone.conf"

    @property
    def environment(self) -> dict[str, str]:
        """As Pluton's, and the way to the server."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.directory),
            "TMPDIR": str(self.temporary or self.directory / "tmp"),
            "RCLONE_CONFIG": str(self.conf),
            **self.server.environment(),
        }

    def section(self, name: str, *, key: AccessKey | None = None, **options: str) -> None:
        """Append a section to the conf; without a key the default one."""
        pair = (key.id, key.secret) if key else (ACCESS_KEY_ID, SECRET_ACCESS_KEY)
        lines = {
            "type": "qingstor",
            "endpoint": "http://qingstor.test:80",
            "zone": "pek3a",
            "access_key_id": pair[0],
            "secret_access_key": pair[1],
            **options,
        }
        text = "".join(f"{option} = {value}\n" for option, value in lines.items() if value)
        with self.conf.open("a") as file:
            file.write(f"[{name}]\n{text}\n")

    def argv(self, *words: str) -> list[str]:
        """A command line of the stand-in."""
        return start_argv(self.directory, *words)

    def run(
        self, *words: str | Path, stdin: bytes = b"", real: bool = False, env: Mapping[str, str] | None = None
    ) -> Ended:
        """Run it to its end; `real` for rclone itself."""
        said = [os.fspath(word) for word in words]
        self.server.clear_requests()
        done = subprocess.run(
            [str(self.directory / "rclone.real"), *said] if real else self.argv(*said),
            input=stdin,
            env={**self.environment, **(env or {})},
            capture_output=True,
            timeout=120,
            check=False,
        )
        asked = [Operation(one.operation).value if one.operation else "" for one in self.server.requests()]
        return Ended(done.returncode, done.stdout, done.stderr.decode(errors="replace"), asked)

    def limited_key(self, bucket: str) -> AccessKey:
        """A key for one bucket, which may neither list buckets nor create any."""
        return self.server.add_key(
            "AKTESTONEBUCKET00001", "SKTESTcanaryonebucket", rights=INSIDE, buckets={bucket}
        )


def prepared(calls: StandingIn, rclone: Path, looked_at: bytes) -> StandingIn:
    """Put the real rclone beside a stand-in; make the bucket and the remote `q`, with the full key."""
    (calls.directory / "rclone.real").symlink_to(rclone)
    calls.server.add_bucket(BUCKET)
    calls.section("q")
    remember(calls.directory / ".local" / "state" / "pluton-qingstor", looked_at)
    return calls
