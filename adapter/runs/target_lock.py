"""Locks on targets: two backups to overlapping places exclude each other.

A lock is a file that its owner holds open (`machine/held_file.py`). A dead process holds nothing, so a lock
needs neither a time limit nor a way to break it.
"""

import errno
import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime
from pathlib import Path

import msgspec

from adapter.contract.errors import AdapterError, ErrorCode, Failure
from adapter.contract.json_lines import to_json
from adapter.machine.atomic_file import UNFINISHED
from adapter.machine.held_file import append, hold, is_held
from adapter.machine.private import make_directory, open_file

_LONGEST_WAIT_S = 20.0
_PAUSE_S = 0.02


class Holder(msgspec.Struct, frozen=True):
    """The run that holds a lock; `place` is `OpenStorage.identity` of its target."""

    place: str
    run_id: str
    source: str
    started: datetime


@contextmanager
def target_lock(state_dir: Path, holder: Holder) -> Iterator[None]:
    """Lock the holder's place, with all that is inside or around it, for the block.

    Raises AdapterError `locked`, which names the run that holds a lock; OSError if the state directory cannot
    be used: then there is no lock.
    """
    directory = state_dir / "locks"
    make_directory(directory)
    with ExitStack() as stack:
        with _guard(directory):
            for other in _living(directory):
                if overlap(other.place, holder.place):
                    raise AdapterError(_locked(other))
            path = directory / f"{holder.run_id}.lock"
            descriptor = hold(path)
            stack.callback(os.close, descriptor)
            stack.callback(path.unlink, missing_ok=True)
            append(descriptor, to_json(msgspec.to_builtins(holder)).encode())
        yield


def overlap(one: str, other: str) -> bool:
    """Return whether two places are the same, or one is inside the other."""
    return f"{one}/".startswith(f"{other}/") or f"{other}/".startswith(f"{one}/")


@contextmanager
def _guard(directory: Path) -> Iterator[None]:
    """Let one process at a time check and register, which is quick. Raises TimeoutError."""
    descriptor = open_file(directory / "guard", os.O_RDWR)
    deadline = time.monotonic() + _LONGEST_WAIT_S
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:  # another process was paused in here
                    raise TimeoutError(
                        errno.ETIMEDOUT, "another process keeps the guard file locked"
                    ) from None
                time.sleep(_PAUSE_S)
        yield
    finally:
        os.close(descriptor)


def _living(directory: Path) -> Iterator[Holder]:
    """Yield the holders of locks and remove the files of dead ones; the caller must hold the guard."""
    for path in directory.glob(f"*{UNFINISHED}"):
        path.unlink(missing_ok=True)
    for path in directory.glob("*.lock"):
        if not is_held(path):
            path.unlink(missing_ok=True)
            continue
        with suppress(OSError, ValueError):  # released since, or damaged
            # Not msgspec's JSON, which refuses the surrogates that stand for bytes that are not UTF-8.
            yield msgspec.convert(json.loads(path.read_bytes()), Holder)


def _locked(other: Holder) -> Failure:
    return Failure(
        ErrorCode.LOCKED,
        f"Run {other.run_id} ({other.source}), started {other.started:%Y-%m-%d %H:%M:%S} UTC, is using this "
        "target or one that overlaps with it.",
        f"Wait for it (`runs watch {other.run_id}`), stop it (`runs stop {other.run_id}`), or choose another "
        "path in the bucket.",
    )
