"""The destination of a restore: calls on a disk that may hang, and what came of each entry."""

import errno
import grp
import os
import pwd
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import wait
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TypeVar

from adapter.contract.errors import AdapterError, ErrorCode, Failure
from adapter.contract.events import Action, ErrorEvent, Event, VerboseStatus
from adapter.contract.os_errors import FULL
from adapter.files.manifest import Kind, Saved
from adapter.files.names import for_people, on_disk
from adapter.machine.metadata import Metadata
from adapter.machine.open_tree import OpenTree
from adapter.runs.run import Run
from adapter.runs.slow_disk import TimedDisk
from adapter.transfer.overwrite import Overwrite

_T = TypeVar("_T")
_AT_ONCE = 500
_IN_THE_WAY = frozenset(
    {errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENOTEMPTY, errno.ELOOP, errno.EBUSY}
)
_TICK_S = 0.2


@dataclass(slots=True)
class Destination:
    """The directory that is restored into. Without a tree nothing is there and nothing is changed."""

    path: bytes
    tree: OpenTree | None
    disk: TimedDisk
    overwrite: Overwrite
    run: Run
    has_metadata: bool = True
    """Whether modes and times are set."""
    has_owner: bool = False
    verbose: bool = False
    below: bytes = b""
    """What the names begin with that are restored; the destination is without it."""
    unset: dict[str, list[str]] = field(default_factory=dict)
    """What could not be set, and on what."""

    def through(self, call: Callable[[], _T]) -> Generator[Event, None, _T]:
        """Return what a call returns that may hang with the disk; it is not left halfway for a request to
        stop. Raises AdapterError `stalled` if it never returns, and what it raises.
        """
        future = self.disk.begin(call)
        progress = self.run.progress
        progress.touch()
        while not wait([future], _TICK_S).done:
            if (overdue := progress.overdue()) is not None and overdue.code is ErrorCode.STALLED:
                raise AdapterError(_no_answer(self.path, overdue))
            yield from progress.due()
        progress.touch()
        return future.result()

    def place_of(self, entry: Saved) -> bytes:
        """Return the path of an entry below the destination."""
        return on_disk(entry.name[len(self.below) :])

    def path_of(self, entry: Saved) -> bytes:
        """Return its absolute path there."""
        return os.path.join(self.path, self.place_of(entry))  # noqa: PTH118

    @property
    def changes(self) -> bool:
        """Return whether anything may be changed: not so in a dry run."""
        return not self.run.dry_run

    def metadata(self, entry: Saved) -> Metadata:
        """Return what an entry is to have beside its content."""
        uid, gid = owner_of(entry) if self.has_owner else (None, None)
        return Metadata(entry.mtime_ns, entry.mode, uid, gid, *owner_of(entry))

    def note(self, entry: Saved, unset: set[str]) -> None:
        """Note what could not be set of an entry."""
        for word in unset:
            self.unset.setdefault(word, []).append(for_people(entry.name))

    def settle(self, entry: Saved, action: Action, compared: str) -> Iterator[Event]:
        """Count an entry as restored or unchanged."""
        item = for_people(entry.name)
        size = entry.size if entry.kind is Kind.FILE else 0
        self.run.tally.settle(item, action, size, compared)
        if self.verbose:
            yield VerboseStatus(action, item, size)

    def fail(self, name: bytes, error: OSError | Failure) -> ErrorEvent:
        """Count an entry as failed; return the event."""
        failure = error if isinstance(error, Failure) else refused(error)
        self.run.tally.fail(for_people(name), failure)
        return ErrorEvent(failure, "restore", for_people(name))

    def each(
        self, entries: Sequence[Saved], act: Callable[[Saved], _T]
    ) -> Generator[Event, None, list[tuple[Saved, "_T | OSError"]]]:
        """Do something to each entry; return what came of it."""

        def result(entry: Saved) -> "_T | OSError":
            try:
                return act(entry)
            except OSError as error:
                return error

        return (yield from self.through(lambda: [(entry, result(entry)) for entry in entries]))

    def on_the_way(self) -> Iterator[Event]:
        """Yield a status if one is due. Raises AdapterError if the run is over."""
        self.run.raise_if_over()
        yield from self.run.progress.due()


def owner_of(entry: Saved) -> tuple[int, int]:
    """Return user and group of an entry on this machine: by their names, where both machines have them."""
    return _user(entry.user, entry.uid), _group(entry.group, entry.gid)


@cache
def _user(name: str, uid: int) -> int:
    try:
        return pwd.getpwnam(name).pw_uid if name else uid
    except KeyError:
        return uid


@cache
def _group(name: str, gid: int) -> int:
    try:
        return grp.getgrnam(name).gr_gid if name else gid
    except KeyError:
        return gid


def refused(error: OSError) -> Failure:
    """Return the failure of an entry that could not be put in its place."""
    if error.errno in FULL:
        return Failure(
            ErrorCode.DISK_FULL,
            f"It cannot be written: {error.strerror}.",
            "Free space at the destination, then run it again: what is there is not fetched again.",
        )
    if error.errno in _IN_THE_WAY:
        where = error.filename
        what = for_people(where) if isinstance(where, bytes) else str(where or "")
        return Failure(
            ErrorCode.DESTINATION_UNWRITABLE,
            f"Something else is in its place at the destination{f': {what}' if what else ''}.",
            "Move it away, or restore into another directory.",
        )
    return Failure(
        ErrorCode.DESTINATION_UNWRITABLE,
        f"It cannot be written at the destination: {error.strerror}.",
        "Check the rights there, then run it again: what is there is not fetched again.",
    )


def _no_answer(path: bytes, overdue: Failure) -> Failure:
    return replace(
        overdue,
        message=f"The destination {for_people(path)} does not answer. {overdue.message}",
        hint="Check its disk or network share, then run it again.",
    )
