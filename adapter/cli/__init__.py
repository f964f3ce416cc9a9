"""The command line: the only part that prints, reads stdin, handles signals and exits."""

import os
import sys
import time
from collections.abc import Sequence

from adapter.cli.signals import signals_request_stop
from adapter.machine.cancellation import Cancellation


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status of the contract."""
    started = time.monotonic()
    words = sys.argv[1:] if argv is None else argv
    # Otherwise pydantic searches the metadata of every installed package for plugins at each start.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    with Cancellation() as cancel, signals_request_stop(cancel):
        # Imported only now: while it loads a signal must neither be lost (process 1 of a container
        # has no default action) nor end the program without a summary.
        from adapter.cli.dispatch import run  # noqa: PLC0415

        return run(words, cancel, loading_s=time.monotonic() - started)


__all__ = ["main"]
