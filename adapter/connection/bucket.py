"""Check that a bucket is in the storage's zone; if it is not, name its zone or the nearest names."""

import difflib
from collections.abc import Mapping

from adapter.connection.bucket_list import MOST_LISTED, Lister
from adapter.connection.zones import LONGEST_S, Found, other_zones, search
from adapter.contract.errors import AdapterError, ErrorCode, Failure
from adapter.diagnosis.absence import nonexistent_host
from adapter.rclone.open_storage import OpenStorage
from adapter.rclone.query import Query
from adapter.storage.form import StorageForm
from rclone_conf.qingstor import KNOWN_ZONES

_SHOWN = 5
"""Bucket names shown in one sentence."""

_PROXY_STATUSES = (502, 503, 504)
"""HTTP statuses of a proxy that cannot reach a host."""


def require_bucket(storage: OpenStorage, query: Query, bucket: str, timeout_s: float) -> None:
    """Return if the bucket is in the storage's zone and can be listed.

    Raises AdapterError: `zone_mismatch` if it is in another zone or the zone has no host,
    `bucket_not_found` with the nearest names, or what else went wrong.
    """
    lister = Lister(query)
    try:
        lister.look_into(bucket, storage.place(bucket), timeout_s)
    except AdapterError as error:
        if error.failure.code is ErrorCode.BUCKET_NOT_FOUND:
            raise AdapterError(_search(storage, query, bucket)) from error
        unknown = zone_unknown(error.failure, storage.form)
        if unknown and _answers(lister, storage, timeout_s):
            raise AdapterError(unknown) from error
        raise


def _search(storage: OpenStorage, query: Query, bucket: str) -> Failure:
    """Return why a bucket is not in the storage's zone."""
    form = storage.form
    zone = form.zone.lower()
    found = search(query, bucket, (zone, *other_zones(zone)), 2 * LONGEST_S)
    elsewhere = dict(found.zones)
    in_zone = elsewhere.pop(zone, ())
    return bucket_missing(form, bucket, in_zone, Found(elsewhere, found.complete))


def bucket_missing(form: StorageForm, bucket: str, in_zone: tuple[str, ...], elsewhere: Found) -> Failure:
    """Return `zone_mismatch` if another zone has the bucket, else `bucket_not_found` with the nearest names.

    Names are suggested from complete lists only: a list that was cut may lack the bucket itself. A bucket of
    another zone cannot be used as it is, so its zone comes with it.
    """
    if zone := elsewhere.zone_of(bucket):
        return Failure(
            ErrorCode.ZONE_MISMATCH,
            f"Your bucket {bucket} is in zone {zone}, not in {form.zone}.",
            f"Set the Zone to {zone}.",
            field="zone",
        )
    here = in_zone if len(in_zone) < MOST_LISTED else ()
    zones = elsewhere.zones if elsewhere.complete else {}
    there = {name: zone for zone, names in zones.items() for name in names}
    if near := difflib.get_close_matches(bucket, here, n=3):
        hint = f"Did you mean {' or '.join(near)}?"
    elif near := difflib.get_close_matches(bucket, there, n=1):
        zone = there[near[0]]
        hint = f"There is {near[0]} in zone {zone}: if you mean that, set the Zone to {zone}."
    elif not elsewhere.complete:
        hint = "Look up its zone in the QingCloud console, or try again later."
    elif here:
        hint = f"Use one of the buckets in this zone ({_some(here)}), or create {bucket} first."
    elif there:
        hint = f"Your buckets are in {_by_zone(zones)}: set the Zone, or create {bucket} first."
    else:
        hint = "Check the bucket's spelling and its zone in the QingCloud console, or create it there first."
    message = f"There is no bucket {bucket} in zone {form.zone}"
    if not elsewhere.complete:
        message += ", but not all of the other zones answered"
    return Failure(ErrorCode.BUCKET_NOT_FOUND, f"{message}.", hint)


def wrong_zone(form: StorageForm, elsewhere: Mapping[str, tuple[str, ...]]) -> Failure:
    """Return `zone_mismatch` for an account whose buckets are all in other zones."""
    return Failure(
        ErrorCode.ZONE_MISMATCH,
        f"Zone {form.zone} has none of your buckets; they are in {_by_zone(elsewhere)}.",
        f"Set the Zone to {' or '.join(elsewhere)}, or create a bucket in {form.zone} first.",
        field="zone",
    )


def zone_unknown(failure: Failure, form: StorageForm) -> Failure | None:
    """Return `zone_mismatch` if the zone's own host could not be found, else None.

    Behind a proxy the proxy looks the host up and answers with its own status if there is none.
    """
    zone, host = form.zone, form.server.host
    evidence = failure.evidence
    own = f"{zone}.{host}".lower()
    if (nonexistent_host(evidence.log_tail) or "").lower() == own:
        why = f"there is no host {zone}.{host}"
    elif (
        zone.lower() not in KNOWN_ZONES
        and evidence.http_status in _PROXY_STATUSES
        and not evidence.qingstor_code
    ):
        why = f"a proxy cannot reach {zone}.{host}"
    else:
        return None
    return Failure(
        ErrorCode.ZONE_MISMATCH,
        f"There is no zone {zone} at {host}: {host} answers, but {why}.",
        f"Set the Zone to that of your buckets; QingStor's zones are {', '.join(KNOWN_ZONES)}.",
        field="zone",
        evidence=evidence,
    )


def _answers(lister: Lister, storage: OpenStorage, timeout_s: float) -> bool:
    try:
        lister.buckets(storage.place(), timeout_s)
    except AdapterError as error:
        return error.failure.evidence.http_status is not None
    return True


def _by_zone(zones: Mapping[str, tuple[str, ...]]) -> str:
    return "; ".join(f"{zone} ({_some(names)})" for zone, names in zones.items())


def _some(names: tuple[str, ...]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
