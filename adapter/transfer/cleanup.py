"""`cleanup`: what costs money and serves nothing: unfinished multipart uploads, objects that no backup needs.

QingStor never removes either by itself.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from adapter.contract.errors import AdapterError, cancelled
from adapter.contract.events import Action, ErrorEvent, Event, Outcome, Phase, VerboseStatus, WarningEvent
from adapter.files.catalog import open_catalog
from adapter.machine.cancellation import Cancellation
from adapter.machine.settings import Settings
from adapter.rclone.options import TransferOptions
from adapter.runs.run import Run, new_run_id
from adapter.runs.store import now_utc
from adapter.runs.target_lock import Holder, target_lock
from adapter.storage.form import StorageForm
from adapter.storage.target import Target
from adapter.transfer.discarding import Discarding
from adapter.transfer.manifests import object_name
from adapter.transfer.operation import Operation
from adapter.transfer.preflight import prepare
from adapter.transfer.qingstor_api import PendingUpload, QingStorApi, open_api
from adapter.transfer.unreferenced import Unreferenced


@dataclass(frozen=True, slots=True)
class Cleanup:
    """Which bucket, and within it below which path. `older_than_s` in seconds."""

    target: Target
    older_than_s: float
    dry_run: bool = False
    unreferenced: bool = False
    """Objects below the path that no manifest needs, in place of unfinished uploads."""
    confirmed: bool = False
    """Whether these may be deleted, and not only told."""
    storage: StorageForm | None = None
    run_id: str = field(default_factory=new_run_id)
    """What a backup is told that finds the target locked."""


def cleanup(request: Cleanup, settings: Settings, cancel: Cancellation) -> Iterator[Event]:
    """Run it; the events end with the one Summary, in which `files_changed` counts what was removed."""
    run = Run(cancel, "cleanup", dry_run=request.dry_run)
    steps = _unreferenced if request.unreferenced else _unfinished_uploads
    return run.events(steps(request, settings, run))


def _unreferenced(request: Cleanup, settings: Settings, run: Run) -> Iterator[Event]:
    options = TransferOptions(dry_run=request.dry_run)
    operation = yield from prepare(request.target, request.storage, options, settings, run)
    # Without a lock nothing is known of a backup that is going on, so what refuses it ends the run.
    run.enter(target_lock(settings.state_dir, _holder(request, operation)))
    catalog = run.enter(open_catalog(None))
    search = Unreferenced(operation, catalog)
    references, ids = yield from search.find()
    discarding = Discarding(operation, catalog, request.older_than_s)
    deletes = request.confirmed and not run.dry_run
    yield from discarding.choose(search.objects(references), object_name(ids[0]), tells=not deletes)
    if deletes:
        yield from search.confirm(ids)
        yield from discarding.delete()
    yield from discarding.conclude(is_deleted=deletes)


def _holder(request: Cleanup, operation: Operation) -> Holder:
    return Holder(place=operation.identity, run_id=request.run_id, source="cleanup", started=now_utc())


def _unfinished_uploads(request: Cleanup, settings: Settings, run: Run) -> Iterator[Event]:
    target = request.target
    options = TransferOptions(dry_run=request.dry_run)
    operation = yield from prepare(target, request.storage, options, settings, run)
    if not run.dry_run:
        # An upload of a backup that is running now looks no different from one that was left behind.
        yield from run.hold(target_lock(settings.state_dir, _holder(request, operation)))
    api = open_api(operation.storage, target.bucket)
    now = datetime.now(UTC)
    found = [
        upload
        for upload in api.pending_uploads()
        if not target.path or upload.key == target.path or upload.key.startswith(f"{target.path}/")
    ]
    old = [upload for upload in found if upload.age_s(now) >= request.older_than_s]
    run.progress.phase = Phase.FINISHING
    run.progress.total_files, run.progress.total_bytes = len(old), 0
    for upload in old:
        if run.cancel.requested:
            raise AdapterError(cancelled())
        yield from _remove(upload, api, run, now)
        yield from run.progress.due()
    if found:
        yield _told(request, len(old) - len(run.tally.failed), len(found) - len(old))
    run.outcome = Outcome.SUCCESS
    if run.tally.failed:
        run.fail(next(iter(run.tally.failed.values())))


def _remove(upload: PendingUpload, api: QingStorApi, run: Run, now: datetime) -> Iterator[Event]:
    if run.dry_run:
        yield WarningEvent("upload_unfinished", f"{upload.key}: begun {render_age(upload.age_s(now))} ago.")
        return
    try:
        api.abort(upload)
    except AdapterError as error:
        run.tally.fail(upload.key, error.failure)
        yield ErrorEvent(error.failure, "cleanup", upload.key)
        return
    run.tally.files_changed += 1
    yield VerboseStatus(Action.DELETED, upload.key, None)


def _told(request: Cleanup, removed: int, left: int) -> WarningEvent:
    noun = "unfinished upload" if removed == 1 else "unfinished uploads"
    what = "would be removed" if request.dry_run else "removed"
    age = render_age(request.older_than_s)
    return WarningEvent("cleanup_counts", f"{removed} {noun} {what}; {left} younger than {age} left alone.")


def render_age(seconds: float) -> str:
    """In the two largest units that matter: `1m30s`, `1h30m`, `2d`."""
    left, parts = round(seconds), []
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts[:2]) or "0s"
