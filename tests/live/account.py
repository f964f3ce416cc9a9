"""The account that is tested with: keys and a bucket, from the environment."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

KEY_ID = "QINGSTOR_ACCESS_KEY_ID"
SECRET = "QINGSTOR_SECRET_ACCESS_KEY"
BUCKET = "PLUTON_QINGSTOR_LIVE_BUCKET"
ZONE = "PLUTON_QINGSTOR_LIVE_ZONE"
ENDPOINT = "PLUTON_QINGSTOR_LIVE_ENDPOINT"
REMOTE = "live"
"""The name of the storage, and of rclone's remote."""

_PASSED_ON = (
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"),
    *("LANG", "LC_ALL", "SSL_CERT_DIR", "SSL_CERT_FILE"),
)


class NothingToTestWith(Exception):
    """Variables are missing; the names are the message."""


class StillThere(Exception):
    """What was created could not be removed."""


@dataclass(frozen=True, slots=True)
class Account:
    """A bucket and keys for it; `endpoint` is blank for QingStor's own."""

    key_id: str
    secret: str = field(repr=False)
    bucket: str
    zone: str
    endpoint: str
    passed_on: Mapping[str, str]
    """How the network is reached."""

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> "Account":
        """Return it. Raises NothingToTestWith."""
        missing = [name for name in (KEY_ID, SECRET, BUCKET, ZONE) if not environ.get(name, "").strip()]
        if missing:
            raise NothingToTestWith(" ".join(missing))
        return cls(
            key_id=environ[KEY_ID].strip(),
            secret=environ[SECRET].strip(),
            bucket=environ[BUCKET].strip(),
            zone=environ[ZONE].strip(),
            endpoint=environ.get(ENDPOINT, "").strip(),
            passed_on={name: environ[name] for name in _PASSED_ON if name in environ},
        )

    @property
    def document(self) -> dict[str, object]:
        """Return the storage document."""
        credentials = {
            "access_key_id": self.key_id,
            "secret_access_key": self.secret,
            "endpoint": self.endpoint,
        }
        return {"name": REMOTE, "credentials": credentials, "settings": {"zone": self.zone}}

    def masked(self, text: str) -> str:
        """Return a text without the keys."""
        return text.replace(self.secret, "********").replace(self.key_id, "********")

    def remove(self, prefix: str) -> None:
        """Remove all objects below a prefix of the bucket, by rclone alone. Raises StillThere."""
        place = f"{REMOTE}:{self.bucket}/{prefix}"
        self._rclone("purge", place)
        # With status 3 there is no such directory.
        left = self._rclone("lsf", "-R", "--files-only", place)
        if left.returncode not in {0, 3} or left.stdout:
            raise StillThere(self.masked(left.stdout + left.stderr))

    def _rclone(self, *words: str) -> "subprocess.CompletedProcess[str]":
        options = {
            "TYPE": "qingstor",
            "ACCESS_KEY_ID": self.key_id,
            "SECRET_ACCESS_KEY": self.secret,
            "ZONE": self.zone,
            "ENDPOINT": self.endpoint,
        }
        remote = {f"RCLONE_CONFIG_{REMOTE.upper()}_{name}": value for name, value in options.items() if value}
        beside = Path(sys.executable).parent / "rclone"
        program = beside if beside.is_file() else shutil.which("rclone") or "rclone"
        return subprocess.run(
            [program, *words, "--config", ""],
            env={"PATH": os.environ["PATH"], **self.passed_on, **remote},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
