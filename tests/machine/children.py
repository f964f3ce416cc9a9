"""Starting replay children, and reading what they say until something has happened."""

import os
import select
import sys
from contextlib import suppress
from pathlib import Path

import psutil

from adapter.machine.child import Child

_REPLAY = Path(__file__).with_name("replay.py")
DEADLINE_S = 60.0
"""For waiting on what must happen; a machine under load may take long, and the tests never time anything."""
TICK_S = 0.2


def replay(*steps: str) -> tuple[str, ...]:
    """The argument vector of a child that plays these steps."""
    return (sys.executable, "-I", "-S", str(_REPLAY), *steps)


def read_all(child: Child, stream: str = "stderr") -> bytes:
    """Everything that a child says on one stream until it has been reaped."""
    chunks = [chunk for chunk in child.chunks(TICK_S) if chunk is not None]
    return b"".join(chunk.data for chunk in chunks if chunk.stream == stream)


def read_until(child: Child, mark: bytes) -> bytes:
    """What a child says, up to and including the chunk that completes `mark`; fails if it ends before."""
    seen = b""
    for chunk in child.chunks(TICK_S):
        if chunk is not None:
            seen += chunk.data
            if mark in seen:
                return seen
    raise AssertionError(f"ended with status {child.exit_status} before {mark!r}: {seen[-500:]!r}")


def wait_for_death(pid: int) -> None:
    """Return when no such process runs any more, a zombie of somebody else's counting as dead."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        poller = select.poll()
        poller.register(descriptor, select.POLLIN)
        assert poller.poll(DEADLINE_S * 1000), f"process {pid} still runs"
    finally:
        os.close(descriptor)


def end_orphan(pid: int) -> None:
    """Kill a process that a child of ours left behind, and wait for its death."""
    try:
        psutil.Process(pid).kill()
    except psutil.NoSuchProcess:
        return
    wait_for_death(pid)


def own_children() -> list[int]:
    """The process ids of this process's children, zombies included."""
    return [process.pid for process in psutil.Process().children()]


def own_descriptors() -> frozenset[str]:
    """This process's open descriptors, each with what it points to."""
    found = set()
    for link in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # the one that lists is gone
            found.add(f"{link.name} {link.readlink()}")
    return frozenset(found)
