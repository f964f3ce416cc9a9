"""`restore`: what a backup consists of, into a local directory.

Where there is no manifest, or with `--at bucket`, what lies in the bucket stands in its place.
"""

import os
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from adapter.contract.errors import ErrorCode, Failure
from adapter.contract.events import Action, Event, WarningEvent
from adapter.diagnosis.verdict import End, verdict
from adapter.files.catalog import Catalog, State, open_catalog
from adapter.files.decision import How
from adapter.files.manifest import Kind, Saved
from adapter.files.patterns import Patterns
from adapter.files.wanted import Wanted
from adapter.machine.cancellation import Cancellation
from adapter.machine.open_tree import OpenTree
from adapter.machine.settings import Settings
from adapter.rclone.options import TransferOptions
from adapter.runs.run import Run
from adapter.runs.slow_disk import TimedDisk, wait_for
from adapter.storage.form import StorageForm
from adapter.storage.target import Target
from adapter.transfer.bucket_contents import Contents
from adapter.transfer.chunker import file_of_chunk
from adapter.transfer.copy_passes import Transfer
from adapter.transfer.destination import Destination
from adapter.transfer.fetching import copy_for, work_for
from adapter.transfer.found import tell_unused
from adapter.transfer.locating import Locating, Way
from adapter.transfer.operation import Operation
from adapter.transfer.overwrite import Overwrite
from adapter.transfer.placing import Placing
from adapter.transfer.preflight import prepare
from adapter.transfer.receiving import Expected, Receiving
from adapter.transfer.selection import Selection
from adapter.transfer.snapshot import BUCKET, list_stored, open_snapshot, tell_state
from adapter.transfer.staging import OpenDestination, check_destination, open_destination
from adapter.transfer.without_manifest import chosen_links, tell_odd, without_manifest


@dataclass(frozen=True, slots=True)
class Restore:
    """What to restore, where to, and how."""

    target: Target
    destination: Path
    options: TransferOptions
    overwrite: Overwrite = Overwrite.IF_CHANGED
    storage: StorageForm | None = None
    selection: Selection = field(default_factory=Selection)
    at: str = ""
    """The backup: a run's id or its beginning, `latest`, or `bucket`; blank for the newest if all are of one
    series."""
    has_metadata: bool = True
    """Whether modes and times are restored."""
    has_owner: bool = False
    """Whether owners and groups are, too."""


def restore(request: Restore, settings: Settings, cancel: Cancellation) -> Iterator[Event]:
    """Run it; the events end with the one Summary."""
    run = Run.of(request.options, cancel, "restore")
    return run.events(_steps(request, settings, run))


@dataclass(frozen=True, slots=True)
class _Found:
    """What is to be restored; its entries are in the table."""

    operation: Operation
    contents: Contents | None
    """What lies in the bucket, where no manifest tells."""
    below: bytes = b""
    """What the entries' names begin with, which is not part of their places at the destination."""


def _steps(request: Restore, settings: Settings, run: Run) -> Iterator[Event]:
    path = request.destination.absolute()
    yield from wait_for(lambda: check_destination(path), f"The destination {path}", run)
    patterns = request.selection.patterns()
    operation = yield from prepare(request.target, request.storage, request.options, settings, run)
    catalog = run.enter(open_catalog(None))
    wanted = Wanted(catalog)
    found = yield from _find(request, operation, catalog, wanted, patterns)
    wanted.choose(patterns, found.below)
    yield from tell_unused(patterns, (), operation.storage.redactor)
    run.progress.total_files, run.progress.total_bytes = wanted.totals()
    opened = yield from _open(path, run)
    destination = Destination(
        os.fsencode(path),
        opened.tree if isinstance(opened, OpenDestination) else opened,
        run.enter(TimedDisk()),
        request.overwrite,
        run,
        has_metadata=request.has_metadata and found.contents is None,
        has_owner=request.has_owner,
        verbose=request.options.verbose_files,
        below=found.below,
    )
    yield from _bring(found, catalog, wanted, destination, opened)


def _find(
    request: Restore, operation: Operation, catalog: Catalog, wanted: Wanted, patterns: Patterns
) -> Generator[Event, None, _Found]:
    """Put what is to be restored into the table, and list the objects that it lies in."""
    snapshot = None if request.at == BUCKET else (yield from open_snapshot(operation, request.at, wanted))
    if snapshot is None:
        has_times = request.overwrite is Overwrite.IF_NEWER
        contents = yield from without_manifest(operation, catalog, wanted, patterns, has_times=has_times)
        if request.at != BUCKET:
            yield _no_manifest(operation)
        yield from tell_odd(contents, operation.run)
        return _Found(contents.operation, contents)
    yield from list_stored(snapshot, wanted, catalog)
    yield from tell_state(snapshot, wanted)
    if not snapshot.is_one:
        yield from _tell_foreign(wanted)
    return _Found(snapshot.operation, None, snapshot.below)


def _bring(
    found: _Found,
    catalog: Catalog,
    wanted: Wanted,
    destination: Destination,
    opened: OpenDestination | OpenTree | None,
) -> Iterator[Event]:
    """Make the destination what the table says."""
    operation, contents, run = found.operation, found.contents, destination.run
    placing = Placing(destination)
    yield from placing.make_directories(wanted)

    def fetch(entry: Saved, way: Way, is_new: bool) -> None:  # noqa: FBT001
        catalog.add_work([work_for(entry.name, way, is_new=is_new, size=entry.size)])

    chunked = contents.chunked if contents else ()
    locating = Locating(operation, catalog, fetch, destination.fail, chunked)
    yield from placing.sort_out(wanted.entries(Kind.FILE), locating.bring)
    yield from locating.settle()
    links = {} if contents is None else chosen_links(contents, wanted)
    objects = {entry.name: name for name, entry in links.items()}

    def bring_link(entry: Saved, is_new: bool) -> None:  # noqa: FBT001
        work = work_for(objects[entry.name], Way.UNCHECKED, is_new=is_new, size=entry.size)
        catalog.add_work([work])

    yield from placing.sort_out(iter(links.values()), bring_link)
    last: Transfer | None = None
    if isinstance(opened, OpenDestination):
        expected = Expected(locating.replaced, links)
        receiving = Receiving(operation, catalog, wanted, opened, destination, expected)
        last = yield from _fetch(receiving)
    else:
        yield from _pretend(catalog, wanted, links, destination)
    if not run.cancel.requested and (last is None or last.stopped is None):
        if contents is None:
            yield from placing.make_links(wanted)
        yield from placing.link_alike(wanted)
        with_root = _clear(opened, wanted, found.below)
        yield from placing.finish_directories(wanted, with_root=with_root)
    _conclude(operation, catalog, last, destination)


def _no_manifest(operation: Operation) -> WarningEvent:
    return WarningEvent(
        "no_manifest",
        f"There is no manifest at {operation.target}, so whatever lies in the bucket is restored: also files "
        "that were deleted in the source, and without modes, times and empty directories. The next backup "
        "writes one.",
    )


def _tell_foreign(wanted: Wanted) -> Iterator[Event]:
    """Say how many objects the backup does not know."""
    count = 0
    for name in wanted.foreign_objects():
        file = file_of_chunk(name)
        entry = None if file is None else wanted.get(file)
        count += entry is None or entry.how != How.CHUNKS.value
    if count:
        yield WarningEvent(
            "foreign_objects",
            f"{count} object{'s' if count > 1 else ''} at the target {'are' if count > 1 else 'is'} not part "
            "of this backup: what was deleted or renamed in the source stays in the bucket, and others may "
            "have stored something there. --at bucket restores them, too.",
        )


def _open(path: Path, run: Run) -> Generator[Event, None, OpenDestination | OpenTree | None]:
    """Return the destination; for a dry run without a directory of ours in it, or None if it is not there."""
    what = f"The destination {path}"
    if not run.dry_run:
        return (yield from wait_for(lambda: run.enter(open_destination(path)), what, run))
    if not path.is_dir():
        return None
    return (yield from wait_for(lambda: run.enter(OpenTree(os.fsencode(path))), what, run))


def _clear(opened: OpenDestination | OpenTree | None, wanted: Wanted, below: bytes) -> bool:
    """Remove our directory; return whether the destination itself is one that a restore has made."""
    if not isinstance(opened, OpenDestination):
        return False
    opened.clear()
    root = wanted.get(below.rstrip(b"/"))
    return opened.mtime_ns is None or (root is not None and opened.mtime_ns == root.mtime_ns)


def _pretend(
    catalog: Catalog, wanted: Wanted, links: dict[bytes, Saved], destination: Destination
) -> Iterator[Event]:
    """Count as restored what would be fetched, as a dry run does."""
    for work in catalog.work(State.WAITING):
        entry = links.get(work.name) or wanted.get(work.name)
        if entry is not None:
            action = Action.RESTORED if work.is_new else Action.UPDATED
            yield from destination.settle(entry, action, "unverified")
    for batch in catalog.batches(State.WAITING):
        catalog.move(batch, State.WAITING, State.DONE)


def _fetch(receiving: Receiving) -> Generator[Event, None, Transfer | None]:
    """Fetch everything that waits, and once more what arrived with another content."""
    operation, catalog = receiving.operation, receiving.catalog
    last: Transfer | None = None
    for batch in catalog.batches(State.WAITING):
        is_unproved = True
        while is_unproved:
            if operation.cancel.requested or (last is not None and last.stopped is not None):
                return last
            copy = copy_for(operation, batch, os.fsencode(receiving.opened.staging))
            last = Transfer(operation, catalog, copy, receiving)
            yield from last.copy_all()
            is_unproved = yield from receiving.prove()
    if receiving.guessed:
        others = f" and {len(receiving.guessed) - 1} more" if len(receiving.guessed) > 1 else ""
        yield WarningEvent(
            "stored_checksum_wrong",
            f"The checksum stored with {receiving.guessed[0]}{others} is not that of the content, as after "
            "an upload in parallel parts. Two downloads agree, so this is what is stored.",
        )
    return last


def _conclude(
    operation: Operation, catalog: Catalog, last: Transfer | None, destination: Destination
) -> None:
    run = operation.run
    end = End(
        run.tally.failed,
        run.tally.files_settled,
        files_left=sum(1 for _ in catalog.work(State.WAITING)),
        cancelled=run.cancel.requested,
        stopped=None if last is None else last.stopped,
        exit_status=0 if last is None else last.exit_status,
        messages=() if last is None else tuple(last.messages),
        what="restored as it was backed up",
        next_step="All others were restored.",
    )
    run.outcome, run.error = verdict(end, operation.storage.redactor)
    inexact = {word: names for word, names in destination.unset.items() if word != "special bits"}
    if run.error is None and inexact:
        run.fail(_inexact(inexact))


def _inexact(unset: dict[str, list[str]]) -> Failure:
    word, names = next(iter(unset.items()))
    which = names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"
    hint = "Run it as root, or without --owner." if word == "owner" else "--no-metadata does without."
    return Failure(
        ErrorCode.PARTIAL, f"Everything was restored, but the {word} of {which} could not be set.", hint
    )
