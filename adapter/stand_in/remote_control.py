"""A running rclone, asked by its remote control: through a socket in a directory of mode 0700, never TCP.

Whoever reaches the socket commands rclone with the keys, so it is removed as soon as it is not needed.
"""

import json
import os
import select
import signal
import socket
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Self

from adapter.connection.nowhere import NOWHERE
from adapter.machine.brief_child import start, stop, wait_for
from adapter.machine.pass_on import forwarding_signals, is_ready, move, write_all
from adapter.stand_in.call import Call

_POLL_S = 0.002
_LONGEST_PATH = 90
"""Bytes of the directory: a socket's path has at most 107 (unix(7))."""


def has_own_control(call: Call) -> bool:
    """Return whether the call itself asks for a remote control, which ours would get in the way of."""
    variable = call.environ.get("RCLONE_RC", "").lower()
    return variable not in {"", "false", "0"} or any(flag.name.startswith("rc") for flag in call.line.flags)


class Controlled:
    """An rclone with a remote control; its stderr, and if `holds_stdin` its stdin, pass through here.

    Until `relay` nothing goes either way. However the block ends, rclone is reaped.
    """

    def __init__(
        self, call: Call, words: Sequence[str], *, holds_stdin: bool, is_server: bool = False
    ) -> None:
        """Start `rclone WORDS`; `is_server` if it is `rcd`, which does nothing by itself.

        Raises OSError if that is not possible.
        """
        self._is_server = is_server
        self._directory = _directory(call.environ)
        self._socket = os.path.join(self._directory, "rc")  # noqa: PTH118
        control = [f"--rc-addr=unix://{self._socket}", "--rc-no-auth", *([] if is_server else ["--rc"])]
        environment = {
            name: value for name, value in call.environment.items() if not name.startswith(b"RCLONE_RC")
        }
        self._stderr, stderr = os.pipe()
        self._input: socket.socket | None = None
        theirs: socket.socket | None = None
        if holds_stdin:
            self._input, theirs = socket.socketpair()
            # rclone gets both ends: the sudden death of this process must not look like the end of the data.
            self._input.set_inheritable(True)
        self._said = b""
        self._status: int | None = None
        stdin = theirs.fileno() if theirs else 0
        self._child = start([call.installed.real, *words, *control], environment, (stdin, 1, stderr))
        os.close(stderr)
        if theirs:
            theirs.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._status is None:
            stop(self._child, signal.SIGKILL)
            self._status = wait_for(self._child)
        if self._input:
            self._input.close()
        os.close(self._stderr)
        self._forget_socket()

    def knows_bucket(self, fs: str) -> str | None:
        """List in the remote `fs`, as the command spells it, so that rclone need not create its bucket.

        Returns None if that worked, else why not; blank if rclone has ended.
        """
        if not self._is_server:
            self._await_remote()
        reply = self.call("operations/list", fs=fs, remote=NOWHERE)
        if reply is None:
            return ""
        error = reply.get("error")
        return None if error is None else str(error)

    def _await_remote(self) -> None:
        """Wait until the command has opened its remote: another one of the same name would not help it."""
        while (reply := self.call("fscache/entries")) is not None and reply.get("entries", 0) == 0:
            time.sleep(_POLL_S)

    def call(
        self, command: str, *, passes_on: bool = False, **parameters: object
    ) -> Mapping[str, object] | None:
        """Return rclone's answer to a command, with `error` if it failed; None if rclone has ended.

        With `passes_on` what rclone writes to stderr goes on to ours while it works, and signals to it.
        """
        # Loaded while rclone starts.
        from adapter.stand_in.unix_http import Request  # noqa: PLC0415

        body = json.dumps(parameters).encode()
        while not self._has_ended():
            with suppress(OSError):
                request = Request(self._socket, command, body)
                if passes_on:
                    with forwarding_signals(self._child):
                        self._pass_stderr_on(request.fileno())
                answer: object = json.loads(request.answer())
                return answer if isinstance(answer, dict) else {}
            time.sleep(_POLL_S)
        return None

    def _pass_stderr_on(self, until: int) -> None:
        """Pass stderr on until a descriptor can be read."""
        poller = select.poll()
        for descriptor in (until, self._stderr):
            poller.register(descriptor, select.POLLIN)
        while until not in (ready := dict(poller.poll())):
            if self._stderr in ready and not move(self._stderr, 2):
                poller.unregister(self._stderr)

    def relay(self) -> int:
        """Pass stdin, stderr and signals on until rclone ends; return its status."""
        self._forget_socket()
        with forwarding_signals(self._child):
            self._pass_on()
        return self._status if self._status is not None else 0

    @property
    def said(self) -> bytes:
        """What rclone has written to stderr and `relay` has not passed on."""
        while is_ready(self._stderr) and (data := os.read(self._stderr, 1 << 16)):
            self._said += data
        return self._said

    def _pass_on(self) -> None:
        write_all(2, self.said)
        self._said = b""
        handle = os.pidfd_open(self._child)
        poller = select.poll()
        for descriptor in (handle, self._stderr, *([0] if self._input else [])):
            poller.register(descriptor, select.POLLIN)
        try:
            while self._status is None:
                ready = dict(poller.poll())
                if self._stderr in ready and not move(self._stderr, 2):
                    poller.unregister(self._stderr)
                if 0 in ready and self._input and not move(0, self._input.fileno()):
                    poller.unregister(0)
                    with suppress(OSError):
                        self._input.shutdown(socket.SHUT_WR)
                if handle in ready:
                    self._status = wait_for(self._child)
        finally:
            os.close(handle)
        write_all(2, self.said)
        self._said = b""

    def _has_ended(self) -> bool:
        if self._status is None:
            child, status = os.waitpid(self._child, os.WNOHANG)
            if child:
                self._status = os.waitstatus_to_exitcode(status)
        return self._status is not None

    def _forget_socket(self) -> None:
        with suppress(OSError):
            os.unlink(self._socket)  # noqa: PTH108
        with suppress(OSError):
            os.rmdir(self._directory)  # noqa: PTH106


def _directory(environ: Mapping[str, str]) -> str:
    """Make a directory for a socket that nobody else can reach."""
    name = f"pluton-qingstor-{os.getpid()}-{os.urandom(8).hex()}"
    place = environ.get("TMPDIR", "")
    if not place.startswith("/") or len(os.fsencode(place)) + len(name) > _LONGEST_PATH:
        place = "/tmp"  # noqa: S108 - in it, a directory of a name that nobody can guess
    directory = f"{place}/{name}"
    os.mkdir(directory, 0o700)  # noqa: PTH102
    return directory
