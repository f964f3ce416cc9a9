"""The commands that stream events: `backup`, `verify`, `restore` and `cleanup`."""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, replace

from adapter.contract.errors import AdapterError, FormInvalid
from adapter.contract.events import Event, Outcome, Summary
from adapter.contract.json_lines import Envelope
from adapter.rclone.options import TransferOptions
from adapter.transfer.selection import Selection


@dataclass(frozen=True, slots=True)
class Stream:
    """The events of a run, what its lines have in common, and its source and target if known."""

    events: Iterator[Event]
    envelope: Envelope
    source: str | None = None
    target: str | None = None


def failed(error: AdapterError) -> Summary:
    """Return the summary of a run that could not begin."""
    errors = error.errors if isinstance(error, FormInvalid) else ()
    return Summary(outcome=Outcome.FAILED, error=error.failure, errors=errors)


def named(envelope: Envelope, plan_id: str | None, backup_id: str | None) -> Envelope:
    """Return the envelope with the ids of a job document, where the command line gives none."""
    return replace(envelope, plan_id=envelope.plan_id or plan_id, backup_id=envelope.backup_id or backup_id)


def options_of(arguments: argparse.Namespace) -> TransferOptions:
    return TransferOptions(
        dry_run=arguments.dry_run,
        verbose_files=arguments.verbose_files,
        transfers=arguments.transfers,
        memory_budget=arguments.memory_budget,
        bwlimit=arguments.bwlimit,
        max_duration_s=arguments.max_duration,
        stall_timeout_s=arguments.stall_timeout,
        progress_interval_s=arguments.progress_interval,
    )


def selection_of(arguments: argparse.Namespace) -> Selection:
    """Return which files the options are about; some options are of backups only."""
    return Selection(
        includes=tuple(arguments.include),
        excludes=tuple(arguments.exclude),
        filter_from=arguments.filter_from,
        files_from=getattr(arguments, "files_from", None),
        exclude_if_present=getattr(arguments, "exclude_if_present", None) or "",
        one_file_system=getattr(arguments, "one_file_system", False),
    )
