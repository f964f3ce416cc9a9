"""The `stand-in` commands."""

from collections.abc import Iterator

from adapter.cli.context import Command, Context
from adapter.cli.option_values import path_or_blank
from adapter.cli.parser import usage_error
from adapter.contract.json_lines import Answer, FailedWithData
from adapter.rclone.stand_in_mark import NAME, REAL
from adapter.stand_in.installation import Options, install, remove
from adapter.stand_in.script import closed_to_others
from adapter.stand_in.status import Status, look
from adapter.storage.json_document import FieldProblem


def _install(context: Context) -> Answer:
    """Install the stand-in, or renew it and what it remembers. Raises AdapterError."""
    arguments = context.arguments
    try:
        state_dir = None if arguments.state_dir is None else path_or_blank(arguments.state_dir)
    except FieldProblem as error:
        raise usage_error(f"--state-dir: {error.problem}.", error.hint) from None
    options = Options(arguments.endpoint, arguments.key_file, state_dir, arguments.create_bucket)
    install(arguments.directory, options, context.settings, context.cancel)
    found = _look(context)
    program = found.stand_in.directory / NAME
    lines = list(_lines(found))
    if closed := closed_to_others():
        lines.append(
            f"Not every user can read {closed}: install the adapter elsewhere if Pluton runs as another."
        )
    return Answer(
        f"{program} is the stand-in now; the real rclone is {REAL}, beside it.", found.as_dict(), lines
    )


def _remove(context: Context) -> Answer:
    """Put the real rclone back. Raises AdapterError."""
    directory = context.arguments.directory
    was_there = remove(directory, context.settings, context.cancel)
    program = directory / NAME
    if not was_there:
        result = f"There is no stand-in in {directory}; nothing was changed."
    elif program.exists():
        result = f"{program} is the real rclone again."
    else:
        result = f"{program} is removed; there was no rclone before."
    return Answer(result, {"removed": was_there})


def _status(context: Context) -> Answer:
    """Return what is in a directory. Raises FailedWithData unless a stand-in works there."""
    found = _look(context)
    data, lines = found.as_dict(), list(_lines(found))
    if failure := found.stand_in.failure:
        raise FailedWithData(failure, data, lines)
    return Answer(f"{found.stand_in.directory / NAME} is the stand-in, and works.", data, lines)


def _look(context: Context) -> Status:
    return look(context.arguments.directory, context.settings, context.cancel)


def _lines(found: Status) -> Iterator[str]:
    rows = {"state": found.stand_in.state.value}
    if found.rclone:
        rows["rclone"] = f"{found.rclone.version_text} at {found.rclone.path}"
    if found.stand_in.interpreter:
        rows["interpreter"] = found.stand_in.interpreter
    if found.remembered:
        options = found.remembered.as_dict().items()
        rows |= {name: "yes" if value is True else f"{value}" for name, value in options if value}
    width = max(map(len, rows))
    yield from (f"{name:<{width}}  {value}" for name, value in rows.items())


COMMANDS: dict[str, Command] = {"install": _install, "remove": _remove, "status": _status}
