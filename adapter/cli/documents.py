"""Reading a document from stdin: bounded, and never waiting for a person who does not know it."""

import sys

from adapter.cli.parser import usage_error
from adapter.storage.json_document import MAX_DOCUMENT_BYTES


def read_stdin(what: str) -> bytes:
    """All of stdin, or so much of it that the document's parser finds it too large.

    Raises a usage error on a terminal.
    """
    if sys.stdin is None or sys.stdin.isatty():
        raise usage_error(
            f"Nothing was piped in: {what} is read from stdin.", "For example: … < storage.json"
        )
    return sys.stdin.buffer.read(MAX_DOCUMENT_BYTES + 1)
