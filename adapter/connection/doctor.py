"""Everything that can be wrong before a first backup; changes nothing.

Each check depends only on those before it, so the first that failed is the first to fix. They are `rclone`,
`conf`, `conf_mode`, `conf_encryption`, `conf_password`, `state_dir`, `proxy`, `environment`, `stand_in DIR`
for every directory that got a stand-in, `clock`, and `storage NAME` for every saved QingStor storage.
"""

import functools
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from adapter.connection.doctor_conf import check_conf
from adapter.connection.doctor_machine import (
    check_proxies,
    check_stand_ins,
    check_state_dir,
    check_stray_variables,
)
from adapter.connection.report import Check, Report, failed
from adapter.connection.stages import try_connection
from adapter.contract.errors import AdapterError, ErrorCode, cancelled
from adapter.diagnosis.http_heads import clock_sentence
from adapter.machine.cancellation import Cancellation
from adapter.machine.settings import Settings
from adapter.rclone.binary import probe_and_cache
from adapter.rclone.locate import find
from adapter.storage.form import StorageForm
from adapter.storage.saved import Saved, Storages

STORAGE_TIMEOUT_S = 15.0
"""Time limit for the test of one storage."""

_AT_ONCE = 4
"""Storages tested at the same time; each runs an rclone of 60 MiB."""
_NOTABLE_S = 120.0
"""A difference that gets a hint: QingStor refuses requests from 15 minutes on."""


def examine(
    settings: Settings, cancel: Cancellation, storage_timeout_s: float = STORAGE_TIMEOUT_S
) -> tuple[Check, ...]:
    """Return all checks, in order. Asks for the password of rclone.conf at most once.

    Raises AdapterError `cancelled`.
    """
    settings = replace(settings, ask_password=functools.cache(settings.ask_password))
    rclone = _check_rclone(settings, cancel)
    conf = tuple(check_conf(settings))
    saved = _saved(settings)
    forms = [one.form for one in saved if one.form] if rclone.ok else []
    reports = _test_all(forms, settings, cancel, storage_timeout_s)
    if cancel.requested:
        raise AdapterError(cancelled())
    return (
        rclone,
        *conf,
        check_state_dir(settings),
        check_proxies(settings.environ),
        check_stray_variables(settings.environ),
        *check_stand_ins(settings),
        _check_clock(reports.values()),
        *(_check_storage(one, reports.get(one.name), rclone) for one in saved),
    )


def _check_rclone(settings: Settings, cancel: Cancellation) -> Check:
    try:
        rclone = probe_and_cache(
            find(settings.rclone_option, settings.environ), settings, cancel, STORAGE_TIMEOUT_S
        )
    except AdapterError as error:
        return failed("rclone", error.failure)
    return Check("rclone", f"rclone {rclone.version_text} at {rclone.path}, with the qingstor backend.")


def _saved(settings: Settings) -> tuple[Saved, ...]:
    """Return the saved storages, or none if rclone.conf cannot be read: the check `conf` reports that."""
    try:
        return Storages(settings).all()
    except AdapterError:
        return ()


def _test_all(
    forms: Sequence[StorageForm], settings: Settings, cancel: Cancellation, timeout_s: float
) -> Mapping[str, Report]:
    """Return name to report. A child dies with the thread that started it, so each thread waits for it."""

    def test(form: StorageForm) -> Report:
        return try_connection(form, settings, cancel, timeout_s=timeout_s)

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return {report.form.name: report for report in pool.map(test, forms)}


def _check_clock(reports: Iterable[Report]) -> Check:
    known = [report for report in reports if report.clock_ahead_s is not None or _is_skewed(report)]
    if not known:
        return Check("clock", "Not compared with QingStor's clock, because no storage answered.")
    report = known[0]
    if report.failure and _is_skewed(report):
        return failed("clock", report.failure)
    ahead = report.clock_ahead_s or 0.0
    notable = abs(ahead) >= _NOTABLE_S
    hint = "Set it with NTP: QingStor refuses a difference of 15 minutes or more." if notable else ""
    return Check("clock", clock_sentence(ahead), hint)


def _is_skewed(report: Report) -> bool:
    return report.failure is not None and report.failure.code is ErrorCode.CLOCK_SKEW


def _check_storage(saved: Saved, report: Report | None, rclone: Check) -> Check:
    name = f"storage {saved.name}"
    if saved.failure:
        return failed(name, saved.failure)
    if report is None:
        message = "Not tested, because rclone cannot be used."
        return replace(rclone, name=name, message=message, hint="Fix the check rclone first.")
    if report.failure:
        if report.failure.code is ErrorCode.PERMISSION_DENIED and report.stages[-1].name == "connect":
            return Check(
                name,
                "The keys are right, but may not list the account's buckets.",
                f"Test it with a bucket: `storage test '{saved.name}' --bucket BUCKET`.",
            )
        return failed(name, report.failure)
    return Check(name, report.stages[-1].message)
