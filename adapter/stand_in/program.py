"""One call of rclone from its words to its end: passed on, refused, or done in another way.

What involves no QingStor remote, and what is not understood, goes to the real rclone as it is.
"""

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from adapter.machine.brief_child import ask
from adapter.machine.launch import become
from adapter.stand_in.call import Call, Installed, Outcome, encoded
from adapter.stand_in.command_line import CommandLine, parse
from adapter.stand_in.guard import guarded, list_bucket, unless_listed
from adapter.stand_in.protection import filled_in, protected, protected_words, unwrapped
from adapter.stand_in.rclone_flags import READS_STDIN, WRITES_TO_LAST
from adapter.stand_in.remotes import Involved, Sections, involved
from rclone_conf.errors import ConfEncrypted, ConfError, ConfValueError, WrongPassword

_NOT_STARTED = 127


class _Start(NamedTuple):
    """A call before it is understood."""

    installed: Installed
    line: CommandLine
    environ: Mapping[str, str]
    conf_path: Path

    @property
    def argv(self) -> list[str]:
        """Return the command line of the real rclone, unchanged."""
        return [self.installed.real, *self.line.words]


def run(
    installed: Installed,
    words: list[str],
    environ: Mapping[str, str],
    ask_password: Callable[[Path], str | None],
    warn: Callable[[str], None],
) -> Outcome:
    """Run a command line of rclone; return how it ended, unless this process becomes rclone.

    `environ` is as the starter gave it. `ask_password` returns the password of a conf, or None; it is called
    for an encrypted one whose password is in no variable. `warn` tells what fails nothing.
    """
    line = parse(words)
    start = _Start(installed, line, environ, conf_path(line, environ, installed.real))
    if line.command in {"config create", "config update"}:
        return _configured(start, ask_password) or _become(start.argv, environ)
    try:
        environ, sections = _opened(start, ask_password)
    except (ConfEncrypted, WrongPassword) as error:
        return _still_encrypted(start, error, warn)
    except ConfError:
        # rclone says itself why it cannot read the file.
        return _become(start.argv, protected(environ, {}))
    remotes = involved(line, sections, environ)
    if not remotes:
        return _become(start.argv, environ)
    environ = filled_in(unwrapped(environ, sections), remotes)
    call = _protected_call(start, involved(line, sections, environ), environ)
    return _done_otherwise(call, warn) or _become_guarded(call, warn)


def conf_path(line: CommandLine, environ: Mapping[str, str], real: str) -> Path:
    """Return the rclone.conf of a call; it may not exist."""
    named = line.value("config")
    if named is None:
        named = environ.get("RCLONE_CONFIG")
    if named is not None:
        return Path(named or os.devnull)  # a blank path: a conf in memory
    beside = Path(real).resolve().with_name("rclone.conf")
    if beside.is_file():
        return beside
    from rclone_conf.location import default_path  # noqa: PLC0415 - slow to load

    return default_path(environ)


def _opened(start: _Start, ask_password: Callable[[Path], str | None]) -> tuple[Mapping[str, str], Sections]:
    """Return the environment, with the password if it was asked for, and the sections. Raises ConfError."""
    from rclone_conf.decrypted_file import Passwords, read_decrypted  # noqa: PLC0415 - slow to load
    from rclone_conf.document import Document  # noqa: PLC0415

    environ = dict(start.environ)
    path = os.path.realpath(start.conf_path)
    if path == os.devnull:
        return environ, {}

    def password() -> str | None:
        given = _password(start, ask_password)
        if given is not None and not _command(start):
            environ["RCLONE_CONFIG_PASS"] = given  # it may have been typed in
        return given

    document = Document.parse(read_decrypted(Path(path), Passwords(password)).clear)
    sections: dict[str, Mapping[str, str]] = {}
    for name in document.names:
        try:
            sections[name] = {**document.borrowed(name), **(document.get(name) or {})}
        except ConfValueError:
            continue  # rclone fails on it, too
    return environ, sections


def _still_encrypted(start: _Start, error: ConfError, warn: Callable[[str], None]) -> Outcome:
    """Say why the conf cannot be opened, then let rclone do so.

    Not where data comes on stdin: rclone would take its beginning for the password, and restic would wait.
    """
    from adapter.contract.errors import AdapterError  # noqa: PLC0415 - slow to load
    from adapter.stand_in.refusal import refusal  # noqa: PLC0415
    from adapter.storage.conf_errors import translated  # noqa: PLC0415

    try:
        with translated():
            raise error
    except AdapterError as told:
        refused = refusal(told)
    if start.line.command in READS_STDIN:
        return refused
    warn(refused.message)
    return _become(start.argv, protected(start.environ, {}))


def _command(start: _Start) -> str:
    """Return rclone's own --password-command; blank if there is none."""
    return start.line.value("password-command") or start.environ.get("RCLONE_PASSWORD_COMMAND", "")


def _password(start: _Start, ask_password: Callable[[Path], str | None]) -> str | None:
    """Return the password of the conf, as rclone finds it: by its command, in the variable, or typed in.

    None if there is none: then rclone says why.
    """
    command = _command(start)
    if not command:
        return start.environ.get("RCLONE_CONFIG_PASS") or ask_password(start.conf_path)
    import shlex  # noqa: PLC0415 - seldom needed

    said = ask(["/usr/bin/env", *shlex.split(command)], encoded(start.environ))
    if said.exit_status != 0:
        return None
    return said.stdout.decode(errors="surrogateescape").rstrip("\r\n")


def _configured(start: _Start, ask_password: Callable[[Path], str | None]) -> Outcome | None:
    """Do `config create` or `update` of a QingStor storage; None if that is rclone's own business."""
    from adapter.stand_in.config import configure  # noqa: PLC0415 - slow to load
    from adapter.stand_in.explain import settings_in  # noqa: PLC0415

    installed = start.installed
    settings = settings_in(start.environ, start.conf_path, installed, lambda: _password(start, ask_password))
    return configure(start.line, settings, installed.remembered.endpoint)


def _protected_call(start: _Start, remotes: Involved, environ: Mapping[str, str]) -> Call:
    from adapter.stand_in.keys import find_keys, with_keys  # noqa: PLC0415 - light, but errors are not

    keys = find_keys(remotes, environ, start.installed)
    return Call(
        start.installed,
        start.line,
        protected_words(start.line, remotes),
        with_keys(remotes, keys),
        protected(environ, keys),
        start.conf_path,
    )


def _done_otherwise(call: Call, warn: Callable[[str], None]) -> Outcome | None:
    """Return the outcome of a call that is not simply passed on."""
    from adapter.stand_in.held_input import holds_input, run_held  # noqa: PLC0415
    from adapter.stand_in.lsd import is_a_test, lsd  # noqa: PLC0415
    from adapter.stand_in.remote_control import NoPlace  # noqa: PLC0415
    from adapter.stand_in.single_file import copy_single_file, single_file  # noqa: PLC0415

    if is_a_test(call):
        return lsd(call)
    if (refused := _root_refused(call)) is not None:
        return refused
    if call.line.command == "mkdir" and call.remotes.named:
        return _made(call)
    # Without a place for the socket the guard does what it can.
    with suppress(NoPlace):
        if holds_input(call):
            return run_held(call)
        if (file := single_file(call)) is not None:
            _warn_of_large_files(call, warn)
            return copy_single_file(call, file)
    return None


def _root_refused(call: Call) -> Outcome | None:
    """Refuse to write to the list of buckets: each directory would become a bucket."""
    writes = call.line.command in WRITES_TO_LAST or call.line.command == "serve restic"
    last = call.destination
    if not writes or last is None or last.remote.bucket:
        return None
    named = f"{last.remote.name}:"
    message = f"{named} names no bucket, and each directory written there would become one."
    return Outcome(1, message=f"{message} Write {named}BUCKET or {named}BUCKET/PATH. [usage]")


def _made(call: Call) -> Outcome | None:
    """Return success if the bucket of `mkdir` is there: in a bucket there is nothing to make."""
    (named, *others) = call.remotes.named
    if others or not named.remote.bucket:
        return None
    if list_bucket(call, named).exit_status == 0:
        return Outcome(0)
    refused = unless_listed(call, named, lambda: b"")
    return refused or _become(call.argv, call.environ)


def _become_guarded(call: Call, warn: Callable[[str], None]) -> Outcome:
    refused = guarded(call)
    if refused is not None:
        return refused
    _warn_of_large_files(call, warn)
    return _become(call.argv, call.environ)


def _warn_of_large_files(call: Call, warn: Callable[[str], None]) -> None:
    from adapter.stand_in.large_files import warning_of_large_files  # noqa: PLC0415

    if warning := warning_of_large_files(call):
        warn(f"{warning} [file_size_limit]")


def _become(argv: list[str], environ: Mapping[str, str]) -> Outcome:
    """Become the real rclone; return only if that is not possible."""
    try:
        become(argv[0], argv, encoded(environ))
    except OSError as error:
        return Outcome(_NOT_STARTED, message=f"{argv[0]} cannot be started: {error.strerror}.")
    return Outcome(_NOT_STARTED)
