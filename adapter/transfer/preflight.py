"""Everything before the first byte of a transfer: the storage, its keys, rclone, the bucket."""

from collections.abc import Generator
from dataclasses import replace

from adapter.connection.bucket import require_bucket
from adapter.connection.bucket_list import Lister
from adapter.contract.errors import AdapterError, ErrorCode, Failure
from adapter.contract.events import Event, WarningEvent
from adapter.machine.settings import Settings
from adapter.rclone.binary import cached
from adapter.rclone.locate import find
from adapter.rclone.open_storage import open_storage
from adapter.rclone.options import TransferOptions
from adapter.rclone.query import Query
from adapter.runs.backoff import TRANSIENT
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
    target: Target, form: StorageForm | None, options: TransferOptions, settings: Settings, run: Run
) -> Generator[Event, None, Operation]:
    """Open the storage as `open_operation` does, and look at the bucket.

    Raises AdapterError for whatever is missing; for a bucket that is in another zone `zone_mismatch`.
    """
    operation = yield from open_operation(target, form, options, settings, run)

    def look_for_bucket() -> Generator[Event, None, None]:
        _require_bucket(operation)
        yield from ()

    yield from operation.scanner.backoff.retry(
        look_for_bucket, operation.storage.form.connection_retries, run
    )
    return operation


def open_operation(
    target: Target, form: StorageForm | None, options: TransferOptions, settings: Settings, run: Run
) -> Generator[Event, None, Operation]:
    """Open the storage (without a form, the saved one that the target names) and find rclone.

    Yields what a person should know already, also when the bucket then turns out to be missing. Raises
    AdapterError for whatever is missing.
    """
    form = form or Storages(settings).get(target.storage)
    storage = open_storage(form, settings)
    for advice in storage.advice():
        yield WarningEvent(advice.code, advice.message)
    path = find(settings.rclone_option, settings.environ)
    rclone = cached(path, settings, run.cancel, _timeout_s(options))
    place = replace(storage.place(target.bucket, target.path), is_restore=run.command == "restore")
    return Operation(
        target=target,
        options=options,
        settings=settings,
        storage=storage,
        rclone=rclone,
        place=place,
        limits=limits_of(form, options, rclone),
        scanner=open_scanner(rclone, storage, place, run),
        run=run,
    )


def explain_absence(
    operation: Operation, error: AdapterError, *, create_bucket: bool
) -> Generator[Event, None, bool]:
    """Find out what is wrong with the bucket when its list has failed; return whether it has been created.

    rclone would create a mistyped bucket in silence (measured with 1.75.2), so nothing is sent before its
    list has succeeded. Raises AdapterError if there is a better answer than the list's own.
    """
    if operation.cancel.requested:
        return False
    try:
        _require_bucket(operation)
    except AdapterError as found:
        if found.failure.code is not ErrorCode.BUCKET_NOT_FOUND:
            raise (error if found.failure.code in TRANSIENT else found) from None
        if not create_bucket:
            raise _with_creation(found.failure, operation.run) from None
        form, timeout_s = operation.storage.form, _timeout_s(operation.options)
        Lister(_query(operation)).create_bucket(operation.target.bucket, operation.place, timeout_s)
        yield WarningEvent(
            AdviceCode.BUCKET_CREATED_ON_UPLOAD,
            f"Bucket {operation.target.bucket} did not exist and was created in zone {form.zone}.",
        )
        return True
    return False


def _require_bucket(operation: Operation) -> None:
    timeout_s = _timeout_s(operation.options)
    require_bucket(operation.storage, _query(operation), operation.target.bucket, timeout_s)


def _query(operation: Operation) -> Query:
    storage = operation.storage
    return Query(operation.rclone, storage.env, storage.redactor, operation.cancel)


def _timeout_s(options: TransferOptions) -> float:
    """Return how long one question may take, in seconds."""
    return min(_TIMEOUT_S, options.stall_timeout_s)


def _with_creation(failure: Failure, run: Run) -> AdapterError:
    """Return the failure of a backup without its bucket, with the way to have it created."""
    how = "To create it, add --create-bucket, or createBucket to the job."
    if run.dry_run:
        how = "A dry run creates none; a backup does with --create-bucket, or createBucket in the job."
    return AdapterError(replace(failure, hint=f"{failure.hint} {how}"))
