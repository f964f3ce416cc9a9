"""One child process: started in its own session, read, stopped and always reaped.

Ownership is the `with` block: however it ends, the child is asked to stop (SIGTERM, on which rclone aborts
its multipart uploads), given a grace time, killed, and waited for. The kernel kills it when this process dies
(`launch.py`), or when the *thread* that started it ends: start children from a thread that outlives them.
"""

import fcntl
import logging
import math
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from adapter.machine.cancellation import Cancellation

DEFAULT_GRACE_S = 10.0
"""How long a child may take to end after SIGTERM. rclone's abort of an upload is one short request; a
hanging server would hold it for its whole time-out (measured with 1.75.2)."""

_REAP_S = 5.0
"""How long to wait for a killed child. One that hangs in the kernel, as on a dead mount, never ends."""
_LAST_LOOK_S = 0.25
_CHUNK = 1 << 16
_PIPE = 1 << 18
"""The size of a pipe, in bytes: a child that logs much need not wait while this program is busy."""
_READS_AFTER_EXIT = 16
"""What a child wrote before its end is in the pipe, which holds at most 1 MiB (pipe-max-size in proc(5)):
what comes after this many reads was written by another process that holds the pipe open."""
_EXIT_POLL_S = 0.05
_log = logging.getLogger(__name__)
_LAUNCHER = Path(__file__).with_name("launch.py")


@dataclass(frozen=True, slots=True)
class Chunk:
    """Bytes from one stream of the child."""

    stream: str
    data: bytes


class Child:
    """A running program. `chunks` yields its output; `exit_status` is set once it has been reaped."""

    def __init__(
        self,
        argv: Sequence[str | bytes],
        env: Mapping[str, str],
        cancel: Cancellation,
        *,
        grace_s: float = DEFAULT_GRACE_S,
        stdout: bool = False,
        directory: bytes | None = None,
        after_cancel: bool = False,
    ) -> None:
        """Start `argv` (an absolute program first) in a directory. Raises OSError if the interpreter cannot
        start.

        With `after_cancel` it may run although a stop was requested before; only a later request counts.
        stdin is the null device; stderr is always read, stdout only if `stdout` is set.
        """
        self.exit_status: int | None = None
        """Raw: the program's own status, or minus the number of the signal that ended it.

        If the child was killed but does not end: the status that it will have.
        """
        _keep_exit_statuses()
        self._cancel = cancel
        self._seen_requests = cancel.requests if after_cancel else 0
        self._grace_s = grace_s
        self._kill_at: float | None = None
        self._give_up_at = math.inf
        # Entered by the launcher: on a dead mount that blocks, and Popen would wait for it.
        where = "" if directory is None else str(Path(os.fsdecode(directory)).absolute())
        self._process: subprocess.Popen[bytes] = subprocess.Popen(
            # UTF-8 mode: the launcher passes arguments on byte for byte.
            [sys.executable, "-I", "-S", "-X", "utf8", str(_LAUNCHER), str(os.getpid()), where, *argv],
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if stdout else subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        streams = {"stdout": self._process.stdout, "stderr": self._process.stderr}
        self._open = {pipe.fileno(): name for name, pipe in streams.items() if pipe}
        for descriptor in self._open:
            with suppress(OSError):  # the user's limit for all pipes
                fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, _PIPE)

    @property
    def pid(self) -> int:
        """Return the process id; it is not reused before the child is reaped."""
        return self._process.pid

    @property
    def stopping(self) -> bool:
        """Return whether the child has been asked to stop."""
        return self._kill_at is not None

    def chunks(self, tick_s: float) -> Iterator[Chunk | None]:
        """Yield output as it comes, and None after `tick_s` seconds without any, until the child is reaped or
        still runs some seconds after it was killed.

        A request to cancel is passed on from here: SIGTERM, after the grace time SIGKILL; on a second
        request SIGKILL at once.
        """
        reads_after_exit = 0
        while self._open and reads_after_exit < _READS_AFTER_EXIT and not self._is_given_up:
            self._pass_cancellation_on()
            gone = self._process.poll() is not None
            ready = self._read(0.0 if gone else self._longest_wait(tick_s))
            if gone and not ready:
                break
            reads_after_exit += gone
            yield from ready or (None,)
        while self._process.poll() is None and not self._is_given_up:
            self._pass_cancellation_on()
            self._wait(self._longest_wait(min(tick_s, _EXIT_POLL_S)))
            yield None
        self._settle()

    def stop(self) -> None:
        """Ask the child to end; it is killed when the grace time has passed."""
        if self._kill_at is None:
            self._kill_at = time.monotonic() + self._grace_s
            self._process.terminate()
            # A paused child (SIGSTOP) could not act on the request.
            self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """End the child at once."""
        self._kill_at = math.inf
        self._give_up_at = min(self._give_up_at, time.monotonic() + _REAP_S)
        self._process.kill()

    def close(self) -> None:
        """Stop the child if it runs, read the rest of its output, reap it, close the pipes."""
        try:
            if self._process.poll() is None:
                self.stop()
                # Read to the end: a child that is blocked on a full pipe could not end.
                for _ in self.chunks(tick_s=0.05):
                    pass
        finally:
            if self._process.poll() is None:
                self.kill()
                self._wait(max(0.0, self._give_up_at - time.monotonic()))
            self._settle()
            for pipe in (self._process.stdout, self._process.stderr):
                if pipe:
                    pipe.close()
            self._open.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def _is_given_up(self) -> bool:
        return time.monotonic() >= self._give_up_at

    def _settle(self) -> None:
        """Store the status and close the pipes; a child that cannot be reaped is left to the kernel."""
        if self._process.poll() is None and self.exit_status is None:
            _log.warning("process %d was killed but does not end; it is left running", self._process.pid)
        self.exit_status = -signal.SIGKILL if self._process.returncode is None else self._process.returncode

    def _pass_cancellation_on(self) -> None:
        requests = self._cancel.requests
        if requests > self._seen_requests:
            self._seen_requests = requests
            if requests > 1:
                self.kill()
            else:
                self.stop()
        if self._kill_at is not None and time.monotonic() >= self._kill_at:
            self.kill()

    def _longest_wait(self, limit_s: float) -> float:
        """Return how long to wait now, in seconds: at most until it is time to kill."""
        if self._kill_at is None:
            return limit_s
        return max(0.0, min(limit_s, self._kill_at - time.monotonic()))

    def _read(self, timeout_s: float) -> list[Chunk]:
        """Return a chunk of every stream that has output, so that no stream can block another."""
        poller = select.poll()  # not select.select: that fails from descriptor 1024 on
        for descriptor in (*self._open, self._cancel.fileno()):
            poller.register(descriptor, select.POLLIN)
        chunks = []
        for descriptor, _ in poller.poll(timeout_s * 1000):
            if descriptor not in self._open:
                self._cancel.acknowledge()
            elif data := os.read(descriptor, _CHUNK):
                chunks.append(Chunk(self._open[descriptor], data))
            else:
                del self._open[descriptor]
        return chunks

    def _wait(self, timeout: float) -> None:
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            return


@dataclass(frozen=True, slots=True)
class Completed:
    """The result of a short command: raw exit status, output (bounded), and whether it timed out."""

    exit_status: int
    stdout: bytes
    stderr: bytes
    timed_out: bool


def run(
    argv: Sequence[str | bytes],
    env: Mapping[str, str],
    cancel: Cancellation,
    *,
    timeout_s: float,
    grace_s: float = 0.5,
    limit: int = 64 << 20,
) -> Completed:
    """Run a short command, for at most `timeout_s` plus the grace time, and return its result.

    Of each stream `limit` bytes are kept. Raises OSError if the interpreter cannot start.
    """
    deadline = time.monotonic() + timeout_s
    looked_again = False
    output = {"stdout": bytearray(), "stderr": bytearray()}
    timed_out = False
    with Child(argv, env, cancel, grace_s=grace_s, stdout=True) as child:
        for chunk in child.chunks(tick_s=max(0.01, min(0.25, timeout_s))):
            if chunk is not None:
                kept = output[chunk.stream]
                kept += chunk.data[: limit - len(kept)]
            if time.monotonic() >= deadline and not child.stopping:
                if looked_again:
                    timed_out = True
                    child.stop()
                # This process may have been paused while the output arrived.
                looked_again, deadline = True, time.monotonic() + _LAST_LOOK_S
    # `close` has reaped the child, so the status is known here.
    status = child.exit_status if child.exit_status is not None else -1
    return Completed(status, bytes(output["stdout"]), bytes(output["stderr"]), timed_out)


def _keep_exit_statuses() -> None:
    """Stop ignoring SIGCHLD, which a program inherits from its starter.

    If it is ignored the kernel drops exit statuses and subprocess reports 0: failures would be successes.
    Raises ValueError outside the main thread, where signals cannot be set.
    """
    if signal.getsignal(signal.SIGCHLD) is signal.SIG_IGN:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
