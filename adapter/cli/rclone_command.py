"""The command `rclone`, and the installed stand-in: a call of rclone printed and ended as rclone does."""

import os
import signal
from collections.abc import Mapping
from pathlib import Path

from adapter.machine.launch import heed
from adapter.machine.pass_on import Signalled, end_as, write_all
from adapter.stand_in.call import Installed, Outcome
from adapter.stand_in.program import run


def find_real(option: str | None) -> str | int:
    """Return the path of the real rclone, or the exit status if there is none, which is told."""
    from adapter.contract.errors import AdapterError  # noqa: PLC0415 - slow to load
    from adapter.rclone.locate import find  # noqa: PLC0415
    from adapter.stand_in.refusal import refusal  # noqa: PLC0415

    try:
        return str(find(option, os.environ))
    except AdapterError as error:
        return _ended(refusal(error, error.failure.code.exit_status))


def run_installed(directory: str, real: str, words: list[str]) -> int:
    """Run a call of the stand-in in a directory; return the exit status."""
    from adapter.machine.launch import given_environment  # noqa: PLC0415

    return _ended(_outcome(Installed(real, directory), words, given_environment()))


def run_found(real: str, words: list[str], environ: Mapping[bytes, bytes], state_dir: str) -> int:
    """Run `pluton-qingstor rclone WORDS`; return the exit status."""
    return _ended(_outcome(Installed(real, state_dir=state_dir), words, environ))


def _outcome(installed: Installed, words: list[str], environ: Mapping[bytes, bytes]) -> Outcome:
    # A signal ends this program as it would end rclone; the kernel ends its children then.
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    given = {os.fsdecode(name): os.fsdecode(value) for name, value in environ.items()}
    heed(signal.SIGCHLD)  # ignored, it would leave no exit status
    try:
        return run(installed, words, given, _ask_password, _tell)
    except Signalled as signalled:
        return Outcome(-signalled.number)
    except Exception as error:  # noqa: BLE001 - a bug must not show a traceback in Pluton
        from adapter.contract.errors import AdapterError, bug  # noqa: PLC0415 - slow to load
        from adapter.stand_in.refusal import refusal  # noqa: PLC0415

        return refusal(error if isinstance(error, AdapterError) else AdapterError(bug(error)))


def _ask_password(path: Path) -> str | None:
    from adapter.cli.prompt import ask_password  # noqa: PLC0415 - seldom needed

    return ask_password({}, path)


def _tell(line: str) -> None:
    write_all(2, f"{line}\n".encode(errors="surrogateescape"))


def _ended(outcome: Outcome) -> int:
    """Write what there is to write; return the exit status, or end by the signal that ended rclone."""
    if outcome.message:
        _tell(outcome.message)
    write_all(2, outcome.stderr)
    write_all(1, outcome.stdout)
    end_as(outcome.exit_status)
    return outcome.exit_status
