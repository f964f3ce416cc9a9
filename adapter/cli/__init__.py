"""The command line: the only part that prints, reads stdin, handles signals and exits."""

from adapter.cli.main import main

__all__ = ["main"]
