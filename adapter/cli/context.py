"""The input of every one-shot command."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from adapter.contract.json_lines import Answer
from adapter.machine.cancellation import Cancellation
from adapter.machine.settings import Settings


@dataclass(frozen=True, slots=True)
class Context:
    """The parsed command line, the settings, and the request to stop."""

    arguments: argparse.Namespace
    settings: Settings
    cancel: Cancellation
    loading_s: float = 0.0
    """Seconds that the program took to load; they count towards a time-out."""


Command: TypeAlias = Callable[[Context], Answer]
"""Runs a command that answers with one object; raises AdapterError."""
