"""The start of the stand-in for rclone: what involves no QingStor remote is passed on at once."""

import os
import sys
from collections.abc import Sequence

from adapter.machine.launch import become, given_environment
from adapter.stand_in.front import may_involve_qingstor

_NOT_STARTED = 127
_WITH_VALUE = ("--config", "--rclone", "--state-dir")


def start(directory: str, words: Sequence[str], sites: Sequence[str]) -> None:
    """Run rclone's command line in the place of the rclone that is in `directory` as `rclone.real`.

    `sites` are the directories of installed packages, which this Python was started without.
    """
    real = os.path.join(directory, "rclone.real")  # noqa: PTH118 - pathlib is slow to load
    if not may_involve_qingstor(words, given_environment(), real):
        sys.exit(_become(real, words))
    import site  # noqa: PLC0415 - slow to load

    for path in sites:
        site.addsitedir(path)
    from adapter.cli.rclone_command import run_installed  # noqa: PLC0415

    sys.exit(run_installed(directory, real, list(words)))


def split(words: Sequence[str]) -> tuple[dict[str, str], list[str]] | None:
    """Return the options before the word `rclone` and the words after it; None for another command."""
    options: dict[str, str] = {}
    at = 0
    while at < len(words):
        name, equals, value = words[at].partition("=")
        if words[at] == "rclone":
            return options, list(words[at + 1 :])
        if name not in _WITH_VALUE or (not equals and at + 1 == len(words)):
            return None
        options[name] = value if equals else words[at + 1]
        at += 1 if equals else 2
    return None


def rclone(options: dict[str, str], words: Sequence[str]) -> int:
    """Run `pluton-qingstor rclone WORDS`; return the exit status."""
    from adapter.cli.rclone_command import find_real, run_found  # noqa: PLC0415

    if "--config" in options:
        os.environ["RCLONE_CONFIG"] = options["--config"]
    real = find_real(options.get("--rclone"))
    if isinstance(real, int):
        return real
    environ = given_environment()
    if "--config" in options:
        environ[b"RCLONE_CONFIG"] = os.fsencode(options["--config"])
    if not may_involve_qingstor(words, environ, real):
        return _become(real, words, environ)
    return run_found(real, list(words), environ, options.get("--state-dir", ""))


def _become(real: str, words: Sequence[str], environ: dict[bytes, bytes] | None = None) -> int:
    try:
        become([real, *words], environ)
    except OSError as error:
        os.write(2, os.fsencode(f"{real} cannot be started: {error.strerror}.\n"))
    return _NOT_STARTED
