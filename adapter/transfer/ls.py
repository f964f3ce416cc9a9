"""`ls`: what a restore of a target would bring back."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from adapter.contract.events import Event, Node, Outcome
from adapter.files.catalog import open_catalog
from adapter.files.manifest import Kind, Saved
from adapter.files.names import for_people, on_disk
from adapter.files.wanted import Wanted
from adapter.machine.cancellation import Cancellation
from adapter.machine.settings import Settings
from adapter.rclone.options import TransferOptions
from adapter.runs.run import Run
from adapter.storage.form import StorageForm
from adapter.storage.target import Target
from adapter.transfer.found import tell_unused
from adapter.transfer.preflight import prepare
from adapter.transfer.selection import Selection
from adapter.transfer.snapshot import BUCKET, open_snapshot, tell_state
from adapter.transfer.without_manifest import without_manifest

_SECOND = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Ls:
    """What to list. Without `recursive` only what is directly at the target."""

    target: Target
    options: TransferOptions
    recursive: bool = False
    at: str = ""
    storage: StorageForm | None = None
    selection: Selection = field(default_factory=Selection)


def ls(request: Ls, settings: Settings, cancel: Cancellation) -> Iterator[Event]:
    """Run it; the events end with the one Summary."""
    run = Run.of(request.options, cancel, "ls")
    return run.events(_steps(request, settings, run))


def _steps(request: Ls, settings: Settings, run: Run) -> Iterator[Event]:
    patterns = request.selection.patterns()
    operation = yield from prepare(request.target, request.storage, request.options, settings, run)
    catalog = run.enter(open_catalog(None))
    wanted = Wanted(catalog)
    snapshot = None if request.at == BUCKET else (yield from open_snapshot(operation, request.at, wanted))
    if snapshot is None:
        yield from without_manifest(operation, catalog, wanted, patterns, has_times=True)
    else:
        yield from tell_state(snapshot, wanted)
    below = b"" if snapshot is None else snapshot.below
    wanted.choose(patterns, below)
    yield from tell_unused(patterns, (), operation.storage.redactor)
    run.progress.total_files, run.progress.total_bytes = wanted.totals()
    for entry in wanted.entries():
        name = entry.name[len(below) :]
        if name and (request.recursive or b"/" not in name):
            yield entry_node(entry, on_disk(name), has_mode=snapshot is not None)
    run.outcome = Outcome.SUCCESS


def entry_node(entry: Saved, path: bytes, *, has_mode: bool) -> Node:
    """Return an entry as the event of a list; without a mode where only the bucket tells."""
    return Node(
        path=for_people(path),
        type=entry.kind.value,
        size=entry.size if entry.kind is Kind.FILE else None,
        mtime=rfc3339(entry.mtime_ns) if has_mode or entry.mtime_ns else None,
        mode=entry.mode if has_mode else None,
        linktarget=for_people(entry.link) if entry.link else None,
    )


def rfc3339(time_ns: int) -> str | None:
    """Return a time as text with all nanoseconds; None for one that no calendar has."""
    seconds, rest = divmod(time_ns, _SECOND)
    try:
        moment = datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        return None
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"
