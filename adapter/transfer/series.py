"""Whose backups lie at a target, before a run adds to them; the index brought up to the newest of its series.

The backups of one source are a series. A target of another one is not written to by mistake.
"""

import os
from collections.abc import Generator, Sequence
from dataclasses import dataclass

from adapter.contract.errors import AdapterError, ErrorCode, Failure
from adapter.contract.events import Event, WarningEvent
from adapter.files.catalog import Catalog
from adapter.files.manifest import ManifestInvalid
from adapter.files.manifest_rows import rebuild
from adapter.transfer.manifests import Heads, Manifests, ids_among, object_name
from adapter.transfer.operation import Operation


@dataclass(frozen=True, slots=True)
class Standing:
    """What of manifests a run found at its target."""

    ids: tuple[str, ...]
    """Of all manifests there, the newest first."""
    newest: str
    """The newest of the run's own series that could be read; blank if there is none."""


def catch_up(
    operation: Operation, catalog: Catalog, series: str, *, share: bool
) -> Generator[Event, None, Standing]:
    """Return what there is at the target, after the index says what the newest manifest of the series says.

    Raises AdapterError `target_in_use` if the newest manifest is of another series, unless they share the
    target, and `manifest_invalid` for one of a later version of this program.
    """
    ids, index = ids_among(catalog.own_objects()), catalog.index
    if not ids or index.manifest == ids[0]:
        if ids and index.manifest_size not in {None, catalog.own_size(object_name(ids[0]))}:
            yield WarningEvent(
                "manifest_damaged",
                f"The manifest {ids[0]} is not of the size that was written. A new one takes its place.",
            )
            return Standing(ids, "")
        return Standing(ids, ids[0] if ids else "")
    manifests = Manifests(operation)
    heads = yield from manifests.heads(ids)
    for one, error in heads.invalid.items():
        if error.is_newer:
            raise AdapterError(_newer(one))
        yield WarningEvent("manifest_damaged", f"The manifest {one} cannot be read: {error.reason}.")
    if heads.series and heads.series[0] != series and not share:
        raise AdapterError(_in_use(operation, heads))
    yield from _tell_other_host(heads, series)
    for one in heads.of_series(series):
        if index.manifest == one or (yield from _rebuilt(manifests, catalog, one)):
            return Standing(ids, one)
    return Standing(ids, "")


def _rebuilt(manifests: Manifests, catalog: Catalog, one: str) -> Generator[Event, None, bool]:
    """Take a manifest over; return whether it could be read."""
    try:
        yield from take_over(manifests, catalog, one)
    except ManifestInvalid as error:
        yield WarningEvent("manifest_damaged", f"The manifest {one} cannot be used: {error.reason}.")
        return False
    return True


def take_over(manifests: Manifests, catalog: Catalog, one: str) -> Generator[Event, None, None]:
    """Make the index say what a manifest says. Raises ManifestInvalid, AdapterError."""
    yield from manifests.read(
        one, lambda header, entries: rebuild(catalog.index, entries, one, header.digest)
    )


def _tell_other_host(heads: Heads, series: str) -> Generator[Event, None, None]:
    ours = heads.of_series(series)
    here = os.uname().nodename
    if ours and (there := heads.headers[ours[0]].host) != here:
        yield WarningEvent(
            "other_host",
            f"The last backup of this source was made on {there}; this is {here}. If these are two sources, "
            "give each a name of its own with --source-name, and a target of its own.",
        )


def series_named(name: str, paths: Sequence[str]) -> str:
    """Return the name of a series: the one that was given, or its sources' paths."""
    return name or "\n".join(paths)


def for_one_line(series: str) -> str:
    """Return a series for a message."""
    return ", ".join(series.split("\n"))


def _in_use(operation: Operation, heads: Heads) -> Failure:
    newest = next(iter(heads.headers))
    header = heads.headers[newest]
    return Failure(
        ErrorCode.TARGET_IN_USE,
        f"{operation.target} holds the backup of another source: {for_one_line(header.series)} on "
        f"{header.host}, last made {header.ended[:19].replace('T', ' ')} UTC. Nothing was changed.",
        "Name another path as the target, or --share to keep both in this one, or the same --source-name if "
        "it is the same source.",
    )


def _newer(one: str) -> Failure:
    return Failure(
        ErrorCode.MANIFEST_INVALID,
        f"The manifest {one} was written by a later version of this program, which this one cannot read.",
        "Update this program, then run it again.",
    )
