"""`storage usage`: what each bucket holds, as QingStor counts it, and what unfinished uploads hold."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TypeVar

from adapter.connection.bucket import require_bucket, wrong_zone
from adapter.connection.bucket_list import MOST_LISTED, Lister
from adapter.connection.zones import LONGEST_S, find_buckets, other_zones
from adapter.contract.errors import AdapterError, ErrorCode, Failure, cancelled
from adapter.files.background import Background, in_turn
from adapter.machine.cancellation import Cancellation
from adapter.machine.settings import Settings
from adapter.rclone.binary import cached
from adapter.rclone.locate import find
from adapter.rclone.open_storage import OpenStorage, open_storage
from adapter.rclone.query import Query
from adapter.storage.advice import Advice
from adapter.storage.saved import Storages
from adapter.transfer.qingstor_api import PendingUpload, QingStorApi, Statistics, is_gone, open_api

MOST_SUMMED = 200
"""Unfinished uploads of one bucket whose parts are summed up, each for two requests or more."""

_TIMEOUT_S = 60.0
_TICK_S = 0.2
_AT_ONCE = 4
_MOST_HOST_FAILURES = 3
"""Buckets after which the zone's host is given up: each of some hundred may wait for a minute."""
_OF_THE_HOST = frozenset({ErrorCode.TIMEOUT, ErrorCode.ENDPOINT_UNREACHABLE})
_MAYBE_ELSEWHERE = frozenset(
    {ErrorCode.BUCKET_NOT_FOUND, ErrorCode.ENDPOINT_UNREACHABLE, ErrorCode.SERVER_ERROR}
)
"""How a zone that does not have the bucket, or does not exist, may look; the last behind a proxy."""

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Unfinished:
    """The unfinished uploads of a bucket; None for what is not known, and if it was refused why."""

    count: int | None = None
    size: int | None = None
    oldest: datetime | None = None
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class BucketUsage:
    """One bucket: its statistics, or why there are none."""

    name: str
    statistics: Statistics | None
    unfinished: Unfinished = Unfinished()
    failure: Failure | None = None

    def as_dict(self) -> dict[str, object]:
        """Return the entry of `buckets` (docs/interface.md)."""
        known, unfinished = self.statistics, self.unfinished
        return {
            "name": self.name,
            "objects": known.count if known else None,
            "bytes": known.size if known else None,
            "unfinished_uploads": unfinished.count,
            "unfinished_bytes": unfinished.size,
            "oldest_upload": _utc(unfinished.oldest),
            "status": known.status if known else None,
            "created": _utc(known.created if known else None),
            "storage_classes": _classes(known),
            "error": self.failure.as_dict() if self.failure else None,
            "uploads_error": unfinished.failure.as_dict() if unfinished.failure else None,
        }


@dataclass(frozen=True, slots=True)
class Usage:
    """The buckets of a zone, or the one that was named."""

    zone: str
    buckets: tuple[BucketUsage, ...]
    is_complete: bool
    """Whether QingStor listed all buckets of the zone."""
    advice: tuple[Advice, ...]

    @property
    def failure(self) -> Failure | None:
        """Why nothing is known of any bucket, if so."""
        failures = [one.failure for one in self.buckets if one.failure]
        if not failures or len(failures) < len(self.buckets):
            return None
        first = failures[0]
        if len(failures) == 1:
            return first
        message = f"None of the {len(failures)} buckets in zone {self.zone} could be asked. The first: "
        return replace(first, message=message + first.message)

    def as_dict(self) -> dict[str, object]:
        """Return `data` of the answer (docs/interface.md)."""
        return {
            "buckets": [one.as_dict() for one in self.buckets],
            "zone": self.zone,
            "complete": self.is_complete,
            "advice": [one.as_dict() for one in self.advice],
        }


def measure_usage(name: str, bucket: str, settings: Settings, cancel: Cancellation) -> Usage:
    """Ask QingStor about one bucket of a saved storage, or if it is blank about all of the zone.

    A bucket that cannot be asked has a failure of its own. Raises AdapterError if there is no such storage,
    its buckets cannot be listed, or the request was cancelled.
    """
    storage = open_storage(Storages(settings).get(name), settings)
    names = (bucket,) if bucket else _listed(storage, settings, cancel)
    buckets = _ask_all(names, storage, cancel)
    if bucket and (failure := buckets[0].failure) is not None:
        if failure.code in _MAYBE_ELSEWHERE:
            failure = _explained(failure, bucket, storage, lambda: _query(storage, settings, cancel))
        buckets = [replace(buckets[0], failure=failure)]
    return Usage(storage.form.zone, tuple(buckets), len(names) < MOST_LISTED, storage.advice())


def _listed(storage: OpenStorage, settings: Settings, cancel: Cancellation) -> tuple[str, ...]:
    form, query = storage.form, _query(storage, settings, cancel)
    try:
        names = Lister(query).buckets(storage.place(), _TIMEOUT_S).names
    except AdapterError as error:
        if error.failure.code is not ErrorCode.PERMISSION_DENIED:
            raise
        hint = f"Name a bucket: `storage usage '{form.name}:BUCKET'`."
        raise AdapterError(replace(error.failure, hint=hint)) from error
    if not names and (elsewhere := find_buckets(query, other_zones(form.zone), LONGEST_S).zones):
        raise AdapterError(wrong_zone(form, elsewhere))
    return names


def _query(storage: OpenStorage, settings: Settings, cancel: Cancellation) -> Query:
    path = find(settings.rclone_option, settings.environ)
    return Query(cached(path, settings, cancel, _TIMEOUT_S), storage.env, storage.redactor, cancel)


def _ask_all(names: Sequence[str], storage: OpenStorage, cancel: Cancellation) -> list[BucketUsage]:
    """Return the buckets in the same order, several asked at a time. Raises AdapterError `cancelled`."""
    api = open_api(storage, "")
    asking, give = _Asking(cancel), in_turn(names)

    def answers() -> Iterator[BucketUsage]:
        while (name := give()) is not None:
            yield asking.ask(replace(api, bucket=name))

    found: dict[str, BucketUsage] = {}
    # Not the threads of a pool: the end of the program would wait for a host that does not answer.
    with Background(answers() for _ in range(_AT_ONCE)) as asked:
        while not asked.is_over:
            _check(cancel)
            found.update((one.name, one) for one in asked.take(_TICK_S))
    return [found[name] for name in names]


class _Asking:
    """Asks about buckets until the zone's host has failed too often; then all others have that failure."""

    def __init__(self, cancel: Cancellation) -> None:
        self._cancel = cancel
        self._host_failures: list[Failure] = []

    def ask(self, api: QingStorApi) -> BucketUsage:
        """Return what is known of the bucket. Raises AdapterError `cancelled`."""
        if len(self._host_failures) >= _MOST_HOST_FAILURES:
            return BucketUsage(api.bucket, None, failure=self._host_failures[0])
        _check(self._cancel)
        usage = _ask(api, self._cancel)
        failure = usage.failure or usage.unfinished.failure
        if failure and failure.code in _OF_THE_HOST:
            self._host_failures.append(failure)
        return usage


def _ask(api: QingStorApi, cancel: Cancellation) -> BucketUsage:
    try:
        statistics = api.statistics()
    except AdapterError as error:
        return BucketUsage(api.bucket, None, failure=_without_right(error.failure, _STATISTICS, api))
    return BucketUsage(api.bucket, statistics, _unfinished(api, cancel))


def _unfinished(api: QingStorApi, cancel: Cancellation) -> Unfinished:
    try:
        uploads = tuple(_until_cancelled(api.pending_uploads(), cancel))
    except AdapterError as error:
        _check(cancel)
        return Unfinished(failure=_without_right(error.failure, _UPLOADS, api))
    size: int | None = None
    failure = None
    if len(uploads) <= MOST_SUMMED:
        try:
            sizes = [_size(upload, api) for upload in _until_cancelled(uploads, cancel)]
        except AdapterError as error:
            _check(cancel)
            failure = _without_right(error.failure, _PARTS, api)
        else:
            uploads = tuple(upload for upload, one in zip(uploads, sizes, strict=True) if one is not None)
            size = sum(one for one in sizes if one is not None)
    oldest = min((upload.created for upload in uploads), default=None)
    return Unfinished(len(uploads), size, oldest, failure)


def _size(upload: PendingUpload, api: QingStorApi) -> int | None:
    """The bytes of its parts; None if it is no longer there."""
    try:
        return api.uploaded_bytes(upload)
    except AdapterError as error:
        if is_gone(error.failure):
            return None
        raise


def _explained(
    failure: Failure, bucket: str, storage: OpenStorage, open_query: Callable[[], Query]
) -> Failure:
    """Return why a bucket that was named is not there, as every other command says it, if that is known."""
    try:
        require_bucket(storage, open_query(), bucket, _TIMEOUT_S)
    except AdapterError as error:
        found = error.failure
        if found.code is ErrorCode.CANCELLED:
            raise
        if found.code in {ErrorCode.BUCKET_NOT_FOUND, ErrorCode.ZONE_MISMATCH}:
            return replace(found, evidence=failure.evidence)
    return failure


def _until_cancelled(items: Iterable[_T], cancel: Cancellation) -> Iterator[_T]:
    for item in items:
        _check(cancel)
        yield item


def _check(cancel: Cancellation) -> None:
    if cancel.requested:
        raise AdapterError(cancelled())


_OWNER = "use a key of the bucket's owner"
_STATISTICS = (
    "This key may not read the statistics of bucket {bucket}.",
    f"Give it the right get_bucket_stats (see docs/least-privilege.md), or {_OWNER}.",
)
_UPLOADS = (
    "This key may not list the unfinished uploads of bucket {bucket}.",
    f"No right of a bucket policy is enough: {_OWNER}.",
)
_PARTS = (
    "This key may not list the parts of the unfinished uploads in bucket {bucket}.",
    f"Give it the right list_object_parts (see docs/least-privilege.md), or {_OWNER}.",
)


def _without_right(failure: Failure, sentences: tuple[str, str], api: QingStorApi) -> Failure:
    """Return the failure; if it is `permission_denied`, with what was refused and what helps."""
    if failure.code is not ErrorCode.PERMISSION_DENIED:
        return failure
    message, hint = sentences
    return replace(failure, message=message.format(bucket=api.bucket), hint=hint)


def _classes(statistics: Statistics | None) -> dict[str, object] | None:
    if statistics is None or statistics.storage_classes is None:
        return None
    return {
        name: {"objects": one.count, "bytes": one.size, "billed_bytes": one.billing_size}
        for name, one in statistics.storage_classes.items()
    }


def _utc(moment: datetime | None) -> str | None:
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
