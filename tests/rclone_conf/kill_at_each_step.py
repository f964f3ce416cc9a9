"""Kill a save with SIGKILL at its first step, then at its second, and so on until one save completes.

A program of its own, since it forks: `python -m tests.rclone_conf.kill_at_each_step DIRECTORY CASE STEP`.
STEP is a `line` or an `opcode` of the modules that touch the disk, so every system call is killed before and
after. Prints one JSON object per killed save.
"""

import json
import os
import signal
import stat
import sys
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, NamedTuple

from rclone_conf import (
    ConfFile,
    atomic_replace,
    concurrent_save,
    conf_file,
    decrypted_file,
    encrypt,
    lock,
    temporary_files,
)

if TYPE_CHECKING:
    from _typeshed import TraceFunction

_MODULES = {
    module.__file__
    for module in (atomic_replace, concurrent_save, conf_file, decrypted_file, lock, temporary_files)
}
PASSWORD = "canary-password"
OLD = b"# kept\r\n[first]\r\ntype = local\r\nsecret = canary-old\r\n"


class Case(NamedTuple):
    """The file before the save."""

    data: bytes | None
    mode: int
    encrypted: bool = False


CASES = {
    "private": Case(OLD, 0o600),
    "read by all": Case(OLD, 0o644),
    "missing": Case(None, 0o600),
    "encrypted": Case(OLD, 0o600, encrypted=True),
}


def save(conf: Path) -> None:
    """The save that is killed."""
    ConfFile(conf, lambda: PASSWORD).edit(
        lambda d: d.with_section("new", {"type": "local", "secret": "canary-new"})
    )


def _prepare(conf: Path, case: Case) -> None:
    for path in conf.parent.iterdir():
        path.unlink()
    if case.data is not None:
        conf.write_bytes(encrypt(case.data, PASSWORD) if case.encrypted else case.data)
        conf.chmod(case.mode)


def _killed_at(step: int, kind: str, conf: Path) -> bool:
    """Whether a save was killed at its step number `step`; False if it has fewer steps."""
    pid = os.fork()
    if pid == 0:
        _die_at(step, kind)
        save(conf)
        os._exit(0)
    status = os.waitpid(pid, 0)[1]
    assert status == 0 or os.WTERMSIG(status) == signal.SIGKILL, status
    return status != 0


def _die_at(step: int, kind: str) -> None:
    left = step

    def trace(frame: FrameType, event: str, _arg: object) -> "TraceFunction | None":
        nonlocal left
        if frame.f_code.co_filename not in _MODULES:
            return None
        frame.f_trace_opcodes = kind == "opcode"
        if event == kind:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return trace

    sys.settrace(trace)


def main(directory: str, case: str, kind: str) -> None:
    """Kill saves and print reports until a save completes."""
    conf = Path(directory) / "rclone.conf"
    step = 0
    while True:
        step += 1
        _prepare(conf, CASES[case])
        if not _killed_at(step, kind, conf):
            return
        found = {
            path.name: {
                "mode": stat.S_IMODE(path.stat().st_mode),
                "data": path.read_bytes().decode("latin-1"),
            }
            for path in conf.parent.iterdir()
        }
        save(conf)
        after = sorted(path.name for path in conf.parent.iterdir())
        sys.stdout.write(json.dumps({"step": step, "found": found, "after": after}) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
