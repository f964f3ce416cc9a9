"""What a restore finds at its destination, and has to do there, entry by entry."""

import errno
import grp
import os
import pwd
import stat
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import wait
from contextlib import suppress
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from functools import cache, partial
from itertools import islice
from os.path import samestat
from typing import TypeVar

from adapter.contract.errors import AdapterError, ErrorCode, Failure
from adapter.contract.events import Action, ErrorEvent, Event, VerboseStatus
from adapter.contract.os_errors import FULL
from adapter.files.entry import entry_of
from adapter.files.hashing import ToHash, hash_files
from adapter.files.manifest import Kind, Saved
from adapter.files.names import for_people, on_disk
from adapter.files.wanted import Wanted
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


class Step(Enum):
    """What becomes of a file or link at its destination."""

    BRING = auto()
    COMPARE = auto()
    """Bring it if its content is another one."""
    LEAVE = auto()


def step_for(entry: Saved, there: os.stat_result | None, overwrite: Overwrite) -> Step:
    """Return what becomes of an entry, from what a look at its place saw. Pure."""
    if there is None or overwrite is Overwrite.ALWAYS:
        return Step.BRING
    if overwrite is Overwrite.NEVER:
        return Step.LEAVE
    if overwrite is Overwrite.IF_NEWER:
        return Step.BRING if entry.mtime_ns > there.st_mtime_ns else Step.LEAVE
    kind = stat.S_ISREG if entry.kind is Kind.FILE else stat.S_ISLNK
    is_alike = kind(there.st_mode) and (entry.kind is Kind.LINK or there.st_size == entry.size)
    return Step.COMPARE if is_alike else Step.BRING


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

    def make_directories(self, wanted: Wanted) -> Iterator[Event]:
        """Make the directories, those above first. One that cannot be made fails, and what is in it."""
        for some in _portions(entry for entry in wanted.entries(Kind.DIRECTORY) if self.place_of(entry)):
            for entry, result in (yield from self._each(some, self._make_directory)):
                if isinstance(result, OSError):
                    yield self.fail(entry.name, result)
                else:
                    self.run.tally.settle_directory(result)
            yield from self._on_the_way()

    def _make_directory(self, entry: Saved) -> Action:
        there = None if self.tree is None else self.tree.look(self.place_of(entry))
        if there is not None and stat.S_ISDIR(there.st_mode):
            action = Action.UNCHANGED
            if self.tree is not None and self.changes:
                self.tree.remove_temporary(self.place_of(entry))
        else:
            action = Action.RESTORED if there is None else Action.UPDATED
        if self.tree is not None and self.changes:
            self.tree.make_directory(
                self.place_of(entry), replace=step_for(entry, there, self.overwrite) is not Step.LEAVE
            )
        return action

    @property
    def changes(self) -> bool:
        """Return whether anything may be changed: not so in a dry run."""
        return not self.run.dry_run

    def sort_out(self, files: Iterator[Saved], bring: Callable[[Saved, bool], None]) -> Iterator[Event]:
        """Hand the files that must be fetched to `bring`, each with whether there is nothing in its place;
        settle all others."""
        for some in _portions(files):
            compare: list[tuple[Saved, os.stat_result]] = []
            for entry, result in (yield from self._each(some, self._look)):
                if isinstance(result, OSError):
                    yield self.fail(entry.name, result)
                    continue
                step = step_for(entry, result, self.overwrite)
                if step is Step.COMPARE and entry.kind is Kind.FILE and result is not None:
                    compare.append((entry, result))
                elif step is Step.LEAVE:
                    yield from self.settle(entry, Action.UNCHANGED, "unverified")
                else:
                    bring(entry, result is None)
            yield from self._compare(compare, bring)
            yield from self._on_the_way()

    def _look(self, entry: Saved) -> os.stat_result | None:
        return None if self.tree is None else self.tree.look(self.place_of(entry))

    def _compare(
        self, files: Sequence[tuple[Saved, os.stat_result]], bring: Callable[[Saved, bool], None]
    ) -> Iterator[Event]:
        entries = {entry.name: entry for entry, _ in files}
        same: list[Saved] = []

        def take(file: ToHash, md5: str | OSError | None) -> None:
            entry = entries[file.entry.name]
            if isinstance(md5, str) and md5 == entry.md5:
                same.append(entry)
            else:
                bring(entry, False)  # noqa: FBT003

        yield from hash_files(
            [
                ToHash(os.path.join(self.path, self.place_of(entry)), entry_of(entry.name, found, 0))  # noqa: PTH118
                for entry, found in files
            ],
            take,
            self.run,
        )
        for entry in same:
            yield from self.settle(entry, Action.UNCHANGED, "by_hash")
        if self.changes:
            for entry, result in (yield from self._each(same, self._set_metadata)):
                if isinstance(result, OSError):
                    yield self.fail(entry.name, result)

    def make_links(self, wanted: Wanted) -> Iterator[Event]:
        """Make the symbolic links."""
        for some in _portions(wanted.entries(Kind.LINK)):
            for entry, result in (yield from self._each(some, self._make_link)):
                if isinstance(result, OSError):
                    yield self.fail(entry.name, result)
                else:
                    yield from self.settle(entry, result, "by_hash")
            yield from self._on_the_way()

    def _make_link(self, entry: Saved) -> Action:
        there = self._look(entry)
        step = step_for(entry, there, self.overwrite)
        tree = self.tree
        if step is Step.COMPARE and tree is not None and tree.read_link(self.place_of(entry)) == entry.link:
            self._set_metadata(entry)
            return Action.UNCHANGED
        if step is Step.LEAVE:
            return Action.UNCHANGED
        if tree is not None and self.changes:
            tree.make_link(self.place_of(entry), entry.link)
            self._set_metadata(entry)
        return Action.RESTORED if there is None else Action.UPDATED

    def link_alike(self, wanted: Wanted) -> Iterator[Event]:
        """Make one file of those that were hard links to one."""
        first: dict[str, Saved] = {}
        failed = self.run.tally.failed
        for entry in wanted.entries(Kind.FILE):
            if not entry.hard_link or not self.changes or for_people(entry.name) in failed:
                continue
            one = first.setdefault(entry.hard_link, entry)
            if one is not entry and one.md5 == entry.md5 and self.tree is not None:
                with suppress(OSError):  # a disk without hard links has two files of the same content
                    yield from self.through(
                        partial(_link_to, self.tree, self.place_of(one), self.place_of(entry))
                    )

    def finish_directories(self, wanted: Wanted, *, with_root: bool) -> Iterator[Event]:
        """Set modes and times of the directories, those inside first."""
        if not self.has_metadata or self.tree is None or not self.changes:
            return
        entries = (
            entry
            for entry in wanted.entries(Kind.DIRECTORY, is_reversed=True)
            if (self.place_of(entry) or with_root) and for_people(entry.name) not in self.run.tally.failed
        )
        for some in _portions(entries):
            for entry, result in (yield from self._each(some, self._finish_directory)):
                if isinstance(result, OSError):
                    yield self.fail(entry.name, result)
            yield from self._on_the_way()

    def _finish_directory(self, entry: Saved) -> None:
        if self.tree is not None:
            self.note(entry, self.tree.finish_directory(self.place_of(entry), self.metadata(entry)))

    def _set_metadata(self, entry: Saved) -> None:
        if self.tree is None or not self.has_metadata or not self.changes:
            return
        if entry.kind is Kind.LINK:
            unset = self.tree.set_link_metadata(self.place_of(entry), self.metadata(entry))
        else:
            unset = self.tree.set_metadata(self.place_of(entry), self.metadata(entry))
        self.note(entry, unset)

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

    def _each(
        self, entries: Sequence[Saved], act: Callable[[Saved], _T]
    ) -> Generator[Event, None, list[tuple[Saved, "_T | OSError"]]]:
        """Do something to each entry; return what came of it."""

        def result(entry: Saved) -> "_T | OSError":
            try:
                return act(entry)
            except OSError as error:
                return error

        return (yield from self.through(lambda: [(entry, result(entry)) for entry in entries]))

    def _on_the_way(self) -> Iterator[Event]:
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


def _link_to(tree: OpenTree, existing: bytes, path: bytes) -> None:
    one, other = tree.look(existing), tree.look(path)
    if one is not None and other is not None and not samestat(one, other):
        tree.hard_link(existing, path)


def _portions(entries: Iterator[Saved]) -> Iterator[list[Saved]]:
    while some := list(islice(entries, _AT_ONCE)):
        yield some
