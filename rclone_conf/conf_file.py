"""An `rclone.conf` on disk: reads it, and changes it atomically under a lock."""

import contextlib
import dataclasses
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from rclone_conf import crypt
from rclone_conf.atomic_replace import Stored, replace
from rclone_conf.concurrent_save import read_settled, still_holds
from rclone_conf.conf_problems import repaired
from rclone_conf.decrypted_file import DecryptedFile, Passwords, decrypted, read_decrypted
from rclone_conf.document import Document
from rclone_conf.errors import (
    ConfReadError,
    ConfSyntaxError,
    ConfValueError,
    ConfWriteError,
)
from rclone_conf.lock import locked
from rclone_conf.os_errors import cannot_write
from rclone_conf.temporary_files import clean_up

_Change = Callable[[bytes], Document]
"""From the clear text of the file to the document to write."""
_ChangePassword = Callable[[str | None], str | None]
"""From the password of the file to the new one; None means not encrypted."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """The result of `load`. `mode` is the file's permission bits, None if `exists` is false."""

    document: Document
    encrypted: bool
    mode: int | None
    exists: bool


@dataclass(frozen=True, slots=True)
class Edited:
    """The result of `edit`: the document that is now on disk, and whether it was changed.

    `tightened_from` is the former mode of the file if group or others had permissions, now removed.
    """

    document: Document
    changed: bool
    encrypted: bool
    tightened_from: int | None


class ConfFile:
    """An `rclone.conf` on disk. Keeps no state between calls; many processes may use the same file."""

    def __init__(
        self, path: Path, password: Callable[[], str | None] = lambda: None, lock_timeout: float = 10
    ) -> None:
        """`password` is called only for an encrypted file, once per `load` or `edit`; it may return None.

        `lock_timeout` is how many seconds `edit` waits for other processes, including rclone.
        """
        self.path = path.absolute()
        self._password = password
        self._lock_timeout = lock_timeout

    def load(self) -> Loaded:
        """Return the file as it is now; a missing one is an empty document.

        Raises `ConfReadError`, `ConfSyntaxError`, `ConfEncrypted` or `WrongPassword`.
        """
        found = read_decrypted(self._target(), Passwords(self._password))
        exists = found.stored.data is not None
        mode = found.stored.mode if exists else None
        return Loaded(Document.parse(found.clear), found.password is not None, mode, exists)

    def stored(self) -> Stored:
        """Return the raw file, encrypted or not. Raises `ConfReadError`; never blocks on a pipe."""
        return read_settled(self._target())

    def clear_text(self, stored: Stored | None = None) -> bytes:
        """Return the decrypted bytes of the file, or of `stored`, for `problems`: rclone may be unable to
        read them."""
        return decrypted(self._target(), stored or self.stored(), Passwords(self._password)).clear

    def copy_to(self, path: Path) -> None:
        """Copy the file as it is, encrypted or not, to a new file of mode 0600.

        Raises `ConfWriteError` if `path` exists, `ConfReadError` if there is no file to copy.
        """
        stored = self.stored()
        if stored.data is None:
            raise ConfReadError(f"Cannot copy {self.path}: it does not exist.", "it does not exist")
        if not replace(path.absolute(), stored.data, Stored(None)):
            raise ConfWriteError(f"Cannot write {path}: it exists. Choose another name.", "it exists")

    def edit(self, change: Callable[[Document], Document]) -> Edited:
        """Apply `change` to the document on disk, under a lock and atomically; encrypted stays encrypted.

        `change` is called again, with the newer document, whenever rclone or an editor changed the file
        meanwhile: it must depend on nothing but its argument. Its exceptions pass through, and the file is
        unchanged. Raises what `load` raises, and `ConfLocked` or `ConfWriteError`.
        """
        return self._edit(lambda clear: change(Document.parse(clear)), _same_password)

    def repair(self, then: Callable[[Document], Document] = lambda document: document) -> Edited:
        """Repair the file as `repaired` does, also one that `edit` cannot read.

        `then` changes the repaired document further, in the same step; it is called like `change` of `edit`.
        """
        return self._edit(lambda clear: then(Document.parse(repaired(clear))), _same_password)

    def encrypt(self, password: str) -> Edited:
        """Encrypt the file, or change its password. The old clear text is unlinked, not overwritten."""
        crypt.encrypt(b"", password)  # refuse an invalid password before anything is written
        return self._edit(Document.parse, lambda _: password)

    def decrypt(self) -> Edited:
        """Store the file in clear text."""
        return self._edit(Document.parse, lambda _: None)

    def _target(self) -> Path:
        """The real path: links stay, and their target is replaced."""
        return Path(os.path.realpath(self.path))

    def _edit(self, change: _Change, change_password: _ChangePassword) -> Edited:
        target = self._target()
        passwords = Passwords(self._password)
        # Ask before taking the lock: no other process should wait while a person types.
        data = read_settled(target).data or b""
        if crypt.is_encrypted(data):
            passwords.decrypt(target, data)
        try:
            _make_directory(target.parent)
        except OSError as error:
            raise cannot_write(target, error) from error
        with locked(target, self._lock_timeout):
            clean_up(target)
            deadline = time.monotonic() + self._lock_timeout
            loose: int | None = None
            while True:
                old = read_decrypted(target, passwords)
                if loose is None and old.stored.mode != old.stored.private_mode:
                    loose = old.stored.mode  # an earlier attempt may have tightened it
                edited = _attempt(target, old, passwords, change, change_password)
                if edited is not None:
                    return dataclasses.replace(edited, tightened_from=loose)
                if time.monotonic() >= deadline:
                    reason = "another program keeps changing it"
                    raise ConfWriteError(
                        f"Cannot write {target}: {reason}. Stop that program and try again.", reason
                    )


def _make_directory(path: Path) -> None:
    """Make a directory and those above it that are missing, each with mode 0700 whatever the umask says."""
    for directory in reversed([one for one in (path, *path.parents) if not one.is_dir()]):
        directory.mkdir(mode=0o700, exist_ok=True)
        directory.chmod(0o700)


def _same_password(password: str | None) -> str | None:
    return password


def _attempt(
    target: Path, old: DecryptedFile, passwords: Passwords, change: _Change, change_password: _ChangePassword
) -> Edited | None:
    """One attempt to change and write; None if another program changed the file meanwhile."""
    document = change(old.clear)
    wanted = DecryptedFile(old.stored, document.render(), change_password(old.password))
    if wanted.password is not None:
        passwords.add(wanted.password)
    loose = old.stored.mode != old.stored.private_mode
    data = _encoded(old, wanted)
    edited = Edited(document, data is not None, wanted.password is not None, tightened_from=None)
    if data is None and not loose:
        return edited
    data = data if data is not None else old.stored.data or b""
    if not replace(target, data, old.stored):
        return None
    if still_holds(target, data) or not _is_undone(old, wanted, read_decrypted(target, passwords)):
        return edited
    return None


def _encoded(old: DecryptedFile, wanted: DecryptedFile) -> bytes | None:
    """The bytes to write, or None if the file already has that content."""
    if wanted[1:] == old[1:]:
        return None
    return wanted.clear if wanted.password is None else crypt.encrypt(wanted.clear, wanted.password)


def _is_undone(old: DecryptedFile, wanted: DecryptedFile, now: DecryptedFile) -> bool:
    """Whether a program that had read `old` overwrote `wanted`: our change is missing."""
    if wanted.password != old.password and now.password == old.password:
        return True
    before, ours, theirs = (_sections(found.clear) for found in (old, wanted, now))
    return any(
        theirs.get(name) == before.get(name) for name in before | ours if before.get(name) != ours.get(name)
    )


def _sections(clear: bytes) -> dict[str, Mapping[str, str]]:
    """The sections that can be read."""
    sections: dict[str, Mapping[str, str]] = {}
    with contextlib.suppress(ConfSyntaxError):
        document = Document.parse(clear)
        for name in document.names:
            with contextlib.suppress(ConfValueError):
                sections[name] = document.get(name) or {}
    return sections
