"""One rclone daemon for all tests of this directory."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.storage.rclone import Rclone, RefusingProxy


@pytest.fixture(scope="package")
def proxy() -> Iterator[RefusingProxy]:
    """The proxy that rclone meets instead of the world."""
    with RefusingProxy() as running:
        yield running


@pytest.fixture(scope="package")
def daemon(rclone: Path, proxy: RefusingProxy, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rclone]:
    """The real rclone, answering questions about values."""
    with Rclone(rclone, tmp_path_factory.mktemp("home"), proxy.url) as running:
        yield running
