"""From the command line to an exit status: parse, dispatch, print; an exception never leaves it."""

import argparse
import functools
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from adapter.cli.context import Context
from adapter.cli.labels import with_label
from adapter.cli.one_shot import COMMANDS
from adapter.cli.parser import STREAMING, WATCH, Shown, WrongCommandLine, find_ids, parse
from adapter.cli.printing import ReaderStalled, print_answer, print_events, print_lines, tell
from adapter.cli.prompt import ask_new_password, ask_password
from adapter.cli.recording import recorded
from adapter.cli.runs_commands import runs_watch
from adapter.cli.streaming import Stream, failed, open_stream
from adapter.contract.errors import AdapterError, ErrorCode, ExitStatus, Failure, FormInvalid
from adapter.contract.json_lines import (
    Envelope,
    EventLine,
    FailedWithData,
    answer_line,
    encode,
    event_line,
    failure_line,
)
from adapter.contract.os_errors import refusal
from adapter.machine.cancellation import Cancellation
from adapter.machine.settings import Settings, default_state_dir
from adapter.runs.run import new_run_id
from adapter.storage.conf_errors import translated
from rclone_conf import default_path

_log = logging.getLogger(__name__)
_LEVELS = (logging.WARNING, logging.INFO, logging.DEBUG)


def run(words: Sequence[str], cancel: Cancellation, *, loading_s: float = 0.0) -> int:
    """Run the command line; return the exit status of the contract. `loading_s`: time since the start."""
    logging.basicConfig(stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
    try:
        arguments = parse(words)
    except Shown as shown:
        return print_answer(shown.text, ExitStatus.SUCCESS)
    except WrongCommandLine as error:
        return _report_usage(error, words)
    level = _LEVELS[min(arguments.verbose or 0, 2)]
    logging.getLogger("adapter").setLevel(logging.CRITICAL if arguments.quiet else level)
    try:
        if arguments.command in STREAMING:
            return _stream(arguments, words, cancel)
        if (arguments.command, arguments.action) == WATCH:
            return _watch(arguments, cancel)
        return _one_shot(arguments, cancel, loading_s)
    except ReaderStalled as stalled:
        # A normal exit would wait for the thread that waits for the reader.
        os._exit(stalled.status)


def _report_usage(error: WrongCommandLine, words: Sequence[str]) -> int:
    if error.streaming and "--json" in words:
        line = event_line(failed(error), Envelope(new_run_id(), *find_ids(words)), datetime.now(UTC))
        return print_answer(line, error.failure.code.exit_status)
    return _report_failure(error, as_json="--json" in words)


def _one_shot(arguments: argparse.Namespace, cancel: Cancellation, loading_s: float) -> int:
    try:
        command = COMMANDS[arguments.command, arguments.action]
        answer = command(Context(arguments, _settings(arguments), cancel, loading_s))
    except Exception as error:  # noqa: BLE001  # see `_as_adapter_error`
        return _report_failure(_as_adapter_error(error, arguments), as_json=bool(arguments.json))
    text = "\n".join(part for part in (answer.result, answer.text) if part)
    return print_answer(answer_line(answer) if arguments.json else text, ExitStatus.SUCCESS)


def _stream(arguments: argparse.Namespace, words: Sequence[str], cancel: Cancellation) -> int:
    with ExitStack() as held:
        lines = _opened(arguments, words, cancel, held)
        return print_events(lines, cancel, as_json=bool(arguments.json), quiet=bool(arguments.quiet))


def _opened(
    arguments: argparse.Namespace, words: Sequence[str], cancel: Cancellation, held: ExitStack
) -> Iterator[EventLine]:
    """Return the lines of the run while recording it; if it cannot begin, a summary that says why."""
    envelope = Envelope(new_run_id(), arguments.plan_id, arguments.backup_id)

    def ending_in_a_summary(lines: Iterator[EventLine]) -> Iterator[EventLine]:
        try:
            yield from lines
        except Exception as error:  # noqa: BLE001  # see `_as_adapter_error`
            yield failed_run(error)

    def failed_run(error: Exception) -> EventLine:
        return encode(failed(_as_adapter_error(error, arguments)), envelope, datetime.now(UTC))

    try:
        settings = _settings(arguments)
        try:
            stream = open_stream(arguments, envelope, settings, cancel)
        except Exception as error:  # noqa: BLE001  # see `_as_adapter_error`
            stream = Stream(iter((failed(_as_adapter_error(error, arguments)),)), envelope)
        envelope = stream.envelope
        lines = held.enter_context(recorded(stream, arguments.command, words, settings))
    except Exception as error:  # noqa: BLE001  # see `_as_adapter_error`
        return iter((failed_run(error),))
    return ending_in_a_summary(lines)


def _watch(arguments: argparse.Namespace, cancel: Cancellation) -> int:
    def lines() -> Iterator[str]:
        try:
            yield from runs_watch(Context(arguments, _settings(arguments), cancel))
        except Exception as error:  # noqa: BLE001  # see `_as_adapter_error`
            summary = failed(_as_adapter_error(error, arguments))
            yield event_line(summary, Envelope(arguments.run_id), datetime.now(UTC))

    return print_lines(lines(), cancel, as_json=bool(arguments.json), quiet=bool(arguments.quiet))


def _as_adapter_error(error: Exception, arguments: argparse.Namespace) -> AdapterError:
    """Return the error as an AdapterError; a bug is `internal`, and with -v its traceback is logged."""
    if isinstance(error, AdapterError):
        return error
    if (refused := refusal(error)) is not None:
        return AdapterError(refused)
    _log.critical("internal error", exc_info=error if arguments.verbose else None)
    return AdapterError(
        Failure(
            ErrorCode.INTERNAL,
            f"Internal error: {type(error).__name__}. This is a bug in the adapter.",
            "Run the same command with -v and report its output.",
        )
    )


def _settings(arguments: argparse.Namespace) -> Settings:
    environ = os.environ
    home = Path.home()
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
        ask_password=functools.cache(lambda: ask_password(environ)),
        ask_new_password=ask_new_password,
    )


def _report_failure(error: AdapterError, *, as_json: bool) -> int:
    """Print one object on stdout or, for people, message, code and hint on stderr; return the exit status."""
    status = error.failure.code.exit_status
    data = error.data if isinstance(error, FailedWithData) else None
    if as_json:
        return print_answer(failure_line(error, data), status)
    if isinstance(error, FailedWithData):
        tell(error.text)
    for failure in error.errors if isinstance(error, FormInvalid) else (error.failure,):
        tell(f"{with_label(failure.message, failure.field)} [{failure.code}]\n  {failure.hint}")
    return status
