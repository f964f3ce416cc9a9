"""`backup`: a local file or directory into a bucket."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from adapter.contract.events import Event, WarningEvent
from adapter.machine.cancellation import Cancellation
from adapter.machine.private import temporary_directory
from adapter.machine.settings import Settings
from adapter.rclone.options import TransferOptions
from adapter.runs.run import Run, new_run_id
from adapter.runs.scan import File
from adapter.runs.store import now_utc
from adapter.runs.target_lock import Holder, target_lock
from adapter.storage.advice import AdviceCode, advise
from adapter.storage.form import StorageForm
from adapter.storage.target import Target
from adapter.transfer.chunker import is_chunk
from adapter.transfer.comparison import open_comparison
from adapter.transfer.plan import make_plan, single_put_max
from adapter.transfer.preflight import prepare
from adapter.transfer.source import open_source
from adapter.transfer.upload import Upload

_ABOUT_TRANSFERS = frozenset(
    {
        AdviceCode.CONCURRENCY_BREAKS_CHECKSUMS,
        AdviceCode.INSECURE_ENDPOINT,
    }
)
"""Advice that bears on every run; the plan has its own words, where large files make them true."""


@dataclass(frozen=True, slots=True)
class Backup:
    """What to back up, where to, and how. Without `storage` the saved one that the target names is used."""

    source: Path
    target: Target
    options: TransferOptions
    storage: StorageForm | None = None
    reread_source: bool = False
    """Compute every checksum anew, for sources whose modification times cannot be trusted."""
    create_bucket: bool = False
    verify: bool = False
    """Compare everything with the bucket at the end."""
    ignored_settings: tuple[str, ...] = ()
    """What was asked for and means nothing here."""
    run_id: str = field(default_factory=new_run_id)
    """What another backup is told that finds the target locked."""


def backup(request: Backup, settings: Settings, cancel: Cancellation) -> Iterator[Event]:
    """Run it; the events end with the one Summary."""
    run = Run.of(request.options, cancel, "backup")
    return run.events(_steps(request, settings, run))


def _steps(request: Backup, settings: Settings, run: Run) -> Iterator[Event]:
    if request.ignored_settings:
        names = ", ".join(request.ignored_settings)
        yield WarningEvent("setting_ignored", f"These settings mean nothing to this backup: {names}.")
    source, options, left_out = yield from open_source(request.source, request.options, settings, run)
    options = options.with_rules_in(run.enter(temporary_directory()))
    operation = yield from prepare(
        request.target,
        request.storage,
        options,
        settings,
        run,
        create_bucket=request.create_bucket and not options.dry_run,
    )
    if not options.dry_run:
        place = operation.identity
        holder = Holder(place=place, run_id=request.run_id, source=str(request.source), started=now_utc())
        yield from run.hold(target_lock(settings.state_dir, holder))
    for directory in left_out:
        yield WarningEvent(
            "own_state_left_out",
            f"{directory} is left out: this program keeps its own state there and changes it meanwhile.",
        )
    for advice in advise(operation.storage.form):
        if advice.code in _ABOUT_TRANSFERS:
            yield WarningEvent(advice.code, advice.message)
    most = single_put_max(operation.limits)
    found = yield from operation.scanner.scan(
        source.plain().path,
        (source.link_flag, *source.filters(options)),
        lambda file: file.size > most or is_chunk(file),
    )
    run.progress.total_files, run.progress.total_bytes = found.files, found.bytes
    plan = make_plan([file for file in found.kept if not is_chunk(file)], operation.limits)
    for notice in plan.notices:
        yield WarningEvent(notice.code, notice.message)
    run.tally.server_hashes_up_to = most
    yield from _reserved(found.kept)
    yield from Upload(operation, plan, source, reread=request.reread_source).events()
    if request.verify and run.error is not None:
        yield WarningEvent("not_verified", "Nothing was compared, because the copy itself is not whole.")
    elif request.verify and not options.dry_run:
        comparison = open_comparison(operation, source, settles=False)
        yield from comparison.compare(download=False)
        run.verification = comparison.verification
        if (failure := comparison.verdict()) is not None:
            run.fail(failure)


def _reserved(files: Iterable[File]) -> Iterator[Event]:
    for file in files:
        if is_chunk(file):
            yield WarningEvent(
                "name_reserved",
                f"{file.path} has a name as this adapter gives to chunks of large files; a restore will take "
                "it for one.",
            )
