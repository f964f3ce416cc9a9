"""What a command reads: a document from stdin, a password from a person. Nothing waits for nobody."""

import getpass
import sys
from collections.abc import Mapping

from adapter.cli.parser import usage_error
from adapter.cli.signals import Interrupted, interrupting
from adapter.contract.errors import AdapterError, cancelled
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


def ask_password(environ: Mapping[str, str]) -> str | None:
    """The conf's password: from the environment, else from a person; None when nobody gives one.

    Raises AdapterError `cancelled` on a signal.
    """
    if "RCLONE_CONFIG_PASS" in environ:
        return environ["RCLONE_CONFIG_PASS"]
    return _ask("Password of rclone.conf: ")


def ask_new_password() -> str | None:
    """A password from a person, typed twice; None when nobody gives one. Raises as `ask_password`."""
    while password := _ask("New password of rclone.conf: "):
        again = _ask("Once more: ")
        if again is None or password == again:
            return again
        sys.stderr.write("Two different passwords; again:\n")
    return None


def _ask(question: str) -> str | None:
    if not sys.stderr.isatty():
        return None
    try:
        with interrupting():
            return getpass.getpass(question, sys.stderr)
    except EOFError:
        sys.stderr.write("\n")
        return None
    except Interrupted:
        sys.stderr.write("\n")
        raise AdapterError(cancelled()) from None
