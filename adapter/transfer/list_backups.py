"""The backups that lie at a target, by the first lines of their manifests."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from adapter.contract.events import Event, Outcome
from adapter.files.manifest import Header
from adapter.machine.cancellation import Cancellation
from adapter.machine.settings import Settings
from adapter.rclone.options import TransferOptions
from adapter.runs.run import Run
from adapter.storage.target import Target
from adapter.transfer.manifests import Manifests
from adapter.transfer.preflight import prepare


@dataclass(slots=True)
class Backups:
    """What was found, the newest first: headers, and what is wrong with those that cannot be read."""

    headers: dict[str, Header] = field(default_factory=dict)
    invalid: dict[str, str] = field(default_factory=dict)


def list_backups(target: Target, found: Backups, settings: Settings, cancel: Cancellation) -> Iterator[Event]:
    """Put what there is into `found`; the events end with the one Summary."""
    run = Run(cancel, "runs list")
    return run.events(_steps(target, found, settings, run))


def _steps(target: Target, found: Backups, settings: Settings, run: Run) -> Iterator[Event]:
    operation = yield from prepare(target, None, TransferOptions(), settings, run)
    manifests = Manifests(operation)
    heads = yield from manifests.heads((yield from manifests.ids()))
    found.headers.update(heads.headers)
    found.invalid.update((one, error.reason) for one, error in heads.invalid.items())
    run.outcome = Outcome.SUCCESS
