"""The input of a command: a document from stdin, a password from a terminal."""

import getpass
import sys
from collections.abc import Mapping
from pathlib import Path

from adapter.cli.parser import usage_error
from adapter.cli.signals import Interrupted, interrupting
from adapter.cli.stdio import tell
from adapter.contract.errors import AdapterError, cancelled
from adapter.storage.json_document import MAX_DOCUMENT_BYTES
from rclone_conf import ConfError, ConfFile, WrongPassword

_MORE_TRIES = 2


def read_stdin(what: str) -> bytes:
    """Return all of stdin, up to one byte more than a document may have.

    Raises AdapterError `usage` if stdin is a terminal or closed.
    """
    if sys.stdin is None or sys.stdin.isatty():
        raise usage_error(
            f"No input: {what} is read from stdin.", "Redirect a file to stdin, for example `… < FILE`."
        )
    return sys.stdin.buffer.read(MAX_DOCUMENT_BYTES + 1)


def ask_password(environ: Mapping[str, str], conf_path: Path) -> str | None:
    """Return the password of rclone.conf, from the environment or a terminal; None if there is none.

    On a terminal a wrong one is asked for again, up to three times in all; the last one is returned then.
    Raises AdapterError `cancelled` on a signal.
    """
    if "RCLONE_CONFIG_PASS" in environ:
        return environ["RCLONE_CONFIG_PASS"]
    password = _ask("Password of rclone.conf: ")
    for _ in range(_MORE_TRIES):
        if password is None or _opens(conf_path, password):
            break
        tell("Wrong password. Try again.")
        again = _ask("Password of rclone.conf: ")
        if again is None:
            break
        password = again
    return password


def _opens(conf_path: Path, password: str) -> bool:
    try:
        ConfFile(conf_path, lambda: password).clear_text()
    except WrongPassword:
        return False
    except ConfError:
        pass  # not the password's fault: the command that needs the file tells
    return True


def ask_new_password() -> str | None:
    """Return a new password, typed twice on a terminal, or None. Raises as `ask_password`."""
    while password := _ask("New password of rclone.conf: "):
        again = _ask("Once more: ")
        if again is None or password == again:
            return again
        tell("The passwords differ. Try again.")
    return None


def _ask(question: str) -> str | None:
    if sys.stderr is None or not sys.stderr.isatty():
        return None
    try:
        with interrupting():
            return getpass.getpass(question, sys.stderr)
    except EOFError:
        tell("")
        return None
    except Interrupted:
        tell("")
        raise AdapterError(cancelled()) from None
