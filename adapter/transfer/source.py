"""The local side of a backup: what is to be walked, as the user named it, looked at for the first time."""

import os
import stat
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from adapter.contract.errors import AdapterError, ErrorCode, Failure
from adapter.contract.events import Event
from adapter.files.entry import Root
from adapter.files.names import for_people, spelled
from adapter.files.walk import Choice, Walk
from adapter.machine.rights import try_reading
from adapter.machine.settings import Settings
from adapter.runs.run import Run
from adapter.runs.slow_disk import wait_for
from adapter.transfer.selection import Selection


@dataclass(frozen=True, slots=True)
class Sources:
    """The roots of a run, and what is wanted of each."""

    roots: tuple[Root, ...]
    choices: tuple[Choice, ...]

    def walks(self, watched: frozenset[bytes] = frozenset()) -> tuple[Walk, ...]:
        """Return a walk of each root; of the directories in `watched` it matters whether they are empty."""
        return tuple(
            Walk(root, choice, watched) for root, choice in zip(self.roots, self.choices, strict=True)
        )


def open_sources(
    paths: Sequence[Path], selection: Selection, settings: Settings, run: Run, *, share_target: bool = False
) -> Generator[Event, None, Sources]:
    """Look at the sources; with `share_target` each is stored under its own absolute path.

    A source that is a symbolic link is followed: it was named for what it leads to. Raises AdapterError if
    one is not there, cannot be read or does not answer, or if the patterns are wrong.
    """
    patterns = selection.patterns()
    what = f"The source {paths[0]}" if len(paths) == 1 else "One of the sources"

    def look() -> Sources:
        own = _identity(settings.state_dir)
        roots = _apart(tuple(_root(path, selection, share_target=share_target) for path in paths))
        choice = Choice(patterns, None, selection.exclude_if_present, selection.one_file_system, own)
        return Sources(
            roots, tuple(replace(choice, places=selection.places_below(root.directory)) for root in roots)
        )

    return (yield from wait_for(look, what, run))


def _root(path: Path, selection: Selection, *, share_target: bool) -> Root:
    """Return a source as a root. Raises AdapterError if it cannot be one."""
    named = os.fsencode(path)
    try:
        mode = os.stat(named).st_mode  # noqa: PTH116  # Path.stat has no way for bytes
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "not a valid path"
        raise AdapterError(
            Failure(
                ErrorCode.SOURCE_NOT_FOUND,
                f"The source {path!s} cannot be found: {why}.".replace("\0", "\ufffd"),
                "Check the path; a disk or network share may not be mounted.",
            )
        ) from error
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise AdapterError(
            Failure(
                ErrorCode.SOURCE_UNREADABLE,
                f"The source {path} is neither a file nor a directory.",
                "Name a file or a directory; pipes, sockets and devices cannot be backed up.",
            )
        )
    try:
        try_reading(path)
    except OSError as error:
        raise AdapterError(unreadable(path, error)) from error
    if stat.S_ISDIR(mode):
        return Root(named, _prefix(named) if share_target else b"")
    if selection.has_patterns and not share_target:
        raise AdapterError(
            Failure(
                ErrorCode.USAGE,
                f"The source {path} is one file, so there is nothing to choose from by patterns.",
                "Leave the patterns out, or name the directory that the file is in.",
            )
        )
    directory, name = os.path.split(named)
    return Root(directory, _prefix(directory) if share_target else b"", only=name, follows=path.is_symlink())


def _prefix(directory: bytes) -> bytes:
    """Return where a directory is stored below a target that several sources share, as restic does it."""
    name = spelled(directory).strip(b"/")
    return name + b"/" if name else b""


def source_name(path: Path) -> str:
    """Return a source's path as text that has one line and is UTF-8."""
    return for_people(os.fsencode(path)).replace("\n", "\\n")


def root_of(roots: Sequence[Root], name: bytes) -> int:
    """Return the number of the root that a file was found in: the one with the longest prefix."""
    if len(roots) == 1:
        return 0
    fitting = (number for number, root in enumerate(roots) if _may_hold(root, name))
    return max(fitting, key=lambda number: len(roots[number].prefix))


def _may_hold(root: Root, name: bytes) -> bool:
    if root.only is not None:
        return name == root.prefix + spelled(root.only)
    return name.startswith(root.prefix)


def unreadable(path: Path | str, error: OSError) -> Failure:
    """Return the failure of a source that this user may not read."""
    return Failure(
        ErrorCode.SOURCE_UNREADABLE,
        f"The source {path} cannot be read by this user: {error.strerror}.",
        "Give the user of the backup the right to read it, or the capability CAP_DAC_READ_SEARCH.",
    )


def _apart(roots: tuple[Root, ...]) -> tuple[Root, ...]:
    """Return the roots without those that lie inside another one, or are named twice."""
    whole = {root.directory.rstrip(b"/") + b"/" for root in roots if root.only is None}

    def is_inside(root: Root) -> bool:
        parent = os.path.dirname(root.directory) if root.only is None else root.directory  # noqa: PTH120
        return any((parent.rstrip(b"/") + b"/").startswith(other) for other in whole)

    kept = {(root.directory, root.only): root for root in roots if len(roots) == 1 or not is_inside(root)}
    return tuple(kept.values())


def _identity(directory: Path) -> frozenset[tuple[int, int]]:
    """Return device and inode of a directory, if it is there."""
    try:
        status = directory.stat()
    except (OSError, ValueError):
        return frozenset()
    return frozenset({(status.st_dev, status.st_ino)})
