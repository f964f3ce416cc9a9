"""Whatever is killed at whatever moment: no process left, no run without an end, no lie, no lost byte."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.runs.lasting_server import LastingServer
from tests.runs.torture import ACTS, Chamber

_NAMES = tuple(ACTS)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[LastingServer]:
    """A server that can be killed and comes back."""
    with LastingServer(tmp_path / "server") as server:
        yield server


def _torture(directory: Path, server: LastingServer, seed: int, rounds: int) -> None:
    chamber = Chamber(directory / "chamber", server, seed)
    for number in range(rounds):
        chamber.round(_NAMES[(seed * rounds + number) % len(_NAMES)])


@pytest.mark.parametrize(
    "seed",
    [
        number if name in {"adapter KILL", "server restart"} else pytest.param(number, marks=pytest.mark.deep)
        for number, name in enumerate(_NAMES)
    ],
)
def test_a_round_with_each_act(tmp_path: Path, server: LastingServer, seed: int) -> None:
    _torture(tmp_path, server, seed, 1)


@pytest.mark.deep
@pytest.mark.parametrize("seed", range(100, 108))
def test_twenty_five_rounds(tmp_path: Path, server: LastingServer, seed: int) -> None:
    _torture(tmp_path, server, seed, 25)
