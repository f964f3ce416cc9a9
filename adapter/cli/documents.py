"""Reading a document from stdin: bounded, and never waiting for a person who does not know it."""

import sys

from adapter.cli.parser import usage_error

MAX_BYTES = 1 << 20
"""Far above any real document; what is longer is refused by the parsers as too long."""


def read_stdin(what: str) -> bytes:
    """All of stdin, at most one byte more than `MAX_BYTES`. Raises a usage error on a terminal."""
    if sys.stdin is None or sys.stdin.isatty():
        raise usage_error(
            f"Nothing was piped in: {what} is read from stdin.", "For example: … < storage.json"
        )
    return sys.stdin.buffer.read(MAX_BYTES + 1)
