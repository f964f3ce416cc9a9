"""Putting the stand-in into a directory and taking it out: at each moment there is an rclone that works.

The order of an installation: the options, then `rclone.real` as another name of the rclone that is there,
then the program over `rclone`. It may be killed anywhere; the next one finds its way from there.
"""

import os
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from adapter.contract.errors import AdapterError, ErrorCode, Failure
from adapter.machine.cancellation import Cancellation
from adapter.machine.settings import Settings
from adapter.rclone.binary import probe, probe_and_cache
from adapter.rclone.locate import find
from adapter.rclone.stand_in_mark import NAME, REAL, is_stand_in
from adapter.rclone.stand_in_program import REMEMBERED, note_directory
from adapter.stand_in import temporary
from adapter.stand_in.directory import locked
from adapter.stand_in.remembered import Remembered, load, save
from adapter.stand_in.script import program_text

_PROGRAM_MODE = 0o755
_PROBE_S = 30.0
_STARTS_WITHIN_S = 1.0
"""A stand-in that was just started needs `rclone.real` within a quarter of a second. One that its Python has
not opened yet fails all the same: the kernel hands on the name of a program that begins with `#!`."""


@dataclass(frozen=True, slots=True)
class Options:
    """The options of `stand-in install`; None: not given, blank: no longer remembered."""

    endpoint: str | None = None
    key_file: str | None = None
    state_dir: str | None = None
    create_bucket: bool | None = None


def install(directory: Path, options: Options, settings: Settings, cancel: Cancellation) -> None:
    """Put the stand-in into a directory, or renew it.

    Raises AdapterError `usage`, `destination_unwritable`, `locked`, `cancelled`, and what `find` and `probe`
    raise of the rclone that is to do the work. Then nothing has changed.
    """
    with locked(directory, cancel) as place:
        real = place / REAL
        source = _source(place, settings)
        probe_and_cache(source or real, settings, cancel, _PROBE_S)
        remembered = _merged(place, options)
        text = program_text()
        before = _Before.of(place)
        program = temporary.write(place, text, _PROGRAM_MODE)
        try:
            save(place, remembered)
            if source == place / NAME:
                temporary.duplicate(source, real)
            elif source is not None:
                temporary.link(real, source)
            _try(program, place, settings, cancel)
            program.replace(place / NAME)
        except BaseException:
            temporary.discard(program)
            before.put_back()
            raise
        temporary.sync(place)
        note_directory(settings.state_dir, place, has_stand_in=True)


def remove(directory: Path, settings: Settings, cancel: Cancellation) -> bool:
    """Put the real rclone back into its place; return False if no stand-in was installed.

    Raises AdapterError `usage`, `destination_unwritable`, `locked`, `cancelled`, and `rclone_not_found` if
    there is no rclone to put back: then nothing has changed.
    """
    with locked(directory, cancel) as place:
        program, real = place / NAME, place / REAL
        was_here = is_stand_in(program) or os.path.lexists(place / REMEMBERED)
        if was_here:
            _put_back(program, real, cancel, had_no_rclone=_loaded(place).had_no_rclone)
            (place / REMEMBERED).unlink(missing_ok=True)
            temporary.sync(place)
        note_directory(settings.state_dir, place, has_stand_in=False)
    return was_here


@dataclass(frozen=True, slots=True)
class _Before:
    """What an installation that fails puts back."""

    place: Path
    had_real: bool
    remembered: bytes | None

    @classmethod
    def of(cls, place: Path) -> "_Before":
        with suppress(FileNotFoundError):
            return cls(place, os.path.lexists(place / REAL), (place / REMEMBERED).read_bytes())
        return cls(place, os.path.lexists(place / REAL), None)

    def put_back(self) -> None:
        # `rclone` is as it was. An `rclone.real` that has been replaced is another name of it.
        if not self.had_real:
            temporary.discard(self.place / REAL)
        if self.remembered is None:
            temporary.discard(self.place / REMEMBERED)
        else:
            with suppress(OSError):
                temporary.replace(self.place / REMEMBERED, self.remembered, 0o644)


def _source(place: Path, settings: Settings) -> Path | None:
    """Return what is to become `rclone.real`; None if that stays as it is. Raises AdapterError."""
    program, real = place / NAME, place / REAL
    if program.exists() and not is_stand_in(program):
        return None if _is_one(program, real) else program
    return None if real.exists() else find(settings.rclone_option, settings.environ)


def _is_one(program: Path, real: Path) -> bool:
    """Return whether `rclone.real` is what is in rclone's place: after an installation that was killed, or
    because somebody has made one a link to the other.
    """
    one = real.exists() and program.samefile(real)
    return one and (program.is_symlink() or not real.is_symlink())


def _merged(place: Path, options: Options) -> Remembered:
    """Return what is to be remembered: the options that were given, and of the others what was."""
    program = place / NAME
    old = _loaded(place)
    had_no_rclone = not program.exists()
    if is_stand_in(program) or (had_no_rclone and (place / REAL).exists()):
        had_no_rclone = old.had_no_rclone
    given = {name: value for name in options.__slots__ if (value := getattr(options, name)) is not None}
    return msgspec.structs.replace(old, **given, had_no_rclone=had_no_rclone)


def _loaded(place: Path) -> Remembered:
    """Return what is remembered; the defaults if that is damaged, as installing again is the way out."""
    try:
        return load(place)
    except AdapterError:
        return Remembered()


def _try(program: Path, place: Path, settings: Settings, cancel: Cancellation) -> None:
    """Run the program before it takes rclone's place. Raises AdapterError."""
    try:
        probe(program, settings.environ, cancel, _PROBE_S)
    except AdapterError as error:
        if cancel.requested:
            raise
        failure = replace(
            error.failure,
            message=f"The stand-in does not run in {place}, so nothing was changed: {error.failure.message}",
            hint="Programs must be allowed to run there: `mount` shows whether it is `noexec`.",
        )
        raise AdapterError(failure) from error


def _put_back(program: Path, real: Path, cancel: Cancellation, *, had_no_rclone: bool) -> None:
    if program.is_file() and not is_stand_in(program):
        # An update has brought a newer one, or an installation was killed. A link to the other name of it
        # would lead nowhere without that.
        if program.is_symlink() and real.exists() and program.samefile(real):
            real.replace(program)
        real.unlink(missing_ok=True)
    elif had_no_rclone:
        program.unlink(missing_ok=True)
        real.unlink(missing_ok=True)
    elif os.path.lexists(real):
        temporary.duplicate(real, program)
        cancel.sleep(_STARTS_WITHIN_S)
        real.unlink()
    elif os.path.lexists(program):
        raise AdapterError(
            Failure(
                ErrorCode.RCLONE_NOT_FOUND,
                f"There is no rclone to put back: {real} is missing.",
                f"Put an rclone there, or over {program}, then run this again.",
            )
        )
