"""Pluton as it starts rclone today: the stand-in in its directory, and no environment but this one."""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from adapter.machine.cancellation import Cancellation
from adapter.machine.settings import Settings
from adapter.stand_in.installation import Options, install
from rclone_conf import Document, encrypt
from tests.program import Finished
from tests.qingstor_server import ACCESS_KEY_ID, SECRET_ACCESS_KEY, QingStorServer

CONF_PASSWORD = "conf-canary-that-must-not-show"
SETTINGS = {
    "RCLONE_BWLIMIT": "off",
    "RCLONE_TIMEOUT": "60s",
    "RCLONE_RETRIES": "3",
    "RCLONE_LOW_LEVEL_RETRIES": "3",
    "RCLONE_TRANSFERS": "4",
    "RCLONE_CHECKERS": "8",
    "RCLONE_BUFFER_SIZE": "16M",
    "RCLONE_MULTI_THREAD_STREAMS": "4",
}
"""What Pluton hands on from its settings, besides two directories."""


@dataclass(frozen=True, slots=True)
class Pluton:
    """What Pluton knows of rclone: a program, a conf and its password."""

    directory: Path
    """The conf's, and that of all that rclone leaves."""
    program: Path
    server: QingStorServer
    variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def conf(self) -> Path:
        """The rclone.conf."""
        return self.directory / "rclone.conf"

    @property
    def environment(self) -> dict[str, str]:
        """Exactly what Pluton hands on; but for the proxy, which is only how the local server is reached."""
        return {
            "PATH": f"{self.program.parent}:{os.environ['PATH']}",
            "RCLONE_CONFIG": str(self.conf),
            "LOCALAPPDATA": str(self.directory),
            "RCLONE_CONFIG_PASS": CONF_PASSWORD,
            "RCLONE_TEMP_DIR": str(self.directory),
            "RCLONE_CACHE_DIR": str(self.directory),
            **SETTINGS,
            **self.server.environment(),
            **self.variables,
        }

    def rclone(self, *words: str | os.PathLike[str]) -> Finished:
        """Run `rclone WORDS` to its end."""
        done = subprocess.run(
            [self.program, *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=self.environment,
            cwd=self.directory,
            timeout=120,
            check=False,
        )
        return Finished(done.returncode, done.stdout.decode(), done.stderr.decode())

    def write_conf(self, text: str, *, encrypted: bool = False) -> None:
        """Write the rclone.conf past every program."""
        data = text.encode()
        self.conf.write_bytes(encrypt(data, CONF_PASSWORD) if encrypted else data)
        self.conf.chmod(0o600)

    def section(self, name: str) -> Mapping[str, str] | None:
        """Return a section of a conf that is not encrypted, or None."""
        return Document.parse(self.conf.read_bytes()).get(name)


def install_stand_in(directory: Path, *, endpoint: str = "", key_file: str = "") -> Path:
    """Install the stand-in in a new directory, with these options remembered; return the program."""
    place, state_dir = directory / "bin", directory / "state"
    place.mkdir()
    settings = Settings(
        os.environ, directory, directory / "conf", state_dir, None, lambda: None, lambda: None
    )
    with Cancellation() as cancel:
        install(place, Options(endpoint, key_file, str(state_dir)), settings, cancel)
    return place / "rclone"


def section_text(
    name: str, key_id: str = ACCESS_KEY_ID, secret: str = SECRET_ACCESS_KEY, **options: str
) -> str:
    """Return a section as `rclone.conf` has it, for the local server; blank keys are left out."""
    given = {
        "type": "qingstor",
        "access_key_id": key_id,
        "secret_access_key": secret,
        "endpoint": "http://qingstor.test:80",
        "zone": "pek3a",
        **options,
    }
    lines = [f"{option} = {value}\n" for option, value in given.items() if value]
    return f"[{name}]\n{''.join(lines)}\n"
