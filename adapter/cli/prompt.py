"""The input of a command: a document from stdin, a password from a terminal."""

import getpass
import sys
from collections.abc import Mapping

from adapter.cli.parser import usage_error
from adapter.cli.signals import Interrupted, interrupting
from adapter.contract.errors import AdapterError, cancelled
from adapter.storage.json_document import MAX_DOCUMENT_BYTES


def read_stdin(what: str) -> bytes:
    """Return all of stdin, up to one byte more than a document may have.

    Raises AdapterError `usage` if stdin is a terminal or closed.
    """
    if sys.stdin is None or sys.stdin.isatty():
        raise usage_error(
            f"No input: {what} is read from stdin.", "Redirect a file to stdin, for example `… < FILE`."
        )
    return sys.stdin.buffer.read(MAX_DOCUMENT_BYTES + 1)


def ask_password(environ: Mapping[str, str]) -> str | None:
    """Return the password of rclone.conf, from the environment or a terminal; None if there is none.

    Raises AdapterError `cancelled` on a signal.
    """
    if "RCLONE_CONFIG_PASS" in environ:
        return environ["RCLONE_CONFIG_PASS"]
    return _ask("Password of rclone.conf: ")


def ask_new_password() -> str | None:
    """Return a new password, typed twice on a terminal, or None. Raises as `ask_password`."""
    while password := _ask("New password of rclone.conf: "):
        again = _ask("Once more: ")
        if again is None or password == again:
            return again
        sys.stderr.write("The passwords differ. Try again.\n")
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
