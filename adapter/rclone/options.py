"""The options that backup and restore share, and the flags of rclone for them."""

import re
from dataclasses import dataclass

_STATS_INTERVAL = "500ms"
"""Often enough for a status every second; the stats also show that rclone is alive."""


def escape(path: str) -> str:
    """Return a filter pattern that fits this path only."""
    return re.sub(r"([\\*?\[\]{},])", r"\\\1", path)


@dataclass(frozen=True, slots=True)
class TransferOptions:
    """How to run a transfer. Durations in seconds, infinite for no limit; rates in rclone's spelling; None
    means the default.
    """

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

    def flags(self, *, log_level: str = "INFO") -> tuple[str, ...]:
        """Return the flags of `rclone copy` without the list of files.

        In rclone a flag beats a variable, so an option that is not set gets no flag: Pluton may have set the
        variable. At level DEBUG rclone tells the MD5 of what it has copied.
        """
        flags = ["--stats", _STATS_INTERVAL, "--stats-log-level", "NOTICE", "--log-level", log_level]
        flags += ["--retries", "1"]  # we try again ourselves, and only what failed
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
