"""rclone's commands and flags, from its own help: what `rclone gendocs` writes."""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

_FLAG = re.compile(r"^(?:  -(?P<short>\w), |      )--(?P<name>[\w-]+)(?: (?P<type>\S+))?(?:   *|$)")


@dataclass(frozen=True)
class Known:
    """A flag as the help shows it."""

    name: str
    short: str
    takes_value: bool


@dataclass(frozen=True)
class Help:
    """The commands, such as `serve restic`, with their own flags; and the flags of all of them."""

    commands: dict[str, tuple[Known, ...]]
    everywhere: tuple[Known, ...]


def read_help(rclone: Path, directory: Path) -> Help:
    """Let rclone write its documentation and read it."""
    env = {"PATH": "/usr/bin:/bin", "HOME": str(directory)}
    subprocess.run([rclone, "gendocs", directory / "docs"], env=env, check=True, capture_output=True)
    shown = subprocess.run([rclone, "help", "flags"], env=env, check=True, capture_output=True, text=True)
    pages = sorted((directory / "docs" / "commands").glob("rclone_*.md"))
    names = [page.stem.removeprefix("rclone_").replace("_", " ") for page in pages]
    commands = {name: _flags(page.read_text()) for name, page in zip(names, pages, strict=True)}
    assert len(commands) > 80
    # Before the first group stand the flags of `help` itself.
    everywhere = _flags(shown.stdout.partition("Flags for ")[2])
    assert len(everywhere) > 1_000
    return Help(commands, everywhere)


def _flags(text: str) -> tuple[Known, ...]:
    found = filter(None, map(_FLAG.match, text.splitlines()))
    return tuple(Known(one["name"], one["short"] or "", one["type"] not in {None, "count"}) for one in found)
