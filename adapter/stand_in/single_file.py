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
    *("I", "bwlimit", "buffer-size", "c", "cache-dir", "checkers", "checksum", "fast-list"),
    *("b2-hard-delete", "ignore-checksum", "ignore-existing", "ignore-size", "ignore-times", "immutable"),
    *("multi-thread-chunk-size", "multi-thread-cutoff", "multi-thread-streams", "use-mmap"),
    *("log-file", "log-format", "log-level", "low-level-retries", "metadata", "M", "no-check-dest"),
    *("no-traverse", "q", "quiet", "retries", "retries-sleep", "size-only", "stats", "stats-one-line"),
    *("qingstor-chunk-size", "qingstor-upload-concurrency", "qingstor-upload-cutoff"),
    *("stats-log-level", "temp-dir", "transfers", "u", "update", "use-json-log", "v", "verbose"),
}
"""Flags that an rclone under remote control follows as the command itself does."""


_SPELLED_OTHERWISE = frozenset(map(chr, (*range(0x2400, 0x2422), 0xFF0E, 0xFF0F, 0x201B)))
"""Characters of a name on disk that rclone spells in another way (lib/encoder, 1.75.2)."""


class _File(NamedTuple):
    """A file: the remote or directory that holds it, and its name there."""

    fs: str
    name: str


class SingleFile(NamedTuple):
    """A copy or move of one file; `is_certain` if the source is known to be one."""

    source: _File
    destination: _File
    is_certain: bool


def single_file(call: Call) -> SingleFile | None:
    """Return what is copied if this is a plain copy or move of what may be one file into a bucket."""
    line = call.line
    if (
        line.command not in SINGLE_FILE
        or len(line.arguments) != 2
        or call.destination is None
        or not all(flag.name in _FOLLOWED for flag in line.flags)
        or not all(map(_is_followed, call.environ))
        or has_own_control(call)
    ):
        return None
    is_local = parse_remote(line.argument(0)) is None
    source = _local_file(line.argument(0)) if is_local else _remote_file(call)
    destination = _destination(call, source.name) if source else None
    return SingleFile(source, destination, is_local) if source and destination else None


def _is_followed(variable: str) -> bool:
    """Return whether an rclone under remote control follows a variable as the command itself does."""
    if not variable.startswith("RCLONE_") or variable.startswith(("RCLONE_CONFIG", "RCLONE_QINGSTOR_")):
        return True
    return variable.removeprefix("RCLONE_").lower().replace("_", "-") in _FOLLOWED


def _local_file(path: str) -> _File | None:
    """Return a file of this machine; None for anything else, and for a name that JSON or rclone spells
    otherwise."""
    if not path.isprintable() or not _SPELLED_OTHERWISE.isdisjoint(path):
        return None
    if os.path.islink(path) or not os.path.isfile(path):  # noqa: PTH113, PTH114 - pathlib is slow to load
        return None
    return _File(*os.path.split(os.path.abspath(path)))  # noqa: PTH100


def _remote_file(call: Call) -> _File | None:
    """Return the source of `copyto` or `moveto`, which is most often one file."""
    fs, slash, name = call.words[call.line.arguments[0]].rpartition("/")
    remote = parse_remote(fs) if slash and name and SINGLE_FILE[call.line.command] else None
    return _File(fs, name) if remote else None


def copy_single_file(call: Call, file: SingleFile) -> Outcome | None:
    """Copy or move the file once rclone has listed in the bucket; refuse it if that is not possible.

    Returns None if the source is not one file, or rclone does not start like this. Raises NoPlace.
    """
    named = call.destination
    if named is None:
        return None
    flags = [word for flag in call.line.flags for word in call.words[flag.first : flag.last + 1]]
    with Controlled(call, ["rcd", *flags], holds_stdin=False, is_server=True) as child:
        refused = listed_first(call, named, child, file.destination.fs)
        if refused is not None:
            return refused
        if child.has_ended():
            return None
        if not file.is_certain and not _is_file(child, file.source):
            return None
        problem = _copied(call, child, file)
        if problem is None:
            return Outcome(0, stderr=child.said)
        return Outcome(1, stderr=child.said + _last_words(call.line.command, problem))


def _is_file(child: Controlled, file: _File) -> bool:
    reply = child.call("operations/stat", fs=file.fs, remote=file.name, opt={"filesOnly": True}) or {}
    return isinstance(reply.get("item"), dict)


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


def _destination(call: Call, name: str) -> _File | None:
    """Return where the file goes; None if the words name no file in a bucket."""
    word = call.words[call.line.arguments[1]]
    remote = parse_remote(word)
    if not SINGLE_FILE[call.line.command]:
        return _File(word, name) if remote and remote.bucket else None
    fs, slash, new = word.rpartition("/")
    remote = parse_remote(fs) if slash and new else None
    return _File(fs, new) if remote and remote.bucket else None


def _last_words(command: str, problem: str) -> bytes:
    """Return rclone's last line for a command that failed."""
    now = time.strftime("%Y/%m/%d %H:%M:%S")
    return f"{now} NOTICE: Failed to {command}: {problem}\n".encode(errors="surrogateescape")
