"""The stand-in for rclone, looked at from outside: how one is known, its state, and where there are some.

`adapter/stand_in` writes them. Beside the program `rclone` lies the real one, `rclone.real`.
"""

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from adapter.contract.errors import ErrorCode, Failure
from adapter.machine.atomic_file import replace_file
from adapter.machine.private import make_directory
from adapter.rclone.stand_in_mark import MARK, NAME, is_stand_in, real_beside, second_line

REMEMBERED = "rclone.stand-in.json"
"""The remembered options; where this file is, a stand-in was installed."""

_DIRECTORIES = "stand-ins.json"


class State(StrEnum):
    """What is true of a directory."""

    INSTALLED = "installed"
    OVERWRITTEN = "overwritten"
    BROKEN = "broken"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class StandIn:
    """A directory that may have a stand-in; `problem` is a sentence, blank for one that works."""

    directory: Path
    state: State
    problem: str = ""
    interpreter: str = ""
    """The Python that runs it; blank if there is none."""

    @property
    def failure(self) -> Failure | None:
        """Return what is wrong, as an error; None for one that works."""
        if self.state is State.INSTALLED:
            return None
        code = ErrorCode.RCLONE_NOT_FOUND if self.state is State.BROKEN else ErrorCode.PATH_NOT_FOUND
        again = "" if self.state is State.ABSENT else " again"
        return Failure(code, self.problem, f"Run `stand-in install '{self.directory}'`{again}.")


def examine(directory: Path, *, was_installed: bool = False) -> StandIn:
    """Return the state of a directory, without running anything; `was_installed`: known from elsewhere."""
    program = directory / NAME
    if not is_stand_in(program):
        return StandIn(directory, *_without(directory, was_installed=was_installed))
    runs_with = _runs_with(program)
    interpreter, package = runs_with.get("interpreter", ""), runs_with.get("package", "")
    problem = ""
    if not os.path.isfile(real := real_beside(program)):  # noqa: PTH113  # a Path may raise
        problem = f"The real rclone is missing: there is no {real}."
    elif is_stand_in(real):
        problem = f"{real} should be the real rclone, but it is a stand-in itself."
    elif not os.access(interpreter, os.X_OK):
        problem = f"{program} cannot run: its Python, {interpreter}, is gone."
    elif not os.path.isdir(os.path.join(package, "adapter", "stand_in")):  # noqa: PTH112, PTH118
        problem = f"{program} protects nothing: pluton-qingstor is not in {package} any more."
    state = State.BROKEN if problem else State.INSTALLED
    return StandIn(directory, state, problem, interpreter)


def known_directories(state_dir: Path) -> tuple[Path, ...]:
    """Return the directories that had a stand-in installed by this user and still exist."""
    return tuple(path for name in _names(state_dir) if (path := Path(name)).is_dir())


def note_directory(state_dir: Path, directory: Path, *, has_stand_in: bool) -> None:
    """Note that a directory has a stand-in, or has none any more. What cannot be noted is not."""
    others = [name for name in _names(state_dir) if name != str(directory)]
    names = [*others, str(directory)] if has_stand_in else others
    with suppress(OSError):
        if names or others:
            make_directory(state_dir)
        # Not msgspec's JSON, which refuses the surrogates that stand for bytes that are not UTF-8.
        replace_file(state_dir / _DIRECTORIES, (json.dumps(names).encode(),))


def _names(state_dir: Path) -> list[str]:
    with suppress(OSError, ValueError):
        found: object = json.loads((state_dir / _DIRECTORIES).read_bytes())
        if isinstance(found, list):
            return list(_texts(found))
    return []


def _texts(values: Iterable[object]) -> Iterator[str]:
    return (value for value in values if isinstance(value, str) and "\0" not in value)


def _without(directory: Path, *, was_installed: bool) -> tuple[State, str]:
    program = directory / NAME
    was_installed = was_installed or os.path.exists(directory / REMEMBERED)  # noqa: PTH110  # a Path may raise
    if not was_installed:
        return State.ABSENT, f"There is no stand-in in {directory}."
    if os.path.exists(program):  # noqa: PTH110
        return State.OVERWRITTEN, f"{program} is not the stand-in any more: something has replaced it."
    return State.BROKEN, f"There is no {program} any more."


def _runs_with(program: Path) -> dict[str, str]:
    with suppress(ValueError):
        found: object = json.loads(second_line(program).removeprefix(MARK))
        if isinstance(found, dict):
            return {str(name): value for name, value in found.items() if isinstance(value, str)}
    return {}
