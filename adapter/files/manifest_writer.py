"""A manifest written: lines of JSON, compressed as they come."""

import gzip
import hashlib
import os
import zlib
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import BinaryIO

import msgspec

from adapter.files.manifest import FORMAT_VERSION, Counts, EntryState, Header, Kind, Saved
from adapter.machine.private import open_file

_LEVEL = 4
_AT_ONCE = 2000
_BLOCK = 1 << 16
_encode = msgspec.json.Encoder().encode


def write_manifest(
    path: Path, entries: Iterable[Saved], header_of: Callable[[str, Counts], Header]
) -> Header:
    """Write the entries, which come in the order of their names, to a new file; return its first line.

    `header_of` makes that from the digest of the entries and their numbers. Raises OSError.
    """
    aside = path.with_name(f"{path.name}.entries")
    numbers: Counter[str] = Counter()
    try:
        with _opened(aside, os.O_WRONLY | os.O_TRUNC) as file, _compressed(file) as compressed:
            digest = hashlib.md5(usedforsecurity=False)
            for lines in _lines(entries, numbers):
                digest.update(lines)
                compressed.write(lines)
        header = header_of(digest.hexdigest(), _counts(numbers))
        _put_together(path, _header_line(header), aside)
    finally:
        with suppress(FileNotFoundError):
            aside.unlink()
    return header


def _put_together(path: Path, first: bytes, entries: Path) -> None:
    """Write the first line, the entries and the last line, each compressed by itself.

    Readers of gzip take such parts for one (RFC 1952, 2.2).
    """
    whole = hashlib.md5(first, usedforsecurity=False)
    with _opened(path, os.O_WRONLY | os.O_TRUNC) as file:
        file.write(gzip.compress(first, _LEVEL, mtime=0))
        inflate = zlib.decompressobj(wbits=31)
        with entries.open("rb") as source:
            while block := source.read(_BLOCK):
                file.write(block)
                whole.update(inflate.decompress(block))
        whole.update(inflate.flush())
        file.write(gzip.compress(_encode({"md5": whole.hexdigest()}) + b"\n", _LEVEL, mtime=0))


def _opened(path: Path, flags: int) -> BinaryIO:
    return os.fdopen(open_file(path, flags), "wb")


def _compressed(file: BinaryIO) -> gzip.GzipFile:
    # Without a name and a time: the same entries are the same bytes.
    return gzip.GzipFile(filename="", mode="wb", compresslevel=_LEVEL, fileobj=file, mtime=0)


def _lines(entries: Iterable[Saved], numbers: Counter[str]) -> Iterator[bytes]:
    """Yield the lines, many at once, and count the entries."""
    lines: list[bytes] = []
    for entry in entries:
        numbers[entry.kind] += 1
        numbers["bytes"] += entry.size
        if entry.state is not EntryState.CURRENT:
            numbers[entry.state] += 1
        lines.append(_encode(_fields(entry)))
        if len(lines) >= _AT_ONCE:
            yield b"\n".join(lines) + b"\n"
            lines.clear()
    if lines:
        yield b"\n".join(lines) + b"\n"


def _counts(numbers: Counter[str]) -> Counts:
    return Counts(
        files=numbers[Kind.FILE],
        dirs=numbers[Kind.DIRECTORY],
        symlinks=numbers[Kind.LINK],
        bytes=numbers["bytes"],
        stale=numbers[EntryState.STALE],
        carried=numbers[EntryState.CARRIED],
    )


def _header_line(header: Header) -> bytes:
    fields = {"schema_version": FORMAT_VERSION, **asdict(header)}
    return _encode({name: _printable(value) for name, value in fields.items()}) + b"\n"


def _printable(value: object) -> object:
    """Return a value without surrogates, which stand for bytes that are not UTF-8 and are no JSON."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    return [_printable(one) for one in value] if isinstance(value, tuple) else value


def _fields(entry: Saved) -> dict[str, object]:
    path = entry.path
    fields: dict[str, object] = {}
    _put_bytes(fields, "path", path or b".")
    if path != entry.name:
        _put_bytes(fields, "key", entry.name)
    fields["type"] = entry.kind
    fields["state"] = entry.state
    if entry.kind is Kind.FILE:
        fields["size"] = entry.size
    fields["mtime"] = entry.mtime_ns
    fields["mode"] = f"{entry.mode:04o}"
    fields["uid"] = entry.uid
    fields["gid"] = entry.gid
    fields |= {name: _printable(value) for name, value in _owner(entry) if value}
    if entry.kind is Kind.LINK:
        _put_bytes(fields, "linktarget", entry.link)
    if entry.kind is Kind.FILE:
        fields |= _stored(entry)
    return fields


def _owner(entry: Saved) -> Iterable[tuple[str, str]]:
    return ("user", entry.user), ("group", entry.group)


def _stored(entry: Saved) -> dict[str, object]:
    """Return what is said of a file's content and of where it lies."""
    fields: dict[str, object] = {"hardlink": entry.hard_link} if entry.hard_link else {}
    fields |= {"md5": entry.md5, "stored": entry.how}
    if entry.etag != entry.md5:
        fields["etag"] = entry.etag
    if entry.uploaded:
        fields["uploaded"] = entry.uploaded
    if entry.chunks:
        fields["chunks"] = entry.chunks
    return fields


def _put_bytes(fields: dict[str, object], name: str, value: bytes) -> None:
    """Put a name from a disk, and its exact bytes besides if they are not UTF-8."""
    try:
        fields[name] = value.decode()
    except UnicodeDecodeError:
        fields[name] = value.decode("utf-8", "replace")
        fields[f"{name}_base64"] = b64encode(value).decode()
