"""The records of all runs that used one state directory: listed, bounded, and taken up after a crash."""

import errno
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from adapter.contract.errors import AdapterError, ErrorCode, Failure
from adapter.contract.json_lines import to_json
from adapter.machine.atomic_file import UNFINISHED, replace_file
from adapter.machine.held_file import is_held
from adapter.runs.record import RunRecord, RunState

MOST_RECORDS = 200
LONGEST_KEPT = timedelta(days=90)
TEMPORARY_PREFIX = "pluton-qingstor-"
_STALE_S = 3600.0
_ROOM = 256
"""Blanks after a record, for the few words of an end that `overwrite` puts in."""


class Runs:
    """`<state>/runs`: per run a record `ID.json`, and `ID.jsonl` with its events, held while it runs."""

    def __init__(self, state_dir: Path) -> None:
        self.directory = state_dir / "runs"

    def journal_path(self, run_id: str) -> Path:
        """Where a run's events are."""
        return self.directory / f"{run_id}.jsonl"

    def all(self) -> tuple[RunRecord, ...]:
        """Every run, the newest first; one without an end whose process is gone is `crashed`.

        A record that cannot be read is left out: it must not hide the others.
        """
        found = [self._read(path.stem) for path in self.directory.glob("*.json")]
        # Not by id: that has whole seconds only.
        return tuple(sorted(filter(None, found), key=lambda record: record.started, reverse=True))

    def get(self, run_id: str) -> RunRecord:
        """One run, as in `all`. Raises AdapterError `path_not_found` when there is no such record."""
        # The id becomes a file name, so nothing that could lead elsewhere may be in it.
        record = self._read(run_id) if run_id and run_id.replace("-", "").isalnum() else None
        if record is None:
            raise AdapterError(
                Failure(
                    ErrorCode.PATH_NOT_FOUND,
                    f"There is no record of a run {run_id!r} in {self.directory}.",
                    "`runs list` shows them. Old ones are forgotten after a while.",
                    field="run_id",
                )
            )
        return record

    def write(self, record: RunRecord) -> None:
        """Put a record in place of what is there, whole or not at all. Raises OSError."""
        # Not pydantic's own JSON: that refuses the half characters that stand for odd bytes of names.
        text = to_json(record.model_dump(mode="json")) + " " * _ROOM
        replace_file(self.directory / f"{record.run_id}.json", text.encode())

    def overwrite(self, record: RunRecord) -> None:
        """Write a record over what is there, in the room that it has: a full disk lets us. Raises OSError."""
        text = to_json(record.model_dump(mode="json")).encode()
        with (self.directory / f"{record.run_id}.json").open("r+b") as file:
            room = os.fstat(file.fileno()).st_size
            if len(text) > room:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            file.write(text.ljust(room))

    def forget_old(self, now: datetime) -> None:
        """Remove what is beyond number and age; never a run that lives. Raises OSError."""
        ended = [record for record in self.all() if record.state is not RunState.RUNNING]
        for place, record in enumerate(ended):
            if place >= MOST_RECORDS or now - record.started > LONGEST_KEPT:
                self._remove(record.run_id)
        known = {path.stem for path in self.directory.glob("*.json")}
        for path in self.directory.glob("*.jsonl"):
            # A journal is there a moment before its record; then it is held.
            if path.stem not in known and not is_held(path):
                path.unlink(missing_ok=True)
        for path in self.directory.glob(f"*{UNFINISHED}"):  # of a run that was killed while it wrote
            with suppress(FileNotFoundError):
                if now.timestamp() - path.stat().st_mtime > _STALE_S:
                    path.unlink()

    def take_up_crashed(self, target: str) -> Iterator[RunRecord]:
        """The runs to the same target that died without a word, each told of once; their leavings go."""
        for record in self.all():
            if record.state is RunState.CRASHED and record.target == target and not self._is_told(record):
                _remove_leavings(record)
                self.write(record)
                yield record

    def _is_told(self, record: RunRecord) -> bool:
        stored = self._load(record.run_id)
        return stored is None or stored.state is RunState.CRASHED

    def _read(self, run_id: str) -> RunRecord | None:
        record = self._load(run_id)
        if record is None or record.state is not RunState.RUNNING or is_held(self.journal_path(run_id)):
            return record
        # It may have come to its end between the two looks.
        record = self._load(run_id)
        return record.crashed() if record and record.state is RunState.RUNNING else record

    def _load(self, run_id: str) -> RunRecord | None:
        try:
            record = RunRecord.model_validate_json((self.directory / f"{run_id}.json").read_bytes())
        except (OSError, ValueError):  # missing, damaged, or no name for a file
            return None
        # The id becomes the name of files to remove, and the one in the file may be anything.
        return record if record.run_id == run_id else None

    def _remove(self, run_id: str) -> None:
        (self.directory / f"{run_id}.json").unlink(missing_ok=True)
        self.journal_path(run_id).unlink(missing_ok=True)


def now_utc() -> datetime:
    """The present, aware."""
    return datetime.now(UTC)


def _remove_leavings(record: RunRecord) -> None:
    """Remove the temporary directory of a dead run, if it is certain that the run made it."""
    directory = record.temporary_dir
    if directory is None or not directory.name.startswith(f"{TEMPORARY_PREFIX}{record.run_id}-"):
        return
    with suppress(OSError, ValueError):  # a damaged record may hold what is no path
        found = directory.lstat()
        if stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid():
            shutil.rmtree(directory, ignore_errors=True)
