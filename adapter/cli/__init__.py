"""The command line: the only part that prints, reads stdin, handles signals and exits."""

from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status of the contract.

    Nothing is imported before it is known what for: each start of the stand-in for rclone passes here.
    """
    import sys  # noqa: PLC0415

    words = sys.argv[1:] if argv is None else argv
    if "rclone" in words:
        from adapter.cli.rclone_start import rclone, split  # noqa: PLC0415

        if (found := split(words)) is not None:
            return rclone(*found)
    return _run(words)


def _run(words: Sequence[str]) -> int:
    import os  # noqa: PLC0415
    import time  # noqa: PLC0415

    from adapter.cli.signals import signals_request_stop  # noqa: PLC0415
    from adapter.machine.cancellation import Cancellation  # noqa: PLC0415

    started = time.monotonic()
    # Otherwise pydantic searches the metadata of every installed package for plugins at each start.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    with Cancellation() as cancel, signals_request_stop(cancel):
        # Imported only now: while it loads a signal must neither be lost (process 1 of a container
        # has no default action) nor end the program without a summary.
        from adapter.cli.dispatch import run  # noqa: PLC0415

        return run(words, cancel, loading_s=time.monotonic() - started)


__all__ = ["main"]
