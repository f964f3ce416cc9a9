"""`backup`: local files and directories into a bucket."""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from adapter.contract.errors import AdapterError, ErrorCode, Failure
from adapter.contract.events import Event, WarningEvent
from adapter.files.catalog import Catalog, open_catalog
from adapter.files.index import index_path
from adapter.files.listing import survey
from adapter.files.walk import Walk
from adapter.files.wanted import Wanted
from adapter.machine.cancellation import Cancellation
from adapter.machine.settings import Settings
from adapter.rclone.options import TransferOptions
from adapter.runs.run import Run, new_run_id
from adapter.runs.store import now_utc
from adapter.runs.target_lock import Holder, target_lock
from adapter.storage.advice import AdviceCode, advise
from adapter.storage.form import StorageForm
from adapter.storage.target import Target
from adapter.transfer.against_manifest import AgainstManifest
from adapter.transfer.changes import Changes
from adapter.transfer.closing import Closing
from adapter.transfer.compared import Compared
from adapter.transfer.found import tell_findings, tell_unused
from adapter.transfer.operation import Operation
from adapter.transfer.preflight import explain_absence, open_operation
from adapter.transfer.sample import Sample
from adapter.transfer.selection import Selection
from adapter.transfer.series import catch_up, series_named
from adapter.transfer.snapshot import list_stored, open_snapshot
from adapter.transfer.source import Sources, open_sources, source_name
from adapter.transfer.upload import Upload
from adapter.transfer.ways import Ways, plan_for

_ABOUT_TRANSFERS = frozenset(
    {
        AdviceCode.CONCURRENCY_BREAKS_CHECKSUMS,
        AdviceCode.INSECURE_ENDPOINT,
    }
)
"""Advice that bears on every run; the plan has its own words, where large files make them true."""
_EMPTY = Failure(
    ErrorCode.SOURCE_EMPTY,
    "The source has no file, or the patterns left none, but the target has some. Nothing was changed.",
    "Check that its disk or network share is mounted; --allow-empty backs up nothing on purpose.",
)


@dataclass(frozen=True, slots=True)
class Backup:
    """What to back up, where to, and how. Without `storage` the saved one that the target names is used."""

    sources: tuple[Path, ...]
    target: Target
    options: TransferOptions
    storage: StorageForm | None = None
    selection: Selection = field(default_factory=Selection)
    share_target: bool = False
    """Store each source below the target under its own absolute path, as one of several."""
    series: str = ""
    """What the backups of this source have in common; blank for the sources' absolute paths."""
    share: bool = False
    """Go on although the backups of another source lie at the target."""
    reread_source: bool = False
    """Compute every checksum anew, for sources whose times cannot be trusted."""
    ignore_inode: bool = False
    """Trust size and modification time alone, for sources whose inodes change by themselves."""
    allow_empty: bool = False
    create_bucket: bool = False
    verify: bool = False
    """Compare everything with the bucket at the end."""
    ignored_settings: tuple[str, ...] = ()
    """What was asked for and means nothing here."""
    run_id: str = field(default_factory=new_run_id)
    """What another backup is told that finds the target locked, and the name of the manifest."""

    @property
    def named_sources(self) -> str:
        """Return the sources as a person reads them."""
        return ", ".join(self.source_names)

    @property
    def source_names(self) -> tuple[str, ...]:
        """Return the sources' absolute paths as text that has a line each and is UTF-8."""
        return tuple(map(source_name, self.sources))


def backup(request: Backup, settings: Settings, cancel: Cancellation) -> Iterator[Event]:
    """Run it; the events end with the one Summary."""
    run = Run.of(request.options, cancel, "backup")
    return run.events(_steps(request, settings, run))


def _steps(request: Backup, settings: Settings, run: Run) -> Iterator[Event]:
    selection = request.selection
    sources = yield from open_sources(
        request.sources, selection, settings, run, share_target=request.share_target
    )
    operation = yield from open_operation(request.target, request.storage, request.options, settings, run)
    if not run.dry_run:
        holder = Holder(
            place=operation.identity, run_id=request.run_id, source=request.named_sources, started=now_utc()
        )
        yield from run.hold(target_lock(settings.state_dir, holder))
    yield from _advise(request, operation)
    began = now_utc()
    series = series_named(request.series, request.source_names)
    catalog = run.enter(open_catalog(index_path(settings.state_dir, operation.identity, series)))
    walks = sources.walks(catalog.index.mounts())
    yield from _survey(walks, catalog, operation, create_bucket=request.create_bucket)
    standing = yield from catch_up(operation, catalog, series, share=request.share)
    yield from tell_findings(walks, run)
    yield from tell_unused(sources.choices[0].patterns, walks, operation.storage.redactor)
    run.progress.total_files, run.progress.total_bytes = catalog.totals()
    if not run.progress.total_files and not run.tally.failed and not request.allow_empty:
        if catalog.index.has_files() or (not standing.ids and catalog.has_objects()):
            raise AdapterError(_EMPTY)
        yield WarningEvent("source_empty", "The source has no file, or the patterns left none.")
    closing = Closing(
        operation, catalog, walks, request.run_id, series, request.source_names, selection.texts(),
        selection.has_includes, began,
    )  # fmt: skip
    yield from _copy(request, operation, catalog, sources)
    if not run.dry_run:
        yield from closing.close(standing)
    if request.verify and not run.dry_run:
        yield from _verify(operation, catalog)
    yield from _tell_of_index(catalog)


def _advise(request: Backup, operation: Operation) -> Iterator[Event]:
    """Say what of the job and of the storage bears on this run."""
    if request.ignored_settings:
        names = ", ".join(request.ignored_settings)
        yield WarningEvent("setting_ignored", f"These settings mean nothing to this backup: {names}.")
    for advice in advise(operation.storage.form):
        if advice.code in _ABOUT_TRANSFERS:
            yield WarningEvent(advice.code, advice.message)


def _tell_of_index(catalog: Catalog) -> Iterator[Event]:
    """Say if the index was of no use."""
    index = catalog.index
    index.commit()
    if index.trouble:
        yield WarningEvent(
            "index_unusable",
            f"The index of this backup was not used: {index.trouble}. Files may be read once more to see "
            "what has changed; nothing is missed.",
        )


def _survey(
    walks: Sequence[Walk], catalog: Catalog, operation: Operation, *, create_bucket: bool
) -> Iterator[Event]:
    """Walk the sources and list the target. When that fails, find out what is wrong with the bucket."""

    def explain(error: AdapterError) -> Generator[Event, None, bool]:
        return (
            yield from explain_absence(
                operation, error, create_bucket=create_bucket and not operation.run.dry_run
            )
        )

    yield from survey(walks, operation.scanner, operation.remote, catalog, explain)


def _copy(request: Backup, operation: Operation, catalog: Catalog, sources: Sources) -> Iterator[Event]:
    """Sort out what must be sent, and send it."""
    run = operation.run
    plan = plan_for(catalog, operation)
    for notice in plan.notices:
        yield WarningEvent(notice.code, notice.message)
    ways = Ways(operation, plan, sources.roots)
    changes = Changes(operation, catalog, ways, request.ignore_inode, request.reread_source)
    yield from changes.sort_out()
    upload = Upload(operation, catalog, ways)
    if run.dry_run:
        yield from upload.pretend()
        return
    try:
        yield from upload.send()
    except AdapterError as error:  # what was sent until then is in the index, and goes into the manifest
        run.fail(error.failure)
    if run.tally.files_gone:
        yield WarningEvent(
            "files_vanished",
            f"{run.tally.files_gone} of {run.progress.total_files} files were there when the run began and "
            "gone when their turn came.",
        )


def _verify(operation: Operation, catalog: Catalog) -> Iterator[Event]:
    """Compare the bucket with what a restore would take now: the manifest, and what it says."""
    run = operation.run
    if run.error is not None:
        yield WarningEvent("not_verified", "Nothing was compared, because the copy itself is not whole.")
        return
    wanted = Wanted(catalog)
    snapshot = yield from open_snapshot(operation, catalog.index.manifest, wanted)
    if snapshot is not None:
        yield from list_stored(snapshot, wanted, catalog)
        compared = Compared(run, settles=False)
        yield from AgainstManifest(operation, catalog, wanted, compared, Sample(0, 0)).compare()
        compared.conclude()
