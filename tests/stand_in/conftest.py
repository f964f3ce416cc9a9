"""What the tests of the stand-in may ask for besides."""

import os
from pathlib import Path

import pytest

from adapter.machine.cancellation import Cancellation
from adapter.machine.settings import Settings
from adapter.rclone.binary import Rclone
from adapter.stand_in import installation, status
from tests.program import remember
from tests.stand_in.places import Place
from tests.stand_in.rclone_help import Help, read_help


@pytest.fixture
def place(probing: Place, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A directory with the real rclone in it, which is taken for what it is: a look takes half a second."""

    def known(path: Path, *_: object) -> Rclone:
        return Rclone(path, (1, 75, 2))

    for module, name in ((installation, "probe"), (installation, "probe_and_cache"), (status, "cached")):
        monkeypatch.setattr(module, name, known)
    monkeypatch.setattr(installation, "_STARTS_WITHIN_S", 0.0)
    return probing


@pytest.fixture
def probing(tmp_path: Path, rclone: Path, looked_at: bytes, cancel: Cancellation) -> Place:
    """A directory with the real rclone in it."""
    directory, home = tmp_path / "bin", tmp_path / "home"
    directory.mkdir()
    home.mkdir()
    remember(home / "state", looked_at)
    environ = {"PATH": os.environ["PATH"], "HOME": str(home)}
    settings = Settings(environ, home, home / "conf", home / "state", None, lambda: None, lambda: None)
    found = Place(directory, rclone, settings, cancel)
    found.put()
    return found


@pytest.fixture(scope="session")
def rclone_help(rclone: Path, tmp_path_factory: pytest.TempPathFactory) -> Help:
    """The commands and flags of the rclone at hand."""
    return read_help(rclone, tmp_path_factory.mktemp("help"))
