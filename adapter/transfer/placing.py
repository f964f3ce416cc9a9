"""What a restore does at its destination, entry by entry: directories first, links and times last."""

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import partial
from itertools import islice
from os.path import samestat

from adapter.contract.events import Action, Event
from adapter.files.entry import entry_of
from adapter.files.hashing import ToHash, hash_files
from adapter.files.manifest import Kind, Saved
from adapter.files.names import for_people
from adapter.files.wanted import Wanted
from adapter.machine.open_tree import OpenTree
from adapter.transfer.destination import Destination
from adapter.transfer.overwrite import Overwrite

_AT_ONCE = 500


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
class Placing:
    """The entries of a backup at a destination."""

    at: Destination
    _left: set[bytes] = field(default_factory=set)
    """Names of hard links that stay as they are."""
    _links_of: dict[tuple[int, int], str] = field(default_factory=dict)
    """Which hard links of the backup a file of several names stays for, by device and inode."""

    def make_directories(self, wanted: Wanted) -> Iterator[Event]:
        """Make the directories, those above first. One that cannot be made fails, and what is in it."""
        for some in _portions(entry for entry in wanted.entries(Kind.DIRECTORY) if self.at.place_of(entry)):
            for entry, result in (yield from self.at.each(some, self._make_directory)):
                if isinstance(result, OSError):
                    yield self.at.fail(entry.name, result)
                else:
                    self.at.run.tally.settle_directory(result)
            yield from self.at.on_the_way()

    def _make_directory(self, entry: Saved) -> Action:
        there = None if self.at.tree is None else self.at.tree.look(self.at.place_of(entry))
        is_there = there is not None and stat.S_ISDIR(there.st_mode)
        if self.at.tree is not None and self.at.changes:
            self.at.tree.make_directory(
                self.at.place_of(entry),
                replace=step_for(entry, there, self.at.overwrite) is not Step.LEAVE,
            )
            if is_there:  # after it: only now this user may list it for certain
                self.at.tree.remove_temporary(self.at.place_of(entry))
        if is_there:
            return Action.UNCHANGED
        return Action.RESTORED if there is None else Action.UPDATED

    def sort_out(self, files: Iterator[Saved], bring: Callable[[Saved, bool], None]) -> Iterator[Event]:
        """Hand the files that must be fetched to `bring`, each with whether there is nothing in its place;
        settle all others."""
        for some in _portions(files):
            compare: list[tuple[Saved, os.stat_result]] = []
            for entry, result in (yield from self.at.each(some, self._look)):
                if isinstance(result, OSError):
                    yield self.at.fail(entry.name, result)
                    continue
                step = step_for(entry, result, self.at.overwrite)
                if step is Step.COMPARE and result is not None and self._is_shared(entry, result):
                    step = Step.BRING  # else its mode and time would be those of the other name, too
                if step is Step.COMPARE and entry.kind is Kind.FILE and result is not None:
                    compare.append((entry, result))
                elif step is Step.LEAVE:
                    if entry.hard_link:
                        self._left.add(entry.name)
                    yield from self.at.settle(entry, Action.UNCHANGED, "unverified")
                else:
                    bring(entry, result is None)
            yield from self._compare(compare, bring)
            yield from self.at.on_the_way()

    def _is_shared(self, entry: Saved, there: os.stat_result) -> bool:
        """Return whether what is there has another name, too, for which the backup has a file of its own.

        It stays with the first entry that has it, and with those that are hard links to that one.
        """
        if there.st_nlink == 1:
            return False
        return not entry.hard_link or (
            self._links_of.setdefault((there.st_dev, there.st_ino), entry.hard_link) != entry.hard_link
        )

    def _look(self, entry: Saved) -> os.stat_result | None:
        return None if self.at.tree is None else self.at.tree.look(self.at.place_of(entry))

    def _compare(
        self, files: Sequence[tuple[Saved, os.stat_result]], bring: Callable[[Saved, bool], None]
    ) -> Iterator[Event]:
        same: list[Saved] = []
        there = (ToHash(self.at.path_of(entry), entry_of(entry.name, found, 0)) for entry, found in files)
        md5s = yield from hash_files(there, self.at.run)
        for entry, _ in files:
            if md5s.get(entry.name) == entry.md5:
                same.append(entry)
            else:
                bring(entry, False)  # noqa: FBT003
        for entry in same:
            yield from self.at.settle(entry, Action.UNCHANGED, "by_hash")
        if self.at.changes:
            for entry, result in (yield from self.at.each(same, self._set_metadata)):
                if isinstance(result, OSError):
                    yield self.at.fail(entry.name, result)

    def make_links(self, wanted: Wanted) -> Iterator[Event]:
        """Make the symbolic links."""
        for some in _portions(wanted.entries(Kind.LINK)):
            for entry, result in (yield from self.at.each(some, self._make_link)):
                if isinstance(result, OSError):
                    yield self.at.fail(entry.name, result)
                else:
                    yield from self.at.settle(entry, result, "by_hash")
            yield from self.at.on_the_way()

    def _make_link(self, entry: Saved) -> Action:
        there = self._look(entry)
        step = step_for(entry, there, self.at.overwrite)
        tree = self.at.tree
        if (
            step is Step.COMPARE
            and tree is not None
            and tree.read_link(self.at.place_of(entry)) == entry.link
        ):
            self._set_metadata(entry)
            return Action.UNCHANGED
        if step is Step.LEAVE:
            return Action.UNCHANGED
        if tree is not None and self.at.changes:
            tree.make_link(self.at.place_of(entry), entry.link)
            self._set_metadata(entry)
        return Action.RESTORED if there is None else Action.UPDATED

    def link_alike(self, wanted: Wanted) -> Iterator[Event]:
        """Make one file of those that were hard links to one."""
        if not self.at.changes:
            return
        first: dict[str, Saved] = {}
        failed = self.at.run.tally.failed
        for entry in wanted.entries(Kind.FILE):
            if not entry.hard_link or entry.name in self._left or for_people(entry.name) in failed:
                continue
            one = first.setdefault(entry.hard_link, entry)
            if one is not entry and one.md5 == entry.md5 and self.at.tree is not None:
                with suppress(OSError):  # a disk without hard links has two files of the same content
                    yield from self.at.through(
                        partial(
                            _link_to,
                            self.at.tree,
                            self.at.place_of(one),
                            self.at.place_of(entry),
                        )
                    )

    def finish_directories(self, wanted: Wanted, *, with_root: bool) -> Iterator[Event]:
        """Set modes and times of the directories, those inside first."""
        if not self.at.has_metadata or self.at.tree is None or not self.at.changes:
            return
        entries = (
            entry
            for entry in wanted.entries(Kind.DIRECTORY, is_reversed=True)
            if (self.at.place_of(entry) or with_root)
            and for_people(entry.name) not in self.at.run.tally.failed
        )
        for some in _portions(entries):
            for entry, result in (yield from self.at.each(some, self._finish_directory)):
                if isinstance(result, OSError):
                    yield self.at.fail(entry.name, result)
            yield from self.at.on_the_way()

    def _finish_directory(self, entry: Saved) -> None:
        if self.at.tree is not None:
            self.at.note(
                entry,
                self.at.tree.finish_directory(self.at.place_of(entry), self.at.metadata(entry)),
            )

    def _set_metadata(self, entry: Saved) -> None:
        if self.at.tree is None or not self.at.has_metadata or not self.at.changes:
            return
        if entry.kind is Kind.LINK:
            unset = self.at.tree.set_link_metadata(self.at.place_of(entry), self.at.metadata(entry))
        else:
            unset = self.at.tree.set_metadata(self.at.place_of(entry), self.at.metadata(entry))
        self.at.note(entry, unset)


def _link_to(tree: OpenTree, existing: bytes, path: bytes) -> None:
    one, other = tree.look(existing), tree.look(path)
    if one is not None and other is not None and not samestat(one, other):
        tree.hard_link(existing, path)


def _portions(entries: Iterator[Saved]) -> Iterator[list[Saved]]:
    while some := list(islice(entries, _AT_ONCE)):
        yield some
