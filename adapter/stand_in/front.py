"""The first look at a command line of rclone: may a QingStor remote be involved at all?

Runs before every rclone that Pluton starts, so it imports nothing but `os`.
"""

import os
from collections.abc import Mapping, Sequence

SAFE = {b"RCLONE_QINGSTOR_UPLOAD_CUTOFF": b"5Gi", b"RCLONE_QINGSTOR_UPLOAD_CONCURRENCY": b"1"}
"""Variables that protect uploads: see `protection`."""

_TYPE = "qingstor"
_ENCRYPTED = b"RCLONE_ENCRYPT_V"
_WITHOUT_COLON = frozenset({"update", "rcd", "gui", "gitannex", "docker", "rc"})
"""Words of commands that may involve a remote although no word names one."""


def may_involve_qingstor(words: Sequence[str], environ: Mapping[bytes, bytes], real: str) -> bool:
    """Return False if no QingStor remote can be involved; True also if that takes a closer look.

    A remote is of type qingstor only if that word is in the command line, in a variable or in rclone.conf;
    an encrypted one may have it.
    """
    if any(_TYPE in word for word in words):
        return True
    if not any(":" in word or word in _WITHOUT_COLON for word in words):
        return False
    if any(name.startswith(b"RCLONE_") and _TYPE.encode() in value for name, value in environ.items()):
        return True
    return any(map(_has_the_type, _confs(words, environ, real)))


def _confs(words: Sequence[str], environ: Mapping[bytes, bytes], real: str) -> list[str]:
    """Return every place where rclone may look for its conf."""
    given = [after for word, after in zip(words, [*words[1:], ""], strict=True) if word == "--config"]
    given += [word.partition("=")[2] for word in words if word.startswith("--config=")]
    if b"RCLONE_CONFIG" in environ:
        given.append(os.fsdecode(environ[b"RCLONE_CONFIG"]))
    if given:
        return given
    home = os.fsdecode(environ.get(b"HOME", b""))
    if not home:
        import pwd  # noqa: PLC0415 - seldom needed

        try:
            home = pwd.getpwuid(os.getuid()).pw_dir
        except KeyError:
            home = "/"
    xdg = os.fsdecode(environ.get(b"XDG_CONFIG_HOME", b""))
    beside = os.path.join(os.path.dirname(os.path.realpath(real)), "rclone.conf")  # noqa: PTH118, PTH120
    return [beside, f"{xdg}/rclone/rclone.conf", f"{home}/.config/rclone/rclone.conf", f"{home}/.rclone.conf"]


def _has_the_type(path: str) -> bool:
    try:
        if os.path.exists(path) and not os.path.isfile(path):  # noqa: PTH110, PTH113 - pathlib is slow to load
            return path != os.devnull  # a pipe, which only rclone may read
        with open(path, "rb") as file:  # noqa: PTH123
            data = file.read()
    except OSError:
        return False
    return _TYPE.encode() in data or _ENCRYPTED in data
