"""A child of a program that has no threads and little time: forked, and started without the launcher.

The launcher of `child.Child` is another start of Python, as long as a short command of rclone takes. The
kernel kills these children, too, when this process dies, so a signal needs no handler.
"""

import io
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

from adapter.machine.launch import NOT_STARTED, become, die_with


class Said(NamedTuple):
    """What a short command left: its exit status (minus the number of a signal) and its output."""

    exit_status: int
    stdout: bytes
    stderr: bytes


def ask(argv: Sequence[str], environment: Mapping[bytes, bytes]) -> Said:
    """Run a short command to its end, stdin the null device. Raises OSError if there is no memory for it."""
    with open(os.devnull, "rb") as nothing, _in_memory() as stdout, _in_memory() as stderr:  # noqa: PTH123
        streams = (nothing.fileno(), stdout.fileno(), stderr.fileno())
        status = wait_for(start(argv, environment, streams))
        stdout.seek(0)
        stderr.seek(0)
        return Said(status, stdout.read(), stderr.read())


def start(
    argv: Sequence[str], environment: Mapping[bytes, bytes], streams: tuple[int, int, int] = (0, 1, 2)
) -> int:
    """Start a program with these descriptors as its stdin, stdout and stderr; return its process id.

    The caller waits for it. This process must have no other thread: only this one lives on in a fork.
    """
    import ctypes as _  # noqa: PLC0415, F401 - so that the fork need not load it

    starter = os.getpid()
    child = os.fork()
    if child:
        return child
    try:
        for number, descriptor in enumerate(streams):
            if descriptor == number:
                os.set_inheritable(descriptor, True)  # noqa: FBT003
            else:
                os.dup2(descriptor, number)
        die_with(starter)
        become(argv[0], argv, environment)
    except BaseException as error:  # noqa: BLE001 - nothing of this program may go on in the fork
        os.write(2, f"{argv[0]}: {getattr(error, 'strerror', None) or error!r}\n".encode(errors="replace"))
    os._exit(NOT_STARTED)


def wait_for(child: int) -> int:
    """Reap a child; return its exit status, minus the number of the signal that ended it."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _in_memory() -> io.BufferedRandom:
    return os.fdopen(os.memfd_create("output"), "w+b")


def stop(child: int, number: int) -> None:
    """Send a signal to a child that has not been reaped, or to this process; one that has ended is left."""
    with suppress(ProcessLookupError):
        os.kill(child, number)
