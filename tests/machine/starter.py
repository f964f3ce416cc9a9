"""A process that starts a child with our supervisor: `MODE PROGRAM ARG…`. It prints the child's pid first."""

import os
import signal
import sys
from collections.abc import Callable

from adapter.machine.cancellation import Cancellation
from adapter.machine.child import Child

_ASKED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def _read(child: Child, _cancel: Cancellation) -> None:
    """Read until the child ends; print its status."""
    for _ in child.chunks(0.2):
        continue
    _say(f"status {child.exit_status}")


def _die(_child: Child, _cancel: Cancellation) -> None:
    """Die at once, when the child may not have executed its program yet."""
    os.kill(os.getpid(), signal.SIGKILL)


def _stop(child: Child, cancel: Cancellation) -> None:
    """Request a stop as soon as the child is ready; print its status."""
    for chunk in child.chunks(0.2):
        if chunk is not None and b"ready" in chunk.data:
            cancel.request()
    _say(f"status {child.exit_status}")


def _ignoring() -> None:
    for number in _ASKED:
        signal.signal(number, signal.SIG_IGN)


def _blocking() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, _ASKED)


def _without_statuses() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)


def _say(text: str) -> None:
    os.write(1, text.encode() + b"\n")


_MODES: dict[str, tuple[Callable[[], object], Callable[[Child, Cancellation], None]]] = {
    "read": (lambda: None, _read),
    "die": (lambda: None, _die),
    "ignore-signals": (_ignoring, _stop),
    "block-signals": (_blocking, _stop),
    "ignore-children": (_without_statuses, _read),
}


def main() -> None:
    """Play one mode."""
    prepare, act = _MODES[sys.argv[1]]
    prepare()
    with Cancellation() as cancel, Child(sys.argv[2:], {}, cancel, grace_s=1e6) as child:
        _say(str(child.pid))
        act(child, cancel)


if __name__ == "__main__":
    main()
