"""The commands that stream events: `backup`, `verify`, `restore` and `cleanup`."""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from adapter.cli.parser import usage_error
from adapter.cli.prompt import read_stdin
from adapter.contract.errors import AdapterError, FormInvalid
from adapter.contract.events import Event, Outcome, Summary
from adapter.contract.json_lines import Envelope
from adapter.machine.cancellation import Cancellation
from adapter.machine.settings import Settings
from adapter.rclone.options import TransferOptions
from adapter.storage.job import Job, JobInvalid, parse_job
from adapter.storage.target import parse_target
from adapter.transfer.backup import Backup, backup
from adapter.transfer.cleanup import Cleanup, cleanup
from adapter.transfer.restore import Overwrite, Restore, restore
from adapter.transfer.selection import Selection
from adapter.transfer.verify import Verify, verify


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


def open_stream(
    arguments: argparse.Namespace, envelope: Envelope, settings: Settings, cancel: Cancellation
) -> Stream:
    """Return the run for the command line. Raises AdapterError for wrong arguments or documents."""
    if arguments.command == "restore":
        wanted = Restore(
            parse_target(arguments.target),
            arguments.destination,
            _options(arguments),
            Overwrite(arguments.overwrite),
            selection=_selection(arguments),
        )
        events = restore(wanted, settings, cancel)
        return Stream(events, envelope, str(wanted.target), str(wanted.destination))
    if arguments.command == "cleanup":
        unfinished = Cleanup(
            parse_target(arguments.target), arguments.older_than, arguments.dry_run, run_id=envelope.run_id
        )
        return Stream(cleanup(unfinished, settings, cancel), envelope, None, str(unfinished.target))
    if arguments.command == "verify":
        comparison = Verify(
            arguments.source,
            parse_target(arguments.target),
            _options(arguments),
            download=arguments.download,
            sample_percent=arguments.sample,
            selection=_selection(arguments),
        )
        events = verify(comparison, settings, cancel)
        return Stream(events, envelope, str(comparison.source), str(comparison.target))
    if arguments.job is not None:
        if arguments.source is not None:
            raise usage_error(
                "With --job - source and target are in the document.", "Leave out SOURCE and TARGET."
            )
        return _job_stream(arguments, envelope, settings, cancel)
    if arguments.source is None or arguments.target is None:
        raise usage_error(
            "backup needs SOURCE and TARGET, or --job -.", "`pluton-qingstor backup --help` shows both forms."
        )
    request = Backup(
        (arguments.source,),
        parse_target(arguments.target),
        _options(arguments),
        selection=_selection(arguments),
        series=arguments.source_name or envelope.plan_id or "",
        reread_source=arguments.reread_source,
        ignore_inode=arguments.ignore_inode,
        allow_empty=arguments.allow_empty,
        create_bucket=arguments.create_bucket,
        verify=arguments.verify,
        run_id=envelope.run_id,
    )
    return _backup_stream(request, envelope, settings, cancel)


def _backup_stream(request: Backup, envelope: Envelope, settings: Settings, cancel: Cancellation) -> Stream:
    return Stream(backup(request, settings, cancel), envelope, request.named_sources, str(request.target))


def _job_stream(
    arguments: argparse.Namespace, envelope: Envelope, settings: Settings, cancel: Cancellation
) -> Stream:
    """Return the run of the job document; options of the command line win over it, patterns add up."""
    job = parse_job(read_stdin("the job document"))
    given = _options(arguments)
    options = replace(
        given,
        dry_run=given.dry_run or job.dry_run,
        transfers=given.transfers or job.performance.transfers,
        checkers=job.performance.checkers,
        multi_thread_streams=job.performance.multi_thread_streams,
        multi_thread_cutoff=job.performance.multi_thread_cutoff,
        multi_thread_chunk_size=job.performance.multi_thread_chunk_size,
        max_transfer=job.performance.max_transfer,
        buffer_size=job.performance.buffer_size,
        bwlimit=given.bwlimit or job.performance.bwlimit,
        max_duration_s=given.max_duration_s or job.performance.max_duration_s,
    )
    sources = (job.source,) if job.source else job.sources or job.places
    request = Backup(
        tuple(map(Path, sources)),
        job.target,
        options,
        job.storage,
        selection=replace(
            _selection(arguments),
            job_includes=job.names,
            job_excludes=job.excludes,
            job_filters=job.filters,
            places=job.places if job.source or job.sources else (),
        ),
        share_target=job.source is None,
        series=arguments.source_name or job.source_name or envelope.plan_id or job.plan_id or "",
        reread_source=arguments.reread_source,
        ignore_inode=arguments.ignore_inode or job.ignore_inode,
        allow_empty=arguments.allow_empty,
        create_bucket=arguments.create_bucket or job.create_bucket,
        verify=arguments.verify,
        run_id=envelope.run_id,
        ignored_settings=job.ignored,
    )
    return _backup_stream(request, named(envelope, job), settings, cancel)


def named(envelope: Envelope, job: Job | JobInvalid) -> Envelope:
    """Return the envelope with the ids of the job document, where the command line gives none."""
    return replace(
        envelope,
        plan_id=envelope.plan_id or job.plan_id,
        backup_id=envelope.backup_id or job.backup_id,
    )


def _options(arguments: argparse.Namespace) -> TransferOptions:
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


def _selection(arguments: argparse.Namespace) -> Selection:
    """Return which files the options are about; some options are of backups only."""
    return Selection(
        includes=tuple(arguments.include),
        excludes=tuple(arguments.exclude),
        filter_from=arguments.filter_from,
        files_from=getattr(arguments, "files_from", None),
        exclude_if_present=getattr(arguments, "exclude_if_present", None) or "",
        one_file_system=getattr(arguments, "one_file_system", False),
    )
