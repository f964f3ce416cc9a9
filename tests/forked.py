"""The program, forked from an interpreter that has loaded it: loading takes longer than most commands run.

A fork has its own environment, directory, arguments and streams, as a start has; that a start works too is
proved wherever a test starts the program and goes on beside it.
"""

import multiprocessing
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_CONTEXT = multiprocessing.get_context("forkserver")
_LATE = (
    *(
        "cli.backup_stream",
        "cli.conf_commands",
        "cli.doctor_commands",
        "cli.form_commands",
        "cli.remote_runs",
    ),
    *("cli.storage_commands", "cli.terminal", "cli.usage_command", "connection.stages", "storage.job"),
    *("transfer.cleanup", "transfer.ls", "transfer.restore", "transfer.verify"),
)
"""What a start loads only for the command that needs it; in each fork that took longer than the rest."""
_CONTEXT.set_forkserver_preload(
    ["adapter.cli.dispatch", *(f"adapter.{name}" for name in _LATE), "psutil", "tests.forked"]
)
_STREAMS = ("stdin", "stdout", "stderr")


@dataclass(frozen=True, slots=True)
class Ended:
    """The exit status, minus the number of a signal, and all that was said."""

    status: int
    stdout: bytes
    stderr: bytes


def run_forked(
    words: Sequence[str], environment: Mapping[str, str], cwd: Path, stdin: bytes, timeout: float
) -> Ended:
    """Run `pluton-qingstor WORDS…` to its end. Raises TimeoutError, and kills it, when that takes longer."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        (directory / "stdin").write_bytes(stdin)
        process = _CONTEXT.Process(target=_program, args=(words, environment, cwd, directory))
        process.start()
        process.join(timeout)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise TimeoutError(f"{words} took longer than {timeout} s")
        stdout, stderr = ((directory / stream).read_bytes() for stream in _STREAMS[1:])
        status = process.exitcode
        process.close()
        return Ended(status, stdout, stderr)


def _program(words: Sequence[str], environment: Mapping[str, str], cwd: Path, directory: Path) -> None:
    """What the fork does."""
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(cwd)
    for number, stream in enumerate(_STREAMS):
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND if number else os.O_RDONLY
        descriptor = os.open(directory / stream, flags, 0o600)
        os.dup2(descriptor, number)
        os.close(descriptor)
    sys.stdin, sys.stdout, sys.stderr = (open(n, "w" if n else "r", closefd=False) for n in range(3))  # noqa: SIM115
    sys.argv = ["pluton-qingstor", *words]
    from adapter.cli import main  # noqa: PLC0415 - as late as in a start

    sys.exit(main())
