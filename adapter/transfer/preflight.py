"""Everything before the first byte of a transfer: the storage, its keys, rclone, the bucket."""

from collections.abc import Generator
from dataclasses import replace

from adapter.connection.bucket import require_bucket
from adapter.connection.bucket_list import Lister
from adapter.contract.errors import AdapterError, ErrorCode, Failure
from adapter.contract.events import Event, WarningEvent
from adapter.machine.settings import Settings
from adapter.rclone.binary import cached, find
from adapter.rclone.open_storage import open_storage
from adapter.rclone.options import TransferOptions
from adapter.rclone.query import Query
from adapter.runs.run import Run
from adapter.runs.scan import open_scanner
from adapter.storage.advice import AdviceCode
from adapter.storage.form import StorageForm
from adapter.storage.saved import Storages
from adapter.storage.target import Target
from adapter.transfer.operation import Operation
from adapter.transfer.plan import limits_of

_TIMEOUT_S = 60.0


def prepare(
    target: Target,
    form: StorageForm | None,
    options: TransferOptions,
    settings: Settings,
    run: Run,
    *,
    create_bucket: bool = False,
) -> Generator[Event, None, Operation]:
    """Open the storage (without a form, the saved one that the target names) and look at the bucket.

    Yields what a person should know already, also when the bucket then turns out to be missing. rclone would
    create a mistyped bucket in silence (measured with 1.75.2), so it has to be there before; one that is in
    another zone is `zone_mismatch`. Each question may take a minute, or the stall time-out if that is less.
    Raises AdapterError for whatever is missing.
    """
    cancel = run.cancel
    timeout_s = min(_TIMEOUT_S, options.stall_timeout_s)
    form = form or Storages(settings).get(target.storage)
    storage = open_storage(form, settings)
    for advice in storage.advice():
        yield WarningEvent(advice.code, advice.message)
    rclone = cached(find(settings.rclone_option, settings.environ), settings, cancel, timeout_s)
    place = replace(storage.place(target.bucket, target.path), is_restore=run.command == "restore")
    query = Query(rclone, storage.env, storage.redactor, cancel)
    scanner = open_scanner(rclone, storage, place, run)

    def look_for_bucket() -> Generator[Event, None, None]:
        require_bucket(storage, query, target.bucket, timeout_s)
        yield from ()

    try:
        yield from scanner.backoff.retry(look_for_bucket, form.connection_retries, run)
    except AdapterError as error:
        if error.failure.code is not ErrorCode.BUCKET_NOT_FOUND:
            raise
        if not create_bucket:
            raise (_with_creation(error.failure, run) if run.command == "backup" else error) from None
        Lister(query).create_bucket(target.bucket, place, timeout_s)
        yield WarningEvent(
            AdviceCode.BUCKET_CREATED_ON_UPLOAD,
            f"Bucket {target.bucket} did not exist and was created in zone {form.zone}.",
        )
    return Operation(
        target=target,
        options=options,
        settings=settings,
        storage=storage,
        rclone=rclone,
        place=place,
        limits=limits_of(form, options, rclone),
        scanner=scanner,
        run=run,
    )


def _with_creation(failure: Failure, run: Run) -> AdapterError:
    """Return the failure of a backup without its bucket, with the way to have it created."""
    how = "To create it, add --create-bucket, or createBucket to the job."
    if run.dry_run:
        how = "A dry run creates none; a backup does with --create-bucket, or createBucket in the job."
    return AdapterError(replace(failure, hint=f"{failure.hint} {how}"))
