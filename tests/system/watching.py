"""A running program, and all that it starts, looked at from outside."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread

import psutil

_EVERY_S = 0.01


@dataclass(slots=True)
class Seen:
    """What was seen of the descendants of a process."""

    commands: set[tuple[str, ...]] = field(default_factory=set)
    """Every command line."""
    listeners: set[str] = field(default_factory=set)
    """TCP sockets that a descendant itself listened on."""
    peaks: dict[int, int] = field(default_factory=dict)
    """The most memory, in bytes, of each process id whose program is the real rclone."""

    def look_at(self, pid: int) -> None:
        """Look once at what a process has started."""
        with suppress(psutil.NoSuchProcess):
            for child in descendants(pid):
                # One may end in between.
                with suppress(psutil.NoSuchProcess, psutil.ZombieProcess, OSError):
                    self._note(child)

    def _note(self, child: psutil.Process) -> None:
        command = tuple(child.cmdline())
        self.commands.add(command)
        for socket in child.net_connections(kind="tcp"):
            if socket.status == psutil.CONN_LISTEN:
                self.listeners.add(f"{command[:1]} {socket.laddr}")
        if command and Path(command[0]).name == "rclone.real":
            self.peaks[child.pid] = max(_peak(child.pid), self.peaks.get(child.pid, 0))


@contextmanager
def watching(pid: int) -> Iterator[Seen]:
    """Look at a process's descendants again and again, until the end of the block."""
    seen, over = Seen(), Event()

    def look() -> None:
        while not over.wait(_EVERY_S):
            seen.look_at(pid)

    thread = Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()


def descendants(pid: int) -> list[psutil.Process]:
    """All processes below one."""
    return psutil.Process(pid).children(recursive=True)


def still_there(processes: list[psutil.Process], timeout_s: float = 20) -> list[psutil.Process]:
    """Those of some processes that have not ended, waited for so long."""
    return psutil.wait_procs(processes, timeout=timeout_s)[1]


def _peak(pid: int) -> int:
    """The high-water mark of the resident set, see proc(5); 0 once the process has ended."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        name, _, value = line.partition(":")
        if name == "VmHWM":
            return int(value.split()[0]) * 1024
    return 0
