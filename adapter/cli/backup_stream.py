"""The `backup` command: its run, from the command line or from a job document."""

from dataclasses import replace
from pathlib import Path

from adapter.cli.context import Context
from adapter.cli.parser import usage_error
from adapter.cli.prompt import read_stdin
from adapter.cli.streaming import Stream, named, options_of, selection_of
from adapter.contract.json_lines import Envelope
from adapter.storage.target import parse_target
from adapter.transfer.backup import Backup, backup


def open_backup(context: Context, envelope: Envelope) -> Stream:
    """Return the run. Raises AdapterError for wrong arguments or a wrong document."""
    arguments = context.arguments
    if arguments.job is not None:
        if arguments.source is not None:
            raise usage_error(
                "With --job - source and target are in the document.", "Leave out SOURCE and TARGET."
            )
        return _job_stream(context, envelope)
    if arguments.source is None or arguments.target is None:
        raise usage_error(
            "backup needs SOURCE and TARGET, or --job -.", "`pluton-qingstor backup --help` shows both forms."
        )
    request = Backup(
        (arguments.source,),
        parse_target(arguments.target),
        options_of(arguments),
        selection=selection_of(arguments),
        series=arguments.source_name or envelope.plan_id or "",
        reread_source=arguments.reread_source,
        ignore_inode=arguments.ignore_inode,
        share=arguments.share,
        allow_empty=arguments.allow_empty,
        create_bucket=arguments.create_bucket,
        verify=arguments.verify,
        run_id=envelope.run_id,
    )
    return _stream(request, context, envelope)


def _stream(request: Backup, context: Context, envelope: Envelope) -> Stream:
    return Stream(
        backup(request, context.settings, context.cancel),
        envelope,
        request.named_sources,
        str(request.target),
    )


def _job_stream(context: Context, envelope: Envelope) -> Stream:
    """Return the run of the job document; options of the command line win over it, patterns add up."""
    from adapter.storage.job import parse_job  # noqa: PLC0415

    arguments = context.arguments
    job = parse_job(read_stdin("the job document"))
    given = options_of(arguments)
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
            selection_of(arguments),
            job_includes=job.names,
            job_excludes=job.excludes,
            job_filters=job.filters,
            places=job.places if job.source or job.sources else (),
        ),
        share_target=job.source is None,
        series=arguments.source_name or job.source_name or envelope.plan_id or job.plan_id or "",
        reread_source=arguments.reread_source,
        ignore_inode=arguments.ignore_inode or job.ignore_inode,
        share=arguments.share,
        allow_empty=arguments.allow_empty,
        create_bucket=arguments.create_bucket or job.create_bucket,
        verify=arguments.verify,
        run_id=envelope.run_id,
        ignored_settings=job.ignored,
    )
    return _stream(request, context, named(envelope, job.plan_id, job.backup_id))
