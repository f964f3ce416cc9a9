"""The local source as rclone sees it: behind a checksum cache, so that an unchanged run need not read it.

QingStor keeps no modification times, so change is found by MD5. rclone's `hasher` remembers the MD5 of a
file for its size and modification time (measured with 1.75.2: 0.8 MB read instead of 437 MB).
"""

import os
import re
import stat
from collections.abc import Generator, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from adapter.contract.errors import AdapterError, ErrorCode, Failure
from adapter.contract.events import Event
from adapter.machine.rights import try_reading
from adapter.machine.settings import Settings
from adapter.rclone.options import TransferOptions, escape
from adapter.rclone.remote import remote_variables
from adapter.runs.run import Run
from adapter.runs.slow_disk import size_or_none, wait_for

_NAME = "source"
_FOLLOW = "--copy-links"

_CONTROL = {chr(0x2400 + code): chr(code) for code in range(32)} | {"\u2421": "\x7f"}
_SPELLED = re.compile("\u201b([\u201b\u2400-\u241f\u2421\uff0f])|[\u2400-\u241f\u2421]")

_CACHE_TROUBLE = re.compile(rf'cannot open db: |/kv: |"{_NAME}:": mkdir |go\.etcd\.io/bbolt|lib/kv\.')
"""The cache is damaged, held by others or cannot be made (backend/hasher, lib/kv), or bbolt panics."""


@dataclass(frozen=True, slots=True)
class SourceView:
    """What to give rclone for a directory: its path, variables for the child, and flags."""

    path: str
    variables: Mapping[str, str]
    flags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LocalSource:
    """A directory, or one file of it (`only`), as the source of a run. `path` is as the user named it.

    A source that is itself a symbolic link is followed: it was named for what it leads to. Links inside are
    kept as links.
    """

    path: Path
    directory: Path
    only: str | None
    cache_dir: Path

    @property
    def link_flag(self) -> str:
        """rclone's flag for symbolic links."""
        return _FOLLOW if self.only is not None and self.path.is_symlink() else "--links"

    def plain(self) -> SourceView:
        """The directory itself: every checksum is computed by reading."""
        return SourceView(str(self.directory), {}, ())

    def cached(self) -> SourceView:
        """The directory behind the checksum cache, which rclone keeps in `cache_dir`/kv.

        Not for a file that is a link: through the cache rclone follows all links of the directory, and fails
        at dangling ones beside it (backend/local, backend/hasher, 1.75.2).
        """
        if self.link_flag == _FOLLOW:
            return self.plain()
        options = {"type": "hasher", "remote": str(self.directory), "hashes": "md5", "max_age": "off"}
        return SourceView(f"{_NAME}:", remote_variables(_NAME, options), ("--cache-dir", str(self.cache_dir)))

    def filters(self, options: TransferOptions) -> tuple[str, ...]:
        """What of the directory belongs to the source, as rclone's flags.

        One file is chosen by a filter: a directory copy spares the PUT Bucket that limited keys may not send.
        """
        return options.filters if self.only is None else (f"--include=/{escape(self.only)}",)

    def rules(self, options: TransferOptions) -> tuple[str, ...]:
        """The same as rules of which the first that fits wins."""
        return options.rules if self.only is None else (f"+ /{escape(self.only)}", "- **")

    def size_of(self, item: str) -> int | None:
        """The size of a file of the source, in bytes."""
        return size_below(self.directory, item, follow=self.link_flag == _FOLLOW)


def size_below(directory: Path, item: str, *, follow: bool = False) -> int | None:
    """The size of a file; None when it cannot be told, such as for a name that is not UTF-8 in a log."""
    try:
        return os.stat(directory / on_disk(item), follow_symlinks=follow).st_size  # noqa: PTH116
    except (OSError, ValueError):
        return None


def on_disk(item: str) -> str:
    """A path as the file system has it: rclone spells control characters as pictures (lib/encoder, 1.75.2).

    A real picture has a quote before it, and so has a real quote.
    """
    return _SPELLED.sub(lambda found: found[1] or _CONTROL[found[0]], item)


def cache_dir(settings: Settings) -> Path:
    """Where the checksum cache is; Pluton may have chosen a place for rclone's caches."""
    chosen = settings.environ.get("RCLONE_CACHE_DIR")
    return Path(chosen) if chosen else settings.state_dir / "cache"


def locate(path: Path, cache_dir: Path) -> LocalSource:
    """The source at a path. Does not look whether it is there; `check` does."""
    absolute = Path(os.path.abspath(path))  # noqa: PTH100  # Path.absolute keeps `..`
    if os.path.isdir(absolute):  # noqa: PTH112  # Path.is_dir raises below a directory that cannot be searched
        # rclone refuses a root that is a link, with --links (backend/local, 1.75.2).
        root = absolute.resolve() if absolute.is_symlink() else absolute
        return LocalSource(absolute, root, None, cache_dir)
    return LocalSource(absolute, absolute.parent, absolute.name, cache_dir)


def check(source: LocalSource, options: TransferOptions) -> None:
    """Raise `source_not_found` or `source_unreadable` for a source that cannot be read at all.

    And `usage` for filters with a single file, which rclone refuses too.
    """
    path = source.path
    try:
        mode = path.stat().st_mode
    except PermissionError as error:
        raise AdapterError(_unreadable(path, error)) from error
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        why = error.strerror if isinstance(error, OSError) else "this is no path"
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
        raise AdapterError(_unreadable(path, error)) from error
    if source.only is not None and options.has_patterns:
        raise AdapterError(
            Failure(
                ErrorCode.USAGE,
                f"The source {path} is one file, so there is nothing to choose from by patterns.",
                "Leave the patterns out, or name the directory that the file is in.",
            )
        )


def without_own_state(
    source: LocalSource, options: TransferOptions, settings: Settings
) -> tuple[TransferOptions, tuple[Path, ...]]:
    """The options that leave out what this program keeps below the source, and those directories.

    They change while a run goes on, so that a backup of a home directory would never be whole.
    """
    own = dict.fromkeys(path.resolve() for path in (settings.state_dir, source.cache_dir))
    root = source.directory.resolve()
    inside = [path for path in own if source.only is None and path.is_relative_to(root) and path != root]
    outermost = tuple(path for path in inside if not any(parent in inside for parent in path.parents))
    patterns = tuple(f"/{escape(str(path.relative_to(root)))}/**" for path in outermost)
    return replace(options, excludes=(*options.excludes, *patterns)), outermost


def _unreadable(path: Path, error: OSError) -> Failure:
    return Failure(
        ErrorCode.SOURCE_UNREADABLE,
        f"The source {path} cannot be read by this user: {error.strerror}.",
        "Give the user of the backup the right to read it, or the capability CAP_DAC_READ_SEARCH.",
    )


def open_source(
    path: Path, options: TransferOptions, settings: Settings, run: Run
) -> Generator[Event, None, tuple[LocalSource, TransferOptions, tuple[Path, ...]]]:
    """The source of a run, looked at for the first time: with the options and directories of
    `without_own_state`. From here on the run knows the sizes of its files.

    Raises AdapterError as `check` does, or `stalled` when it is on a mount that does not answer.
    """

    def look() -> tuple[LocalSource, TransferOptions, tuple[Path, ...]]:
        source = locate(path, cache_dir(settings))
        check(source, options)
        return source, *without_own_state(source, options, settings)

    opened = yield from wait_for(look, f"The source {path}", run)
    run.tally.size_of = run.enter(size_or_none(opened[0].size_of))
    return opened


def is_cache_trouble(messages: Iterable[str]) -> bool:
    """Return whether rclone's last words say that it was the cache that failed."""
    return any(_CACHE_TROUBLE.search(message) for message in messages)


def forget_damaged(messages: Iterable[str], cache_dir: Path) -> None:
    """Delete a cache that cannot be opened, unless another process only holds it. Never raises."""
    if any("timeout" in message for message in messages):
        return
    with suppress(OSError):
        for file in (cache_dir / "kv").glob("*hasher.bolt"):
            file.unlink()
