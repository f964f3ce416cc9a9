"""One rclone daemon for all tests of this directory."""

from collections.abc import Iterator

import pytest

from tests.rclone_conf.proxy import RefusingProxy
from tests.rclone_conf.rclone import Daemon


@pytest.fixture(scope="package")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """Yield a running rclone that reports whether it accepts values."""
    with RefusingProxy() as proxy, Daemon(tmp_path_factory.mktemp("home"), proxy.url) as running:
        yield running
