"""The program on a terminal of its own, as a person runs it."""

import sys
from pathlib import Path

import pexpect

from tests.program import Program


def on_terminal(program: Program, *words: str) -> "pexpect.spawn[str]":
    """The program on a pty of its own."""
    return pexpect.spawn(
        sys.executable,
        ["-m", "adapter", *words],
        env={**program.environment, "TERM": "xterm-256color"},
        cwd=str(Path(__file__).parents[1]),
        dimensions=(24, 160),
        encoding="utf-8",
        timeout=60,
    )
