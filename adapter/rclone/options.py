"""The options that backup and restore share, and the flags of rclone for them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from adapter.contract.errors import AdapterError, ErrorCode, Failure
from adapter.rclone.file_lists import rules_from

_STATS_INTERVAL = "500ms"
"""Often enough for a status every second; the stats also show that rclone is alive."""


def escape(path: str) -> str:
    """Return a filter pattern that fits this path only."""
    return re.sub(r"([\\*?\[\]{},])", r"\\\1", path)


def _lines(path: Path) -> list[str]:
    try:
        # As rclone splits it (bufio.ScanLines): other line separators are part of a name.
        return path.read_bytes().decode("utf-8", "surrogateescape").split("\n")
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "not a valid path"
        raise AdapterError(
            Failure(
                ErrorCode.USAGE,
                f"Cannot read the filter file {path}: {why}.",
                "Name a file of rclone filter rules with --filter-from.",
            )
        ) from error


@dataclass(frozen=True, slots=True)
class TransferOptions:
    """How to run a transfer. Durations in seconds, infinite for no limit; rates in rclone's spelling; None
    means the default.
    """

    includes: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()
    filter_from: Path | None = None
    dry_run: bool = False
    verbose_files: bool = False
    transfers: int | None = None
    checkers: int | None = None
    multi_thread_streams: int | None = None
    multi_thread_cutoff: str | None = None
    multi_thread_chunk_size: str | None = None
    max_transfer: int | None = None
    """Bytes that the run may copy; `copy_passes` hands on what is left of it."""
    buffer_size: str | None = None
    bwlimit: str | None = None
    max_duration_s: float | None = None
    stall_timeout_s: float = 600.0
    memory_budget: int = 512 << 20
    progress_interval_s: float = 1.0
    filters: tuple[str, ...] = ()
    """rclone's flag for the rules, once `with_rules_in` has written them to a file."""

    @property
    def has_patterns(self) -> bool:
        """Return whether there are patterns of any kind."""
        return bool(self.includes or self.excludes or self.filter_from is not None)

    def with_rules_in(self, directory: Path) -> Self:
        """Return the options with their rules in a file of `directory`: there may be very many.

        Raises AdapterError `usage` if the filter file cannot be read.
        """
        return replace(self, filters=rules_from(self.rules, directory)) if self.has_patterns else self

    @property
    def rules(self) -> tuple[str, ...]:
        """Return all patterns as rules (`+ pattern`, `- pattern`); the first that fits wins.

        In rclone's own order: includes, excludes, the file, and with includes nothing else (fs/filter).
        """
        rules = [f"+ {pattern}" for pattern in self.includes]
        rules += [f"- {pattern}" for pattern in self.excludes]
        if self.filter_from is not None:
            for line in _lines(self.filter_from):
                rule = line.strip()
                if rule == "!":
                    rules.clear()
                elif rule and rule[0] not in "#;":
                    rules.append(rule)
        if self.includes:
            rules.append("- **")
        return tuple(rules)

    def flags(self, environ: Mapping[str, str]) -> tuple[str, ...]:
        """Return the flags of `rclone copy` without the filters.

        In rclone a flag beats a variable, so an option that is not set gets no flag: Pluton may have set the
        variable. DEBUG is the level at which every rclone from 1.65 on names unchanged files.
        """
        flags = ["--stats", _STATS_INTERVAL, "--stats-log-level", "NOTICE", "--log-level", "DEBUG"]
        if "RCLONE_RETRIES" not in environ:
            flags += ["--retries", "1"]  # we try again ourselves, and only what failed
        if self.dry_run:
            flags.append("--dry-run")
        for flag, value in (
            ("--transfers", self.transfers),
            ("--checkers", self.checkers),
            ("--multi-thread-streams", self.multi_thread_streams),
            ("--multi-thread-cutoff", self.multi_thread_cutoff),
            ("--multi-thread-chunk-size", self.multi_thread_chunk_size),
            ("--buffer-size", self.buffer_size),
        ):
            if value is not None:
                flags += [flag, str(value)]
        if self.bwlimit:
            flags.append(f"--bwlimit={self.bwlimit}")
        return tuple(flags)
