"""The command line: commands, options and their `--help`."""

import argparse
from collections.abc import Callable, Sequence
from typing import NoReturn, TypeAlias

from adapter.cli.option_values import a_positive_number, checked
from adapter.cli.stand_in_options import add_directory, add_install_options
from adapter.cli.transfer_options import (
    add_backup_options,
    add_cleanup_options,
    add_ls_options,
    add_restore_options,
    add_verify_options,
)
from adapter.contract.errors import AdapterError, ErrorCode, Failure

_PROGRAM = "pluton-qingstor"

STREAMING = frozenset({"backup", "cleanup", "ls", "restore", "verify"})
"""The commands that print JSON lines with a summary at the end; the others print one object."""
WATCH = ("runs", "watch")
"""The one action that prints JSON lines too."""

_EXAMPLES = """\
examples:
  pluton-qingstor form fields --json                    print the fields of the form
  pluton-qingstor storage test < storage.json           test the connection, save nothing
  pluton-qingstor storage save < storage.json           test, then write the section to rclone.conf
  pluton-qingstor backup /srv/data "QingStor Backups:my-bucket/srv-data"
  pluton-qingstor restore "QingStor Backups:my-bucket/srv-data" /tmp/restored

exit status: 0 success, 1 failed, 2 wrong usage or document, 3 partial, 10 not found, 11 locked,
  12 credentials, 13 rclone.conf, 20 rclone missing or unsupported, 21 network, 22 time-out,
  23 source and bucket differ, 70 bug in this program, 130 cancelled
"""
_USAGE_NOTE = (
    "The numbers are QingStor's own statistics. It does not say how soon these know of what was stored or "
    "deleted: they may lag behind. Remove unfinished uploads with `cleanup`."
)


class WrongCommandLine(AdapterError):
    """A command line that cannot be parsed; `prog` is the program and as much of the command as is known."""

    def __init__(self, message: str, prog: str, hint: str = "") -> None:
        super().__init__(Failure(ErrorCode.USAGE, message, hint or f"See `{prog} --help`."))
        words = tuple(prog.split()[1:])
        self.streaming = words == WATCH or not STREAMING.isdisjoint(words[:1])
        """Whether the command prints JSON lines."""


class Shown(Exception):
    """The text of `--help` or `--version`, to print instead of running a command."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


class _Parser(argparse.ArgumentParser):
    """A parser that raises instead of printing and exiting, so that all output goes one way."""

    def error(self, message: str) -> NoReturn:
        problem, _, hint = message.partition("\n")  # the second line is from `checked`
        raise WrongCommandLine(f"{problem[:1].upper()}{problem[1:]}.", self.prog, hint)

    def _print_message(self, message: str, _file: object = None) -> NoReturn:
        raise Shown(message.rstrip("\n"))


class _Version(argparse.Action):
    """The action of `--version`, which looks the version up only then: that takes longer than parsing."""

    def __call__(self, *_: object) -> NoReturn:
        from importlib import metadata  # noqa: PLC0415 - slow to load

        raise Shown(f"{_PROGRAM} {metadata.version(_PROGRAM)}")


_Actions: TypeAlias = "argparse._SubParsersAction[_Parser]"  # noqa: SLF001  # argparse has no public name for it


def usage_error(message: str, hint: str) -> AdapterError:
    """Return an AdapterError with code `usage`."""
    return AdapterError(Failure(ErrorCode.USAGE, message, hint))


def parse(words: Sequence[str]) -> argparse.Namespace:
    """Return the parsed command line. Raises WrongCommandLine, or Shown for help and version."""
    arguments, unknown = build_parser().parse_known_args(words)
    if unknown:
        named = (_PROGRAM, arguments.command, getattr(arguments, "action", ""))
        raise WrongCommandLine(f"Unrecognized arguments: {' '.join(unknown)}.", " ".join(filter(None, named)))
    return arguments


def find_ids(words: Sequence[str]) -> tuple[str | None, str | None]:
    """Return `--plan-id` and `--backup-id` of a command line that may be wrong elsewhere."""
    parser = _Parser(add_help=False, allow_abbrev=False)
    for option in ("--plan-id", "--backup-id"):
        parser.add_argument(option, nargs="?")
    found, _ = parser.parse_known_args(words)
    return found.plan_id, found.backup_id


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line; its result has `command` and `action`."""
    common = _common_options(argparse.SUPPRESS)
    parser = _Parser(
        prog=_PROGRAM,
        description="Back up to QingStor object storage, and restore from it, with rclone.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[_common_options(None)],
        allow_abbrev=False,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and exit")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def group(name: str, text: str) -> _Actions:
        child = commands.add_parser(name, help=text, description=text, allow_abbrev=False)
        return child.add_subparsers(dest="action", required=True, metavar="ACTION")

    def action(of: _Actions, name: str, text: str) -> _Parser:
        return of.add_parser(name, help=text, description=text, parents=[common], allow_abbrev=False)

    form = group("form", "Describe and check Pluton's form of a QingStor storage.")
    action(form, "fields", "Print the fields of the form, in order, with their defaults.")
    action(form, "schema", "Print the JSON Schema of the storage document.")
    action(form, "check", "Check the storage document on stdin; print all errors, or advice.")

    _storage(
        group("storage", "Test, save, update, list, show, delete storages; count what they hold."), action
    )
    _runs(group("runs", "List, show, stop and watch runs."), action)

    conf = group("conf", "Show, check, repair, encrypt and decrypt rclone.conf.")
    action(conf, "path", "Print the path of the rclone.conf that is used.")
    shown = action(conf, "show", "Show all sections or one, secrets masked, with each option explained.")
    shown.add_argument("name", nargs="?", metavar="NAME", help="a section (default: all)")
    action(conf, "check", "Check the whole file; exit with 13 if something is wrong.")
    fix = action(conf, "repair", "Repair what `conf check` found; keep a copy of the old file.")
    fix.add_argument("--dry-run", action="store_true", help="only show what would change, even with --yes")
    fix.add_argument("--yes", action="store_true", help="write the repaired file")
    action(conf, "encrypt", "Encrypt the file in rclone's format, or change its password.")
    action(conf, "decrypt", "Decrypt the file.")

    stand_in = group("stand-in", "Let other programs run this one as their rclone.")
    add_install_options(
        action(stand_in, "install", "Put the stand-in for rclone into a directory, or renew it.")
    )
    add_directory(action(stand_in, "remove", "Put the real rclone back into its place."))
    add_directory(action(stand_in, "status", "Show whether the stand-in is in place and works."))

    text = "Run rclone's own command line, made safe for QingStor."
    rclone = commands.add_parser("rclone", help=text, description=text, add_help=False, allow_abbrev=False)
    rclone.add_argument("words", nargs=argparse.REMAINDER, metavar="ARG")
    rclone.set_defaults(action="")

    doctor = action(commands, "doctor", "Check everything that a backup needs; change nothing.")
    doctor.set_defaults(action="")

    add_backup_options(action(commands, "backup", "Back up a local file or directory to a bucket."))
    add_verify_options(
        action(commands, "verify", "Compare the bucket with a backup, or with a source; change nothing.")
    )
    add_cleanup_options(
        action(commands, "cleanup", "Remove unfinished uploads, or objects that no backup needs.")
    )
    add_restore_options(action(commands, "restore", "Restore a backup to a local directory."))
    add_ls_options(action(commands, "ls", "List what a restore would bring back."))
    return parser


def _common_options(default: object) -> _Parser:
    """Return the options of every command, allowed before and after it.

    `default` is SUPPRESS after it: an option that is not given there must not undo one given before.
    """
    options = _Parser(add_help=False, argument_default=default, allow_abbrev=False)
    group = options.add_argument_group("common options")
    add = group.add_argument
    add("--config", metavar="PATH", help="rclone.conf to use (default: $RCLONE_CONFIG, else rclone's own)")
    rclone = "rclone to run (default: $PLUTON_QINGSTOR_RCLONE, else beside Python, else on PATH)"
    add("--rclone", metavar="PATH", help=rclone)
    state = "locks and run records (default: $PLUTON_QINGSTOR_STATE_DIR, else the XDG state directory)"
    add("--state-dir", metavar="PATH", help=state)
    add("--json", action="store_true", help="print JSON on stdout")
    add("-v", "--verbose", action="count", help="log more on stderr; twice for debug messages")
    add("-q", "--quiet", action="store_true", help="show no progress bar and no log")
    return options


def _storage(of: _Actions, action: Callable[[_Actions, str, str], _Parser]) -> None:
    test = action(of, "test", "Test a saved storage, or the storage document on stdin; save nothing.")
    test.add_argument("name", nargs="?", metavar="NAME", help="a saved storage (default: read stdin)")
    _test_options(test)
    save = action(of, "save", "Check and test the storage document on stdin, then save it.")
    save.add_argument("--no-test", action="store_true", help="save without testing the connection")
    save.add_argument("--replace", action="store_true", help="replace a storage of the same name")
    _test_options(save)
    update = action(of, "update", "Change the fields of a saved storage that the document on stdin has.")
    update.add_argument("name", metavar="NAME", help="a saved storage")
    update.add_argument("--no-test", action="store_true", help="write without testing the connection")
    _test_options(update)
    action(of, "list", "List the saved QingStor storages.")
    show = action(of, "show", "Show a saved storage, keys masked.")
    show.add_argument("name", metavar="NAME", help="a saved storage")
    show.add_argument("--reveal", action="store_true", help="show the keys too; needs a terminal")
    delete = action(of, "delete", "Remove a saved storage from rclone.conf; the bucket is not changed.")
    delete.add_argument("name", metavar="NAME", help="a saved storage")
    usage = action(of, "usage", "Print objects and bytes of each bucket, and its unfinished uploads.")
    whole = "a saved storage, or one bucket of it (default: all buckets of its zone)"
    usage.add_argument("target", metavar="NAME[:BUCKET]", help=whole)
    usage.epilog = _USAGE_NOTE


def _test_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--bucket", default="", metavar="BUCKET", help="test this bucket too")
    add("--write", action="store_true", help="put an object into the bucket, read it back, delete it")
    add(
        "--timeout",
        type=checked(a_positive_number),
        default=30.0,
        metavar="S",
        help="limit for the whole test, in seconds (default: %(default)g)",
    )


def _runs(of: _Actions, action: Callable[[_Actions, str, str], _Parser]) -> None:
    listed = action(of, "list", "List the recorded runs, the newest first.")
    remote = "list the backups at NAME:BUCKET[/PATH] instead, by their manifests"
    listed.add_argument("--remote", metavar="TARGET", help=remote)
    show = action(of, "show", "Show everything that is known about a run.")
    show.add_argument("--failed", action="store_true", help="list every failed file of the run")
    stop = action(of, "stop", "Ask a run to stop, and wait; the second time, its rclone is killed.")
    watch = action(of, "watch", "Print the events of a run up to its summary; Ctrl-C does not stop the run.")
    for parser in (show, stop, watch):
        parser.add_argument("run_id", metavar="ID", help="a run, as in `runs list`")
    stop.add_argument(
        "--timeout",
        type=checked(a_positive_number),
        default=60.0,
        metavar="S",
        help="how long to wait, in seconds (default: %(default)g)",
    )
