"""What supervision tests ask for."""

from collections.abc import Iterator

import pytest

from adapter.cancel import Cancellation
from tests.supervision.children import own_children, own_descriptors


@pytest.fixture
def cancel() -> Iterator[Cancellation]:
    """A request to stop that nobody has made yet."""
    with Cancellation() as cancellation:
        yield cancellation


@pytest.fixture(autouse=True)
def _nothing_left() -> Iterator[None]:
    """Whatever a test does: no child, no zombie, no descriptor stays."""
    children, descriptors = own_children(), own_descriptors()
    yield
    assert own_children() == children
    assert own_descriptors() == descriptors
