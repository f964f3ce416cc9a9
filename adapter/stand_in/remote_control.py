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
from contextlib import ExitStack, suppress
from types import TracebackType
from typing import Self

from adapter.connection.nowhere import NOWHERE
from adapter.machine.brief_child import start, stop, wait_for
from adapter.machine.pass_on import forwarding_signals, is_ready, move, raising_signals, write_all
from adapter.stand_in.call import Call, encoded

_POLL_S = 0.002
_LONGEST_PATH = 75
"""Bytes of the place for the directory: a socket's path has at most 107 (unix(7))."""
_PLACES = ("/tmp", "/var/tmp", "/dev/shm", "/run")  # noqa: S108 - the directory has a name that nobody guesses
_PREFIX = "pluton-qingstor-rc-"
_RANDOM_BYTES = 4
_LENGTH = len(_PREFIX) + 2 * _RANDOM_BYTES
_OLD_S = 3600.0


class NoPlace(Exception):
    """There is no directory for a socket."""


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
        """Run `rclone WORDS`; `is_server` if it is `rcd`, which does nothing by itself.

        To enter the block raises NoPlace; in it a signal raises Signalled.
        """
        self._argv = [call.installed.real, *words]
        self._environ = {
            name: value for name, value in call.environ.items() if not name.startswith("RCLONE_RC")
        }
        self._holds_stdin = holds_stdin
        self._is_server = is_server
        self._said = b""
        self._status: int | None = None
        self._input: socket.socket | None = None
        self._held = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as held:
            held.enter_context(raising_signals())
            self._directory = _directory(self._environ)
            held.callback(self._forget_socket)
            self._socket = os.path.join(self._directory, "rc")  # noqa: PTH118
            self._start(held)
            self._held = held.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._held.close()

    def _start(self, held: ExitStack) -> None:
        control = [f"--rc-addr=unix://{self._socket}", "--rc-no-auth", *([] if self._is_server else ["--rc"])]
        self._stderr, stderr = os.pipe()
        held.callback(os.close, self._stderr)
        stdin = 0
        if self._holds_stdin:
            self._input, theirs = socket.socketpair()
            held.callback(self._input.close)
            # rclone gets both ends: the sudden death of this process must not look like the end of the data.
            self._input.set_inheritable(True)
            stdin = theirs.detach()
        self._child = start([*self._argv, *control], encoded(self._environ), (stdin, 1, stderr))
        held.callback(self._reap)
        os.close(stderr)
        if self._holds_stdin:
            os.close(stdin)

    def _reap(self) -> None:
        if self._status is None:
            stop(self._child, signal.SIGKILL)
            self._status = wait_for(self._child)

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

        With `passes_on` what rclone writes to stderr goes on to ours while it works.
        """
        # Loaded while rclone starts.
        from adapter.stand_in.unix_http import Request  # noqa: PLC0415

        body = json.dumps(parameters).encode()
        while not self.has_ended():
            with suppress(OSError):
                request = Request(self._socket, command, body)
                if passes_on:
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
        self._tell()
        if self.has_ended():
            return
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
        self._tell()

    def _tell(self) -> None:
        write_all(2, self.said)
        self._said = b""

    def has_ended(self) -> bool:
        """Return whether rclone has ended; it is reaped then."""
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
    """Make a directory for a socket that nobody else can reach. Raises NoPlace."""
    for place in (environ.get("TMPDIR", ""), *_PLACES):
        if place.startswith("/") and len(os.fsencode(place)) <= _LONGEST_PATH:
            directory = f"{place}/{_PREFIX}{os.urandom(_RANDOM_BYTES).hex()}"
            with suppress(OSError):
                _remove_old(place)
                os.mkdir(directory, 0o700)  # noqa: PTH102
                return directory
    raise NoPlace


def _remove_old(place: str) -> None:
    """Remove what killed processes left there: each needs its directory for a moment only."""
    before = time.time() - _OLD_S
    with os.scandir(place) as entries:
        ours = [one for one in entries if one.name.startswith(_PREFIX) and len(one.name) == _LENGTH]
        old = [one.path for one in ours if one.stat(follow_symlinks=False).st_mtime < before]
    for path in old:
        with suppress(OSError):
            os.unlink(f"{path}/rc")  # noqa: PTH108
        with suppress(OSError):
            os.rmdir(path)  # noqa: PTH106
