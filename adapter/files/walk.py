"""What there is below a root of this machine: files, directories and links, and what cannot or need not be
kept.

Links are not followed and nothing is opened but directories. A walk blocks on a mount that does not answer:
it belongs into a thread (`reading`).
"""

import os
import stat
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from adapter.files.entry import RESERVED, Entry, Root, entry_of
from adapter.files.mounts import kernel_file_systems
from adapter.files.names import as_text, spelled
from adapter.files.pattern_groups import Subject
from adapter.files.patterns import Patterns

_BATCH = 500
_NAMED = 5
"""Of a kind of things that are left out so many are named; all are counted."""


Places = Mapping[bytes, "Places | None"]
"""Names to look at in a directory, each with what to look at in it; None for everything."""


_Directory = tuple[bytes, int, Places | None]
"""A directory below the root, its device, and what to look at in it."""


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
    far_times: Several = field(default_factory=Several)
    """What was last changed, for its time, after the year 2262."""
    own: Several = field(default_factory=Several)
    kernel: Several = field(default_factory=Several)
    missing_places: Several = field(default_factory=Several)
    unreadable: dict[bytes, OSError] = field(default_factory=dict)
    """Directories and files that could not be looked at, by name; what is below is not known."""
    reserved: bool = False
    """Whether the source has something of the name that is reserved for this program's own objects."""
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
    ) -> None:
        """`watched` are directories of which it matters whether they are empty."""
        self.findings = Findings()
        self.at = root.directory
        self.root = root
        self.choice = choice
        self.watched = watched
        self._absolute = as_text(root.directory).rstrip("/")
        self._kernel: Mapping[int, str] | None = None
        self._batch: list[Entry] = []

    def batches(self) -> Iterator[list[Entry]]:
        """Yield all that is kept, some hundreds at a time. Raises OSError if the root cannot be read."""
        yield list(self._above())
        if self.root.only is not None:
            if self._name(self.root.only) == RESERVED:
                self.findings.reserved = True
            elif self._keeps(self.root.only):
                yield [self._single(self.root.only)]
            return
        device = os.stat(self.root.directory).st_dev  # noqa: PTH116  # bytes: names need not be UTF-8
        if kind := self._kernel_type(device):
            self.findings.kernel.add(f"{self._absolute} ({kind})")
            return
        places = None if self.choice.places is None else tree_of(self.choice.places)
        stack: list[_Directory] = [(b"", device, places)]
        while stack:
            yield from self._directory(stack.pop(), stack)
        yield self._take()

    def _take(self) -> list[Entry]:
        batch, self._batch = self._batch, []
        return batch

    def _above(self) -> Iterator[Entry]:
        """Yield the directories above a root that is stored under its own path."""
        name, path = self.root.prefix.rstrip(b"/"), self.root.directory.rstrip(b"/")
        if self.root.only is None:
            name, path = _above(name), _above(path)
        while name:
            yield entry_of(name, os.stat(path), time.time_ns())  # noqa: PTH116
            name, path = _above(name), _above(path)

    def _single(self, only: bytes) -> Entry:
        seen = time.time_ns()
        path = os.path.join(self.root.directory, only)  # noqa: PTH118
        found = os.stat(path, follow_symlinks=self.root.follows)  # noqa: PTH116
        return entry_of(self.root.prefix + spelled(only), found, seen)

    def _directory(self, directory: _Directory, stack: list[_Directory]) -> Iterator[list[Entry]]:
        """Take the files of a directory, and put the directories in it that are to be walked on the stack."""
        path, device, places = directory
        self.at = os.path.join(self.root.directory, path)  # noqa: PTH118
        if self._is_left_out():
            return
        seen = time.time_ns()
        is_empty = True
        below = path + b"/" if path else b""
        try:
            # It may have become a link since it was listed; the root is what the user named.
            found_itself = os.stat(self.at, follow_symlinks=not path)  # noqa: PTH116
            if not stat.S_ISDIR(found_itself.st_mode):
                return
            self._add(path, found_itself, seen)
            for name, found in self._entries(path, places):
                is_empty = False
                if not isinstance(found, OSError) and stat.S_ISDIR(found.st_mode):
                    if self._enters(below + name, found, device):
                        stack.append((below + name, found.st_dev, None if places is None else places[name]))
                elif self._keeps(below + name):
                    self._take_in(below + name, found, seen)
                if len(self._batch) >= _BATCH:
                    yield self._take()
        except OSError as error:
            self._note_unreadable(path, error)
            return
        if is_empty and self._name(path) in self.watched:
            self.findings.empty.add(self._name(path))

    def _note_unreadable(self, path: bytes, error: OSError) -> None:
        """Note a directory of which not all is known, unless it is gone since the one above was read."""
        if not path:
            raise error
        if not isinstance(error, FileNotFoundError):
            self.findings.unreadable[self._name(path)] = error

    def _add(self, path: bytes, found: os.stat_result, seen: int, leads_to: bytes = b"") -> None:
        entry = entry_of(self._name(path), found, seen, leads_to)
        self._batch.append(entry)
        if entry.mtime_ns != found.st_mtime_ns:
            self.findings.far_times.add(as_text(path))

    def _take_in(self, path: bytes, found: os.stat_result | OSError, seen: int) -> None:
        """Take what is no directory."""
        if isinstance(found, OSError):
            self.findings.unreadable[self._name(path)] = found
        elif self._name(path) == RESERVED:
            self.findings.reserved = True
        elif stat.S_ISREG(found.st_mode):
            self._add(path, found, seen)
        elif stat.S_ISLNK(found.st_mode):
            self._link(path, found, seen)
        else:
            self.findings.special.add(as_text(path))

    def _is_left_out(self) -> bool:
        """Return whether the directory has the file that tells to leave it out."""
        marker = self.choice.if_absent
        return bool(marker) and os.path.lexists(os.path.join(self.at, os.fsencode(marker)))  # noqa: PTH118

    def _entries(
        self, path: bytes, places: Places | None
    ) -> Iterator[tuple[bytes, os.stat_result | OSError]]:
        """Yield what is in a directory: each name with what a look at it gave. Raises OSError.

        One by one: a directory may hold a million.
        """
        if places is None:
            with os.scandir(self.at) as entries:
                for entry in entries:
                    try:
                        yield entry.name, entry.stat(follow_symlinks=False)
                    except FileNotFoundError:
                        continue  # gone since the directory was read
                    except OSError as error:
                        yield entry.name, error
            return
        for name in places:
            try:
                yield name, os.lstat(os.path.join(self.at, name))  # noqa: PTH118
            except FileNotFoundError:
                self.findings.missing_places.add(as_text(os.path.join(path, name)))  # noqa: PTH118
            except OSError as error:
                yield name, error

    def _link(self, path: bytes, found: os.stat_result, seen: int) -> None:
        try:
            leads_to = os.readlink(os.path.join(self.root.directory, path))  # noqa: PTH115, PTH118
        except FileNotFoundError:
            return
        except OSError as error:
            self.findings.unreadable[self._name(path)] = error
            return
        self._add(path, found, seen, leads_to)

    def _enters(self, path: bytes, found: os.stat_result, device: int) -> bool:
        """Return whether a directory is walked; note why not, where a person should know."""
        if self.choice.patterns and not self.choice.patterns.enters(self.subject(path)):
            return False
        if self._name(path) == RESERVED:
            self.findings.reserved = True
            return False
        if (found.st_dev, found.st_ino) in self.choice.own:
            self.findings.own.add(f"{self._absolute}/{as_text(path)}")
            return False
        return found.st_dev == device or self._enters_other(path, found)

    def _enters_other(self, path: bytes, found: os.stat_result) -> bool:
        """Return whether a directory on which another file system is mounted is walked; it is kept itself."""
        if kind := self._kernel_type(found.st_dev):
            self.findings.kernel.add(f"{self._absolute}/{as_text(path)} ({kind})")
            self._add(path, found, time.time_ns())
            return False
        self.findings.mounts.append(self._name(path))
        if self.choice.one_file_system:
            self._add(path, found, time.time_ns())
            return False
        return True

    def _keeps(self, path: bytes) -> bool:
        return not self.choice.patterns or self.choice.patterns.keeps_file(self.subject(path))

    def subject(self, path: bytes) -> Subject:
        """Return a path below the root for patterns."""
        text = as_text(path)
        return Subject(as_text(spelled(path)), text, f"{self._absolute}/{text}")

    def _name(self, path: bytes) -> bytes:
        return self.root.prefix + spelled(path) if path else self.root.prefix.rstrip(b"/")

    def _kernel_type(self, device: int) -> str | None:
        if self._kernel is None:
            self._kernel = kernel_file_systems()
        return self._kernel.get(device)


def tree_of(places: tuple[bytes, ...]) -> Places | None:
    """Return the places as a tree; one inside another adds nothing."""
    tree: dict[bytes, Places | None] = {}
    for place in places:
        names = [name for name in place.split(b"/") if name]
        if not names:
            return None
        node: dict[bytes, Places | None] | None = tree
        for name in names[:-1]:
            below = node.setdefault(name, {}) if node is not None else None
            node = below if isinstance(below, dict) else None
        if node is not None:
            node[names[-1]] = None
    return tree


def _above(path: bytes) -> bytes:
    return path.rpartition(b"/")[0]
