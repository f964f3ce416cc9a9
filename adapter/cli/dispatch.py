"""From the command line to an exit status: parse, dispatch, print, and never a traceback for a person."""

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
    """Do what the command line says; the exit status of the contract. `loading_s`: what has passed by now."""
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
        # The interpreter would wait at its end for the lock of a thread that waits for the reader.
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
    except Exception as error:  # noqa: BLE001  # the last border: see `_told`
        return _report_failure(_told(error, arguments), as_json=bool(arguments.json))
    text = "\n".join(part for part in (answer.result, answer.text) if part)
    return print_answer(answer_line(answer) if arguments.json else text, ExitStatus.SUCCESS)


def _stream(arguments: argparse.Namespace, words: Sequence[str], cancel: Cancellation) -> int:
    with ExitStack() as held:
        lines = _opened(arguments, words, cancel, held)
        return print_events(lines, cancel, as_json=bool(arguments.json), quiet=bool(arguments.quiet))


def _opened(
    arguments: argparse.Namespace, words: Sequence[str], cancel: Cancellation, held: ExitStack
) -> Iterator[EventLine]:
    """The run, written down as it goes; or the summary of why there is none, written down if possible."""
    envelope = Envelope(new_run_id(), arguments.plan_id, arguments.backup_id)

    def to_a_summary(lines: Iterator[EventLine]) -> Iterator[EventLine]:
        try:
            yield from lines
        except Exception as error:  # noqa: BLE001  # the last border: see `_told`
            yield without_a_run(error)

    def without_a_run(error: Exception) -> EventLine:
        return encode(failed(_told(error, arguments)), envelope, datetime.now(UTC))

    try:
        settings = _settings(arguments)
        try:
            stream = open_stream(arguments, envelope, settings, cancel)
        except Exception as error:  # noqa: BLE001  # the last border: see `_told`
            stream = Stream(iter((failed(_told(error, arguments)),)), envelope)
        envelope = stream.envelope
        lines = held.enter_context(recorded(stream, arguments.command, words, settings))
    except Exception as error:  # noqa: BLE001  # the last border: see `_told`
        return iter((without_a_run(error),))
    return to_a_summary(lines)


def _watch(arguments: argparse.Namespace, cancel: Cancellation) -> int:
    def lines() -> Iterator[str]:
        try:
            yield from runs_watch(Context(arguments, _settings(arguments), cancel))
        except Exception as error:  # noqa: BLE001  # the last border: see `_told`
            summary = failed(_told(error, arguments))
            yield event_line(summary, Envelope(arguments.run_id), datetime.now(UTC))

    return print_lines(lines(), cancel, as_json=bool(arguments.json), quiet=bool(arguments.quiet))


def _told(error: Exception, arguments: argparse.Namespace) -> AdapterError:
    """The error in the contract's words; a bug is `internal`, and its traceback goes to stderr with -v."""
    if isinstance(error, AdapterError):
        return error
    if (refused := refusal(error)) is not None:
        return AdapterError(refused)
    _log.critical("a bug of this adapter", exc_info=error if arguments.verbose else None)
    return AdapterError(
        Failure(
            ErrorCode.INTERNAL,
            f"A bug of this adapter: {type(error).__name__}.",
            "Please report it with the output of the same command and -v.",
        )
    )


def _settings(arguments: argparse.Namespace) -> Settings:
    environ = os.environ
    home = Path.home()
    with translated():
        # An empty variable is one that is not set; rclone would take $RCLONE_CONFIG for "use no file".
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
    """The one object on stdout; or sentence, code and hint, for people, on stderr."""
    status = error.failure.code.exit_status
    data = error.data if isinstance(error, FailedWithData) else None
    if as_json:
        return print_answer(failure_line(error, data), status)
    if isinstance(error, FailedWithData):
        tell(error.text)
    for failure in error.errors if isinstance(error, FormInvalid) else (error.failure,):
        where = f"{failure.field}: " if failure.field else ""
        tell(f"{where}{failure.message} [{failure.code}]\n  {failure.hint}")
    return status
