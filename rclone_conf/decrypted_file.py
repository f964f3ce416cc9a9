"""A configuration file with its clear text, and the passwords to decrypt it."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from rclone_conf import crypt
from rclone_conf.atomic_replace import Stored
from rclone_conf.concurrent_save import read_settled
from rclone_conf.errors import ConfEncrypted, WrongPassword


class Passwords:
    """The passwords known during one call: the one asked for, at most once, and a new one."""

    def __init__(self, ask: Callable[[], str | None]) -> None:
        self._ask: Callable[[], str | None] | None = ask
        self._known: list[str] = []

    def add(self, password: str) -> None:
        """Also try this password."""
        if password not in self._known:
            self._known.append(password)

    def decrypt(self, path: Path, data: bytes) -> tuple[bytes, str]:
        """Return the clear text and the password that decrypts it."""
        for known in self._known:
            try:
                return crypt.decrypt(data, known), known
            except WrongPassword:
                continue
        if self._ask is None:
            raise WrongPassword
        asked, self._ask = self._ask(), None
        if asked is None:
            raise ConfEncrypted(f"{path} is encrypted and no password was given.")
        clear = crypt.decrypt(data, asked)
        self.add(asked)
        return clear, asked


class DecryptedFile(NamedTuple):
    """A file, its clear text, and its password (None: it is not encrypted)."""

    stored: Stored
    clear: bytes
    password: str | None


def read_decrypted(target: Path, passwords: Passwords) -> DecryptedFile:
    """Return the file at its real path, decrypted."""
    return decrypted(target, read_settled(target), passwords)


def decrypted(target: Path, stored: Stored, passwords: Passwords) -> DecryptedFile:
    """Return what was read from `target`, decrypted. Raises `ConfEncrypted` or `WrongPassword`."""
    clear, password = stored.data or b"", None
    if crypt.is_encrypted(clear):
        clear, password = passwords.decrypt(target, clear)
    return DecryptedFile(stored, clear, password)
