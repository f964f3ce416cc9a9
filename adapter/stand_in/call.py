"""One call of rclone, as far as it is understood, and what a call may end with."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from adapter.stand_in.command_line import CommandLine
from adapter.stand_in.rclone_flags import CONNECTION_FLAGS
from adapter.stand_in.remotes import Involved, Named

if TYPE_CHECKING:
    from adapter.stand_in.remembered import Remembered

_NEEDED = ("RCLONE_CONFIG", "RCLONE_QINGSTOR_")
"""Beginnings of variables without which a question would be about another remote."""
_TIMES = {"contimeout": "15s", "timeout": "30s"}
_CREATE_BUCKET = "PLUTON_QINGSTOR_CREATE_BUCKET"
_ON = {"1", "true", "yes", "on"}


class Installed(NamedTuple):
    """The real rclone, and the directory of the stand-in that remembers options; blank: none does."""

    real: str
    directory: str = ""
    state_dir: str = ""
    """Where it is not remembered; blank for the default."""

    @property
    def remembered(self) -> "Remembered":
        """Return the remembered options. Raises AdapterError if they cannot be read."""
        from adapter.stand_in.remembered import Remembered, load  # noqa: PLC0415 - few calls need them

        return load(Path(self.directory)) if self.directory else Remembered(state_dir=self.state_dir)


class Outcome(NamedTuple):
    """How a call ended: `message` is the first line on stderr, before what rclone said there.

    `exit_status` is minus the number of a signal if that ended rclone.
    """

    exit_status: int
    stdout: bytes = b""
    message: str = ""
    stderr: bytes = b""


class Call(NamedTuple):
    """A command line that involves a QingStor remote. `environ` and `remotes` hold the keys: not shown."""

    installed: Installed
    line: CommandLine
    words: list[str]
    """The words for the real rclone: see `protection`."""
    remotes: Involved
    environ: Mapping[str, str]
    """The environment for the real rclone."""
    conf_path: Path

    def __repr__(self) -> str:
        return f"<Call of {self.line.command}>"

    @property
    def creates_bucket(self) -> bool:
        """Whether a bucket that does not exist may be created."""
        is_asked_for = self.line.command == "mkdir" or self.environ.get(_CREATE_BUCKET, "").lower() in _ON
        return is_asked_for or self.installed.remembered.create_bucket

    @property
    def argv(self) -> list[str]:
        """Return the command line of the real rclone."""
        return [self.installed.real, *self.words]

    @property
    def destination(self) -> Named | None:
        """Return the last argument, if that is a QingStor remote."""
        last = self.line.arguments[-1] if self.line.arguments else None
        return next((named for named in self.remotes.named if named.word == last), None)

    @property
    def words_of_arguments(self) -> list[str]:
        """Return the arguments, as the real rclone gets them."""
        return [self.words[index] for index in self.line.arguments]

    def question(self, *words: str) -> tuple[list[str], dict[bytes, bytes]]:
        """Return command line and environment of a short question to the same server."""
        flags = self.line.words_of(CONNECTION_FLAGS)
        given = {flag.name for flag in self.line.flags}
        times = [f"--{name}={value}" for name, value in _TIMES.items() if name not in given]
        kept = {f"RCLONE_{name.replace('-', '_').upper()}" for name in CONNECTION_FLAGS}
        environ = {
            name: value
            for name, value in self.environ.items()
            if not name.startswith("RCLONE_") or name.startswith(_NEEDED) or name in kept
        }
        once = ("--retries=1", "--low-level-retries=1")
        return [self.installed.real, *words, *flags, *times, *once], encoded(environ)


def encoded(environ: Mapping[str, str]) -> dict[bytes, bytes]:
    """Return an environment as bytes."""
    return {os.fsencode(name): os.fsencode(value) for name, value in environ.items()}
