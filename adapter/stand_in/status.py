"""What is in a directory: the stand-in, the real rclone, the remembered options."""

from dataclasses import dataclass, replace
from pathlib import Path

from adapter.contract.errors import AdapterError
from adapter.machine.cancellation import Cancellation
from adapter.machine.settings import Settings
from adapter.rclone.binary import Rclone, cached
from adapter.rclone.stand_in_mark import NAME, is_stand_in, real_beside
from adapter.rclone.stand_in_program import StandIn, State, examine, known_directories
from adapter.stand_in.directory import checked
from adapter.stand_in.remembered import Remembered, load

_PROBE_S = 30.0


@dataclass(frozen=True, slots=True)
class Status:
    """`rclone` is the real one, None if there is none that can be used; `remembered` is None if it cannot be
    read."""

    stand_in: StandIn
    rclone: Rclone | None
    remembered: Remembered | None

    def as_dict(self) -> dict[str, object]:
        """Return the `data` of `stand-in status`."""
        rclone = self.rclone and {"path": str(self.rclone.path), "version": self.rclone.version_text}
        return {
            "directory": str(self.stand_in.directory),
            "state": self.stand_in.state.value,
            "rclone": rclone,
            "remembered": self.remembered.as_dict() if self.remembered else None,
            "interpreter": self.stand_in.interpreter or None,
            "problem": self.stand_in.problem or None,
        }


def look(directory: Path, settings: Settings, cancel: Cancellation) -> Status:
    """Return what is in a directory; changes nothing there.

    Raises AdapterError `usage` if it is none, `cancelled`.
    """
    place = checked(directory)
    stand_in = examine(place, was_installed=place in known_directories(settings.state_dir))
    program = place / NAME
    real = real_beside(program) if is_stand_in(program) else program
    rclone, remembered = None, None
    try:
        if real.is_file():
            rclone = cached(real, settings, cancel, _PROBE_S)
    except AdapterError as error:
        if cancel.requested:
            raise
        stand_in = _broken(stand_in, error)
    try:
        remembered = load(real.parent)
    except AdapterError as error:
        stand_in = _broken(stand_in, error)
    return Status(stand_in, rclone, remembered)


def _broken(stand_in: StandIn, error: AdapterError) -> StandIn:
    """Return a stand-in that seemed to be well with the problem that was found."""
    if stand_in.state is not State.INSTALLED:
        return stand_in
    return replace(stand_in, state=State.BROKEN, problem=error.failure.message)
