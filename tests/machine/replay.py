"""A child that plays a script: `replay.py STEP…`, each step `name` or `name:argument`."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from types import FrameType

_STREAMS = {"out": 1, "err": 2}


def _write(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


def _say(argument: str) -> None:
    """`say:err=TEXT`: TEXT and a newline, in one write."""
    stream, text = argument.split("=", 1)
    _write(_STREAMS[stream], text.encode() + b"\n")


def _bytes(argument: str) -> None:
    """`bytes:err=HEX`: exactly these bytes."""
    stream, digits = argument.split("=", 1)
    _write(_STREAMS[stream], bytes.fromhex(digits))


def _fill(argument: str) -> None:
    """`fill:err=N`: N bytes of x without a newline."""
    stream, count = argument.split("=", 1)
    _write(_STREAMS[stream], b"x" * int(count))


def _flood(argument: str) -> None:
    """`flood:err`: lines without end."""
    while True:
        _write(_STREAMS[argument], b"flood\n" * 1000)


def _close(argument: str) -> None:
    """`close:err`: close the stream and go on."""
    os.close(_STREAMS[argument])


def _on_term(argument: str) -> None:
    """`on_term:STEP`: play a step for each SIGTERM, which then does not end the child."""

    def handler(_number: int, _frame: FrameType | None) -> None:
        play(argument)

    signal.signal(signal.SIGTERM, handler)


def _linger(argument: str) -> None:
    """`linger:STEP`: start a grandchild that holds the pipes open, plays a step and waits for ever.

    Its process id is printed first.
    """
    child = subprocess.Popen([sys.executable, "-I", "-S", __file__, argument, "wait"])
    _say(f"err={child.pid}")


def _environment(_argument: str) -> None:
    """`environment`: the environment as given at exec."""
    with open("/proc/self/environ", "rb") as file:  # noqa: PTH123  # as little as possible is imported
        _write(1, file.read())


def _session(_argument: str) -> None:
    """`session`: process, group and session id."""
    _say(f"out={os.getpid()} {os.getpgrp()} {os.getsid(0)}")


def _input(_argument: str) -> None:
    """`input`: what stdin is, and how much can be read from it."""
    target = os.readlink("/proc/self/fd/0")  # noqa: PTH115  # as little as possible is imported
    _say(f"out={target} {len(os.read(0, 100))}")


def _descriptors(_argument: str) -> None:
    """`descriptors`: the open descriptors."""
    listing = os.listdir("/proc/self/fd")  # noqa: PTH208
    _say(f"out={' '.join(number for number in listing if os.path.lexists(f'/proc/self/fd/{number}'))}")


def _signals(_argument: str) -> None:
    """`signals`: the masks of blocked and ignored signals, as the kernel shows them."""
    with open("/proc/self/status", encoding="ascii") as file:  # noqa: PTH123
        _say("out=" + " ".join(line.split()[1] for line in file if line.startswith(("SigBlk", "SigIgn"))))


def _arguments(argument: str) -> None:
    """`arguments:TEXT`: TEXT's own bytes, in hexadecimal."""
    _say(f"out={os.fsencode(argument).hex()}")


def _wait(_argument: str) -> None:
    """`wait`: wait for ever, handling signals."""
    while True:
        signal.pause()


def _pause(_argument: str) -> None:
    """`pause`: send SIGSTOP to itself."""
    os.kill(os.getpid(), signal.SIGSTOP)


def _exit(argument: str) -> None:
    """`exit:N`: exit at once, also inside a handler."""
    os._exit(int(argument))


def _die(argument: str) -> None:
    """`die:N`: end by signal number N."""
    if int(argument) in {signal.SIGPIPE, signal.SIGXFSZ}:  # which Python ignores
        signal.signal(int(argument), signal.SIG_DFL)
    os.kill(os.getpid(), int(argument))


_STEPS: dict[str, Callable[[str], None]] = {
    "say": _say,
    "bytes": _bytes,
    "fill": _fill,
    "flood": _flood,
    "close": _close,
    "on_term": _on_term,
    "linger": _linger,
    "environment": _environment,
    "session": _session,
    "input": _input,
    "descriptors": _descriptors,
    "signals": _signals,
    "arguments": _arguments,
    "wait": _wait,
    "pause": _pause,
    "exit": _exit,
    "die": _die,
}


def play(step: str) -> None:
    """Do one step."""
    name, _, argument = step.partition(":")
    _STEPS[name](argument)


if __name__ == "__main__":
    for each in sys.argv[1:]:
        play(each)
