"""The command line: the only part that prints, reads stdin, handles signals and exits."""

import os
import sys
import time
from collections.abc import Sequence

from adapter.cli.signals import heard
from adapter.machine.cancellation import Cancellation


def main(argv: Sequence[str] | None = None) -> int:
    """Do what the command line says; the exit status of the contract."""
    started = time.monotonic()
    words = sys.argv[1:] if argv is None else argv
    # Else pydantic reads the metadata of every installed package at each start, to find plugins.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    with Cancellation() as cancel, heard(cancel):
        # Only now: the imports take a third of a second, in which a signal must not be lost (process 1 of a
        # container has no default action) nor end the program without a word.
        from adapter.cli.dispatch import run  # noqa: PLC0415

        return run(words, cancel, loading_s=time.monotonic() - started)


__all__ = ["main"]
