"""A launcher: executes a program that the kernel kills when its starter dies.

`launch.py STARTER_PID DIRECTORY PROGRAM ARG…`, run as a script by `child.Child`; a blank directory is the
starter's own. A `preexec_fn` would run Python between fork and exec, where another thread's lock may be held
for ever; here that code runs after exec. What it does is also of use to who becomes another program, or forks
before there is any thread. Imports little: it runs before every rclone.
"""

import os
import signal
import sys
from collections.abc import Mapping, Sequence

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_DEFAULT_SIGNALS = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGPIPE, signal.SIGXFSZ)
_OWNER_ONLY = 0o077
_heeded: "list[signal.Signals]" = []
NO_DIRECTORY = 1
"""The exit status when the directory cannot be entered."""
NOT_STARTED = 127
"""The exit status when the program does not exist or cannot be run, as in shells."""


def main() -> None:
    """Ask the kernel for SIGKILL on the starter's death, then exec; the process id stays the same."""
    die_with(int(sys.argv[1]))
    # Ignored and blocked signals are inherited: neither an ignored SIGINT nor a blocked request to stop would
    # reach a Go program. Python itself ignores SIGPIPE and SIGXFSZ.
    for number in _DEFAULT_SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    # A umask that keeps the owner out would keep rclone out of its own cache and of what it restores.
    os.umask(os.umask(_OWNER_ONLY) & _OWNER_ONLY)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    try:
        if sys.argv[2]:
            os.chdir(sys.argv[2])
    except OSError as error:
        os.write(2, f"failed to open directory {sys.argv[2]!a}: {error.strerror}\n".encode())
        os._exit(NO_DIRECTORY)
    try:
        os.execve(sys.argv[3], sys.argv[3:], given_environment())  # noqa: S606  # argv was built by our caller
    except OSError as error:
        os.write(2, f"{error.strerror}\n".encode())
        os._exit(NOT_STARTED)


def die_with(starter: int) -> None:
    """Ask the kernel to kill this process when the process `starter`, its parent, dies; end if it has."""
    import ctypes  # noqa: PLC0415 - slow to load, and of no use to who only becomes another program

    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    # If the starter died before the call above, no signal comes, but the parent has changed.
    if os.getppid() != starter:
        os._exit(1)


def heed(number: signal.Signals) -> None:
    """Stop ignoring a signal, as the starter may have told this process to; what it becomes will again."""
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, signal.SIG_DFL)
        _heeded.append(number)


def become(
    program: str, argv: Sequence[str | bytes], environment: Mapping[bytes, bytes] | None = None
) -> None:
    """Become this program, with the environment that this process was given if none is named.

    Descriptors, signals and everything else stay as they are. Raises OSError if it cannot be run.
    """
    for number in (signal.SIGPIPE, signal.SIGXFSZ):  # ignored by Python itself
        signal.signal(number, signal.SIG_DFL)
    for number in _heeded:
        signal.signal(number, signal.SIG_IGN)
    os.execve(program, list(argv), given_environment() if environment is None else environment)  # noqa: S606


def given_environment() -> dict[bytes, bytes]:
    """Return the environment that the starter gave: Python adds LC_CTYPE if no locale is set (PEP 538)."""
    if sys.platform != "linux":
        return dict(os.environb)
    # The block as it was at exec, see proc(5). Importing pathlib would double this script's run time.
    with open("/proc/self/environ", "rb") as file:  # noqa: PTH123
        block = file.read()
    return dict(entry.split(b"=", 1) for entry in block.split(b"\0") if b"=" in entry)


if __name__ == "__main__":
    main()
