"""A random share of files, of exactly the size that was asked for."""

import math
import random
from dataclasses import dataclass


@dataclass(slots=True)
class Sample:
    """Chooses `wanted` of `total` files, each with the same chance, while they are told one by one."""

    total: int
    wanted: int

    def chooses(self) -> bool:
        """Return whether the next file is one of them."""
        chosen = random.randrange(max(1, self.total)) < self.wanted  # noqa: S311  # a fair share, no secret
        self.total -= 1
        self.wanted -= chosen
        return chosen


def sample_of(total: int, *, download: bool, percent: float | None) -> Sample:
    """Return all of them with `download`, else the share, at least one file; without a share none."""
    if download:
        return Sample(total, total)
    return Sample(total, 0 if percent is None else math.ceil(total * percent / 100))
