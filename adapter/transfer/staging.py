"""Where a restore puts files: the destination, and in it a directory of ours that rclone fills first.

The directory is held (flock) while it is in use. What a restore that was killed has left is held by nobody,
and the next restore removes it.
"""

import errno
import fcntl
import os
import re
import secrets
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from adapter.contract.errors import AdapterError, ErrorCode, Failure
from adapter.contract.os_errors import FULL, refusal
from adapter.files.names import for_people
from adapter.machine.metadata import path_of
from adapter.machine.open_tree import STEP, OpenTree
from adapter.machine.rights import try_creating_in

_PREFIX = b".pluton-qingstor-restore-"
STAGING = re.compile(re.escape(_PREFIX) + rb"[0-9a-f]{8}")
"""The whole name of such a directory."""
_LIST = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_TRIES = 10
_NOT_SEEN = frozenset({errno.ENOENT, errno.ENOTDIR, errno.EACCES, errno.ELOOP})
_FORBIDDEN = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})


@dataclass(frozen=True, slots=True)
class OpenDestination:
    """The destination, open, and the directory in it that rclone fills."""

    tree: OpenTree
    staging: Path
    """Absolute, with mode 0700; gone at the end, with everything in it."""
    staging_fd: int
    mtime_ns: int | None
    """When the destination was changed last, before this; None if it was not there."""
    aside: ExitStack = field(repr=False)

    def clear(self) -> None:
        """Remove the directory already, so that the destination itself does not change any more."""
        self.aside.close()


def check_destination(path: Path) -> None:
    """Look whether files can be restored to a path; nothing is made.

    Raises AdapterError `destination_unwritable` or `disk_full`; `unknown` if this machine is out of memory.
    """
    absolute = _absolute(path)
    there = absolute
    try:
        there = _nearest(absolute)
        try_creating_in(there)
    except OSError as error:
        raise AdapterError(_refused(absolute, there, error)) from error


@contextmanager
def open_destination(path: Path) -> Iterator[OpenDestination]:
    """Yield the destination, made if it is missing. A link to a directory is followed: it was named.

    Raises AdapterError as `check_destination` does, before anything is yielded.
    """
    absolute = _absolute(path)
    there = absolute
    with ExitStack() as held:
        try:
            there = _nearest(absolute)
            was_made = _make(absolute)
            there = absolute
            mtime_ns = None if was_made else absolute.stat().st_mtime_ns
            tree = held.enter_context(OpenTree(os.fsencode(absolute)))
            _remove_left_over(tree.descriptor)
            aside = held.enter_context(ExitStack())
            name, descriptor = aside.enter_context(_staging(tree.descriptor))
        except OSError as error:
            raise AdapterError(_refused(absolute, there, error)) from error
        yield OpenDestination(tree, absolute / os.fsdecode(name), descriptor, mtime_ns, aside)


def _absolute(path: Path) -> Path:
    absolute = path.absolute()
    if "\0" in str(absolute):
        raise AdapterError(_unwritable(absolute, absolute, "has a NUL in its name, which no path can have"))
    return absolute


def _nearest(absolute: Path) -> Path:
    """Return the path, or the first directory above it that can be seen; nothing is opened.

    Raises AdapterError for what is no directory, and OSError, as for a name that is too long.
    """
    for one in (absolute, *absolute.parents):
        try:
            kind = stat.S_IFMT(one.lstat().st_mode)
        except OSError as error:
            if error.errno not in _NOT_SEEN:
                raise
            continue
        why = "is not a directory"
        if kind == stat.S_IFLNK:
            try:
                kind = stat.S_IFMT(one.stat().st_mode)
            except OSError as error:
                why = f"is a link that leads to no directory: {error.strerror}"
        if kind != stat.S_IFDIR:
            raise AdapterError(_unwritable(absolute, one, why))
        return one
    return Path(absolute.anchor)


def _make(absolute: Path) -> bool:
    """Make the directory and those above it that are missing; return whether it was. Raises OSError."""
    was_made = False
    missing = [one for one in (absolute, *absolute.parents) if not os.path.lexists(one)]
    for directory in reversed(missing):
        try:
            directory.mkdir()
        except FileExistsError:  # by now, as `a/..` once there is `a`
            was_made = False
        else:
            was_made = True
            # A umask that keeps the owner out would keep rclone out.
            directory.chmod(stat.S_IMODE(directory.stat().st_mode) | stat.S_IRWXU)
    return was_made


@contextmanager
def _staging(parent: int) -> Iterator[tuple[bytes, int]]:
    """Yield the name and the descriptor of a new directory that this process holds. Raises OSError."""
    for _ in range(_TRIES):
        name = _PREFIX + secrets.token_hex(4).encode()
        descriptor = _new(name, parent)
        if descriptor is not None:
            break
    else:
        raise OSError(errno.EBUSY, os.strerror(errno.EBUSY), name)
    try:
        yield name, descriptor
    finally:
        _empty(descriptor)
        _remove_empty(name, parent)
        os.close(descriptor)


def _new(name: bytes, parent: int) -> int | None:
    """Make a directory and hold it; None if another restore took it for left over before it was held."""
    os.mkdir(name, 0o700, dir_fd=parent)
    with ExitStack() as on_error:
        on_error.callback(_remove_empty, name, parent)
        try:
            with _opened_up(name, parent) as directory:
                descriptor = os.open(path_of(directory), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            on_error.callback(os.close, descriptor)
            _hold(descriptor)
            found = os.stat(name, dir_fd=parent, follow_symlinks=False)
        except (FileNotFoundError, BlockingIOError):
            return None
        if not os.path.samestat(found, os.fstat(descriptor)):
            return None
        on_error.pop_all()
        return descriptor


def _remove_empty(name: bytes, parent: int) -> None:
    with suppress(OSError):
        os.rmdir(name, dir_fd=parent)


def _hold(directory: int) -> None:
    """Lock it until it is closed. Raises BlockingIOError if another process does."""
    try:
        fcntl.flock(directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:  # on a disk without locks nothing is ever taken for left over
        if isinstance(error, BlockingIOError):
            raise


def _remove_left_over(parent: int) -> None:
    """Remove the directories of restores that were killed; what cannot be removed stays."""
    with suppress(OSError):  # a directory that cannot be listed can be written all the same
        for name in filter(STAGING.fullmatch, _names(parent)):
            with suppress(OSError), ExitStack() as held:
                descriptor = os.open(name, _LIST, dir_fd=parent)
                held.callback(os.close, descriptor)
                if os.fstat(descriptor).st_uid == os.geteuid():
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    _empty(descriptor)
                    _remove_empty(name, parent)


def _empty(directory: int) -> None:
    """Remove everything in a directory, however deep, and follow no link; what cannot be removed stays."""
    before: list[bytes] = []
    with suppress(OSError):
        while (names := _names(directory)) != before:
            for name in names:
                with suppress(OSError):
                    _remove(name, directory)
            before = names


def _remove(name: bytes, parent: int) -> None:
    """Remove a file, or a directory after moving the directories in it beside it, where their turn comes.

    So neither the depth of a tree nor the length of a path has a limit.
    """
    try:
        os.unlink(name, dir_fd=parent)
    except IsADirectoryError:
        with _opened_up(name, parent) as directory:
            for inner in _names(directory):
                with suppress(OSError):
                    _remove_or_move(inner, directory, parent)
        os.rmdir(name, dir_fd=parent)


def _remove_or_move(name: bytes, directory: int, parent: int) -> None:
    try:
        os.unlink(name, dir_fd=directory)
    except IsADirectoryError:
        with _opened_up(name, directory):  # moving it changes what is in it: `..`
            os.rename(name, secrets.token_hex(16), src_dir_fd=directory, dst_dir_fd=parent)


@contextmanager
def _opened_up(name: bytes, parent: int) -> Iterator[int]:
    """Yield a directory (O_PATH) whose owner now has every right, and nobody else any. Raises OSError."""
    directory = os.open(name, STEP, dir_fd=parent)
    try:
        inherited = os.fstat(directory).st_mode & stat.S_ISGID  # or files would have another group
        os.chmod(path_of(directory), inherited | stat.S_IRWXU)  # noqa: PTH101
        yield directory
    finally:
        os.close(directory)


def _names(directory: int) -> list[bytes]:
    return sorted(os.listdir(path_of(directory)))  # noqa: PTH208


def _refused(absolute: Path, there: Path, error: OSError) -> Failure:
    if error.errno in FULL:
        return Failure(
            ErrorCode.DISK_FULL,
            f"Nothing can be created in the destination {_told(absolute)}: {error.strerror}.",
            "Free space there or restore to another disk.",
        )
    why = "cannot be written by this user" if error.errno in _FORBIDDEN else "cannot be used"
    return refusal(error) or _unwritable(absolute, there, f"{why}: {error.strerror}")


def _unwritable(absolute: Path, there: Path, why: str) -> Failure:
    which = "" if there == absolute else f"is below {_told(there)}, which "
    return Failure(
        ErrorCode.DESTINATION_UNWRITABLE,
        f"The destination {_told(absolute)} {which}{why}.",
        "Name a directory that this user may write; it is created if it does not exist.",
    )


def _told(path: Path) -> str:
    return for_people(os.fsencode(path)).replace("\0", "\N{REPLACEMENT CHARACTER}")
