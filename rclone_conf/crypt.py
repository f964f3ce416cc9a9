"""Encryption of rclone.conf (`RCLONE_ENCRYPT_V0`): bytes to bytes, in memory, no files and no prompts.

The format is that of rclone's fs/config/crypt.go (1.75.2): a comment, a blank line, the marker, then base64
of a 24-byte nonce and a NaCl secretbox. The key is the SHA-256 of the password between fixed brackets.
"""

import base64
import binascii

from rclone_conf.errors import ConfSyntaxError, WrongPassword
from rclone_conf.syntax import SPACE

_MARKER = b"RCLONE_ENCRYPT_V0:"
ENCRYPTION_MARK = "RCLONE_ENCRYPT_V"
"""Start of the first line, after comments, of an encrypted file of any version."""
_ANY_VERSION = ENCRYPTION_MARK.encode()
_HEAD = b"# Encrypted rclone configuration File\n\n" + _MARKER + b"\n"


def is_encrypted(data: bytes) -> bool:
    """Return whether rclone treats `data` as an encrypted file, of a version that it knows or not."""
    return _marker(data)[1].startswith(_ANY_VERSION)


def encrypt(clear: bytes, password: str) -> bytes:
    """Return `clear` encrypted, with a fresh nonce. Raises `WrongPassword` if rclone refuses the password."""
    from nacl.secret import SecretBox  # noqa: PLC0415 - slow to load, and most files are not encrypted

    sealed = SecretBox(_key(password)).encrypt(clear)
    return _HEAD + base64.b64encode(sealed) + b"\n"


def decrypt(data: bytes, password: str) -> bytes:
    """Return the clear text of an encrypted file, or `data` itself if it is not encrypted.

    Raises `WrongPassword`, or `ConfSyntaxError` if the file is damaged or of a later version.
    """
    number, marker, rest = _marker(data)
    if not marker.startswith(_ANY_VERSION):
        return data
    if marker != _MARKER:
        raise ConfSyntaxError(number, "the file was encrypted by a newer rclone")
    from nacl.exceptions import CryptoError  # noqa: PLC0415 - as in `encrypt`
    from nacl.secret import SecretBox  # noqa: PLC0415

    box = SecretBox(_key(password))
    try:
        sealed = base64.b64decode(rest.translate(None, b"\r\n"), validate=True)
    except binascii.Error:
        raise ConfSyntaxError(number + 1, "the encrypted configuration is damaged") from None
    if len(sealed) < SecretBox.NONCE_SIZE + SecretBox.MACBYTES:
        raise ConfSyntaxError(number + 1, "the encrypted configuration is truncated")
    try:
        return box.decrypt(sealed)
    except CryptoError:
        raise WrongPassword from None


def _marker(data: bytes) -> tuple[int, bytes, bytes]:
    """The first line that is not blank or a comment: its number, its stripped text, and the data after it."""
    number = start = 0
    while start < len(data):
        number += 1
        end = data.find(b"\n", start)
        stop = end + 1 if end >= 0 else len(data)
        line = data[start:stop].decode(errors="surrogateescape").strip(SPACE)
        if line and line[0] not in "#;":
            return number, line.encode(errors="surrogateescape"), data[stop:]
        start = stop
    return number, b"", b""


def _key(password: str) -> bytes:
    """The secretbox key. Blanks at the ends count; Unicode is normalised as rclone does (NFKC)."""
    # Most files are not encrypted.
    import hashlib  # noqa: PLC0415
    import unicodedata  # noqa: PLC0415

    if not password.strip(SPACE):
        raise WrongPassword("it is empty or blank")
    try:
        text = unicodedata.normalize("NFKC", password).encode()
    except UnicodeEncodeError:
        raise WrongPassword("it is not valid Unicode") from None
    return hashlib.sha256(b"[" + text + b"][rclone-config]").digest()
