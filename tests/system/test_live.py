"""The program behind `make test-live` with restic, run against the local QingStor."""

import os
import subprocess
import sys
from pathlib import Path

from tests.live.account import BUCKET, ENDPOINT, KEY_ID, SECRET, ZONE
from tests.qingstor_server import ACCESS_KEY_ID, SECRET_ACCESS_KEY, QingStorServer


def test_restic_is_tried_too(server: QingStorServer, restic: Path, tmp_path: Path) -> None:
    server.add_bucket("live-bucket")
    account = {KEY_ID: ACCESS_KEY_ID, SECRET: SECRET_ACCESS_KEY, BUCKET: "live-bucket", ZONE: "pek3a"}

    done = subprocess.run(
        [sys.executable, "-m", "tests.live"],
        env={
            "PATH": f"{restic.parent}:{os.environ['PATH']}",
            "TMPDIR": str(tmp_path),
            **server.environment(),
            **account,
            ENDPOINT: server.endpoint,
        },
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "  restic: 51 files came back" in done.stdout
    assert server.objects("live-bucket") == {}
