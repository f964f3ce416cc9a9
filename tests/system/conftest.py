"""What these tests need of the system. What is missing is a failure, never a reason to skip."""

import shutil
from pathlib import Path

import pytest

# So that a failed assertion in it shows the values.
pytest.register_assert_rewrite("tests.system.scene")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All tests of this folder are marked `system`."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker("system")


@pytest.fixture(scope="session")
def restic() -> Path:
    """Debian's restic."""
    found = shutil.which("restic")
    assert found, "restic is missing: run `apt-get install restic` as root"
    return Path(found)
