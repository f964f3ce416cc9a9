"""A save killed at any step leaves the old file or the new one, and no secret that others can read."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from rclone_conf import decrypt, is_encrypted
from tests.rclone_conf.kill_at_each_step import CASES, OLD, PASSWORD

NEW = b"[new]\r\ntype = local\r\nsecret = canary-new\r\n"


_IN_OTHERS = pytest.param("private", marks=pytest.mark.deep)
"""Its steps are among those of the other cases."""


@pytest.mark.parametrize(
    "case",
    [
        _IN_OTHERS,
        *(case for case in CASES if case not in {"private", "read by all"}),
        pytest.param("read by all", marks=pytest.mark.deep),
    ],
)
@pytest.mark.parametrize("step", ["line", pytest.param("opcode", marks=pytest.mark.deep)])
def test_killed_at_every_step(case: str, step: str, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    ran = subprocess.run(
        [sys.executable, "-m", "tests.rclone_conf.kill_at_each_step", tmp_path / "home", case, step],
        capture_output=True,
        check=True,
        timeout=1500,
    )
    before = CASES[case]
    old = before.data
    new = NEW.replace(b"\r", b"") if old is None else OLD + b"\r\n" + NEW
    contents = set()
    for line in ran.stdout.splitlines():
        report = json.loads(line)
        found = report["found"]
        conf = found.pop("rclone.conf", None)
        data = None if conf is None else conf["data"].encode("latin-1")
        if before.encrypted:
            assert data is not None
            assert is_encrypted(data)
            assert b"canary" not in data
            data = decrypt(data, PASSWORD)
        contents.add(data)
        assert data in {old, new}, f"neither old nor new at step {report['step']}"
        assert conf is None or conf["mode"] in ({before.mode, 0o600} if data == old else {0o600})
        for name, left in found.items():
            assert left["mode"] & 0o077 == 0, name
            assert not before.encrypted or "canary" not in left["data"]
        assert report["after"] == ["rclone.conf"], "the next save did not clean up"
    assert contents == {old, new}, "the save was not killed before and after the change"
