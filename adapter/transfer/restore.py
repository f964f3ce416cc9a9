"""`restore`: a path of a bucket into a local directory.

A backup never deletes, so a bucket may hold a file `a` and files `a/…` of different times, which no disk can.
What was stored last is restored; the other is left out with a warning that tells how to get it.
"""

import math
import os
import stat
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from adapter.contract.errors import AdapterError, ErrorCode, Failure
from adapter.contract.events import ErrorEvent, Event, WarningEvent
from adapter.contract.os_errors import FULL
from adapter.diagnosis.verdict import End, verdict
from adapter.files.catalog import Catalog, State, Work, open_catalog
from adapter.files.index import known_md5s
from adapter.files.names import RAW, as_logged, as_text, for_people, is_raw
from adapter.files.patterns import Patterns
from adapter.machine.cancellation import Cancellation
from adapter.machine.rights import try_creating_in
from adapter.machine.settings import Settings, nearest_existing
from adapter.rclone.options import TransferOptions, escape
from adapter.rclone.remote import remote_path
from adapter.runs.run import Run
from adapter.runs.slow_disk import TimedDisk, wait_for
from adapter.storage.form import StorageForm
from adapter.storage.target import Target
from adapter.transfer.bucket_contents import Contents, find_object, look_at_object, look_below, parent_of
from adapter.transfer.chunker import CHUNKED
from adapter.transfer.copy_passes import RETRY_CODES, Copy, Transfer
from adapter.transfer.found import tell_unused
from adapter.transfer.operation import Operation
from adapter.transfer.overwrite import Overwrite
from adapter.transfer.plan import single_put_max
from adapter.transfer.preflight import prepare
from adapter.transfer.receiving import Receiving
from adapter.transfer.redownload import KnownChecksums, confirm
from adapter.transfer.selection import Selection

_PLAIN, _RAW, _CHUNKED, _RAW_CHUNKED = range(4)
"""The batches: whole objects and files in chunks, each with rclone's own spelling of names and without."""


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
    selection: Selection = field(default_factory=Selection)


def restore(request: Restore, settings: Settings, cancel: Cancellation) -> Iterator[Event]:
    """Run it; the events end with the one Summary."""
    run = Run.of(request.options, cancel, "restore")
    return run.events(_steps(request, settings, run))


def _steps(request: Restore, settings: Settings, run: Run) -> Iterator[Event]:
    destination = request.destination.absolute()
    yield from wait_for(lambda: check_destination(destination), f"The destination {destination}", run)
    patterns = request.selection.patterns()
    operation = yield from prepare(request.target, request.storage, request.options, settings, run)
    catalog = run.enter(open_catalog(None))
    contents = yield from _look(request.target, patterns, operation, catalog)
    yield from _odd(contents, request, run)
    _choose(contents, patterns, catalog)
    yield from tell_unused(patterns, (), operation.storage.redactor)
    run.progress.total_files, run.progress.total_bytes = catalog.work_totals()
    end = yield from _receive(request, operation, catalog, contents)
    run.outcome, run.error = verdict(end, operation.storage.redactor)


def _look(
    target: Target, patterns: Patterns, operation: Operation, catalog: Catalog
) -> Generator[Event, None, Contents]:
    """Return what is there. Raises AdapterError `path_not_found` if that is nothing."""
    scanner = operation.scanner
    one = yield from find_object(target, scanner)
    if one is not None:
        return (yield from look_at_object(parent_of(target), one, scanner, catalog))
    contents = yield from look_below(operation.remote, patterns, scanner, catalog)
    if not catalog.has_objects():
        # rclone copies nothing from a path that is not there, and exits 0 (measured with 1.75.2).
        raise AdapterError(_nothing(target))
    return contents


def _choose(contents: Contents, patterns: Patterns, catalog: Catalog) -> None:
    """Put the files that are to be restored into the catalog's work."""

    def works() -> Iterator[Work]:
        for one in contents.whole_objects(catalog, patterns):
            batch = _RAW if is_raw(one.name) else _PLAIN
            yield Work(one.name, batch, as_logged(one.name), one.size, is_new=True, state=State.WAITING)
        for one in contents.chunked:
            if not contents.is_shadowed(one.name):
                batch = _RAW_CHUNKED if is_raw(one.name) else _CHUNKED
                yield Work(one.name, batch, as_logged(one.name), one.size, is_new=True, state=State.WAITING)

    catalog.add_work(works())


def _receive(
    request: Restore, operation: Operation, catalog: Catalog, contents: Contents
) -> Generator[Event, None, End]:
    """Copy everything that was chosen, then what differed from its checksum once more."""
    run, destination = operation.run, request.destination.absolute()
    waiting = catalog.batches(State.WAITING)
    if waiting and not run.dry_run:
        _make_directory(destination)
    last: Transfer | None = None
    with TimedDisk() as disk:
        compares = request.overwrite in {Overwrite.ALWAYS, Overwrite.IF_CHANGED}
        receiving = Receiving(operation, catalog, os.fsencode(destination), disk, compares)
        for batch in waiting:
            if last is not None and (last.stopped is not None or run.cancel.requested):
                break
            last = Transfer(operation, catalog, _copy(batch, request, operation, contents), receiving)
            yield from last.copy_all()
        if last is not None and last.stopped is None and not run.cancel.requested and not run.dry_run:
            known = KnownChecksums(
                single_put_max(operation.limits) if _sends_in_parallel(operation) else math.inf,
                known_md5s(operation.settings.state_dir, operation.identity),
            )
            again = _copy(_PLAIN, request, operation, contents)
            yield from confirm(operation, catalog, again, destination, known)
    tally = run.tally
    listed = catalog.work_totals()[0] + len(contents.damaged)
    return End(
        tally.failed,
        tally.files_settled,
        files_left=listed - tally.files_settled - len(tally.failed),
        cancelled=run.cancel.requested,
        stopped=None if last is None else last.stopped,
        exit_status=0 if last is None else last.exit_status,
        messages=() if last is None else tuple(last.messages),
    )


def _copy(batch: int, request: Restore, operation: Operation, contents: Contents) -> Copy:
    env = operation.storage.env
    flags = ["--links", _FLAGS[request.overwrite], *operation.options.flags()]
    if batch in {_RAW, _RAW_CHUNKED}:
        flags += RAW
    if request.options.dry_run:
        flags.append("--dry-run")
    is_chunked = batch in {_CHUNKED, _RAW_CHUNKED}
    if is_chunked or contents.is_one:
        # A listing through the overlay would download every small object beside these.
        flags.append("--no-traverse")
    return Copy(
        batch=batch,
        env={**env, **contents.env} if is_chunked else env,
        # A dry run makes no directory that rclone could be started in.
        directory=b"/" if request.options.dry_run else os.fsencode(request.destination.absolute()),
        source=f"{CHUNKED}:" if is_chunked else contents.remote,
        destination=str(request.destination.absolute()) if request.options.dry_run else ".",
        flags=tuple(flags),
        # A checksum that differs is for `redownload`, which needs one more download, not all of them.
        retry_codes=RETRY_CODES - {ErrorCode.INTEGRITY_MISMATCH},
        during="restore",
    )


def _sends_in_parallel(operation: Operation) -> bool:
    return (operation.storage.form.upload_concurrency or 1) > 1


def _odd(contents: Contents, request: Restore, run: Run) -> Iterator[Event]:
    """What of the bucket will not come back, and why."""
    is_object = contents.remote != remote_path(request.target)
    top = (
        replace(request.target, path=request.target.path.rpartition("/")[0]) if is_object else request.target
    )
    why = "a target names the file first" if is_object else "the other was stored later"
    for shadowed in sorted(contents.shadowed):
        name = for_people(shadowed)
        below = f"by restoring {top} with --include '/{escape(as_text(shadowed))}**'"
        how = below if name.endswith("/") else f"by restoring {request.target}/{name}"
        yield WarningEvent(
            "file_and_directory",
            f"{name} is left out: the bucket holds a file and a directory of that name, and {why}. It comes "
            f"back {how}.",
        )
    if contents.orphaned:
        more = f" and {len(contents.orphaned) - 1} more" if len(contents.orphaned) > 1 else ""
        yield WarningEvent(
            "chunks_without_file",
            f"There are chunks of {for_people(contents.orphaned[0])}{more}, but the upload was never "
            "completed; they are left out.",
        )
    for damaged in contents.damaged:
        item = for_people(damaged)
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


def _make_directory(destination: Path) -> None:
    """Make the destination, which rclone is started in. Raises AdapterError `destination_unwritable`."""
    missing = [one for one in (destination, *destination.parents) if not one.is_dir()]
    try:
        for directory in reversed(missing):
            directory.mkdir(exist_ok=True)
            # A umask that keeps the owner out would keep rclone out.
            directory.chmod(directory.stat().st_mode | stat.S_IRWXU)
    except OSError as error:
        raise AdapterError(
            Failure(
                ErrorCode.DESTINATION_UNWRITABLE,
                f"The destination {destination} cannot be made: {error.strerror}.",
                "Name a directory that this user may write.",
            )
        ) from error


def _full(destination: Path, error: OSError) -> Failure:
    return Failure(
        ErrorCode.DISK_FULL,
        f"Nothing can be created in the destination {destination}: {error.strerror}.",
        "Free space there or restore to another disk.",
    )
