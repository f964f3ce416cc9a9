"""The `runs` commands: list, show, stop and watch runs."""

import time
from collections.abc import Iterator, Mapping

from adapter.cli.context import Command, Context
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
    """Return all runs, the newest first. Raises AdapterError `usage` if the records cannot be read."""
    if context.arguments.remote is not None:
        from adapter.cli.remote_runs import list_remote  # noqa: PLC0415

        return list_remote(context)
    runs = Runs(context.settings.state_dir)
    try:
        records = runs.all()
    except OSError as error:
        raise usage_error(
            f"Cannot read the run records in {runs.directory}: {error.strerror}.",
            "Run this as the user who owns them, or choose another directory with --state-dir.",
        ) from error
    lines = [
        f"{record.run_id}  {record.state:<9}  {record.command:<8}  {_source_and_target(record)}"
        for record in records
    ]
    running = sum(record.state is RunState.RUNNING for record in records)
    return Answer(
        f"{len(records)} run{'' if len(records) == 1 else 's'} in {runs.directory}, {running} running now.",
        {"runs": [record.row() for record in records]},
        lines,
    )


def _source_and_target(record: RunRecord) -> str:
    return " -> ".join(end for end in (record.source, record.target) if end is not None)


def runs_show(context: Context) -> Answer:
    """Return everything that is known about a run. Raises AdapterError `path_not_found`."""
    runs = Runs(context.settings.state_dir)
    record = runs.get(context.arguments.run_id)
    run = {**record.as_dict(), "rclone_pids": list(descendants(record.process))}
    if context.arguments.failed:
        return _with_failed_files(runs, record, run)
    width = max(map(len, run))
    lines = [f"{name:<{width}}  {value}" for name, value in run.items() if value not in (None, [])]
    return Answer(f"{record.command.capitalize()} {record.run_id}: {record.state}.", {"run": run}, lines)


def _with_failed_files(runs: Runs, record: RunRecord, run: Mapping[str, object]) -> Answer:
    failed = list(runs.failed_files(record.run_id))
    count = f"{len(failed)} file{'' if len(failed) == 1 else 's'} failed"
    return Answer(
        f"{record.command.capitalize()} {record.run_id}: {count}.",
        {"run": {**run, "failed_files": [file.as_dict() for file in failed]}},
        [f"{file.item}: {file.failure.message} [{file.failure.code}]" for file in failed],
    )


def runs_stop(context: Context) -> Answer:
    """Ask a run to stop and return it once it has ended; a second request kills rclone at once.

    Raises AdapterError `timeout` if it has not ended in time, `usage` if it cannot be signalled.
    """
    arguments = context.arguments
    runs = Runs(context.settings.state_dir)
    record = runs.get(arguments.run_id)
    if record.state is RunState.RUNNING and not _terminate(record):
        record = runs.get(arguments.run_id)  # it may just have ended
        if record.state is RunState.RUNNING:
            raise usage_error(
                f"Process {record.process.pid} of run {record.run_id} is not visible here.",
                "Stop it there: in another container, or on another machine that shares the state directory.",
            )
    if record.state is not RunState.RUNNING:
        return Answer(f"Run {record.run_id} has ended already: {record.state}.", {"run": record.as_dict()})
    ended = _wait_for_end(runs, record, arguments.timeout, context.cancel)
    return Answer(f"Run {ended.run_id} has ended: {ended.state}.", {"run": ended.as_dict()})


def runs_watch(context: Context) -> Iterator[str]:
    """Yield the lines of a run up to its summary."""
    return watch(Runs(context.settings.state_dir), context.arguments.run_id, context.cancel)


def _terminate(record: RunRecord) -> bool:
    try:
        return terminate(record.process)
    except PermissionError:
        raise usage_error(
            f"Run {record.run_id} belongs to {record.user}: only {record.user} or root can stop it.",
            f"Run this command as {record.user} or as root.",
        ) from None


def _wait_for_end(runs: Runs, record: RunRecord, timeout_s: float, cancel: Cancellation) -> RunRecord:
    deadline = time.monotonic() + timeout_s
    while record.state is RunState.RUNNING:
        if cancel.sleep(_POLL_S):
            raise AdapterError(cancelled())
        if time.monotonic() >= deadline:
            raise AdapterError(
                Failure(
                    ErrorCode.TIMEOUT,
                    f"Run {record.run_id} was asked to stop and has not ended after {timeout_s:g} s.",
                    f"Run `runs stop {record.run_id}` again: then rclone is killed at once.",
                )
            )
        record = runs.get(record.run_id)
    return record


COMMANDS: dict[str, Command] = {"list": runs_list, "show": runs_show, "stop": runs_stop}
