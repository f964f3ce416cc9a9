"""restic, a repository at the local QingStor, and the stand-in between them."""

import os
import random
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.program import Finished
from tests.qingstor_server import SECRET_ACCESS_KEY, QingStorServer
from tests.stand_in.pluton import CONF_PASSWORD, Pluton
from tests.system.watching import Seen, watching

PASSWORD = "restic-canary-that-must-not-show"
_SECRETS = (SECRET_ACCESS_KEY, CONF_PASSWORD, PASSWORD)


@dataclass(frozen=True, slots=True)
class Restic:
    """restic with the repository `Q S:BUCKET/repo`, started as Pluton starts it."""

    pluton: Pluton
    program: str
    """What restic is told to start as rclone."""
    temporary: Path
    """Where programs put what is temporary: a directory of this test, so that nothing left is overlooked."""
    bucket: str = "my-bucket"
    variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def server(self) -> QingStorServer:
        """The local QingStor."""
        return self.pluton.server

    @property
    def cache(self) -> Path:
        """restic's cache."""
        return self.pluton.directory / "cache"

    @property
    def sockets(self) -> list[str]:
        """The directories of sockets that are there now."""
        return [path.name for path in self.temporary.glob("pluton-qingstor-*")]

    @contextmanager
    def running(self, *words: str | os.PathLike[str]) -> Iterator["subprocess.Popen[str]"]:
        """Start `restic WORDS`; it has ended at the end of the block."""
        options = ("-r", f"rclone:Q S:{self.bucket}/repo", "-o", f"rclone.program={self.program}")
        process = subprocess.Popen(
            ["restic", *options, "--cache-dir", self.cache, *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self.environment,
            cwd=self.pluton.directory,
            text=True,
        )
        with process:
            try:
                yield process
            finally:
                process.kill()

    @property
    def environment(self) -> dict[str, str]:
        """Pluton's, and what restic needs."""
        environment = {**self.pluton.environment, **self.variables}
        return {**environment, "RESTIC_PASSWORD": PASSWORD, "TMPDIR": str(self.temporary)}

    def run(self, *words: str | os.PathLike[str]) -> tuple[Finished, Seen]:
        """Run restic to its end; nothing secret is seen, no TCP socket, and no socket's directory is left."""
        with self.running(*words) as process, watching(process.pid) as seen:
            stdout, stderr = process.communicate(timeout=120)
        self.check_clean(seen, stdout + stderr)
        return Finished(process.returncode, stdout, stderr), seen

    def check_clean(self, seen: Seen, said: str) -> None:
        """Nothing secret was seen, no TCP socket, and no directory of a socket is there."""
        shown = said + "".join(word for command in seen.commands for word in command)
        assert [secret for secret in _SECRETS if secret in shown] == []
        assert seen.listeners == set()
        assert self.sockets == []

    def ok(self, *words: str | os.PathLike[str]) -> str:
        """Run restic, which has to succeed; return what it printed."""
        finished, _ = self.run(*words)
        assert finished.status == 0, finished.stderr
        return finished.stdout

    def check_stored(self) -> None:
        """All that was sent is as it was sent, none of it in parts, and no bucket was created."""
        objects = self.server.objects(self.bucket).values()
        assert [item.key for item in objects if item.multipart or item.etag != item.md5] == []
        asked = {entry.operation.value for entry in self.server.requests()}
        assert asked & {"initiate_upload", "upload_part", "create_bucket"} == set()

    def check_files(self) -> None:
        """No file but the conf has a secret in it."""
        files = [path for path in self.pluton.directory.rglob("*") if path.is_file()]
        assert [
            path
            for path in files
            if path != self.pluton.conf and any(secret.encode() in path.read_bytes() for secret in _SECRETS)
        ] == []


def make_source(directory: Path, mib: int = 12, seed: int = 1) -> Path:
    """Make some files, one of `mib` MiB that neither compresses nor repeats; return their directory."""
    source = directory / f"source {seed}"
    (source / "ä").mkdir(parents=True)
    (source / "large").write_bytes(random.Random(seed).randbytes(mib << 20))
    (source / "ä" / "small").write_bytes(b"small" * 1000)
    (source / "empty").touch()
    return source


def contents(directory: Path) -> dict[str, bytes]:
    """Every file below a directory, by its path there."""
    files = (path for path in directory.rglob("*") if path.is_file())
    return {str(path.relative_to(directory)): path.read_bytes() for path in files}
