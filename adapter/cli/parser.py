"""What can be typed: commands, options, and a `--help` that teaches."""

import argparse
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn, TypeAlias, TypeVar

from adapter.connection.stages import DEFAULT_TIMEOUT_S
from adapter.contract.errors import AdapterError, ErrorCode, Failure
from adapter.storage.job import (
    read_bwlimit,
    read_duration,
    read_limit,
    read_path,
    read_pattern,
    read_transfers,
)
from adapter.storage.json_document import FieldProblem, read_size
from adapter.transfer.cleanup import DEFAULT_AGE_S
from adapter.transfer.restore import Overwrite

_Value = TypeVar("_Value")
_PROGRAM = "pluton-qingstor"
_LEAST_MEMORY = 128 << 20

STREAMING = frozenset({"backup", "cleanup", "restore", "verify"})
"""The commands that answer in JSON lines with a summary at the end; all others answer with one object."""
WATCH = ("runs", "watch")
"""The one command with an action that streams too."""

_EXAMPLES = """\
examples:
  pluton-qingstor form fields --json                    the form, for drawing it
  pluton-qingstor storage test < storage.json           Test Connection, saves nothing
  pluton-qingstor storage save < storage.json           test, then write the section to rclone.conf
  pluton-qingstor backup /srv/data "QingStor Backups:my-bucket/srv-data"
  pluton-qingstor restore "QingStor Backups:my-bucket/srv-data" /tmp/restored

exit status: 0 success, 1 failed, 2 usage or invalid form, 3 partial, 10 not found, 11 locked,
  12 credentials, 13 rclone.conf, 20 rclone missing or unsupported, 21 network, 22 time, 23 different,
  70 a bug of ours, 130 cancelled
"""


class WrongCommandLine(AdapterError):
    """A command line that cannot be parsed; `prog` names the program and what is known of the command."""

    def __init__(self, message: str, prog: str, hint: str = "") -> None:
        super().__init__(Failure(ErrorCode.USAGE, message, hint or f"`{prog} --help` shows what it takes."))
        words = tuple(prog.split()[1:])
        self.streaming = words == WATCH or not STREAMING.isdisjoint(words[:1])
        """Whether the command answers in JSON lines."""


class Shown(Exception):
    """The help or version that was asked for, in place of a command."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


class _Parser(argparse.ArgumentParser):
    """Raises instead of printing and exiting, so that every answer takes the same way to stdout."""

    def error(self, message: str) -> NoReturn:
        problem, _, hint = message.partition("\n")  # the second line is from `_checked`
        raise WrongCommandLine(f"{problem[:1].upper()}{problem[1:]}.", self.prog, hint)

    def _print_message(self, message: str, _file: object = None) -> NoReturn:
        raise Shown(message.rstrip("\n"))


class _Version(argparse.Action):
    """Looks the version up when it is asked for: that takes longer than parsing."""

    def __call__(self, *_: object) -> NoReturn:
        from importlib import metadata  # noqa: PLC0415 - slow to load

        raise Shown(f"{_PROGRAM} {metadata.version(_PROGRAM)}")


_Actions: TypeAlias = "argparse._SubParsersAction[_Parser]"  # noqa: SLF001  # argparse has no public name for it


def usage_error(message: str, hint: str) -> AdapterError:
    """An error in the words of the command line."""
    return AdapterError(Failure(ErrorCode.USAGE, message, hint))


def parse(words: Sequence[str]) -> argparse.Namespace:
    """The command line, parsed. Raises WrongCommandLine, or Shown for help and version."""
    arguments, unknown = build_parser().parse_known_args(words)
    if unknown:
        named = (_PROGRAM, arguments.command, getattr(arguments, "action", ""))
        raise WrongCommandLine(f"Unrecognized arguments: {' '.join(unknown)}.", " ".join(filter(None, named)))
    return arguments


def find_ids(words: Sequence[str]) -> tuple[str | None, str | None]:
    """`--plan-id` and `--backup-id` in a command line that is wrong elsewhere."""
    parser = _Parser(add_help=False, allow_abbrev=False)
    for option in ("--plan-id", "--backup-id"):
        parser.add_argument(option, nargs="?")
    found, _ = parser.parse_known_args(words)
    return found.plan_id, found.backup_id


def build_parser() -> argparse.ArgumentParser:
    """The parser for the whole command line; `command` and `action` name what was asked for."""
    common = _common_options(argparse.SUPPRESS)
    parser = _Parser(
        prog=_PROGRAM,
        description="Backups on QingStor object storage, carried by rclone.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[_common_options(None)],
        allow_abbrev=False,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="the version of this program")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def group(name: str, text: str) -> _Actions:
        child = commands.add_parser(name, help=text, description=text, allow_abbrev=False)
        return child.add_subparsers(dest="action", required=True, metavar="ACTION")

    def action(of: _Actions, name: str, text: str) -> _Parser:
        return of.add_parser(name, help=text, description=text, parents=[common], allow_abbrev=False)

    form = group("form", "The form of a QingStor storage, as Pluton draws and posts it.")
    action(form, "fields", "The fields of the form, in order, with their defaults.")
    action(form, "schema", "JSON Schema of the storage document.")
    action(form, "check", "Check a storage document on stdin: all errors at once, and advice.")

    storage = group("storage", "Saved storages, and Test Connection.")
    test = action(storage, "test", "Test a connection: a document on stdin, or a saved NAME. Saves nothing.")
    test.add_argument("name", nargs="?", metavar="NAME", help="a saved storage (default: document on stdin)")
    _test_options(test)
    save = action(storage, "save", "Check the document on stdin, test it, then write its section.")
    save.add_argument("--no-test", action="store_true", help="write the section without a test")
    save.add_argument("--replace", action="store_true", help="replace a storage of this name")
    _test_options(save)
    action(storage, "list", "The saved QingStor storages.")
    show = action(storage, "show", "One saved storage; secrets are masked.")
    show.add_argument("name", metavar="NAME")
    show.add_argument("--reveal", action="store_true", help="show the keys too (on a terminal only)")
    delete = action(
        storage, "delete", "Remove one saved storage from rclone.conf; the bucket stays as it is."
    )
    delete.add_argument("name", metavar="NAME")

    _runs(group("runs", "What runs now and what ran."), action)

    conf = group("conf", "The rclone.conf behind it, for administrators.")
    action(conf, "path", "Which rclone.conf is read and written.")
    shown = action(conf, "show", "The sections, secrets masked, every option explained.")
    shown.add_argument("name", nargs="?", metavar="NAME", help="one section only")
    action(conf, "check", "Problems of the whole file; exit status 13 when something is wrong.")
    mend = action(conf, "repair", "Mend what `conf check` found; keeps a copy of the old file.")
    mend.add_argument("--dry-run", action="store_true", help="show the difference (also without --yes)")
    mend.add_argument("--yes", action="store_true", help="write it")
    action(conf, "encrypt", "Encrypt the file in rclone's own format, or change its password.")
    action(conf, "decrypt", "Store the file in clear text again.")

    doctor = action(commands, "doctor", "One look at everything that can be wrong before a first backup.")
    doctor.set_defaults(action="")

    _backup(action(commands, "backup", "Back a file or directory up into a bucket."))
    _verify(action(commands, "verify", "Compare a source with a path of a bucket."))
    _cleanup(action(commands, "cleanup", "Remove unfinished multipart uploads from a bucket."))
    _restore(action(commands, "restore", "Bring a path of a bucket back into a local directory."))
    return parser


def _common_options(default: object) -> _Parser:
    """Taken before and after the command; after it, an option that is not given must not undo one before."""
    options = _Parser(add_help=False, argument_default=default, allow_abbrev=False)
    group = options.add_argument_group("common options")
    group.add_argument(
        "--config", metavar="PATH", help="rclone.conf (default: $RCLONE_CONFIG, else rclone's)"
    )
    group.add_argument(
        "--rclone", metavar="PATH", help="rclone (default: $PLUTON_QINGSTOR_RCLONE, beside Python, PATH)"
    )
    group.add_argument(
        "--state-dir",
        metavar="PATH",
        help="(default: $PLUTON_QINGSTOR_STATE_DIR, else the XDG state directory)",
    )
    group.add_argument("--json", action="store_true", help="machine output on stdout")
    group.add_argument("-v", "--verbose", action="count", help="more log on stderr")
    group.add_argument("-q", "--quiet", action="store_true", help="no progress, no log")
    return options


def _test_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--bucket", default="", metavar="BUCKET", help="also look for this bucket")
    parser.add_argument(
        "--write", action="store_true", help="also put an object into it, read it back and delete it"
    )
    parser.add_argument(
        "--timeout",
        type=_checked(_positive),
        default=DEFAULT_TIMEOUT_S,
        metavar="S",
        help="for the whole test, in seconds (default: %(default)g)",
    )


def _runs(of: _Actions, action: Callable[[_Actions, str, str], _Parser]) -> None:
    action(of, "list", "All runs that are remembered, the newest first.")
    show = action(of, "show", "Everything that is known of one run.")
    stop = action(of, "stop", "Ask a run to end in good order, and wait; asked twice, it ends at once.")
    watch = action(of, "watch", "Follow a run's events to its summary; ending this does not end the run.")
    for parser in (show, stop, watch):
        parser.add_argument("run_id", metavar="ID", help="as `runs list` shows it")
    stop.add_argument(
        "--timeout",
        type=_checked(_positive),
        default=60.0,
        metavar="S",
        help="how long to wait for its end, in seconds (default: %(default)g)",
    )


def _backup(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "source", nargs="?", type=_checked(_path), metavar="SOURCE", help="a local file or directory"
    )
    parser.add_argument("target", nargs="?", metavar="TARGET", help="STORAGE:BUCKET[/PATH]")
    parser.add_argument(
        "--create-bucket",
        action="store_true",
        help="create the bucket if it does not exist (default: refuse)",
    )
    parser.add_argument(
        "--reread-source", action="store_true", help="compute every checksum anew, without the cache"
    )
    parser.add_argument("--verify", action="store_true", help="compare everything at the end, by checksum")
    parser.add_argument("--job", choices=["-"], help="read a job document from stdin instead")
    _transfer_options(parser)


def _verify(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", type=_checked(_path), metavar="SOURCE", help="a local file or directory")
    parser.add_argument("target", metavar="TARGET", help="STORAGE:BUCKET[/PATH]")
    parser.add_argument("--download", action="store_true", help="read every byte back and compare")
    parser.add_argument(
        "--sample", type=_checked(_percent), metavar="PERCENT", help="read a random share of the files back"
    )
    _transfer_options(parser)


def _cleanup(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("target", metavar="TARGET", help="STORAGE:BUCKET, or a path in it")
    parser.add_argument(
        "--older-than",
        type=_checked(_age),
        default=DEFAULT_AGE_S,
        metavar="D",
        help="leave younger ones alone (default: 24h)",
    )
    parser.add_argument("--dry-run", action="store_true", help="tell number and age, remove nothing")
    parser.add_argument("--plan-id", metavar="ID", help="repeated in every event as planId")
    parser.add_argument("--backup-id", metavar="ID", help="repeated in every event as backupId")


def _restore(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("target", metavar="TARGET", help="STORAGE:BUCKET[/PATH]")
    parser.add_argument("destination", type=_checked(_path), metavar="DEST", help="a local directory")
    parser.add_argument(
        "--overwrite",
        choices=[word.value for word in Overwrite],
        default=Overwrite.IF_CHANGED.value,
        help="what to do with files that are there already (default: %(default)s)",
    )
    _transfer_options(parser)


def _transfer_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--dry-run", action="store_true", help="tell what would be copied, copy nothing")
    for option in ("--include", "--exclude"):
        add(
            option,
            action="append",
            type=_checked(read_pattern),
            default=[],
            metavar="PATTERN",
            help="rclone's filter syntax",
        )
    add("--filter-from", type=_checked(_path), metavar="FILE", help="a file of rclone filter rules")
    add(
        "--bwlimit",
        type=_checked(read_bwlimit),
        metavar="RATE",
        help="a rate such as 10M, or a timetable of rclone's",
    )
    add(
        "--max-duration",
        type=_checked(read_limit),
        metavar="D",
        help="end the run in good order after 6h, 90m, … (default: off)",
    )
    add(
        "--stall-timeout",
        type=_checked(read_limit),
        default=600.0,
        metavar="D",
        help="end a run in which nothing moves for so long, or off (default: 10m)",
    )
    add(
        "--memory-budget",
        type=_checked(_memory),
        default=512 << 20,
        metavar="SIZE",
        help="what rclone may take for large files (default: 512Mi)",
    )
    add("--transfers", type=_checked(read_transfers), metavar="N", help="files copied at once")
    add("--plan-id", metavar="ID", help="repeated in every event as planId")
    add("--backup-id", metavar="ID", help="repeated in every event as backupId")
    add("--verbose-files", action="store_true", help="one event per file")
    add(
        "--progress-interval",
        type=_checked(_positive),
        default=1.0,
        metavar="S",
        help="seconds between two statuses (default: %(default)g)",
    )


def _checked(read: Callable[[str], _Value]) -> Callable[[str], _Value]:
    """The same function as argparse wants it: the reason and the hint are told in two lines."""

    def checked(text: str) -> _Value:
        try:
            return read(text)
        except FieldProblem as error:
            raise argparse.ArgumentTypeError(f"{error.problem}\n{error.hint}") from None

    return checked


def _path(text: str) -> Path:
    return Path(read_path(text))


def _positive(text: str) -> float:
    value = _number(text)
    if not 0 < value < 1e6:
        raise FieldProblem("it is not a number of seconds above 0", "Write a number such as 30 or 0.5.")
    return value


def _percent(text: str) -> float:
    value = _number(text)
    if not 0 < value <= 100:
        raise FieldProblem(
            "it is not a share above 0 and up to 100 per cent", "Write a number such as 5 or 0.5."
        )
    return value


def _number(text: str) -> float:
    """NaN, which is in no range, for what is no number."""
    try:
        return float(text)
    except ValueError:
        return math.nan


def _memory(text: str) -> int:
    size = read_size(text)
    if size < _LEAST_MEMORY:
        raise FieldProblem("it is less than rclone needs for itself", "Write 128Mi or more.")
    return size


def _age(text: str) -> float:
    seconds = read_duration(text)
    if math.isinf(seconds):
        raise FieldProblem("it is off, and nothing is so old", "Write an age such as 24h, or 0 for any.")
    return seconds
