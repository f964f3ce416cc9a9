"""`copyto FILE NAME:bucket/path` and its like: one file, by the remote control of an rclone that has listed.

Before its first write rclone creates the bucket, unless it has listed in it; a key that is limited to one
bucket may not create any. A copy of a directory lists, that of one file does not (measured with 1.75.2).
"""

import os
import time
from typing import NamedTuple

from adapter.stand_in.call import Call, Outcome
from adapter.stand_in.held_input import listed_first
from adapter.stand_in.rclone_flags import CONNECTION_FLAGS, SINGLE_FILE
from adapter.stand_in.remote_control import Controlled, has_own_control
from adapter.stand_in.remote_name import parse_remote

_TRIES = 3
"""rclone's default for --retries."""
_FOLLOWED = CONNECTION_FLAGS | {
    *("I", "bwlimit", "buffer-size", "c", "cache-dir", "checkers", "checksum", "dry-run", "fast-list"),
    *("b2-hard-delete", "ignore-checksum", "ignore-existing", "ignore-size", "ignore-times", "immutable"),
    *("log-file", "log-format", "log-level", "low-level-retries", "metadata", "M", "n", "no-check-dest"),
    *("no-traverse", "q", "quiet", "retries", "retries-sleep", "size-only", "stats", "stats-one-line"),
    *("qingstor-chunk-size", "qingstor-upload-concurrency", "qingstor-upload-cutoff"),
    *("stats-log-level", "temp-dir", "transfers", "u", "update", "use-json-log", "v", "verbose"),
}
"""Flags that an rclone under remote control follows as the command itself does."""


class _File(NamedTuple):
    """A file: the remote or directory that holds it, and its name there."""

    fs: str
    name: str


class SingleFile(NamedTuple):
    """A copy or move of one file."""

    source: _File
    destination: _File


def single_file(call: Call) -> SingleFile | None:
    """Return what is copied if this is a plain copy or move of one local file to a place in a bucket."""
    if not _copies_local_file(call):
        return None
    source = _source(call)
    destination = _destination(call, source.name)
    return SingleFile(source, destination) if destination else None


def _copies_local_file(call: Call) -> bool:
    line = call.line
    return (
        line.command in SINGLE_FILE
        and len(line.arguments) == 2
        and [named.word for named in call.remotes.named] == [line.arguments[1]]
        and all(flag.name in _FOLLOWED for flag in line.flags)
        and not has_own_control(call)
        and parse_remote(line.argument(0)) is None
        and line.argument(0).isprintable()  # JSON carries no other name as it is
        and os.path.isfile(line.argument(0))  # noqa: PTH113 - pathlib is slow to load
    )


def copy_single_file(call: Call, file: SingleFile) -> Outcome:
    """Copy or move the file once rclone has listed in the bucket; refuse it if that is not possible."""
    (named,) = call.remotes.named
    flags = [word for flag in call.line.flags for word in call.words[flag.first : flag.last + 1]]
    with Controlled(call, ["rcd", *flags], holds_stdin=False, is_server=True) as child:
        refused = listed_first(call, named, child, file.destination.fs)
        if refused is not None:
            return refused
        problem = _copied(call, child, file)
        if problem is None:
            return Outcome(0, stderr=child.said)
        return Outcome(1, stderr=child.said + _last_words(call.line.command, problem))


def _copied(call: Call, child: Controlled, file: SingleFile) -> str | None:
    """Copy, as often as rclone tries; return what went wrong at last, or None."""
    command = "operations/movefile" if call.line.command.startswith("move") else "operations/copyfile"
    tries = call.line.value("retries") or call.environ.get("RCLONE_RETRIES") or ""
    problem = "rclone ended"
    for _ in range(max(1, int(tries)) if tries.isdigit() else _TRIES):
        reply = child.call(
            command,
            passes_on=True,
            srcFs=file.source.fs,
            srcRemote=file.source.name,
            dstFs=file.destination.fs,
            dstRemote=file.destination.name,
        )
        if reply is None:
            return problem
        if "error" not in reply:
            return None
        problem = str(reply["error"])
    return problem


def _source(call: Call) -> _File:
    directory, name = os.path.split(os.path.abspath(call.line.argument(0)))  # noqa: PTH100
    return _File(directory, name)


def _destination(call: Call, name: str) -> _File | None:
    """Return where the file goes; None if the words name no file in a bucket."""
    (named,) = call.remotes.named
    word = call.words[named.word]
    if not SINGLE_FILE[call.line.command]:
        return _File(word, name) if named.remote.bucket else None
    fs, slash, new = word.rpartition("/")
    remote = parse_remote(fs) if slash and new else None
    return _File(fs, new) if remote and remote.bucket else None


def _last_words(command: str, problem: str) -> bytes:
    """Return rclone's last line for a command that failed."""
    now = time.strftime("%Y/%m/%d %H:%M:%S")
    return f"{now} NOTICE: Failed to {command}: {problem}\n".encode(errors="surrogateescape")
