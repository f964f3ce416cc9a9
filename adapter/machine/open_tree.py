"""A directory that is changed below: nothing is written outside, whatever links lie in it or are put there.

Every step below the directory is opened by its name in the step before, and no link is followed (openat(2)).
What was open before is used again only while its name still leads to it. Paths are relative, in bytes. An
OSError has the path that it is about as its `filename`.
"""

import errno
import fcntl
import os
import re
import secrets
import shutil
import stat
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from os.path import samestat
from typing import NamedTuple

from adapter.machine.metadata import Metadata, path_of, set_file_metadata

TEMPORARY = re.compile(rb"\.pluton-qingstor-[0-9a-f]{16}")
"""The whole name of what has not got its final name yet."""
STEP = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
"""How a directory is opened on the way to what is in it; O_PATH needs no right to list it."""
_ANY = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_KEPT = 32  # directories stay open, and one more; others further down are opened anew each time
_NO_NAMES = frozenset({b"", b".", b".."})


class _Level(NamedTuple):
    name: bytes
    descriptor: int
    found: os.stat_result


class OpenTree(AbstractContextManager["OpenTree"]):
    """A directory, open for changing what is below it: a context manager, not for several threads."""

    def __init__(self, directory: bytes) -> None:
        """Open an existing directory; the path to it may lead through links. Raises OSError."""
        self._held = ExitStack()
        self._levels: list[_Level] = []
        self._modes: dict[bytes, int] = {}
        self.descriptor = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        """The directory itself (O_PATH), for as long as this is open."""
        self._held.callback(os.close, self.descriptor)

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Put modes back as `restore_modes` does, and close everything. A second time is nothing."""
        self.restore_modes()
        self._keep(0)
        self._held.close()

    def look(self, path: bytes) -> os.stat_result | None:
        """Return the state of what is there, links not followed, or None. Raises OSError."""
        try:
            with self._parent(path) as (parent, name):
                return os.stat(name, dir_fd=parent, follow_symlinks=False)
        except (FileNotFoundError, NotADirectoryError):
            return None

    def obstacle(self, path: bytes) -> bytes | None:
        """Return the first of the path's parents that is there and is no real directory. Raises OSError."""
        with suppress(FileNotFoundError):
            try:
                self._walk(_parts(path)[:-1])
            except NotADirectoryError as error:
                return os.fsencode(error.filename)
        return None

    def read_link(self, path: bytes) -> bytes:
        """Return where a link leads. Raises OSError: EINVAL if it is no link."""
        with self._parent(path) as (parent, name):
            return os.readlink(name, dir_fd=parent)

    def make_directory(self, path: bytes, *, replace: bool = False) -> None:
        """Make a directory and the parents that are missing; they give their owner every right meanwhile.

        `replace` removes a file, link, pipe or socket that is there, but none in place of a parent. Raises
        FileExistsError, for a parent NotADirectoryError, any other OSError.
        """
        parts = _parts(path)
        try:
            self._walk(parts, make=True)
        except NotADirectoryError as error:
            if error.filename != path:
                raise
            if not replace:
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), path) from error
            with self._parent(path) as (parent, name):
                os.unlink(name, dir_fd=parent)
            self._walk(parts, make=True)

    def place(self, aside: int, source: bytes, path: bytes, metadata: Metadata | None = None) -> set[str]:
        """Move a file from below another open directory here, over anything but a directory with content.

        It gets its metadata before; what of that could not be set is returned as `set_file_metadata` does.
        The path is complete or as it was, always. Raises OSError: ENOTEMPTY for a directory with content,
        EINVAL with the source's path if that is no regular file with this one name.
        """
        with _source(aside, source) as (folder, name, content), self._parent(path) as (parent, _):
            unset = set_file_metadata(content, metadata) if metadata else set()
            try:
                self._rename(folder, name, parent, path)
            except OSError as error:
                if error.errno != errno.EXDEV:
                    raise
                unset = self._copy(content, parent, path, metadata)
                os.unlink(name, dir_fd=folder)
            return unset

    def make_link(self, path: bytes, target: bytes) -> None:
        """Make a symbolic link, in place of what `place` replaces, and as completely. Raises OSError."""
        if b"\0" in target:
            raise _invalid(path)
        with self._parent(path) as (parent, _), _temporary(parent) as name:
            os.symlink(target, name, dir_fd=parent)
            self._rename(parent, name, parent, path)

    def hard_link(self, existing: bytes, path: bytes) -> None:
        """Make `path` one more name of a file, in place of what `place` replaces. Raises OSError."""
        with ExitStack() as held:
            with self._parent(existing) as (found, old):
                other = os.dup(found)  # the way to the path may close it
                held.callback(os.close, other)
            with self._parent(path) as (parent, _), _temporary(parent) as name:
                os.link(old, name, src_dir_fd=other, dst_dir_fd=parent, follow_symlinks=False)
                self._rename(parent, name, parent, path)

    def set_link_metadata(self, path: bytes, metadata: Metadata) -> set[str]:
        """Set owner and time of a link itself; return what could not be set. Raises OSError."""
        return self._set_metadata(path, stat.S_IFLNK, metadata._replace(mode=None))

    def set_metadata(self, path: bytes, metadata: Metadata) -> set[str]:
        """Set the metadata of a file that is there; return what could not be set. Raises OSError."""
        return self._set_metadata(path, stat.S_IFREG, metadata)

    def finish_directory(self, path: bytes, metadata: Metadata) -> set[str]:
        """Set the metadata of a directory, blank for this one; return what could not be set. Raises OSError.

        What is below comes first: it changes the time, and the mode may lock this user out.
        """
        directory = self._walk(_parts(path))
        with _naming(path):
            unset = set_file_metadata(directory, metadata)
        if metadata.mode is not None:
            self._modes.pop(path, None)
        return unset

    def restore_modes(self) -> None:
        """Put back the modes that `make_directory` has changed, but for directories that are finished."""
        for path in sorted(self._modes, key=lambda path: path.count(b"/"), reverse=True):
            with suppress(OSError):
                os.chmod(path_of(self._walk(_parts(path))), self._modes[path])  # noqa: PTH101
        self._modes.clear()

    def remove_temporary(self, directory: bytes) -> None:
        """Remove temporary files and links of this user that a killed process left in a directory.

        Files that a process still writes stay. Raises OSError.
        """
        descriptor = self._walk(_parts(directory))
        with _naming(directory):
            for name in os.listdir(path_of(descriptor)):  # noqa: PTH208
                if TEMPORARY.fullmatch(name) and _is_left_over(descriptor, name):
                    os.unlink(name, dir_fd=descriptor)

    def _set_metadata(self, path: bytes, kind: int, metadata: Metadata) -> set[str]:
        with self._parent(path) as (parent, name), ExitStack() as held:
            found = os.open(name, _ANY, dir_fd=parent)
            held.callback(os.close, found)
            if stat.S_IFMT(os.fstat(found).st_mode) != kind:
                raise _invalid(path)
            return set_file_metadata(found, metadata)

    @contextmanager
    def _parent(self, path: bytes) -> Iterator[tuple[int, bytes]]:
        """Yield the open directory that holds the path, and the name in it."""
        *above, name = _parts(path) or [b"."]
        directory = self._walk(above)
        with _naming(path):
            yield directory, name

    def _walk(self, parts: Sequence[bytes], *, make: bool = False) -> int:
        """Return the open directory, which the next walk may close."""
        here = self._still_open(parts, make=make)
        for depth in range(len(self._levels), len(parts)):
            here = self._enter(here, b"/".join(parts[: depth + 1]), make=make)
            self._keep(_KEPT)
            self._levels.append(_Level(parts[depth], here, os.fstat(here)))
        return here

    def _still_open(self, parts: Sequence[bytes], *, make: bool) -> int:
        """Return the last directory on the way that is open already, after closing those that are not on it.

        An open directory keeps its inode, so another one of the same name is never taken for it.
        """
        here, kept = self.descriptor, 0
        for level, name in zip(self._levels, parts, strict=False):
            if level.name != name:
                break
            try:
                found = os.stat(name, dir_fd=here, follow_symlinks=False)
            except OSError:
                break
            if not samestat(found, level.found):
                break
            here, kept = level.descriptor, kept + 1
            if make:
                self._unlock(here, found, b"/".join(parts[:kept]), is_new=False)
        self._keep(kept)
        return here

    def _keep(self, count: int) -> None:
        while len(self._levels) > count:
            os.close(self._levels.pop().descriptor)

    def _enter(self, here: int, path: bytes, *, make: bool) -> int:
        """Return the opened directory at the end of the path; make it if it is missing."""
        name, is_new = path.rpartition(b"/")[2], False
        with _naming(path):
            if make:
                with suppress(FileExistsError):
                    os.mkdir(name, dir_fd=here)
                    is_new = True
            entered = os.open(name, STEP, dir_fd=here)
            if make:
                self._unlock(entered, os.fstat(entered), path, is_new=is_new)
        return entered

    def _unlock(self, directory: int, found: os.stat_result, path: bytes, *, is_new: bool) -> None:
        """Give the owner every right, if that is this user; what then still cannot be done will say so."""
        mode = stat.S_IMODE(found.st_mode)
        if ~mode & stat.S_IRWXU and found.st_uid == os.geteuid():
            with suppress(OSError):
                os.chmod(path_of(directory), mode | stat.S_IRWXU)  # noqa: PTH101
                if not is_new:
                    self._modes.setdefault(path, mode)

    def _rename(self, source_directory: int, source: bytes, parent: int, path: bytes) -> None:
        name = path.rpartition(b"/")[2]
        try:
            os.rename(source, name, src_dir_fd=source_directory, dst_dir_fd=parent)
        except IsADirectoryError:
            os.rmdir(name, dir_fd=parent)
            self._modes.pop(path, None)
            os.rename(source, name, src_dir_fd=source_directory, dst_dir_fd=parent)

    def _copy(self, source: int, parent: int, path: bytes, metadata: Metadata | None) -> set[str]:
        """Put a copy in place, for a path on another file system."""
        found = os.fstat(source)
        same = Metadata(found.st_mtime_ns, stat.S_IMODE(found.st_mode), *(found.st_uid, found.st_gid) * 2)
        with _temporary(parent) as name:
            with (
                os.fdopen(os.open(name, _NEW, 0o600, dir_fd=parent), "wb") as copy,
                os.fdopen(source, "rb", closefd=False) as content,
            ):
                fcntl.flock(copy, fcntl.LOCK_EX)
                shutil.copyfileobj(content, copy)
                copy.flush()
                unset = set_file_metadata(copy.fileno(), metadata or same)
            self._rename(parent, name, parent, path)
            return unset


def _parts(path: bytes) -> list[bytes]:
    """The names on the way. Raises OSError if it leads out of the directory, or is no path."""
    parts = path.split(b"/") if path else []
    if b"\0" in path or not _NO_NAMES.isdisjoint(parts):
        raise _invalid(path)
    return parts


def _invalid(path: bytes) -> OSError:
    return OSError(errno.EINVAL, os.strerror(errno.EINVAL), path)


@contextmanager
def _naming(path: bytes) -> Iterator[None]:
    """Put the whole path into an OSError, which knows but a name."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, path) from error


@contextmanager
def _temporary(parent: int) -> Iterator[bytes]:
    """Yield a name for what will be renamed; whatever still has it at the end is removed."""
    name = b".pluton-qingstor-" + secrets.token_hex(8).encode()
    try:
        yield name
    finally:
        with suppress(OSError):  # renamed; of two names of one file, rename(2) leaves both
            os.unlink(name, dir_fd=parent)


@contextmanager
def _source(directory: int, path: bytes) -> Iterator[tuple[int, bytes, int]]:
    """Yield the open directory that holds a file, its name there, and the file, open for reading."""
    *parents, name = _parts(path) or [b"."]
    with ExitStack() as held:
        with _naming(path):
            for parent in parents:
                directory = os.open(parent, STEP, dir_fd=directory)
                held.callback(os.close, directory)
            # O_PATH waits for no pipe and opens no device.
            found = os.open(name, _ANY, dir_fd=directory)
            held.callback(os.close, found)
            state = os.fstat(found)
            if not stat.S_ISREG(state.st_mode) or state.st_nlink > 1:
                raise _invalid(path)
            if not state.st_mode & stat.S_IRUSR:  # a umask can do that
                os.chmod(path_of(found), stat.S_IMODE(state.st_mode) | stat.S_IRUSR)  # noqa: PTH101
            content = os.open(path_of(found), os.O_RDONLY | os.O_CLOEXEC)
            held.callback(os.close, content)
        yield directory, name, content


def _is_left_over(directory: int, name: bytes) -> bool:
    """Whether it is a link or a file of this user that nobody writes."""
    try:
        found = os.stat(name, dir_fd=directory, follow_symlinks=False)
        if stat.S_ISREG(found.st_mode):
            with os.fdopen(os.open(name, _READ, dir_fd=directory)) as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return found.st_uid == os.geteuid() and stat.S_IFMT(found.st_mode) in {stat.S_IFREG, stat.S_IFLNK}
