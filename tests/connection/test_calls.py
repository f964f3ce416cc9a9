"""How often rclone is called: a good connection takes two calls once the binary is known."""

import json
import os
import shlex
import shutil
from pathlib import Path

import pytest

from tests.connection.scene import Asked, Scene

_BUCKET = ("--bucket", "bucket-one")


@pytest.fixture
def counted(scene: Scene, rclone: Path) -> "Counted":
    """Return the real rclone behind a script that logs its calls."""
    scene.server.add_bucket("bucket-one")
    return Counted(scene, rclone)


class Counted:
    """An rclone whose calls are logged; every call is one line, its first argument."""

    def __init__(self, scene: Scene, rclone: Path) -> None:
        self._scene = scene
        self._log = scene.directory / "calls"
        self.path = scene.directory / "rclone"
        self.path.write_text(
            f'#!/bin/sh\necho "$1" >> {shlex.quote(str(self._log))}\nexec {shlex.quote(str(rclone))} "$@"\n'
        )
        self.path.chmod(0o755)
        self.remembered = scene.program.state_dir / "rclone.json"

    def calls(self, *words: str) -> list[str]:
        """Return the calls of a connection test, which must succeed."""
        self._log.write_bytes(b"")
        form = self._scene.form(*words, "--rclone", str(self.path))
        done = self._scene.run(Asked(form.words, form.document), 20)
        assert done.status == 0, done.stdout
        return self._log.read_text().split()


def test_a_known_rclone_is_called_twice(counted: Counted) -> None:
    assert counted.calls(*_BUCKET) == ["version", "help", "lsd", "lsd"]
    assert counted.calls(*_BUCKET) == ["lsd", "lsd"]
    assert counted.calls() == ["lsd", "lsd"]
    assert counted.calls(*_BUCKET, "--write") == ["lsd", "lsd", "copy", "move"]


def test_a_changed_binary_is_looked_at_again(counted: Counted) -> None:
    counted.calls(*_BUCKET)
    later = counted.path.stat().st_mtime_ns + 1_000_000_000
    os.utime(counted.path, ns=(later, later))
    assert counted.calls(*_BUCKET) == ["version", "help", "lsd", "lsd"]
    assert counted.calls(*_BUCKET) == ["lsd", "lsd"]


def test_a_damaged_cache_of_rclones_is_ignored(counted: Counted) -> None:
    counted.calls(*_BUCKET)
    for damage in (b"", b"{", b"[]", b'{"x": 1}', b"\xff", b'{"/bin/rclone": {"size": "1", "version": [1]}}'):
        counted.remembered.write_bytes(damage)
        assert counted.calls(*_BUCKET) == ["version", "help", "lsd", "lsd"], damage
    assert counted.calls(*_BUCKET) == ["lsd", "lsd"]


def test_a_cache_of_rclones_that_cannot_be_written_fails_nothing(counted: Counted) -> None:
    shutil.rmtree(counted.remembered.parent)
    counted.remembered.parent.write_bytes(b"a file where the directory belongs")
    for _ in range(2):
        assert counted.calls(*_BUCKET) == ["version", "help", "lsd", "lsd"]


def test_the_cache_of_rclones_is_small_private_and_complete(counted: Counted) -> None:
    counted.calls(*_BUCKET)
    known = {f"/old/rclone{number}": _entry() for number in range(20)}
    counted.remembered.write_text(json.dumps(known))
    counted.calls(*_BUCKET)
    assert len(json.loads(counted.remembered.read_bytes())) == 8
    assert counted.remembered.stat().st_mode & 0o777 == 0o600
    assert list(counted.remembered.parent.glob(".*")) == []


def _entry() -> dict[str, object]:
    return {"size": 1, "mtime_ns": 1, "inode": 1, "version": [1, 75, 2]}
