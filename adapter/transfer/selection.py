"""Which files of a source or a bucket a run is about, as it was asked for."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from adapter.contract.errors import AdapterError, ErrorCode, Failure
from adapter.files.patterns import Dialect, Patterns


@dataclass(frozen=True, slots=True)
class Selection:
    """Patterns of a command line (rclone's) and of a job (restic's), rules, and lists of places."""

    includes: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()
    filter_from: Path | None = None
    job_includes: tuple[str, ...] = ()
    job_excludes: tuple[str, ...] = ()
    job_filters: tuple[str, ...] = ()
    """rclone's rules."""
    places: tuple[str, ...] = ()
    """Absolute paths inside the source; if there are any, nothing else is looked at."""
    files_from: Path | None = None
    """A file with paths below the source, one in a line; the same."""
    exclude_if_present: str = ""
    one_file_system: bool = False

    @property
    def has_patterns(self) -> bool:
        """Return whether anything but the source itself says what is wanted."""
        chosen = (self.includes, self.excludes, self.job_includes, self.job_excludes, self.job_filters)
        return any(chosen) or self.filter_from is not None or self.is_narrowed

    @property
    def is_narrowed(self) -> bool:
        """Return whether only named places are looked at."""
        return bool(self.places) or self.files_from is not None

    @property
    def has_includes(self) -> bool:
        """Return whether what is not named is outside of what the run looks at."""
        return bool(self.includes or self.job_includes) or self.is_narrowed

    def texts(self) -> tuple[str, ...]:
        """Return what was asked for, for a person who reads a manifest."""
        kinds = (
            ("exclude", (*self.excludes, *self.job_excludes)),
            ("include", (*self.includes, *self.job_includes, *self.places)),
            ("filter", self.job_filters),
            ("filter-from", () if self.filter_from is None else (str(self.filter_from),)),
            ("files-from", () if self.files_from is None else (str(self.files_from),)),
            ("exclude-if-present", filter(None, (self.exclude_if_present,))),
            ("one-file-system", ("",) if self.one_file_system else ()),
        )
        return tuple(f"{kind} {text}".strip() for kind, texts in kinds for text in texts)

    def patterns(self) -> Patterns:
        """Return all patterns in their order.

        Raises AdapterError `usage` for one that cannot be read as rclone reads it, or an unreadable file.
        """
        patterns = Patterns()
        patterns.exclude(self.excludes, Dialect.RCLONE)
        patterns.exclude(self.job_excludes, Dialect.RESTIC)
        patterns.include(self.includes, Dialect.RCLONE)
        patterns.include(self.job_includes, Dialect.RESTIC)
        patterns.add_rules(self.job_filters)
        if self.filter_from is not None:
            patterns.add_rules(_lines(self.filter_from, "--filter-from", "a file of rclone filter rules"))
        patterns.finish()
        return patterns

    def places_below(self, directory: bytes) -> tuple[bytes, ...] | None:
        """Return the places below a source directory; None for all of it. Raises AdapterError `usage`."""
        if not self.is_narrowed:
            return None
        below = [os.path.relpath(os.fsencode(place), directory) for place in self.places]
        if self.files_from is not None:
            below += map(
                os.fsencode, _lines(self.files_from, "--files-from", "a file with a path in each line")
            )
        return tuple(b"" if place == b"." else os.path.normpath(place.strip(b"/")) for place in below)


def _lines(path: Path, option: str, what: str) -> Iterable[str]:
    """Yield the lines that say something, as rclone reads them (fs/filter, forEachLine)."""
    try:
        # Split at line ends only: other line separators are part of a name.
        text = path.read_bytes().decode("utf-8", "surrogateescape")
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "not a valid path"
        raise AdapterError(
            Failure(ErrorCode.USAGE, f"Cannot read the file {path}: {why}.", f"Name {what} with {option}.")
        ) from error
    lines = (line.strip() for line in text.split("\n"))
    return tuple(line for line in lines if line and line[0] not in "#;")
