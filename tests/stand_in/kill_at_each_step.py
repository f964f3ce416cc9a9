"""Kill an installation or removal with SIGKILL at its first line, then at its second, until one completes.

A program of its own, since it forks: `python -m tests.stand_in.kill_at_each_step DIRECTORY CASE`. After each
kill an rclone that works must be there, and what is run next must find its way: an installation, then a
removal; at every second kill a removal at once. Prints what was found, one JSON object for each kill.
"""

import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, NamedTuple

from adapter.machine.cancellation import Cancellation
from adapter.machine.settings import Settings
from adapter.rclone import binary, stand_in_program
from adapter.stand_in import directory, installation, remembered, temporary
from adapter.stand_in.installation import Options, install, remove
from adapter.stand_in.script import program_text

if TYPE_CHECKING:
    from _typeshed import TraceFunction

_MODULES = {module.__file__ for module in (directory, installation, remembered, stand_in_program, temporary)}
_OLD, _NEW = b"#!/bin/sh\necho rclone v1.75.0\n", b"#!/bin/sh\necho rclone v1.75.2\n"
_OPTIONS = Options(endpoint="http://a.test:80")


class Case(NamedTuple):
    """What is there before, what is killed, and the rclone that must be there after it."""

    begin: Callable[[Path], None]
    act: Callable[[Path], object]
    right: bytes | None = _NEW
    """None: there is none, or a stand-in."""


def _settings(place: Path) -> Settings:
    home = place.parent
    given = {"PLUTON_QINGSTOR_RCLONE": str(home / "elsewhere")}
    return Settings(given, home, home / "conf", home / "state", None, lambda: None, lambda: None)


def _install(place: Path) -> None:
    with Cancellation() as cancel:
        install(place, _OPTIONS, _settings(place), cancel)


def _remove(place: Path) -> None:
    with Cancellation() as cancel:
        remove(place, _settings(place), cancel)


def _put(path: Path, data: bytes) -> None:
    """Put a program into its place as an update does."""
    new = path.with_name("new")
    new.write_bytes(data)
    new.chmod(0o755)
    new.replace(path)


def _nothing(_place: Path) -> None:
    return


def _plain(place: Path) -> None:
    _put(place / "rclone", _NEW)


def _linked(place: Path) -> None:
    (place / "rclone").symlink_to("../elsewhere")


def _installed(place: Path) -> None:
    _plain(place)
    _install(place)


def _updated(place: Path) -> None:
    _put(place / "rclone", _OLD)
    _install(place)
    _plain(place)


def _without_links(place: Path) -> None:
    """Files are copied, as where there are no hard links."""
    _plain(place)
    (place.parent / "no links").touch()


CASES = {
    "install": Case(_plain, _install),
    "install a copy": Case(_without_links, _install),
    "install over a link": Case(_linked, _install),
    "install where there is none": Case(_nothing, _install, None),
    "install again": Case(_installed, _install),
    "install after an update": Case(_updated, _install),
    "remove": Case(_installed, _remove),
    "remove after an update": Case(_updated, _remove),
    "remove where there was none": Case(_install, _remove, None),
}


def _prepare(place: Path, case: Case) -> None:
    for path in (place, place.parent / "state"):
        shutil.rmtree(path, ignore_errors=True)
    place.mkdir()
    case.begin(place)


def _killed_at(step: int, place: Path, case: Case) -> bool:
    """Whether it was killed at its step number `step`; False if it has fewer steps."""
    pid = os.fork()
    if pid == 0:
        _die_at(step)
        case.act(place)
        os._exit(0)
    status = os.waitpid(pid, 0)[1]
    assert status == 0 or os.WTERMSIG(status) == signal.SIGKILL, status
    return status != 0


def _die_at(step: int) -> None:
    left = step

    def trace(frame: FrameType, event: str, _arg: object) -> "TraceFunction | None":
        nonlocal left
        if frame.f_code.co_filename not in _MODULES:
            return None
        if event == "line":
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return trace

    sys.settrace(trace)


def _found(place: Path, right: bytes | None) -> str:
    """What is in rclone's place; fails if it would not work."""
    program, real = place / "rclone", place / "rclone.real"
    if not os.path.lexists(program):
        assert right is None
        return "none"
    data = program.read_bytes()
    if data == program_text():
        assert real.read_bytes() == (right or _NEW)
        assert os.access(program, os.X_OK)
        assert os.access(real, os.X_OK)
        return "stand-in"
    assert data == right, data
    return "real"


def _left(place: Path) -> list[str]:
    return sorted(path.name for path in place.iterdir())


def main(home_name: str, case_name: str) -> None:
    """Kill, look, and go on, until there are no more steps."""
    home = Path(home_name)
    place = home / "bin"
    case = CASES[case_name]
    _put(home / "elsewhere", _NEW)
    # Running them takes longer than all else here; what they find is tested elsewhere.
    for name in ("probe", "probe_and_cache"):
        setattr(installation, name, _known)
    setattr(installation, "_STARTS_WITHIN_S", 0.0)  # noqa: B010
    setattr(os, "fsync", _known)  # noqa: B010  # a process that is killed takes nothing from the disk
    step = 0
    while True:
        step += 1
        _prepare(place, case)
        if (home / "no links").exists():
            setattr(os, "link", _refuse)  # noqa: B010
        if not _killed_at(step, place, case):
            return
        report: dict[str, object] = {"step": step, "found": _found(place, case.right)}
        if step % 2:
            _install(place)
            report["installed"] = [_found(place, case.right), *_left(place)]
        _remove(place)
        report["removed"] = [_found(place, case.right), *_left(place)]
        sys.stdout.write(json.dumps(report) + "\n")


def _known(*_: object) -> binary.Rclone:
    return binary.Rclone(Path("rclone"), (1, 75, 2))


def _refuse(*_: object, **__: object) -> None:
    raise PermissionError(1, "Operation not permitted")


if __name__ == "__main__":
    main(*sys.argv[1:])
