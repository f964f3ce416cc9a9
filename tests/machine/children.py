"""Helpers that start replay children and read their output until something has happened."""

import os
import select
import sys
from contextlib import suppress
from pathlib import Path

import psutil

from adapter.machine.child import Child

_REPLAY = Path(__file__).with_name("replay.py")
DEADLINE_S = 60.0
"""Limit for waiting on what must happen: a busy machine may be slow, and no test measures time."""
TICK_S = 0.2


def replay(*steps: str) -> tuple[str, ...]:
    """Return the argument vector of a child that plays these steps."""
    return (sys.executable, "-I", "-S", str(_REPLAY), *steps)


def read_all(child: Child, stream: str = "stderr") -> bytes:
    """Return everything that a child writes to one stream until it is reaped."""
    chunks = [chunk for chunk in child.chunks(TICK_S) if chunk is not None]
    return b"".join(chunk.data for chunk in chunks if chunk.stream == stream)


def read_until(child: Child, mark: bytes) -> bytes:
    """Return the output up to the chunk that completes `mark`; fail if the child ends before."""
    seen = b""
    for chunk in child.chunks(TICK_S):
        if chunk is not None:
            seen += chunk.data
            if mark in seen:
                return seen
    raise AssertionError(f"ended with status {child.exit_status} before {mark!r}: {seen[-500:]!r}")


def wait_for_death(pid: int) -> None:
    """Wait until the process has ended; a zombie of another parent counts as ended."""
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
    """Kill a process that a child of ours left running, and wait for its end."""
    try:
        psutil.Process(pid).kill()
    except psutil.NoSuchProcess:
        return
    wait_for_death(pid)


def own_children() -> list[int]:
    """Return the process ids of this process's children, zombies included."""
    return [process.pid for process in psutil.Process().children()]


def own_descriptors() -> frozenset[str]:
    """Return this process's open descriptors, each with its target."""
    found = set()
    for link in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # the descriptor of the listing itself
            found.add(f"{link.name} {link.readlink()}")
    return frozenset(found)
