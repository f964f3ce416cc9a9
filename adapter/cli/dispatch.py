"""From the command line to an exit status: parse, dispatch, print; an exception never leaves it."""

import argparse
import functools
import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from adapter.cli.commands import command_of, open_stream
from adapter.cli.context import Context
from adapter.cli.parser import STREAMING, WATCH, Shown, WrongCommandLine, find_ids, parse
from adapter.cli.printing import (
    ReaderStalled,
    print_answer,
    print_events,
    print_failure,
    print_lines,
    print_text,
)
from adapter.cli.prompt import ask_new_password, ask_password
from adapter.cli.recording import recorded
from adapter.cli.runs_commands import runs_watch
from adapter.cli.stdio import set_log_level, standard_streams
from adapter.cli.streaming import Stream, failed, named
from adapter.contract.errors import AdapterError, bug
from adapter.contract.json_lines import Envelope, EventLine, encode, event_line
from adapter.contract.os_errors import refusal
from adapter.machine.cancellation import Cancellation
from adapter.machine.settings import Settings, default_state_dir, find_home
from adapter.runs.run import new_run_id
from adapter.storage.conf_errors import translated
from adapter.storage.job_values import JobInvalid
from rclone_conf import default_path

_log = logging.getLogger(__name__)
_LEVELS = (logging.WARNING, logging.INFO, logging.DEBUG)
_NOT_RECORDED = frozenset({"ls"})
"""Commands that move nothing, and may say very much."""
_NOTHING = logging.CRITICAL + 1


def run(words: Sequence[str], cancel: Cancellation, *, loading_s: float = 0.0) -> int:
    """Run the command line; return the exit status of the contract. `loading_s`: time since the start."""
    with standard_streams():
        return _run(words, cancel, loading_s)


def _run(words: Sequence[str], cancel: Cancellation, loading_s: float) -> int:
    try:
        arguments = parse(words)
    except Shown as shown:
        return print_text(shown.text)
    except WrongCommandLine as error:
        return _report_usage(error, words, cancel)
    is_terse = arguments.quiet or (arguments.json and not arguments.verbose)
    set_log_level(_NOTHING if is_terse else _LEVELS[min(arguments.verbose or 0, 2)])
    try:
        if arguments.command in STREAMING:
            return _stream(arguments, words, cancel)
        if (arguments.command, arguments.action) == WATCH:
            return _watch(arguments, cancel)
        return _one_shot(arguments, cancel, loading_s)
    except ReaderStalled as stalled:
        # A normal exit would wait for the thread that waits for the reader.
        os._exit(stalled.status)


def _report_usage(error: WrongCommandLine, words: Sequence[str], cancel: Cancellation) -> int:
    as_json = "--json" in words
    ids = find_ids(words) if error.streaming else ()
    return _report(error, Envelope(new_run_id(), *ids), cancel, streaming=error.streaming, as_json=as_json)


def _report(
    error: AdapterError, envelope: Envelope, cancel: Cancellation, *, streaming: bool, as_json: bool
) -> int:
    """Print the error of a command that has not begun: in JSON lines it is a summary all the same."""
    if not (streaming and as_json):
        return print_failure(error, as_json=as_json)
    line = encode(failed(error), envelope, datetime.now(UTC))
    return print_events(iter((line,)), cancel, as_json=True, quiet=True)


def _one_shot(arguments: argparse.Namespace, cancel: Cancellation, loading_s: float) -> int:
    as_json = bool(arguments.json)
    try:
        command = command_of(arguments.command, arguments.action)
        answer = command(Context(arguments, _settings(arguments), cancel, loading_s))
    except Exception as error:  # noqa: BLE001  # see `_as_adapter_error`
        return print_failure(_as_adapter_error(error), as_json=as_json)
    return print_answer(answer, as_json=as_json)


def _stream(arguments: argparse.Namespace, words: Sequence[str], cancel: Cancellation) -> int:
    as_json, quiet = bool(arguments.json), bool(arguments.quiet)
    envelope = Envelope(new_run_id(), arguments.plan_id, arguments.backup_id, arguments.command)
    try:
        settings = _settings(arguments)
        stream = open_stream(Context(arguments, settings, cancel), envelope)
    except Exception as error:  # noqa: BLE001  # see `_as_adapter_error`
        # Without a record: typing errors would push the runs out of the list.
        known = envelope
        if isinstance(error, JobInvalid):
            known = named(envelope, error.plan_id, error.backup_id)
        return _report(_as_adapter_error(error), known, cancel, streaming=True, as_json=as_json)
    if arguments.command in _NOT_RECORDED:
        unrecorded = (encode(event, stream.envelope, datetime.now(UTC)) for event in stream.events)
        return print_events(unrecorded, cancel, as_json=as_json, quiet=quiet)
    with ExitStack() as held:
        lines = _recorded(stream, arguments.command, words, settings, held)
        return print_events(lines, cancel, as_json=as_json, quiet=quiet)


def _recorded(
    stream: Stream, command: str, words: Sequence[str], settings: Settings, held: ExitStack
) -> Iterator[EventLine]:
    """Yield the lines of the run while recording it; if one of both breaks, a summary that says why."""
    try:
        yield from held.enter_context(recorded(stream, command, words, settings))
    except Exception as error:  # noqa: BLE001  # see `_as_adapter_error`
        yield encode(failed(_as_adapter_error(error)), stream.envelope, datetime.now(UTC))


def _watch(arguments: argparse.Namespace, cancel: Cancellation) -> int:
    def lines() -> Iterator[str]:
        try:
            yield from runs_watch(Context(arguments, _settings(arguments), cancel))
        except Exception as error:  # noqa: BLE001  # see `_as_adapter_error`
            summary = failed(_as_adapter_error(error))
            yield event_line(summary, Envelope(arguments.run_id), datetime.now(UTC))

    return print_lines(lines(), cancel, as_json=bool(arguments.json), quiet=bool(arguments.quiet))


def _as_adapter_error(error: Exception) -> AdapterError:
    """Return the error as an AdapterError; a bug is `internal`, and with -v its traceback is logged."""
    if isinstance(error, AdapterError):
        return error
    if (refused := refusal(error)) is not None:
        return AdapterError(refused)
    _log.info("internal error", exc_info=error)
    return AdapterError(bug(error))


def _settings(arguments: argparse.Namespace) -> Settings:
    environ = os.environ
    home = find_home(environ)
    with translated():
        # An empty variable counts as not set; for rclone an empty $RCLONE_CONFIG means "use no file".
        given = {name: value for name, value in environ.items() if value}
        conf_path = Path(arguments.config) if arguments.config else default_path(given)
    return Settings(
        environ=environ,
        home=home,
        conf_path=conf_path,
        state_dir=Path(arguments.state_dir) if arguments.state_dir else default_state_dir(environ, home),
        rclone_option=arguments.rclone,
        ask_password=functools.cache(lambda: ask_password(environ, conf_path)),
        ask_new_password=ask_new_password,
    )
