"""The start of the stand-in for rclone: what involves no QingStor remote is passed on at once."""

import os
import sys
from collections.abc import Sequence

from adapter.machine.launch import become, given_environment
from adapter.stand_in.front import SAFE, may_involve_qingstor

_NOT_STARTED = 127
_WITH_VALUE = ("--config", "--rclone", "--state-dir")
_HELPERS = ("mount.rclone", "rclonefs")
"""Names under which rclone takes the arguments of mount(8) (cmd/mountlib/mount.go, 1.75.2)."""


def start(directory: str, words: Sequence[str], sites: Sequence[str]) -> None:
    """Run rclone's command line in the place of the rclone that is in `directory` as `rclone.real`.

    `sites` are the directories of installed packages, which this Python was started without.
    """
    real = os.path.join(directory, "rclone.real")  # noqa: PTH118 - pathlib is slow to load
    called = sys.argv[0] if os.path.basename(sys.argv[0]) in _HELPERS else real  # noqa: PTH119
    environ = given_environment()
    if not may_involve_qingstor(words, environ, real):
        sys.exit(_become(real, called, words, environ))
    if called != real:
        sys.exit(_become(real, called, words, environ | SAFE))
    _open_streams()
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

    environ = given_environment()
    if "--config" in options:
        environ[b"RCLONE_CONFIG"] = os.fsencode(options["--config"])
    real = find_real(options.get("--rclone"))
    if isinstance(real, int):
        return real
    if not may_involve_qingstor(words, environ, real):
        return _become(real, real, words, environ)
    if sys.getfilesystemencoding() != "utf-8":
        # rclone knows no other: words, variables and the conf are read in it.
        argv = [sys.executable, "-X", "utf8", "-m", "adapter", "--rclone", real]
        before = [word for name, value in options.items() if name == "--state-dir" for word in (name, value)]
        return _become(sys.executable, argv[0], [*argv[1:], *before, "rclone", *words], environ)
    _open_streams()
    return run_found(real, list(words), environ, options.get("--state-dir", ""))


def _open_streams() -> None:
    """Open what is closed of stdin, stdout and stderr: else the next file would be taken for one of them."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def _become(program: str, called: str, words: Sequence[str], environ: dict[bytes, bytes]) -> int:
    try:
        if not _is_stand_in(program):
            become(program, [called, *words], environ)
        why = "it is a stand-in itself"
    except OSError as error:
        why = str(error.strerror)
    os.write(2, os.fsencode(f"{program} cannot be started: {why}.\n"))
    return _NOT_STARTED


def _is_stand_in(path: str) -> bool:
    with open(path, "rb") as file:  # noqa: PTH123
        if file.read(2) != b"#!":
            return False
    from adapter.rclone.stand_in_mark import is_stand_in  # noqa: PLC0415 - most are no scripts

    return is_stand_in(path)
