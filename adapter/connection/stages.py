"""Test Connection: stage by stage, within a time limit; saves nothing.

`rclone` → `credentials` → `connect` → `zone` → `bucket` → `write`. A stage that is not reached or not
requested is absent. If all is well rclone is called twice: for the global host and for the zone's host.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from adapter.connection.bucket import bucket_missing, wrong_zone, zone_unknown
from adapter.connection.bucket_list import MOST_LISTED, Lister, NotListed
from adapter.connection.report import Report, Stage
from adapter.connection.write_check import new_write_check
from adapter.connection.zones import NOTHING, find_bucket, find_buckets, other_zones, search
from adapter.contract.errors import AdapterError, ErrorCode, Failure
from adapter.diagnosis.classify import Place
from adapter.machine.cancellation import Cancellation
from adapter.machine.deadline import Deadline
from adapter.machine.settings import Settings
from adapter.rclone.binary import Rclone, cached
from adapter.rclone.locate import find
from adapter.rclone.open_storage import OpenStorage, open_storage
from adapter.rclone.query import Query
from adapter.storage.advice import Advice, AdviceCode, advise
from adapter.storage.form import StorageForm
from adapter.storage.target import parse_target

_FIELDS = {
    ErrorCode.ACCESS_KEY_INVALID: "access_key_id",
    ErrorCode.SECRET_KEY_INVALID: "secret_access_key",
    ErrorCode.ENDPOINT_INVALID: "endpoint",
    ErrorCode.ENDPOINT_UNREACHABLE: "endpoint",
    ErrorCode.TLS_FAILED: "endpoint",
    ErrorCode.ZONE_MISMATCH: "zone",
}
"""Error code to the field of the form that it is about."""
_PROBE_BUCKET = "pluton-qingstor-no-such-bucket"
"""Listed in an empty zone: any answer proves that the zone's host works."""
_ANSWERED = {ErrorCode.BUCKET_NOT_FOUND, ErrorCode.PERMISSION_DENIED, ErrorCode.ACCOUNT_PROBLEM}

_T = TypeVar("_T")


def try_connection(
    form: StorageForm,
    settings: Settings,
    cancel: Cancellation,
    *,
    bucket: str = "",
    write: bool = False,
    timeout_s: float,
) -> Report:
    """Return the report of a test, its failure included. Saves nothing. `write` needs a bucket.

    Raises AdapterError `usage` if `bucket` is not a valid name.
    """
    _check_name(bucket)
    test = _Test(form, settings, cancel, Deadline(timeout_s))
    try:
        test.run(bucket, write=write)
    except AdapterError as error:
        test.report.failure = error.failure
    return test.report


def _check_name(bucket: str) -> None:
    try:
        named = parse_target(f"_:{bucket}").bucket if bucket else ""
    except AdapterError as error:
        named, hint = None, error.failure.hint
    else:
        hint = "Leave out the path: the test is for the whole bucket."
    if named != bucket:
        message = f"--bucket: {bucket!r} is not the name of a bucket."
        raise AdapterError(Failure(ErrorCode.USAGE, message, hint, field="bucket"))


class _Test:
    def __init__(
        self, form: StorageForm, settings: Settings, cancel: Cancellation, deadline: Deadline
    ) -> None:
        self.report = Report(form, advice=list(advise(form)))
        self._form = form
        self._settings = settings
        self._cancel = cancel
        self._deadline = deadline
        self._elsewhere = NOTHING

    def run(self, bucket: str, *, write: bool) -> None:
        rclone = self._stage("rclone", self._rclone)
        storage = self._stage("credentials", self._credentials)
        query = Query(rclone, storage.env, storage.redactor, self._cancel)
        may_list = self._stage("connect", lambda: self._connect(storage, query, bucket))
        self._stage("zone", lambda: self._zone(storage, query, bucket, may_list=may_list))
        if bucket:
            self._stage("bucket", lambda: self._bucket(storage, query, bucket, may_list=may_list))
            if write:
                self._stage("write", lambda: self._write(storage, query, bucket))

    def _rclone(self) -> tuple[Rclone, str]:
        path = find(self._settings.rclone_option, self._settings.environ)
        rclone = cached(path, self._settings, self._cancel, self._deadline.left_s)
        return rclone, f"rclone {rclone.version_text} at {rclone.path}, with the qingstor backend."

    def _credentials(self) -> tuple[OpenStorage, str]:
        storage = open_storage(self._form, self._settings)
        self.report.advice += storage.advice()
        return storage, f"Keys taken from {storage.credentials.source}."

    def _connect(self, storage: OpenStorage, query: Query, bucket: str) -> tuple[bool, str]:
        """Return whether the key may list the account's buckets; a key for a single bucket may not."""
        place = storage.place()
        try:
            listed = Lister(query).buckets(place, self._deadline.left_s)
        except NotListed as error:
            self.report.clock_ahead_s = error.clock_ahead_s
            if bucket and error.failure.code is ErrorCode.PERMISSION_DENIED:
                return False, f"{place.endpoint} answers; the keys are right, but may not list buckets."
            raise
        self.report.buckets = listed.names
        self.report.clock_ahead_s = listed.clock_ahead_s
        return True, f"{place.endpoint} answers, and the keys are right."

    def _zone(self, storage: OpenStorage, query: Query, bucket: str, *, may_list: bool) -> tuple[None, str]:
        zone, names = self._form.zone, self.report.buckets
        if not may_list:
            return None, f"The buckets of zone {zone} cannot be listed; only {bucket} is checked."
        if bucket and bucket not in names and self._is_cut:
            return None, (
                f"Zone {zone} has {MOST_LISTED} or more buckets, and QingStor lists no more than that; "
                f"only {bucket} is checked."
            )
        if bucket not in names and (bucket or not names):
            self._look_elsewhere(query, bucket)
        count = f"{len(names)} bucket{'s' if len(names) > 1 else ''}" if names else "no bucket"
        if bucket:
            if bucket not in names:
                others = f"{count}, none called" if names else "no bucket called"
                return None, f"Zone {zone} has {others} {bucket}."
            more = f" and {len(names) - 1} more" if len(names) > 1 else ""
            return None, f"Zone {zone} has bucket {bucket}{more}."
        if not names and self._elsewhere.complete:
            self.report.advice.append(
                Advice(AdviceCode.EMPTY_ZONE, "zone", f"There are no buckets yet: create one in zone {zone}.")
            )
        self._reach_zone(storage, query, names[0] if names else _PROBE_BUCKET)
        unasked = "" if self._elsewhere.complete else "; not all of the other zones answered"
        at_least = "at least " if self._is_cut else ""
        return None, f"Zone {zone} answers and has {at_least}{count}{unasked}."

    @property
    def _is_cut(self) -> bool:
        """Whether the zone may have more buckets than were listed."""
        return len(self.report.buckets) >= MOST_LISTED

    def _look_elsewhere(self, query: Query, bucket: str) -> None:
        """Raise `zone_mismatch` if other zones have the bucket, or the zone is empty and others are not."""
        zones = other_zones(self._form.zone)
        # Half of the time is kept for the zone itself.
        time_s = self._deadline.left_s / 2
        found = search(query, bucket, zones, time_s) if bucket else find_buckets(query, zones, time_s)
        self._elsewhere, self.report.other_zones = found, found.zones
        if found.zone_of(bucket):
            raise AdapterError(bucket_missing(self._form, bucket, self.report.buckets, found))
        if found.zones and not bucket:
            raise AdapterError(wrong_zone(self._form, found.zones))

    def _reach_zone(self, storage: OpenStorage, query: Query, bucket: str) -> None:
        """Return if the zone's own host answers, whatever it says: the list came from another host."""
        try:
            self._look_into(storage, query, bucket)
        except AdapterError as error:
            if error.failure.code not in _ANSWERED:
                raise

    def _bucket(self, storage: OpenStorage, query: Query, bucket: str, *, may_list: bool) -> tuple[None, str]:
        try:
            self._look_into(storage, query, bucket)
        except AdapterError as error:
            if error.failure.code is not ErrorCode.BUCKET_NOT_FOUND:
                raise
            if not may_list or self._is_cut:
                zones = other_zones(self._form.zone)
                self._elsewhere = find_bucket(query, bucket, zones, self._deadline.left_s)
                self.report.other_zones = self._elsewhere.zones
            failure = bucket_missing(self._form, bucket, self.report.buckets, self._elsewhere)
            raise AdapterError(replace(failure, evidence=error.failure.evidence)) from error
        return None, f"Bucket {bucket} exists and can be listed."

    def _look_into(self, storage: OpenStorage, query: Query, bucket: str) -> None:
        try:
            Lister(query).look_into(bucket, self._place(storage, bucket), self._deadline.left_s)
        except AdapterError as error:
            if unknown := zone_unknown(error.failure, self._form):
                raise AdapterError(unknown) from error
            raise

    def _place(self, storage: OpenStorage, bucket: str) -> Place:
        """Return the bucket with the address of its zone's host, which differs from the endpoint."""
        server = self._form.server
        host = f"{server.scheme}://{self._form.zone}.{server.host}:{server.port}"
        return replace(storage.place(bucket), endpoint=host)

    def _write(self, storage: OpenStorage, query: Query, bucket: str) -> tuple[None, str]:
        new_write_check(query, self._place(storage, bucket)).run(self._deadline)
        return None, f"An object was written to bucket {bucket}, read back, compared and deleted."

    def _stage(self, name: str, step: Callable[[], tuple[_T, str]]) -> _T:
        started = time.monotonic()
        try:
            value, message = step()
        except AdapterError as error:
            failure = self._about_stage(name, error.failure)
            self._add(name, started, failure.message, ok=False)
            raise AdapterError(failure) from error
        self._add(name, started, message, ok=True)
        return value

    def _about_stage(self, name: str, failure: Failure) -> Failure:
        """Return the failure with its field and, for a time-out, the host that did not answer."""
        if failure.code is ErrorCode.TIMEOUT:
            return replace(
                failure,
                message=f"{WAITS_FOR[name].format(zone=self._form.zone)} did not answer in time: the test "
                f"reached its limit of {self._deadline.total_s:g} s in stage {name}.",
            )
        return replace(failure, field=failure.field or _FIELDS.get(failure.code))

    def _add(self, name: str, started: float, message: str, *, ok: bool) -> None:
        elapsed = round((time.monotonic() - started) * 1000)
        self.report.stages.append(Stage(name, ok, elapsed, message))


WAITS_FOR = {
    "rclone": "rclone",
    "credentials": "The source of the keys",
    "connect": "QingStor",
    "zone": "QingStor's zone {zone}",
    "bucket": "QingStor's zone {zone}",
    "write": "QingStor's zone {zone}",
}
"""Stage to what it waits for."""
