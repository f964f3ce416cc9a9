"""After each test of this folder nothing is left: no child, no descriptor."""

from collections.abc import Iterator

import pytest

from tests.machine.children import own_children, own_descriptors


@pytest.fixture(autouse=True)
def _nothing_left() -> Iterator[None]:
    """Whatever a test does: no child, no zombie, no descriptor stays."""
    children, descriptors = own_children(), own_descriptors()
    yield
    assert own_children() == children
    assert own_descriptors() == descriptors
