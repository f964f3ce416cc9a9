"""The function of each command, loaded when it is asked for: most commands are quicker than loading all."""

from adapter.cli.context import Command, Context
from adapter.cli.parser import usage_error
from adapter.cli.streaming import Stream, options_of, selection_of
from adapter.contract.json_lines import Envelope
from adapter.rclone.options import TransferOptions
from adapter.storage.target import parse_target
from adapter.transfer.overwrite import Overwrite


def command_of(command: str, action: str) -> Command:
    """Return the function of a command that answers with one object; its parser is in `parser.py`.

    Raises KeyError for any other.
    """
    match command:
        case "form":
            from adapter.cli.form_commands import COMMANDS  # noqa: PLC0415
        case "storage":
            from adapter.cli.storage_commands import COMMANDS  # noqa: PLC0415
        case "conf":
            from adapter.cli.conf_commands import COMMANDS  # noqa: PLC0415
        case "runs":
            from adapter.cli.runs_commands import COMMANDS  # noqa: PLC0415
        case "rclone":  # `main` hands on what is written in the right order
            raise usage_error(
                "Only --config, --rclone and --state-dir may stand before `rclone`.",
                "Write rclone's own flags behind it.",
            )
        case "stand-in":
            from adapter.cli.stand_in_commands import COMMANDS  # noqa: PLC0415
        case _:
            from adapter.cli.doctor_commands import COMMANDS  # noqa: PLC0415
    return COMMANDS[action]


def open_stream(context: Context, envelope: Envelope) -> Stream:
    """Return the run for the command line. Raises AdapterError for wrong arguments or documents."""
    match context.arguments.command:
        case "backup":
            from adapter.cli.backup_stream import open_backup  # noqa: PLC0415

            return open_backup(context, envelope)
        case "restore":
            return _restore(context, envelope)
        case "ls":
            return _ls(context, envelope)
        case "verify":
            return _verify(context, envelope)
        case _:
            return _cleanup(context, envelope)


def _restore(context: Context, envelope: Envelope) -> Stream:
    from adapter.transfer.restore import Restore, restore  # noqa: PLC0415

    arguments = context.arguments
    request = Restore(
        parse_target(arguments.target),
        arguments.destination,
        options_of(arguments),
        Overwrite(arguments.overwrite),
        selection=selection_of(arguments),
        at=arguments.at,
        has_metadata=not arguments.no_metadata,
        has_owner=arguments.owner,
    )
    events = restore(request, context.settings, context.cancel)
    return Stream(events, envelope, str(request.target), str(request.destination))


def _ls(context: Context, envelope: Envelope) -> Stream:
    from adapter.transfer.ls import Ls, ls  # noqa: PLC0415

    arguments = context.arguments
    request = Ls(
        parse_target(arguments.target),
        TransferOptions(),
        arguments.recursive,
        arguments.at,
        selection=selection_of(arguments),
    )
    return Stream(ls(request, context.settings, context.cancel), envelope, str(request.target))


def _verify(context: Context, envelope: Envelope) -> Stream:
    from adapter.transfer.verify import Verify, verify  # noqa: PLC0415

    arguments = context.arguments
    request = Verify(
        parse_target(arguments.target),
        options_of(arguments),
        arguments.source,
        arguments.at,
        series=arguments.source_name or envelope.plan_id or "",
        download=arguments.download,
        sample_percent=arguments.sample,
        selection=selection_of(arguments),
        reread_source=arguments.reread_source,
        ignore_inode=arguments.ignore_inode,
    )
    source = None if request.source is None else str(request.source)
    events = verify(request, context.settings, context.cancel)
    return Stream(events, envelope, source, str(request.target))


def _cleanup(context: Context, envelope: Envelope) -> Stream:
    from adapter.transfer.cleanup import Cleanup, cleanup  # noqa: PLC0415

    arguments = context.arguments
    if arguments.yes and not arguments.unreferenced:
        raise usage_error("--yes belongs to --unreferenced.", "Unfinished uploads are removed without it.")
    request = Cleanup(
        parse_target(arguments.target),
        arguments.older_than,
        arguments.dry_run,
        arguments.unreferenced,
        arguments.yes,
        run_id=envelope.run_id,
    )
    return Stream(cleanup(request, context.settings, context.cancel), envelope, None, str(request.target))
