"""What is known of an rclone binary from an earlier look: asking it again takes longer than listing buckets.

Kept in the state directory, for binaries that will do only, and forgotten with any change of the file.
"""

import os
import tempfile
from contextlib import suppress
from pathlib import Path

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from adapter.machine.cancellation import Cancellation
from adapter.machine.settings import Machine
from adapter.rclone.binary import Rclone, probe

_FILE = "rclone.json"
_MOST = 8
"""Binaries to remember; more than a machine has."""


class _Known(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True)

    size: int
    mtime_ns: int
    inode: int
    version: tuple[int, int, int]

    def is_of(self, status: os.stat_result) -> bool:
        return (self.size, self.mtime_ns, self.inode) == (status.st_size, status.st_mtime_ns, status.st_ino)


_FILE_FORM = TypeAdapter(dict[str, _Known])


def recall(path: Path, machine: Machine, cancel: Cancellation, timeout_s: float) -> Rclone:
    """The binary, as it was when `probe` last looked at it; looked at anew when it is not known or changed.

    Raises AdapterError as `probe` does. A state directory that cannot be used only makes it slower.
    """
    entry = _load(machine.state_dir / _FILE).get(str(path))
    with suppress(OSError):
        if entry is not None and entry.is_of(path.stat()):
            return Rclone(path, entry.version)
    return look(path, machine, cancel, timeout_s)


def look(path: Path, machine: Machine, cancel: Cancellation, timeout_s: float) -> Rclone:
    """The binary as it is now, and remembered. Raises AdapterError as `probe` does."""
    try:
        status = path.stat()
    except OSError:
        return probe(path, machine.environ, cancel, timeout_s)
    rclone = probe(path, machine.environ, cancel, timeout_s)
    learned = _Known(
        size=status.st_size, mtime_ns=status.st_mtime_ns, inode=status.st_ino, version=rclone.version
    )
    file = machine.state_dir / _FILE
    others = [pair for pair in _load(file).items() if pair[0] != str(path)]
    with suppress(OSError):
        _save(file, dict([*others, (str(path), learned)][-_MOST:]))
    return rclone


def _load(file: Path) -> dict[str, _Known]:
    try:
        return _FILE_FORM.validate_json(file.read_bytes())
    except (OSError, ValidationError):
        return {}


def _save(file: Path, known: dict[str, _Known]) -> None:
    """Replace the file whole: another test may be reading it."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=f".{_FILE}-", dir=file.parent)
    try:
        with os.fdopen(descriptor, "wb") as new:
            new.write(_FILE_FORM.dump_json(known))
        os.replace(name, file)  # noqa: PTH105  # mkstemp gives a str
    except OSError:
        with suppress(OSError):
            os.unlink(name)  # noqa: PTH108
        raise
