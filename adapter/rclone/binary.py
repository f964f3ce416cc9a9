"""The rclone binary: its version and backends checked, and its command lines built."""

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from adapter.contract.errors import AdapterError, ErrorCode, Evidence, Failure, cancelled
from adapter.machine.atomic_file import replace_file
from adapter.machine.cancellation import Cancellation
from adapter.machine.child import run
from adapter.machine.deadline import Deadline
from adapter.machine.launch import NOT_STARTED
from adapter.machine.private import make_directory
from adapter.machine.settings import Settings
from adapter.rclone.environment import child_environment
from adapter.rclone.locate import INSTALL_HINT, rclone_not_found

OLDEST = (1, 65, 0)
"""The oldest rclone that the test matrix covers; older JSON logs lack fields that we need."""

_CACHE = "rclone.json"
"""In the state directory, because probing a binary takes longer than listing buckets."""
_MOST_CACHED = 8
"""Binaries; more than a machine has."""


@dataclass(frozen=True, slots=True)
class Rclone:
    """An rclone that exists, runs, is recent enough and has the qingstor backend."""

    path: Path
    version: tuple[int, int, int]

    @property
    def version_text(self) -> str:
        """Return the version as rclone prints it, without the leading v."""
        return _dotted(self.version)

    @property
    def sends_parts(self) -> bool:
        """Return whether multipart uploads work.

        From 1.72 to 1.73 each fails in the client with `ReadAt not implemented for *asyncreader.AsyncReader`
        (measured with 1.72.1, 1.73.0 and 1.73.5; well with 1.65.2 to 1.71.2 and 1.74.0 to 1.75.2).
        """
        return not (1, 72) <= self.version[:2] <= (1, 73)

    def argv(self, *arguments: str) -> tuple[str, ...]:
        """Return `rclone ARGUMENTS…` without a conf file: the remote is in the environment (`remote.py`)."""
        return (str(self.path), *arguments, "--config", "", "--use-json-log")


class _Known(msgspec.Struct, frozen=True):
    size: int
    mtime_ns: int
    inode: int
    version: tuple[int, int, int]

    def is_of(self, status: os.stat_result) -> bool:
        return (self.size, self.mtime_ns, self.inode) == (status.st_size, status.st_mtime_ns, status.st_ino)


_CACHE_FORM = msgspec.json.Decoder(dict[str, _Known])


def probe(path: Path, environ: Mapping[str, str], cancel: Cancellation, timeout_s: float = 20) -> Rclone:
    """Ask the binary for its version and backends, for at most `timeout_s` seconds.

    Raises AdapterError `rclone_not_found` if it cannot be started, `rclone_unsupported` if it is too old, was
    built without the qingstor backend (as Debian's) or is not rclone, `timeout` if it does not answer.
    """
    env = child_environment(environ).variables
    deadline = Deadline(timeout_s)
    outputs: list[str] = []
    for question in (("version",), ("help", "backends")):
        argv = (str(path), *question, "--config", "")
        answer = run(argv, env, cancel, timeout_s=deadline.left_s, grace_s=0.1, limit=1 << 20)
        if cancel.requested:
            raise AdapterError(cancelled())
        if answer.timed_out:
            raise _too_slow(path, question[0])
        text = answer.stdout.decode("utf-8", "replace")
        if answer.exit_status != 0:
            said = (answer.stderr or answer.stdout).decode("utf-8", "replace").strip().splitlines()
            if answer.exit_status == NOT_STARTED:
                raise rclone_not_found(
                    f"{path} cannot be started: {said[-1] if said else 'no reason given'}."
                )
            raise _unsupported(
                f"{path} does not behave like rclone: `{' '.join(question)}` ended with status "
                f"{answer.exit_status}.",
                Evidence(rclone_exit_code=answer.exit_status, log_tail=tuple(said[-5:])),
            )
        outputs.append(text)
    version = parse_version(outputs[0])
    if version is None:
        raise _unsupported(
            f"{path} does not report an rclone version.", Evidence(log_tail=(outputs[0][:200],))
        )
    if version < OLDEST:
        raise _unsupported(
            f"{path} is rclone {_dotted(version)}; this adapter needs {_dotted(OLDEST)} or newer."
        )
    if not has_backend(outputs[1], "qingstor"):
        raise _unsupported(
            f"{path} was built without rclone's qingstor backend, as the packages of some distributions are."
        )
    return Rclone(path, version)


def cached(path: Path, settings: Settings, cancel: Cancellation, timeout_s: float) -> Rclone:
    """Return the binary as the last `probe` found it; probe it again if it is new or has changed.

    Raises AdapterError as `probe` does. A state directory that cannot be used only makes it slower.
    """
    entry = _load(settings.state_dir / _CACHE).get(str(path))
    with suppress(OSError):
        if entry is not None and entry.is_of(path.stat()):
            return Rclone(path, entry.version)
    return probe_and_cache(path, settings, cancel, timeout_s)


def probe_and_cache(path: Path, settings: Settings, cancel: Cancellation, timeout_s: float) -> Rclone:
    """Probe the binary and store the result. Raises AdapterError as `probe` does."""
    try:
        status = path.stat()
    except OSError:
        return probe(path, settings.environ, cancel, timeout_s)
    rclone = probe(path, settings.environ, cancel, timeout_s)
    learned = _Known(
        size=status.st_size, mtime_ns=status.st_mtime_ns, inode=status.st_ino, version=rclone.version
    )
    file = settings.state_dir / _CACHE
    others = [pair for pair in _load(file).items() if pair[0] != str(path)]
    known = dict([*others, (str(path), learned)][-_MOST_CACHED:])
    with suppress(OSError):
        make_directory(file.parent)
        replace_file(file, (msgspec.json.encode(known),))
    return rclone


def _load(file: Path) -> dict[str, _Known]:
    try:
        return _CACHE_FORM.decode(file.read_bytes())
    except (OSError, ValueError):
        return {}


def parse_version(text: str) -> tuple[int, int, int] | None:
    """Return the version in the output of `rclone version`, if any (`v1.60.1-DEV` is 1.60.1)."""
    found = re.search(r"^rclone v(\d{1,6})\.(\d{1,6})(?!\d)(?:\.(\d{1,6})(?!\d))?", text, re.MULTILINE)
    return (int(found[1]), int(found[2]), int(found[3] or 0)) if found else None


def has_backend(text: str, name: str) -> bool:
    """Return whether the output of `rclone help backends` lists a backend."""
    return re.search(rf"^[ \t]+{re.escape(name)}\s", text, re.MULTILINE) is not None


def _dotted(version: tuple[int, int, int]) -> str:
    return ".".join(map(str, version))


def _too_slow(path: Path, question: str) -> AdapterError:
    message = f"{path} did not answer `{question}` in time."
    hint = (
        "Run it by hand. The disk may hang, the machine may be overloaded, or the program may not be rclone."
    )
    return AdapterError(Failure(ErrorCode.TIMEOUT, message, hint))


def _unsupported(message: str, evidence: Evidence | None = None) -> AdapterError:
    return AdapterError(
        Failure(ErrorCode.RCLONE_UNSUPPORTED, message, INSTALL_HINT, evidence=evidence or Evidence())
    )
