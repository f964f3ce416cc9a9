"""The text of the program that stands in rclone's place."""

import json
import os
import shlex
import site
import stat
import sys
import sysconfig
from pathlib import Path

from adapter.contract.errors import AdapterError, ErrorCode, Failure
from adapter.rclone.stand_in_mark import MARK

_LONGEST_FIRST_LINE = 120
"""Bytes. Linux before 5.1 cuts the first line after 127."""
_PACKAGE = Path(__file__).resolve().parents[1]
_UNQUOTED = frozenset("'\"\\\n\r")
"""What cannot stand in a text that sh and Python both read."""

_BODY = '''\
"""rclone, made safe for QingStor; the real one is beside it. Written by `stand-in install`."""

import os
import sys

directory = os.path.dirname(os.path.realpath(__file__))
sys.path.append({package})
try:
    from adapter.cli.rclone_start import start
except Exception as error:
    real = os.path.join(directory, "rclone.real")
    says = "rclone: QingStor is not protected: pluton-qingstor cannot be loaded (" + str(error) + "). "
    does = "Install it and run `stand-in install` again, or rename rclone.real to rclone.\\n"
    os.write(2, (says + does).encode("utf-8", "replace"))
    try:
        os.execv(real, [real] + sys.argv[1:])
    except OSError as refused:
        os.write(2, os.fsencode("rclone: " + real + ": " + str(refused.strerror) + "\\n"))
        sys.exit(127)
start(directory, sys.argv[1:], {sites})
'''


def program_text() -> bytes:
    """Return the program for the Python that runs now. Raises AdapterError `usage` if it cannot be named."""
    interpreter = os.path.realpath(sys.executable)
    package = str(_PACKAGE.parent)
    runs_with = json.dumps({"interpreter": interpreter, "package": package})
    body = _BODY.format(package=ascii(package), sites=ascii(_sites()))
    first, second = _beginning(interpreter)
    return b"".join((first, MARK, runs_with.encode(), b"\n", second, body.encode()))


def closed_to_others() -> Path | None:
    """Return what only some users can read of what the program needs; None if all can."""
    for path in (Path(os.path.realpath(sys.executable)), _PACKAGE / "__init__.py"):
        for needed, right in ((path, stat.S_IROTH), *((one, stat.S_IXOTH) for one in path.parents)):
            if not needed.stat().st_mode & right:
                return needed
    return None


def _beginning(interpreter: str) -> tuple[bytes, bytes]:
    """Return the first line, and what follows the second: isolated and without site-packages, as loading
    those takes longer than all else before rclone runs.
    """
    first = f"#!{interpreter} -ISXutf8\n"
    has_blank = any(character.isspace() for character in interpreter)
    if not has_blank and len(os.fsencode(first)) <= _LONGEST_FIRST_LINE and interpreter.isascii():
        return first.encode(), b""
    if not sys.executable or not _UNQUOTED.isdisjoint(interpreter) or not _is_utf8(interpreter):
        raise AdapterError(
            Failure(
                ErrorCode.USAGE,
                f"A program cannot name this Python as its interpreter: {interpreter!a}.",
                "Install the adapter for a Python whose path has plain characters only.",
            )
        )
    # For sh a command, for Python a text.
    second = f"'''exec' {shlex.quote(interpreter)} -ISXutf8 \"$0\" \"$@\"\n' '''\n"
    return b"#!/bin/sh\n", second.encode()


def _is_utf8(text: str) -> bool:
    return text == text.encode("utf-8", "replace").decode()


def _sites() -> list[str]:
    """Return the directories of installed packages that this Python looks into, in its order."""
    named = {*site.getsitepackages(), site.getusersitepackages()}
    named |= {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    return [os.path.abspath(path) for path in dict.fromkeys(sys.path) if path in named]  # noqa: PTH100
