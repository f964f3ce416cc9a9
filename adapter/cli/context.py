"""What every one-shot command gets."""

import argparse
from dataclasses import dataclass

from adapter.machine.cancellation import Cancellation
from adapter.machine.settings import Settings


@dataclass(frozen=True, slots=True)
class Context:
    """The parsed command line, the machine, and how to be cancelled."""

    arguments: argparse.Namespace
    settings: Settings
    cancel: Cancellation
    loading_s: float = 0.0
    """How long the program took to load: somebody has been waiting since."""
