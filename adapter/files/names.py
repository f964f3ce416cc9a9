"""rclone's spelling of the names on a disk (lib/encoder, 1.75.2), both ways. Pure.

rclone prints and reads a control character as its picture (`␊` for a line end) and quotes what looks like one
with U+201B. Its default encoding cannot tell two names with U+201B apart, so such paths are given to rclone
with `--local-encoding Raw`, where U+2400, U+FF0F and U+FF0E are quoted too. Invalid UTF-8 stays as it is.
"""

import re
from collections.abc import Iterator

RAW = ("--local-encoding", "Raw")
"""The flags of rclone for paths of which `is_raw` is true."""

_QUOTE = "\u201b".encode()
_ODD = re.compile(rb"[\x01-\x1f\x7f]|\xe2\x90|\xe2\x80\x9b|\xef\xbc[\x8e\x8f]")
_CONTROL = re.compile(rb"[\x01-\x1f\x7f]")
_PICTURE = re.compile(rb"\xe2\x90[\x81-\x9f\xa1]")
_QUOTED_IN_RAW = re.compile(rb"\xe2\x90[\x80-\x9f\xa1]|\xef\xbc\x8f|\xe2\x80\x9b")
_WHOLE_DOTS = re.compile(rb"(?<![^/])((?:\xef\xbc\x8e){1,2})(?![^/])")
_SPELLED = re.compile(
    rb"\xe2\x80\x9b(\xe2\x90[\x80-\x9f\xa1]|\xef\xbc[\x8e\x8f]|\xe2\x80\x9b)|\xe2\x90[\x81-\x9f\xa1]"
)
_NOT_UTF8 = re.compile("[\udc80-\udcff]")
"""Such bytes as Python decodes them (surrogateescape)."""


def is_raw(name: bytes) -> bool:
    """Return whether a name, as rclone spells it, is of a path for `--local-encoding Raw`."""
    return _QUOTE * 2 in name


def leads_out(name: bytes) -> bool:
    """Return whether a name, as rclone spells it, may mean a place outside, or is no name of a file.

    With `--local-encoding Raw` rclone takes U+FF0E for a dot, if it is not quoted (measured with 1.75.2). A
    line end would be two names in a list of files.
    """
    if _CONTROL.search(name) or b"\0" in name:
        return True
    if not {b"", b".", b".."}.isdisjoint(name.split(b"/")):
        return True
    return is_raw(name) and _WHOLE_DOTS.search(name) is not None


def above(path: bytes) -> Iterator[bytes]:
    """Yield the directories above a path, the nearest first."""
    parent, slash, _ = path.rpartition(b"/")
    while slash:
        yield parent
        parent, slash, _ = parent.rpartition(b"/")


def spelled(path: bytes) -> bytes:
    """Return how rclone prints a path of the disk, and reads it in a list of files."""
    if _ODD.search(path) is None:
        return path
    return _spelled_raw(path) if _QUOTE in path else _spelled_by_default(path)


def on_disk(name: bytes) -> bytes:
    """Return the path of which `name` is rclone's spelling."""
    return name if _ODD.search(name) is None else _on_disk(name)


def as_logged(name: bytes) -> str:
    """Return a name as it is in rclone's log, where every byte that is not UTF-8 becomes U+FFFD."""
    if name.isascii():
        return name.decode("ascii")
    return _NOT_UTF8.sub("\ufffd", name.decode("utf-8", "surrogateescape"))


def for_people(name: bytes) -> str:
    """Return a name to print: a byte that is not UTF-8 is written as `\\xff`, so that no two look alike."""
    return name.decode("utf-8", "backslashreplace")


def as_text(name: bytes) -> str:
    """Return a name for patterns; a byte that is not UTF-8 is a lone surrogate."""
    return name.decode("utf-8", "surrogateescape")


def _spelled_by_default(path: bytes) -> bytes:
    return _CONTROL.sub(_as_picture, _PICTURE.sub(lambda found: _QUOTE + found[0], path))


def _spelled_raw(path: bytes) -> bytes:
    quoted = _QUOTED_IN_RAW.sub(lambda found: _QUOTE + found[0], path)
    quoted = _WHOLE_DOTS.sub(
        lambda found: found[1].replace(b"\xef\xbc\x8e", _QUOTE + b"\xef\xbc\x8e"), quoted
    )
    return _CONTROL.sub(_as_picture, quoted)


def _as_picture(found: re.Match[bytes]) -> bytes:
    code = found[0][0]
    return chr(0x2421 if code == 0x7F else 0x2400 + code).encode()


def _on_disk(name: bytes) -> bytes:
    def plain(found: re.Match[bytes]) -> bytes:
        if found[1]:
            return found[1]
        code = ord(found[0].decode())
        return b"\x7f" if code == 0x2421 else bytes((code - 0x2400,))

    return _SPELLED.sub(plain, name)
