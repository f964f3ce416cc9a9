"""Fixtures: a running rclone daemon, and paths for configuration files."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rclone_conf.proxy import RefusingProxy
from tests.rclone_conf.rclone import Daemon


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory shared by all tests of a module."""
    return tmp_path_factory.mktemp("conf")


@pytest.fixture(scope="module")
def proxy() -> Iterator[RefusingProxy]:
    """The proxy that rclone meets instead of the world."""
    with RefusingProxy() as running:
        yield running


@pytest.fixture(scope="module")
def daemon(directory: Path, proxy: RefusingProxy) -> Iterator[Daemon]:
    """A running rclone daemon."""
    with Daemon(directory, proxy.url) as running:
        yield running


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    """The path of a configuration that does not exist yet, in an empty directory."""
    home = tmp_path / "config"
    home.mkdir()
    return home / "rclone.conf"
