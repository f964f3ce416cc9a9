"""`verify`: is what is in the bucket what was backed up, or what is in the source?"""

from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from adapter.contract.errors import AdapterError, ErrorCode, Failure
from adapter.contract.events import Event, WarningEvent
from adapter.files.catalog import Catalog, open_catalog
from adapter.files.index import index_path
from adapter.files.listing import survey
from adapter.files.manifest import ManifestInvalid
from adapter.files.wanted import Wanted
from adapter.machine.cancellation import Cancellation
from adapter.machine.settings import Settings
from adapter.rclone.options import TransferOptions
from adapter.runs.run import Run
from adapter.storage.form import StorageForm
from adapter.storage.target import Target
from adapter.transfer.against_manifest import AgainstManifest
from adapter.transfer.against_source import AgainstSource
from adapter.transfer.compared import Compared
from adapter.transfer.found import tell_findings, tell_unused
from adapter.transfer.manifests import Heads, Manifests
from adapter.transfer.operation import Operation
from adapter.transfer.preflight import prepare
from adapter.transfer.sample import sample_of
from adapter.transfer.selection import Selection
from adapter.transfer.series import series_named, take_over
from adapter.transfer.snapshot import BUCKET, list_stored, newest_runs, open_snapshot, tell_state
from adapter.transfer.source import Sources, open_sources, source_name


@dataclass(frozen=True, slots=True)
class Verify:
    """What to compare with what. Without a source the bucket is compared with its newest backups."""

    target: Target
    options: TransferOptions
    source: Path | None = None
    at: str = ""
    """Without a source: the backup to compare with."""
    series: str = ""
    """With a source: what its backups are called; blank for its absolute path."""
    storage: StorageForm | None = None
    download: bool = False
    sample_percent: float | None = None
    """A random share of the files, to download."""
    selection: Selection = field(default_factory=Selection)
    reread_source: bool = False
    ignore_inode: bool = False


def verify(request: Verify, settings: Settings, cancel: Cancellation) -> Iterator[Event]:
    """Run it; the events end with the one Summary. Nothing is changed, the index neither."""
    run = Run.of(request.options, cancel, "verify")
    run.bytes_downloaded = 0
    if request.source is None:
        return run.events(_bucket_alone(request, settings, run))
    return run.events(_with_source(request, request.source, settings, run))


def _bucket_alone(request: Verify, settings: Settings, run: Run) -> Iterator[Event]:
    """Compare the bucket with a backup, or with the newest of each source."""
    if request.at == BUCKET:
        raise AdapterError(_BUCKET)
    operation = yield from prepare(request.target, request.storage, request.options, settings, run)
    chosen = (request.at,) if request.at else (yield from newest_runs(operation))
    if not chosen:
        raise AdapterError(_no_manifest(request.target))
    run.progress.total_files = run.progress.total_bytes = 0
    verdicts: list[Compared] = []
    for one in chosen:
        note = f" (backup {one})" if len(chosen) > 1 else ""
        compared = Compared(run, verbose=request.options.verbose_files, note=note)
        verdicts.append(compared)
        yield from _one_backup(request, operation, one, compared)
    for other in verdicts[1:]:
        verdicts[0].add(other)
    verdicts[0].conclude()


def _one_backup(request: Verify, operation: Operation, one: str, compared: Compared) -> Iterator[Event]:
    run, patterns = operation.run, request.selection.patterns()
    with open_catalog(None) as catalog:
        wanted = Wanted(catalog)
        snapshot = yield from open_snapshot(operation, one, wanted)
        if snapshot is None:
            raise AdapterError(_no_manifest(request.target))
        yield from tell_state(snapshot, wanted)
        yield from list_stored(snapshot, wanted, catalog)
        wanted.choose(patterns, snapshot.below)
        yield from tell_unused(patterns, (), operation.storage.redactor)
        files, size = wanted.totals()
        run.progress.total_files = (run.progress.total_files or 0) + files
        run.progress.total_bytes = (run.progress.total_bytes or 0) + size
        sample = sample_of(wanted.count_files(), download=request.download, percent=request.sample_percent)
        yield from AgainstManifest(snapshot.operation, catalog, wanted, compared, sample).compare()


def _with_source(request: Verify, source: Path, settings: Settings, run: Run) -> Iterator[Event]:
    """Compare a source with the bucket, as a backup would, and with what its newest manifest says."""
    if request.at:
        raise AdapterError(_AT_WITH_SOURCE)
    sources = yield from open_sources((source,), request.selection, settings, run)
    operation = yield from prepare(request.target, request.storage, request.options, settings, run)
    manifests = Manifests(operation)
    heads = yield from manifests.heads((yield from manifests.ids()))
    series = _series_of(request, source, heads)
    path = index_path(settings.state_dir, operation.identity, series)
    catalog = run.enter(open_catalog(path, is_copy=True))
    has_manifest = yield from _take_newest(manifests, heads, series, catalog)
    walks = sources.walks()
    yield from survey(walks, operation.scanner, operation.remote, catalog)
    yield from tell_findings(walks, run)
    yield from tell_unused(sources.choices[0].patterns, walks, operation.storage.redactor)
    run.progress.total_files, run.progress.total_bytes = catalog.totals()
    yield from _against_source(request, operation, catalog, sources, has_manifest=has_manifest)


def _against_source(
    request: Verify, operation: Operation, catalog: Catalog, sources: Sources, *, has_manifest: bool
) -> Iterator[Event]:
    files, _ = catalog.totals(with_links=False)
    compared = Compared(operation.run, verbose=request.options.verbose_files)
    yield from AgainstSource(
        operation,
        catalog,
        sources,
        compared,
        sample_of(files, download=request.download, percent=request.sample_percent),
        has_manifest=has_manifest,
        ignore_inode=request.ignore_inode,
        reread=request.reread_source,
    ).compare()
    compared.conclude()


def _series_of(request: Verify, source: Path, heads: Heads) -> str:
    """Return the series that the source's backups have; the only one there is, whatever it is called."""
    series = series_named(request.series, (source_name(source),))
    return heads.series[0] if not request.series and len(heads.series) == 1 else series


def _take_newest(
    manifests: Manifests, heads: Heads, series: str, catalog: Catalog
) -> Generator[Event, None, bool]:
    """Make the index say what the newest manifest of the series says; return whether there is one.

    Raises AdapterError `manifest_invalid` if it cannot be read.
    """
    operation = manifests.operation
    ours = heads.of_series(series)
    for one, error in heads.invalid.items():
        if not ours or one > ours[0]:
            raise AdapterError(_unreadable(one, error.reason))
    if not ours:
        yield WarningEvent(
            "no_manifest",
            f"There is no manifest of this source at {operation.target}: its files are compared with what "
            "lies in the bucket, its links and directories are not.",
        )
        return False
    try:
        yield from take_over(manifests, catalog, ours[0])
    except ManifestInvalid as error:
        raise AdapterError(_unreadable(ours[0], error.reason)) from error
    return True


def _unreadable(one: str, reason: str) -> Failure:
    return Failure(
        ErrorCode.MANIFEST_INVALID,
        f"The manifest of the backup {one} cannot be used: {reason}.",
        "Run the backup again: it writes a new one, and copies again only what is not there.",
    )


def _no_manifest(target: Target) -> Failure:
    return Failure(
        ErrorCode.PATH_NOT_FOUND,
        f"There is no manifest at {target}, so nothing says what should be there.",
        "Check the path, or name the source as well: `verify SOURCE TARGET`.",
    )


_BUCKET = Failure(
    ErrorCode.USAGE,
    "verify compares the bucket with a backup, so --at bucket would compare it with itself.",
    "Leave --at out for the newest backup, or name a run: `runs list --remote TARGET` lists them.",
)
_AT_WITH_SOURCE = Failure(
    ErrorCode.USAGE,
    "--at names a backup, but with SOURCE the source is what the bucket is compared with.",
    "Leave out SOURCE or --at.",
)
