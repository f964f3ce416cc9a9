"""`restore`: a path of a bucket into a local directory.

A backup never deletes, so a bucket may hold a file `a` and files `a/…` of different times, which no disk can.
What was stored last is restored; the other is left out with a warning that tells how to get it.
"""

import math
from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from pathlib import Path

from adapter.contract.errors import AdapterError, ErrorCode, Failure
from adapter.contract.events import ErrorEvent, Event, WarningEvent
from adapter.contract.os_errors import FULL
from adapter.diagnosis.verdict import End, joined, not_begun, verdict
from adapter.machine.cancellation import Cancellation
from adapter.machine.private import temporary_directory
from adapter.machine.rights import try_creating_in
from adapter.machine.settings import Settings, nearest_existing
from adapter.rclone.file_lists import rules_from
from adapter.rclone.options import TransferOptions, escape
from adapter.rclone.remote import remote_path
from adapter.runs.run import Run
from adapter.runs.scan import File, Scanner
from adapter.runs.slow_disk import size_or_none, wait_for
from adapter.storage.form import StorageForm
from adapter.storage.target import Target
from adapter.transfer.bucket_contents import Stored, find_object, look_at_object, look_below, parent_of
from adapter.transfer.chunker import ANY_CHUNK, CHUNKED
from adapter.transfer.copy_passes import RETRY_CODES, Copy, Transfer
from adapter.transfer.operation import Operation
from adapter.transfer.parallel_parts import SentFiles
from adapter.transfer.plan import single_put_max
from adapter.transfer.preflight import prepare
from adapter.transfer.redownload import Doubts, confirm
from adapter.transfer.source import cache_dir, size_below


class Overwrite(StrEnum):
    """What to do with a file that is at the destination already (Pluton's words)."""

    ALWAYS = "always"
    IF_CHANGED = "if-changed"
    IF_NEWER = "if-newer"
    NEVER = "never"


_FLAGS = {
    Overwrite.ALWAYS: "--ignore-times",
    Overwrite.IF_CHANGED: "--checksum",
    # QingStor knows only when an object was uploaded; that time is what rclone compares here.
    Overwrite.IF_NEWER: "--update",
    Overwrite.NEVER: "--ignore-existing",
}


@dataclass(frozen=True, slots=True)
class Restore:
    """What to restore, where to, and how."""

    target: Target
    destination: Path
    options: TransferOptions
    overwrite: Overwrite = Overwrite.IF_CHANGED
    storage: StorageForm | None = None


def restore(request: Restore, settings: Settings, cancel: Cancellation) -> Iterator[Event]:
    """Run it; the events end with the one Summary."""
    run = Run.of(request.options, cancel, "restore")
    return run.events(_steps(request, settings, run))


def _steps(request: Restore, settings: Settings, run: Run) -> Iterator[Event]:
    destination = request.destination.absolute()
    what = f"The destination {destination}"
    yield from wait_for(lambda: check_destination(destination), what, run)
    run.tally.size_of = run.enter(size_or_none(partial(size_below, destination)))
    request = replace(request, options=request.options.with_rules_in(run.enter(temporary_directory())))
    operation = yield from prepare(request.target, request.storage, request.options, settings, run)
    scanner = operation.scanner
    with temporary_directory() as directory:
        one = yield from find_object(request.target, scanner)
        if one is None:
            stored = yield from look_below(operation.remote, request.options.rules, scanner, directory)
        else:
            stored = yield from look_at_object(parent_of(request.target), one, scanner)
        if stored.files == 0 and not (yield from _has_files(stored.remote, request.options, scanner)):
            # rclone copies nothing from a path that is not there, and exits 0 (measured with 1.75.2).
            raise AdapterError(_nothing(request.target))
        yield from _odd(stored, request, run)
        run.progress.total_files, run.progress.total_bytes = stored.files, stored.bytes
        run.tally.server_hashes_up_to = single_put_max(operation.limits)
        copy = _copy(request, operation, stored)
        parts = list(_parts(copy, request.options, stored, one, directory))
        ends: list[End] = []
        for part in parts:
            if ends and ends[-1].is_last:
                ends.append(not_begun(run.tally.files_settled))
                break
            transfer = Transfer(operation, part)
            yield from transfer.copy_all()
            ends.append(transfer.end())
        if not any(end.is_last for end in ends):
            # Of a file in chunks the stored checksum is that of the content: nothing to look into.
            ends += yield from confirm(
                operation, copy, destination, leave=stored.chunked, doubts=_doubts(operation)
            )
    run.outcome, run.error = verdict(
        joined(ends, run.tally.failed), operation.place, operation.storage.redactor
    )


def _has_files(remote: str, options: TransferOptions, scanner: Scanner) -> Generator[Event, None, bool]:
    """Return whether there is anything at a path of which the filters let nothing through."""
    if not options.has_patterns:
        return False
    found = yield from scanner.scan_stored(remote, (), lambda _: False)
    return found.files > 0


def _copy(request: Restore, operation: Operation, stored: Stored) -> Copy:
    env, options = operation.storage.env, request.options
    return Copy(
        env=env,
        source=stored.remote,
        destination=str(request.destination.absolute()),
        flags=("--links", _FLAGS[request.overwrite], *options.flags(env)),
        filters=options.filters,
        only=None,
        without_cache=None,
        cache_dir=cache_dir(operation.settings),
        # A checksum that differs is for `redownload`, which needs one more download, not all of them.
        retry_codes=RETRY_CODES - {ErrorCode.INTEGRITY_MISMATCH},
        during="restore",
    )


def _doubts(operation: Operation) -> Doubts:
    in_parallel = (operation.storage.form.upload_concurrency or 1) > 1
    return Doubts(
        single_put_max(operation.limits) if in_parallel else math.inf,
        SentFiles(operation.settings.state_dir, operation.identity).load(),
    )


def _parts(
    copy: Copy, options: TransferOptions, stored: Stored, one: File | None, directory: Path
) -> Iterator[Copy]:
    """Everything that is stored as it is; then, whole again, the files that are stored in chunks."""
    if one is not None:
        if one.path not in (*stored.chunked, *stored.damaged):
            yield replace(copy, only=(one.path,), flags=(*copy.flags, "--no-traverse"))
    else:
        apart = (*stored.chunked, *stored.damaged)
        # The first rule that fits wins, so ours stand before the user's own.
        first = [*stored.shadowed.values(), *(f"- /{escape(path)}" for path in apart)]
        if stored.has_chunks:
            first.append(f"- {ANY_CHUNK}")
        filters = rules_from((*first, *options.rules), directory) if first else copy.filters
        yield replace(copy, filters=filters)
    if stored.chunked:
        chunked = tuple(path for path in stored.chunked if not stored.is_shadowed(path))
        overlay = {**copy.env, **stored.env}
        # A listing through the overlay would download every small object beside these.
        flags = (*copy.flags, "--no-traverse")
        yield replace(copy, env=overlay, source=f"{CHUNKED}:", flags=flags, only=chunked)


def _odd(stored: Stored, request: Restore, run: Run) -> Iterator[Event]:
    """What of the bucket will not come back, and why."""
    is_object = stored.remote != remote_path(request.target)
    top = (
        replace(request.target, path=request.target.path.rpartition("/")[0]) if is_object else request.target
    )
    why = "a target names the file first" if is_object else "the other was stored later"
    for name in stored.shadowed:
        below = f"by restoring {top} with --include '/{escape(name)}**'"
        how = below if name.endswith("/") else f"by restoring {request.target}/{name}"
        yield WarningEvent(
            "file_and_directory",
            f"{name} is left out: the bucket holds a file and a directory of that name, and {why}. It comes "
            f"back {how}.",
        )
    if stored.orphaned:
        yield WarningEvent(
            "chunks_without_file",
            f"There are chunks of {stored.orphaned[0]}"
            f"{f' and {len(stored.orphaned) - 1} more' if len(stored.orphaned) > 1 else ''}, but the upload "
            "was never completed; they are left out.",
        )
    for item in stored.damaged:
        failure = Failure(
            ErrorCode.INTEGRITY_MISMATCH,
            "Some chunks of the file are missing in the bucket.",
            "If the source still has the file, back it up again.",
        )
        run.tally.fail(item, failure)
        yield ErrorEvent(failure, "restore", item)


def _nothing(target: Target) -> Failure:
    return Failure(
        ErrorCode.PATH_NOT_FOUND,
        f"There is nothing to restore at {target}.",
        "Check bucket and path; `rclone lsf` lists what is there. Empty directories are not stored.",
    )


def check_destination(destination: Path) -> None:
    """Raise `destination_unwritable` when it is no directory, and none that this user could make."""
    there = nearest_existing(destination)
    if not there.is_dir():
        why = "is not a directory"
    else:
        try:
            try_creating_in(there)
        except OSError as error:
            if error.errno in FULL:
                raise AdapterError(_full(destination, error)) from error
            why = f"cannot be written by this user: {error.strerror}"
        else:
            return
    which = "" if there == destination else f"is below {there}, which "
    raise AdapterError(
        Failure(
            ErrorCode.DESTINATION_UNWRITABLE,
            f"The destination {destination} {which}{why}.".replace("\0", "\ufffd"),
            "Name a directory that this user may write; it is created if it does not exist.",
        )
    )


def _full(destination: Path, error: OSError) -> Failure:
    return Failure(
        ErrorCode.DISK_FULL,
        f"Nothing can be created in the destination {destination}: {error.strerror}.",
        "Free space there or restore to another disk.",
    )
