"""The backup that a target and `--at` stand for: its manifest found, read, and put into a table."""

from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace

from adapter.contract.errors import AdapterError, ErrorCode, Failure
from adapter.contract.events import Event, WarningEvent
from adapter.files.catalog import Catalog, Object
from adapter.files.listing import list_objects
from adapter.files.manifest import Header, Kind, ManifestInvalid, Saved
from adapter.files.names import as_text, for_people
from adapter.files.wanted import Wanted
from adapter.machine.private import temporary_directory
from adapter.rclone.file_lists import rules_from
from adapter.rclone.options import escape
from adapter.rclone.remote import spelled_in_target
from adapter.storage.target import Target
from adapter.transfer.manifests import Heads, Manifests
from adapter.transfer.operation import Operation
from adapter.transfer.series import for_one_line

BUCKET = "bucket"
"""For `--at`: whatever lies in the bucket."""
LATEST = "latest"
_NAMED = 5


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What one run has backed up. Its entries are in the table that it was read into."""

    id: str
    header: Header
    operation: Operation
    """On the directory that was backed up to, where the entries' names begin."""
    below: bytes = b""
    """What the names begin with of all that the target is about, with a slash at the end; blank for all."""
    is_one: bool = False
    """Whether the target is one file of the backup."""


def open_snapshot(operation: Operation, at: str, wanted: Wanted) -> Generator[Event, None, Snapshot | None]:
    """Return the backup that is asked for, its entries in `wanted`; None if there is no manifest at all.

    The target may be a directory or a file below the one that was backed up to. Raises AdapterError
    `manifest_invalid`, `path_not_found`, or `usage` if `at` does not say which.
    """
    home, path, ids = yield from _find(operation)
    if not ids:
        if at:
            raise AdapterError(_no_such_run(at, operation.target, ()))
        return None
    manifests = Manifests(home)
    heads = Heads({}, {}) if len(ids) == 1 else (yield from manifests.heads(ids))
    one = _choose(heads, ids, at, home.target)
    header = yield from _read(manifests, heads, one, wanted)
    if not path:
        return Snapshot(one, header, home)
    name = spelled_in_target(path)
    entry = wanted.get(name)
    if entry is None:
        raise AdapterError(_not_in_backup(name, one))
    if entry.kind is Kind.DIRECTORY:
        wanted.keep_below(name)
        return Snapshot(one, header, home, name + b"/")
    wanted.keep_one(name)
    last_part = name.rpartition(b"/")[2]
    return Snapshot(one, header, home, name[: len(name) - len(last_part)], is_one=True)


def newest_runs(operation: Operation) -> Generator[Event, None, tuple[str, ...]]:
    """Return the ids of the newest backup of each series, for `open_snapshot`; of a manifest that tells no
    series too, if it is newer than one of these.
    """
    home, _, ids = yield from _find(operation)
    if len(ids) <= 1:
        return ids
    heads = yield from Manifests(home).heads(ids)
    if len(heads.series) <= 1:
        return ids[:1]
    newest = [heads.of_series(series)[0] for series in heads.series]
    return tuple(one for one in ids if one in newest or (one in heads.invalid and one > newest[-1]))


def _find(operation: Operation) -> Generator[Event, None, tuple[Operation, str, tuple[str, ...]]]:
    """Return the directory at or above the target that has manifests, what the target is below it, and the
    manifests' ids, which are none if there is no such directory.
    """
    home, path = operation, ""
    ids = yield from Manifests(operation).ids()
    while not ids and home.target.path:
        parent, _, last = home.target.path.rpartition("/")
        path = f"{last}/{path}" if path else last
        home = replace(home, target=replace(home.target, path=parent))
        ids = yield from Manifests(home).ids()
    return home, path, ids


def _choose(heads: Heads, ids: tuple[str, ...], at: str, target: Target) -> str:
    """Return the id of the manifest that is asked for. Raises AdapterError."""
    if not at and len(heads.series) > 1:
        raise AdapterError(_which_series(heads, target))
    if at in {"", LATEST}:
        return ids[0]
    fitting = [one for one in ids if one.startswith(at)]
    if len(fitting) != 1:
        raise AdapterError(_no_such_run(at, target, fitting or ids))
    return fitting[0]


def _read(manifests: Manifests, heads: Heads, one: str, wanted: Wanted) -> Generator[Event, None, Header]:
    """Read a manifest into the table. Raises AdapterError `manifest_invalid`, with the newest older one that
    is whole.
    """

    def load(_: Header, entries: Iterator[Saved]) -> None:
        wanted.load(entries)

    try:
        return (yield from manifests.read(one, load))
    except ManifestInvalid as error:
        reason = error.reason
    series = heads.headers[one].series if one in heads.headers else None
    for older in (other for other in heads.headers if other < one):
        if series is not None and heads.headers[older].series != series:
            continue
        try:
            yield from manifests.read(older, load)
        except ManifestInvalid:
            continue
        raise AdapterError(_invalid(one, reason, heads.headers[older], older))
    raise AdapterError(_invalid(one, reason, None, ""))


def list_stored(snapshot: Snapshot, wanted: Wanted, catalog: Catalog) -> Generator[Event, None, None]:
    """List the objects that the target is about; it itself may be an object, where rclone lists no more."""
    operation = snapshot.operation
    scanner, remote = operation.scanner, operation.remote
    if snapshot.is_one:
        found = yield from scanner.look_at(remote, [entry.name for entry in wanted.entries(Kind.FILE)])
        catalog.add_objects(Object(file.path, file.size, file.md5) for file in found.values())
        return
    with temporary_directory() as directory:
        rules = (f"+ /{escape(as_text(snapshot.below))}**", "- **") if snapshot.below else ()
        flags = rules_from(rules, directory) if rules else ()
        yield from list_objects(scanner, remote, catalog, flags=flags)


def tell_state(snapshot: Snapshot, wanted: Wanted) -> Iterator[Event]:
    """Yield a warning for what of a backup is not as the source was then."""
    header = snapshot.header
    stale = [for_people(entry.name) for entry in wanted.stale()]
    if stale:
        more = f" and {len(stale) - _NAMED} more" if len(stale) > _NAMED else ""
        yield WarningEvent(
            "older_versions",
            f"Of {len(stale)} files this backup has an older version only, because the new one could not be "
            f"read or sent: {', '.join(stale[:_NAMED])}{more}.",
        )
    if header.counts.failed:
        yield WarningEvent(
            "backup_not_whole",
            f"The backup {snapshot.id} was {header.outcome}: {header.counts.failed} files or directories of "
            "the source could not be backed up.",
        )


def _which_series(heads: Heads, target: Target) -> Failure:
    newest = {series: heads.of_series(series)[0] for series in heads.series}
    named = "; ".join(f"{one} ({for_one_line(series)})" for series, one in newest.items())
    return Failure(
        ErrorCode.USAGE,
        f"At {target} lie the backups of {len(newest)} sources, the newest of each: {named}.",
        "Choose one with --at RUN, the newest of all with --at latest, or everything with --at bucket.",
    )


def _no_such_run(at: str, target: Target, ids: tuple[str, ...] | list[str]) -> Failure:
    if not ids:
        return Failure(
            ErrorCode.PATH_NOT_FOUND,
            f"There is no manifest at {target}, so no backup can be chosen by {at}.",
            "Check the path; --at bucket restores whatever lies there.",
        )
    begins = [one for one in ids if one.startswith(at)]
    what = f"{len(begins)} backups at {target} begin" if begins else f"No backup at {target} begins"
    return Failure(
        ErrorCode.USAGE if begins else ErrorCode.PATH_NOT_FOUND,
        f"{what} with {at}.",
        f"The newest is {ids[0]}; `runs list --remote '{target}'` lists all.",
    )


def _invalid(one: str, reason: str, older: Header | None, older_id: str) -> Failure:
    hint = "`--at bucket` restores whatever lies in the bucket."
    if older is not None:
        ended = older.ended[:19].replace("T", " ")
        hint = f"The next older one that is whole is {older_id}, of {ended} UTC: use it with --at {older_id}."
    return Failure(
        ErrorCode.MANIFEST_INVALID, f"The manifest of the backup {one} cannot be used: {reason}.", hint
    )


def _not_in_backup(name: bytes, one: str) -> Failure:
    return Failure(
        ErrorCode.PATH_NOT_FOUND,
        f"The backup {one} has nothing at {for_people(name)}.",
        "`ls` shows what is in it; an older backup can be chosen with --at.",
    )
