"""Runs the program and records every byte that it writes to a regular file.

`python -m tests.rclone_conf.record_writes RECORD WORDS…` runs the command line WORDS in this process. RECORD
gets one JSON object per write, and per event that could write unnoticed. It needs no tracer, which not every
machine has or allows: files are opened for writing with Python's own `_pyio`, which writes only with
`os.write`, and all functions of `os` that write are replaced. Other writes by C code appear as events.
"""

import base64
import builtins
import errno
import importlib
import io
import json
import os
import runpy
import stat
import sys
from pathlib import Path
from typing import Any

_pyio = importlib.import_module("_pyio")
_Data = bytes | bytearray | memoryview
_FORBIDDEN = ("writev", "pwritev", "sendfile", "copy_file_range", "splice")
"""Other functions of `os` that write: they fail, as on a system without them."""
_UNSEEN = {"sqlite3.connect", "mmap.__new__", "ctypes.dlsym", "subprocess.Popen", "os.posix_spawn", "os.exec"}
_write, _pwrite, _open = os.write, os.pwrite, io.open


def _is_regular(file: int) -> bool:
    return stat.S_ISREG(os.fstat(file).st_mode)


class _Recorder:
    """Replaces the functions that write, and records their data in the file `record`."""

    def __init__(self, record: int) -> None:
        self._record = record

    def write(self, file: int, data: _Data) -> int:
        self._see(file, data)
        return _write(file, data)

    def pwrite(self, file: int, data: _Data, offset: int) -> int:
        self._see(file, data)
        return _pwrite(file, data, offset)

    def open(self, file: Any, mode: str = "r", *rest: Any, **more: Any) -> Any:
        writes = not set(mode).isdisjoint("wax+") and (not isinstance(file, int) or _is_regular(file))
        return (_pyio.open if writes else _open)(file, mode, *rest, **more)

    def audit(self, event: str, arguments: tuple[object, ...]) -> None:
        if event in _UNSEEN:
            self._note(event=event, arguments=repr(arguments))

    def _see(self, file: int, data: _Data) -> None:
        if _is_regular(file):
            path = Path(f"/proc/self/fd/{file}").readlink()
            self._note(path=str(path), data=base64.b64encode(data).decode())

    def _note(self, **what: str) -> None:
        _write(self._record, json.dumps(what).encode() + b"\n")


def _refuse(*_arguments: object) -> None:
    raise OSError(errno.ENOSYS, "this way to write is not recorded")


def install(record: int) -> None:
    """Record in `record` what this process writes from now on."""
    recorder = _Recorder(record)
    changed: list[tuple[object, str, object]] = [(os, name, _refuse) for name in _FORBIDDEN]
    changed += [(os, "write", recorder.write), (os, "pwrite", recorder.pwrite)]
    changed += [(io, "open", recorder.open), (builtins, "open", recorder.open), (io, "FileIO", _pyio.FileIO)]
    for module, name, function in changed:
        setattr(module, name, function)
    sys.addaudithook(recorder.audit)


def main(record: str, *words: str) -> None:
    """Run the program as `python -m adapter` does."""
    install(os.open(record, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600))
    sys.argv = ["adapter", *words]
    runpy.run_module("adapter", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
