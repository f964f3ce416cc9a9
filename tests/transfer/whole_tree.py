"""A tree as lstat(2) sees it, to compare a restore with its source."""

import hashlib
import os
import stat
from pathlib import Path

Seen = tuple[str, int, int, int, int, bytes, bytes]


def whole_tree(root: Path, *, with_root: bool = True) -> dict[bytes, Seen]:
    """By path: type, permissions, owner, group, time in ns, where a link leads to, and the content's hash.

    Pipes, sockets and devices are left out, and of directories and links nothing but what they are.
    """
    found: dict[bytes, Seen] = {}
    if with_root:
        found[b"."] = _seen(os.fsencode(root))
    for directory, directories, files in os.walk(os.fsencode(root)):
        for name in directories + files:
            path = os.path.join(directory, name)  # noqa: PTH118
            mode = os.lstat(path).st_mode
            if stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISLNK(mode):
                found[os.path.relpath(path, os.fsencode(root))] = _seen(path)
    return found


def _seen(path: bytes) -> Seen:
    now = os.lstat(path)
    content = link = b""
    if stat.S_ISLNK(now.st_mode):
        link = os.readlink(path)  # noqa: PTH115
    elif stat.S_ISREG(now.st_mode):
        with open(path, "rb") as file:  # noqa: PTH123
            content = hashlib.file_digest(file, "sha256").digest()
    kind = {stat.S_IFREG: "file", stat.S_IFDIR: "dir", stat.S_IFLNK: "link"}[stat.S_IFMT(now.st_mode)]
    return kind, stat.S_IMODE(now.st_mode), now.st_uid, now.st_gid, now.st_mtime_ns, link, content
