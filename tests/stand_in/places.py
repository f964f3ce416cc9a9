"""A directory in which a program looks for rclone, and what happens to it there."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from adapter.machine.cancellation import Cancellation
from adapter.machine.settings import Settings
from adapter.rclone.stand_in_program import StandIn, examine
from adapter.stand_in.installation import Options, install, remove
from adapter.stand_in.remembered import Remembered, load
from adapter.stand_in.status import Status, look


@dataclass(frozen=True, slots=True)
class Place:
    """The directory, on a machine of its own."""

    directory: Path
    rclone: Path
    """A real one, elsewhere."""
    settings: Settings
    cancel: Cancellation

    @property
    def program(self) -> Path:
        """What is started as rclone."""
        return self.directory / "rclone"

    @property
    def real(self) -> Path:
        """The real one behind a stand-in."""
        return self.directory / "rclone.real"

    @property
    def names(self) -> list[str]:
        """All that is in the directory."""
        return sorted(path.name for path in self.directory.iterdir())

    @property
    def state(self) -> StandIn:
        """What can be seen without running anything."""
        return examine(self.directory)

    @property
    def remembered(self) -> Remembered:
        """The remembered options."""
        return load(self.directory)

    def install(self, options: Options | None = None) -> None:
        """Install the stand-in."""
        install(self.directory, options or Options(), self.settings, self.cancel)

    def remove(self) -> bool:
        """Remove it."""
        return remove(self.directory, self.settings, self.cancel)

    def look(self) -> Status:
        """Return its status."""
        return look(self.directory, self.settings, self.cancel)

    def put(self, *, mtime: int = 0) -> Path:
        """Put a real rclone there as an update does; with a time of its own it is another file."""
        new = self.directory / "new"
        if mtime:
            shutil.copy2(self.rclone, new)
            os.utime(new, (mtime, mtime))
        else:
            same(self.rclone, new)
        return new.replace(self.program)

    def answers(self) -> str:
        """Return what `rclone version` says first; fails if it does not work."""
        return answers(self.program)


def same(path: Path, to: Path) -> None:
    """Let `to` be the same file, or a copy on another disk."""
    try:
        os.link(path, to)
    except OSError:
        shutil.copy2(path, to)


def answers(program: Path) -> str:
    """Return what `rclone version` says first; fails if it does not work."""
    done = subprocess.run([program, "version"], capture_output=True, check=True, timeout=60)
    assert done.stderr == b""
    return done.stdout.decode().splitlines()[0]
