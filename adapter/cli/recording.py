"""The record and the temporary directory of a run that was started on the command line."""

import os
import pwd
import socket
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from adapter.cli.streaming import Stream
from adapter.contract.json_lines import EventLine
from adapter.contract.redact import Redactor
from adapter.machine.private import temporary_directory
from adapter.machine.process_identity import own_identity
from adapter.machine.settings import Settings
from adapter.runs.journal import Journal
from adapter.runs.record import RunRecord
from adapter.runs.store import TEMPORARY_PREFIX, Runs, now_utc


@contextmanager
def recorded(
    stream: Stream, command: str, words: Sequence[str], settings: Settings
) -> Iterator[Iterator[EventLine]]:
    """Yield the lines of a stream, which are recorded as they are read; `words` is the command line."""
    envelope = stream.envelope
    redact = Redactor()
    with _temporary_directory(envelope.run_id) as temporary:
        record = RunRecord(
            run_id=envelope.run_id,
            command=command,
            argv=tuple(map(redact, words)),
            source=stream.source,
            target=stream.target,
            plan_id=envelope.plan_id,
            backup_id=envelope.backup_id,
            user=_user(),
            host=socket.gethostname(),
            process=own_identity(),
            temporary_dir=None if temporary is None else str(temporary),
            started=now_utc(),
        )
        with Journal(Runs(settings.state_dir), record, envelope) as journal:
            yield journal.follow(stream.events)


@contextmanager
def _temporary_directory(run_id: str) -> Iterator[Path | None]:
    """Yield the directory for Python's temporary files of this run; a later run can tell whose they are.

    None if it cannot be made: code that needs temporary files reports that.
    """
    with ExitStack() as held:
        try:
            directory = held.enter_context(temporary_directory(f"{TEMPORARY_PREFIX}{run_id}-"))
        except OSError:
            yield None
            return
        before, tempfile.tempdir = tempfile.tempdir, str(directory)
        try:
            yield directory
        finally:
            tempfile.tempdir = before


def _user() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:  # a container's user may have no name
        return str(os.geteuid())
