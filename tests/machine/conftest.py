"""Check after each test of this folder that no child and no descriptor is left."""

from collections.abc import Iterator

import pytest

from tests.machine.children import own_children, own_descriptors


@pytest.fixture(autouse=True)
def _nothing_left() -> Iterator[None]:
    """Fail a test that leaves a child, a zombie or a descriptor."""
    children, descriptors = own_children(), own_descriptors()
    yield
    assert own_children() == children
    assert own_descriptors() == descriptors
