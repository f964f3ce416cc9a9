"""The `runs` commands: what runs now and what ran."""

import time
from collections.abc import Iterator

from adapter.cli.context import Context
from adapter.cli.parser import usage_error
from adapter.contract.errors import AdapterError, ErrorCode, Failure, cancelled
from adapter.contract.json_lines import Answer
from adapter.machine.cancellation import Cancellation
from adapter.machine.process_identity import descendants, terminate
from adapter.runs.record import RunRecord, RunState
from adapter.runs.store import Runs
from adapter.runs.watch import watch

_POLL_S = 0.1


def runs_list(context: Context) -> Answer:
    """All of them, the newest first."""
    runs = Runs(context.settings.state_dir)
    try:
        records = runs.all()
    except OSError as error:
        raise usage_error(
            f"The records of runs in {runs.directory} cannot be read: {error.strerror}.",
            "Run this as the user whose runs they are, or name another directory with --state-dir.",
        ) from error
    text = "\n".join(
        f"{record.run_id}  {record.state:<9}  {record.command:<8}  {_way(record)}" for record in records
    )
    running = sum(record.state is RunState.RUNNING for record in records)
    return Answer(
        f"{len(records)} run{'' if len(records) == 1 else 's'} in {runs.directory}, {running} running now.",
        {"runs": [record.row() for record in records]},
        text,
    )


def _way(record: RunRecord) -> str:
    return " -> ".join(end for end in (record.source, record.target) if end is not None)


def runs_show(context: Context) -> Answer:
    """Everything that is known of one."""
    record = Runs(context.settings.state_dir).get(context.arguments.run_id)
    run = {**record.as_dict(), "rclone_pids": list(descendants(record.process))}
    width = max(map(len, run))
    text = "\n".join(f"{name:<{width}}  {value}" for name, value in run.items() if value not in (None, []))
    return Answer(f"The {record.command} {record.run_id}: {record.state}.", {"run": run}, text)


def runs_stop(context: Context) -> Answer:
    """Ask a run to end in good order, and wait for its end. Asked twice, it ends at once."""
    arguments = context.arguments
    runs = Runs(context.settings.state_dir)
    record = runs.get(arguments.run_id)
    if record.state is RunState.RUNNING and not _terminated(record):
        record = runs.get(arguments.run_id)  # it may just have come to its end
        if record.state is RunState.RUNNING:
            raise usage_error(
                f"The process {record.process.pid} of the run {record.run_id} cannot be seen from here.",
                "It runs in another container or on another machine that shares the state directory: stop it "
                "there.",
            )
    if record.state is not RunState.RUNNING:
        return Answer(
            f"The run {record.run_id} has ended already: {record.state}.", {"run": record.as_dict()}
        )
    ended = _awaited(runs, record, arguments.timeout, context.cancel)
    return Answer(f"The run {ended.run_id} has ended: {ended.state}.", {"run": ended.as_dict()})


def runs_watch(context: Context) -> Iterator[str]:
    """The lines of a run up to its summary."""
    return watch(Runs(context.settings.state_dir), context.arguments.run_id, context.cancel)


def _terminated(record: RunRecord) -> bool:
    try:
        return terminate(record.process)
    except PermissionError:
        raise usage_error(
            f"The run {record.run_id} belongs to {record.user}, and only they may stop it.",
            f"Run this command as {record.user} or as root.",
        ) from None


def _awaited(runs: Runs, record: RunRecord, timeout_s: float, cancel: Cancellation) -> RunRecord:
    deadline = time.monotonic() + timeout_s
    while record.state is RunState.RUNNING:
        if cancel.sleep(_POLL_S):
            raise AdapterError(cancelled())
        if time.monotonic() >= deadline:
            raise AdapterError(
                Failure(
                    ErrorCode.TIMEOUT,
                    f"The run {record.run_id} was asked to stop and has not ended in {timeout_s:g} seconds.",
                    "Ask again: then rclone is killed at once.",
                )
            )
        record = runs.get(record.run_id)
    return record
