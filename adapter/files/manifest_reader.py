"""Reads a manifest and checks every line: anybody who can write to the bucket may have written it."""

import binascii
import gzip
import hashlib
import re
import zlib
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import msgspec

from adapter.files.decision import How
from adapter.files.manifest import FORMAT_VERSION, EntryState, Header, Kind, ManifestInvalid, Saved
from adapter.files.names import for_people, leads_out, spelled

_LONGEST_LINE = 1 << 20
_LONGEST_FIRST = 1 << 25
"""The first line has the patterns, of which a job may have megabytes."""
_MD5 = re.compile(r"[0-9a-f]{32}")
_MODE = re.compile(r"0?[0-7]{4}")
_LAST = b'{"md5":"'
_SLASH = ord("/")
_HOWS = frozenset(how.value for how in How)
_Number = Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)]
_Time = Annotated[int, msgspec.Meta(ge=-(1 << 63), le=(1 << 63) - 1)]


class _Line(msgspec.Struct):
    """An entry as it is written."""

    path: str
    type: Kind
    state: EntryState
    mtime: _Time
    mode: str
    uid: _Number
    gid: _Number
    path_base64: str = ""
    key: str = ""
    key_base64: str = ""
    size: _Number = 0
    user: str = ""
    group: str = ""
    linktarget: str = ""
    linktarget_base64: str = ""
    hardlink: str = ""
    md5: str = ""
    stored: str = ""
    etag: str | None = None
    uploaded: str = ""
    chunks: str = ""


class _Version(msgspec.Struct):
    schema_version: int


class _Last(msgspec.Struct):
    md5: str


_entry = msgspec.json.Decoder(_Line)
_header = msgspec.json.Decoder(Header)
_version = msgspec.json.Decoder(_Version)
_last = msgspec.json.Decoder(_Last)


def read_header(head: bytes) -> Header | None:
    """Return the first line from the beginning of a manifest; None if it does not reach to its end.

    Raises ManifestInvalid.
    """
    inflate = zlib.decompressobj(wbits=31)
    try:
        line, newline, _ = inflate.decompress(head, _LONGEST_FIRST).partition(b"\n")
    except zlib.error:
        raise ManifestInvalid("it is not a compressed file") from None
    if not newline:
        if len(line) >= _LONGEST_FIRST:
            raise ManifestInvalid("its first line is too long")
        return None
    return _parsed_header(line)


class ManifestFile:
    """A manifest on this machine."""

    def __init__(self, path: Path) -> None:
        """Read the first line. Raises ManifestInvalid, OSError."""
        self._path = path
        self.header = _parsed_header(next(self._lines(), b""))

    def entries(self) -> Iterator[Saved]:
        """Yield all entries, in the order of their names; that they are all is known at the end.

        Raises ManifestInvalid for anything that is not as it was written, and for a name that leads out of
        the backup. That each is in a directory of the backup is for who collects them to check.
        """
        whole = hashlib.md5(usedforsecurity=False)
        digest = hashlib.md5(usedforsecurity=False)
        before: bytes | None = None
        is_first, is_over = True, False
        for line in self._lines():
            if is_over:
                raise ManifestInvalid("something follows its end")
            if line.startswith(_LAST):
                is_over = True
                self._check_end(line, whole.hexdigest(), digest.hexdigest())
                continue
            whole.update(line)
            whole.update(b"\n")
            if is_first:
                is_first = False
                continue
            digest.update(line)
            digest.update(b"\n")
            entry = _parsed_entry(line)
            if before is not None and entry.name <= before:
                raise ManifestInvalid(f"{for_people(entry.name)} is named twice or out of order")
            before = entry.name
            yield entry
        if not is_over:
            raise ManifestInvalid("its end is missing")

    def _check_end(self, line: bytes, whole: str, digest: str) -> None:
        try:
            last = _last.decode(line)
        except (ValueError, RecursionError):
            raise ManifestInvalid("its last line cannot be read") from None
        if last.md5 != whole or self.header.digest != digest:
            raise ManifestInvalid("its checksum is not that of its lines")

    def _lines(self) -> Iterator[bytes]:
        try:
            with gzip.open(self._path, "rb") as file:
                longest = _LONGEST_FIRST
                while line := file.readline(longest):
                    if not line.endswith(b"\n"):
                        raise ManifestInvalid("one of its lines is cut or too long")
                    yield line[:-1]
                    longest = _LONGEST_LINE
        except (EOFError, gzip.BadGzipFile, zlib.error):
            raise ManifestInvalid("it is cut or damaged") from None


def _parsed_header(line: bytes) -> Header:
    try:
        version = _version.decode(line).schema_version
        if version == FORMAT_VERSION:
            return _header.decode(line)
    except (ValueError, RecursionError):
        raise ManifestInvalid("its first line is not that of a manifest") from None
    if version < FORMAT_VERSION:
        raise ManifestInvalid("its first line is not that of a manifest")
    raise ManifestInvalid(
        f"it is of format {version}, of a later version of this program",
        is_newer=True,
    )


def _parsed_entry(line: bytes) -> Saved:
    try:
        found = _entry.decode(line)
        path = _bytes(found.path, found.path_base64)
        name = _bytes(found.key, found.key_base64) if found.key or found.key_base64 else path
        link = _bytes(found.linktarget, found.linktarget_base64)
    except (ValueError, RecursionError, binascii.Error):
        raise ManifestInvalid(f"a line of it cannot be read: {for_people(line[:80])}") from None
    if path == b"." and found.type is Kind.DIRECTORY:
        path = name = b""
    else:
        _check_name(path, name)
    _check_fields(found, link, for_people(path))
    etag = found.md5 if found.etag is None else found.etag
    return Saved(
        name, found.type, found.state, found.size, found.mtime, int(found.mode, 8), found.uid, found.gid,
        found.user, found.group, link, found.hardlink, found.md5, found.stored, etag, found.uploaded,
        found.chunks,
    )  # fmt: skip


def _bytes(text: str, exact: str) -> bytes:
    return b64decode(exact, validate=True) if exact else text.encode()


def _check_name(path: bytes, name: bytes) -> None:
    for one in (path, name):
        if not {b"", b".", b".."}.isdisjoint(one.split(b"/")) or b"\0" in one:
            raise ManifestInvalid(f"it names {for_people(one)}, which leads out of the backup")
    if leads_out(name) or not _is_spelling(name, path):
        raise ManifestInvalid(f"{for_people(name)} is not what rclone calls {for_people(path)}")


def _is_spelling(name: bytes, path: bytes) -> bool:
    """Return whether a path is called so; a source's path and what is below it are spelled each alone."""
    if name == spelled(path):
        return True
    splits = (at for at, byte in enumerate(path) if byte == _SLASH)
    return any(name == spelled(path[:at]) + spelled(path[at:]) for at in splits)


def _check_fields(found: _Line, link: bytes, path: str) -> None:
    is_file = found.type is Kind.FILE
    right = (
        bool(_MODE.fullmatch(found.mode))
        and (bool(_MD5.fullmatch(found.md5)) if is_file else not found.md5)
        and (found.stored in _HOWS if is_file else not found.stored)
        and (found.type is not Kind.LINK or (link != b"" and b"\0" not in link))
        and (is_file or not found.size)
    )
    if not right:
        raise ManifestInvalid(f"what it says of {path} cannot be")
