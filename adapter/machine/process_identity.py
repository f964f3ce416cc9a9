"""The identity of a process: id, start and boot together, so that a reused process id does not match."""

import os
import signal
from pathlib import Path

from msgspec import Struct

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class ProcessIdentity(Struct, frozen=True):
    """A process of this machine. `start` is in clock ticks since the boot that `boot` names: setting the
    clock does not change it.
    """

    pid: int
    start: float
    boot: str


def own_identity() -> ProcessIdentity:
    """Return the identity of this process."""
    try:
        return ProcessIdentity(pid=os.getpid(), start=_start(None), boot=_boot())
    except OSError:  # without /proc: matches no process, so none is signalled by mistake
        return ProcessIdentity(pid=os.getpid(), start=-1.0, boot="")


def is_running(identity: ProcessIdentity) -> bool:
    """Return whether this very process still runs; False also if another namespace hides it."""
    try:
        return identity.boot == _boot() and _start(identity.pid) == identity.start
    except (OSError, ValueError, IndexError):  # gone, or gone while it was read
        return False


def terminate(identity: ProcessIdentity) -> bool:
    """Send SIGTERM to this very process; return whether it was running. Raises PermissionError."""
    try:
        # Opened before the check: from here on the descriptor identifies one process.
        handle = os.pidfd_open(identity.pid)
    except (OSError, OverflowError):  # gone, or not a valid process id
        return False
    try:
        if not is_running(identity):
            return False
        signal.pidfd_send_signal(handle, signal.SIGTERM)
    except ProcessLookupError:
        return False
    finally:
        os.close(handle)
    return True


def descendants(identity: ProcessIdentity) -> tuple[int, ...]:
    """Return the process ids of its running descendants."""
    import psutil  # noqa: PLC0415 - slow to load, and seldom needed

    try:
        if not is_running(identity):
            return ()
        return tuple(child.pid for child in psutil.Process(identity.pid).children(recursive=True))
    except psutil.Error:
        return ()


def _start(pid: int | None) -> float:
    """Return the clock ticks from boot to the start of a process (None: this one): field 22 in proc(5)."""
    # "self" for this one: /proc may show the process ids of another namespace.
    stat = Path("/proc", "self" if pid is None else str(pid), "stat").read_bytes()
    return float(stat.rpartition(b")")[2].split()[19])  # a name may contain blanks and brackets


def _boot() -> str:
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return ""
