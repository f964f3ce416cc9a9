"""The records of all runs in one state directory: list, limit, and report crashed runs once."""

import errno
import json
import os
import shutil
import stat
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from adapter.contract.errors import AdapterError, ErrorCode, Failure
from adapter.contract.event_reader import parse_failed_file
from adapter.contract.events import FailedFile
from adapter.contract.json_lines import to_json
from adapter.machine.atomic_file import UNFINISHED, replace_file
from adapter.machine.held_file import is_held
from adapter.runs.record import RunRecord, RunState

MOST_RECORDS = 200
LONGEST_KEPT = timedelta(days=90)
TEMPORARY_PREFIX = "pluton-qingstor-"
_FAILED = ".failed"
_STALE_S = 3600.0
_ROOM = 256
"""Blanks after a record, so that `overwrite` has space for the end of a run."""


class Runs:
    """`<state>/runs`: per run a record `ID.json`, `ID.jsonl` with its events, held while it runs, and
    `ID.failed` with the files that failed, if any did.
    """

    def __init__(self, state_dir: Path) -> None:
        self.directory = state_dir / "runs"

    def journal_path(self, run_id: str) -> Path:
        """Return the path of a run's events."""
        return self.directory / f"{run_id}.jsonl"

    def all(self) -> tuple[RunRecord, ...]:
        """Return all runs, the newest first; a run without an end whose process is gone is `crashed`.

        A record that cannot be read is skipped: it must not hide the others.
        """
        found = [self._read(path.stem) for path in self.directory.glob("*.json")]
        # Not by id, which has whole seconds only.
        return tuple(sorted(filter(None, found), key=lambda record: record.started, reverse=True))

    def get(self, run_id: str) -> RunRecord:
        """Return one run, as in `all`. Raises AdapterError `path_not_found`."""
        # The id becomes a file name, so it must not contain parts of a path.
        record = self._read(run_id) if run_id and run_id.replace("-", "").isalnum() else None
        if record is None:
            raise AdapterError(
                Failure(
                    ErrorCode.PATH_NOT_FOUND,
                    f"There is no run {run_id!r} in {self.directory}.",
                    f"`runs list` shows the runs: the last {MOST_RECORDS}, for {LONGEST_KEPT.days} days.",
                    field="run_id",
                )
            )
        return record

    def write(self, record: RunRecord) -> None:
        """Write or replace a record atomically. Raises OSError."""
        # Not msgspec's JSON, which refuses the surrogates that stand for bytes that are not UTF-8.
        text = to_json(record.to_json()) + " " * _ROOM
        replace_file(self.directory / f"{record.run_id}.json", (text.encode(),))

    def write_failed_files(self, run_id: str, files: Sequence[FailedFile]) -> None:
        """Write the files that failed in a run, one a line; there may be very many. Raises OSError."""
        lines = (to_json(file.as_dict()).encode() + b"\n" for file in files)
        replace_file(self.directory / f"{run_id}{_FAILED}", lines)

    def failed_files(self, run_id: str) -> Iterator[FailedFile]:
        """Yield the files that failed in a run."""
        path = self.directory / f"{run_id}{_FAILED}"
        if path.exists():
            with path.open("rb") as file:
                yield from filter(None, map(parse_failed_file, file))

    def overwrite(self, record: RunRecord) -> None:
        """Write a record into the space of the old one, which works on a full disk. Raises OSError."""
        text = to_json(record.to_json()).encode()
        with (self.directory / f"{record.run_id}.json").open("r+b") as file:
            room = os.fstat(file.fileno()).st_size
            if len(text) > room:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            file.write(text.ljust(room))

    def forget_old(self, now: datetime) -> None:
        """Remove the records beyond the limits of number and age, but no running run. Raises OSError."""
        ended = [record for record in self.all() if record.state is not RunState.RUNNING]
        for place, record in enumerate(ended):
            if place >= MOST_RECORDS or now - record.started > LONGEST_KEPT:
                self._remove(record.run_id)
        known = {path.stem for path in self.directory.glob("*.json")}
        for path in self.directory.glob("*.jsonl"):
            # A journal exists a moment before its record; it is held then.
            if path.stem not in known and not is_held(path):
                path.unlink(missing_ok=True)
        for path in self.directory.glob(f"*{_FAILED}"):
            if path.stem not in known:
                path.unlink(missing_ok=True)
        for path in self.directory.glob(f"*{UNFINISHED}"):  # of a run that was killed while it wrote
            with suppress(FileNotFoundError):
                if now.timestamp() - path.stat().st_mtime > _STALE_S:
                    path.unlink()

    def claim_crashed(self, target: str) -> Iterator[RunRecord]:
        """Yield the crashed runs to a target, each once; remove their temporary directories."""
        for record in self.all():
            if record.state is RunState.CRASHED and record.target == target and not self._is_reported(record):
                _remove_temporary_directory(record)
                self.write(record)
                yield record

    def _is_reported(self, record: RunRecord) -> bool:
        stored = self._load(record.run_id)
        return stored is None or stored.state is RunState.CRASHED

    def _read(self, run_id: str) -> RunRecord | None:
        record = self._load(run_id)
        if record is None or record.state is not RunState.RUNNING or is_held(self.journal_path(run_id)):
            return record
        # It may have ended between the two checks.
        record = self._load(run_id)
        return record.crashed() if record and record.state is RunState.RUNNING else record

    def _load(self, run_id: str) -> RunRecord | None:
        try:
            stored: object = json.loads((self.directory / f"{run_id}.json").read_bytes())
            record = msgspec.convert(stored, RunRecord)
        except (OSError, ValueError):  # missing, damaged, or not a file name
            return None
        # The id becomes the name of files to remove, so a damaged one must not be used.
        return record if record.run_id == run_id else None

    def _remove(self, run_id: str) -> None:
        (self.directory / f"{run_id}.json").unlink(missing_ok=True)
        self.journal_path(run_id).unlink(missing_ok=True)
        (self.directory / f"{run_id}{_FAILED}").unlink(missing_ok=True)


def now_utc() -> datetime:
    """Return the current time, aware."""
    return datetime.now(UTC)


def _remove_temporary_directory(record: RunRecord) -> None:
    """Remove the temporary directory of a crashed run, if it certainly belongs to that run."""
    directory = None if record.temporary_dir is None else Path(record.temporary_dir)
    if directory is None or not directory.name.startswith(f"{TEMPORARY_PREFIX}{record.run_id}-"):
        return
    with suppress(OSError, ValueError):  # a damaged record may have an invalid path
        found = directory.lstat()
        if stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid():
            shutil.rmtree(directory, ignore_errors=True)
