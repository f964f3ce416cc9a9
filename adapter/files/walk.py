"""What there is below a root of this machine: every file and link, and what cannot or need not be kept.

Links are not followed and nothing is opened but directories. A walk blocks on a mount that does not answer:
it belongs into a thread (`reading`).
"""

import hashlib
import os
import stat
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from adapter.files.entry import LINK_SUFFIX, Entry, Root, entry_of
from adapter.files.mounts import kernel_file_systems
from adapter.files.names import as_text, spelled
from adapter.files.pattern_groups import Subject
from adapter.files.patterns import Patterns

_BATCH = 500
_NAMED = 5
"""Of a kind of things that are left out so many are named; all are counted."""


_Places = Mapping[bytes, "_Places | None"]
"""Names to look at in a directory, each with what to look at in it; None for everything."""


_Entries = list[tuple[bytes, os.stat_result | OSError]]
"""What is in a directory: each name with what a look at it gave."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What of a root is wanted."""

    patterns: Patterns = field(default_factory=Patterns)
    places: tuple[bytes, ...] | None = None
    """Paths below the root that are looked at, and nothing else."""
    if_absent: str = ""
    """A directory that has a file of this name is left out."""
    one_file_system: bool = False
    own: frozenset[tuple[int, int]] = frozenset()
    """Device and inode of directories in which this program keeps its state."""


@dataclass(slots=True)
class Several:
    """Things of one kind: how many, and the first of them."""

    count: int = 0
    names: list[str] = field(default_factory=list)

    def add(self, name: str) -> None:
        """Count one."""
        self.count += 1
        if len(self.names) < _NAMED:
            self.names.append(name)

    def __str__(self) -> str:
        more = self.count - len(self.names)
        return ", ".join(self.names) + (f" and {more} more" if more else "")


@dataclass(slots=True)
class Findings:
    """What a walk met beside the files."""

    special: Several = field(default_factory=Several)
    """Pipes, sockets and devices."""
    own: Several = field(default_factory=Several)
    kernel: Several = field(default_factory=Several)
    missing_places: Several = field(default_factory=Several)
    unreadable: dict[bytes, OSError] = field(default_factory=dict)
    """Directories and files that could not be looked at, by name; what is below is not known."""
    collisions: list[bytes] = field(default_factory=list)
    """Links whose object would have the name of a file."""
    mounts: list[bytes] = field(default_factory=list)
    """Directories, by name, on which another file system is mounted."""
    empty: set[bytes] = field(default_factory=set)
    """Directories with nothing in them, of those in `watched`."""


class Walk:
    """One walk. `at` is what it looks at now."""

    def __init__(
        self,
        root: Root,
        choice: Choice,
        watched: frozenset[bytes] = frozenset(),
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        """`watched` are directories of which it matters whether they are empty."""
        self.findings = Findings()
        self.at = root.directory
        self._root = root
        self._choice = choice
        self.watched = watched
        self._clock = clock
        self._absolute = as_text(root.directory).rstrip("/")
        self._kernel: Mapping[int, str] | None = None
        self._batch: list[Entry] = []

    def batches(self) -> Iterator[list[Entry]]:
        """Yield the files and links, some hundreds at a time. Raises OSError if the root cannot be read."""
        if self._root.only is not None:
            if self._keeps(self._root.only):
                yield [self._single(self._root.only)]
            return
        device = os.stat(self._root.directory).st_dev  # noqa: PTH116  # bytes: names need not be UTF-8
        if kind := self._kernel_type(device):
            self.findings.kernel.add(f"{self._absolute} ({kind})")
            return
        places = None if self._choice.places is None else _tree(self._choice.places)
        stack: list[tuple[bytes, int, _Places | None]] = [(b"", device, places)]
        while stack:
            path, device, places = stack.pop()
            stack += reversed(list(self._directory(path, device, places)))
            if len(self._batch) >= _BATCH:
                yield self._take()
        yield self._take()

    def _take(self) -> list[Entry]:
        batch, self._batch = self._batch, []
        return batch

    def _single(self, only: bytes) -> Entry:
        seen = self._clock()
        path = os.path.join(self._root.directory, only)  # noqa: PTH118
        found = os.stat(path, follow_symlinks=self._root.follows)  # noqa: PTH116
        return entry_of(self._root.prefix + spelled(only), found, seen)

    def _directory(
        self, path: bytes, device: int, places: _Places | None
    ) -> Iterator[tuple[bytes, int, _Places | None]]:
        """Take the files of a directory; yield the directories in it that are to be walked."""
        self.at = os.path.join(self._root.directory, path)  # noqa: PTH118
        seen = self._clock()
        entries = self._readable(path, places)
        if entries is None:
            return
        if self._is_left_out(entries, places):
            return
        if not entries and self._name(path) in self.watched:
            self.findings.empty.add(self._name(path))
        below = path + b"/" if path else b""
        names = {name for name, _ in entries}
        for name, found in entries:
            if not isinstance(found, OSError) and stat.S_ISDIR(found.st_mode):
                if self._enters(below + name, found, device):
                    yield below + name, found.st_dev, None if places is None else places[name]
            elif self._keeps(below + name):
                self._take_in(below + name, found, seen, is_hidden=name + LINK_SUFFIX in names)

    def _take_in(self, path: bytes, found: os.stat_result | OSError, seen: int, *, is_hidden: bool) -> None:
        """Take what is no directory."""
        if isinstance(found, OSError):
            self.findings.unreadable[self._name(path)] = found
        elif stat.S_ISREG(found.st_mode):
            self._batch.append(entry_of(self._name(path), found, seen))
        elif stat.S_ISLNK(found.st_mode):
            self._link(path, found, seen, is_hidden=is_hidden)
        else:
            self.findings.special.add(as_text(path))

    def _is_left_out(self, entries: _Entries, places: _Places | None) -> bool:
        """Return whether a directory has the file that tells to leave it out."""
        if not self._choice.if_absent:
            return False
        marker = os.fsencode(self._choice.if_absent)
        if places is None:
            return any(name == marker for name, _ in entries)
        return os.path.lexists(os.path.join(self.at, marker))  # noqa: PTH118

    def _readable(self, path: bytes, places: _Places | None) -> _Entries | None:
        """Return the same as `_entries`; None for a directory that is gone, or that cannot be read."""
        try:
            return self._entries(path, places)
        except OSError as error:
            if not path:
                raise
            if not isinstance(error, FileNotFoundError):
                self.findings.unreadable[self._name(path)] = error
            return None

    def _entries(self, path: bytes, places: _Places | None) -> _Entries:
        """Return what is in a directory, in the order of the names. Raises OSError."""
        directory = os.path.join(self._root.directory, path)  # noqa: PTH118
        found: _Entries = []
        if places is None:
            with os.scandir(directory) as entries:
                for entry in entries:
                    try:
                        found.append((entry.name, entry.stat(follow_symlinks=False)))
                    except FileNotFoundError:
                        continue  # gone since the directory was read
                    except OSError as error:
                        found.append((entry.name, error))
        else:
            for name in places:
                try:
                    found.append((name, os.lstat(os.path.join(directory, name))))  # noqa: PTH118
                except FileNotFoundError:
                    self.findings.missing_places.add(as_text(os.path.join(path, name)))  # noqa: PTH118
                except OSError as error:
                    found.append((name, error))
        found.sort(key=lambda one: one[0])
        return found

    def _link(self, path: bytes, found: os.stat_result, seen: int, *, is_hidden: bool) -> None:
        if is_hidden:
            self.findings.collisions.append(self._name(path))
            return
        try:
            target = os.readlink(os.path.join(self._root.directory, path))  # noqa: PTH115, PTH118
        except FileNotFoundError:
            return
        except OSError as error:
            self.findings.unreadable[self._name(path)] = error
            return
        md5 = hashlib.md5(target, usedforsecurity=False).hexdigest()
        self._batch.append(entry_of(self._name(path) + LINK_SUFFIX, found, seen, md5))

    def _enters(self, path: bytes, found: os.stat_result, device: int) -> bool:
        """Return whether a directory is walked; note why not, where a person should know."""
        if self._choice.patterns and not self._choice.patterns.enters(self._subject(path)):
            return False
        if (found.st_dev, found.st_ino) in self._choice.own:
            self.findings.own.add(f"{self._absolute}/{as_text(path)}")
            return False
        if found.st_dev == device:
            return True
        if kind := self._kernel_type(found.st_dev):
            self.findings.kernel.add(f"{self._absolute}/{as_text(path)} ({kind})")
            return False
        self.findings.mounts.append(self._name(path))
        return not self._choice.one_file_system

    def _keeps(self, path: bytes) -> bool:
        return not self._choice.patterns or self._choice.patterns.keeps_file(self._subject(path))

    def _subject(self, path: bytes) -> Subject:
        text = as_text(path)
        return Subject(as_text(spelled(path)), text, f"{self._absolute}/{text}")

    def _name(self, path: bytes) -> bytes:
        return self._root.prefix + spelled(path)

    def _kernel_type(self, device: int) -> str | None:
        if self._kernel is None:
            self._kernel = kernel_file_systems()
        return self._kernel.get(device)


def _tree(places: tuple[bytes, ...]) -> _Places | None:
    """Return the places as a tree; one inside another adds nothing."""
    tree: dict[bytes, _Places | None] = {}
    for place in places:
        names = [name for name in place.split(b"/") if name]
        if not names:
            return None
        node: dict[bytes, _Places | None] | None = tree
        for name in names[:-1]:
            below = node.setdefault(name, {}) if node is not None else None
            node = below if isinstance(below, dict) else None
        if node is not None:
            node[names[-1]] = None
    return tree
