"""`verify`: is what is in the bucket what is in the source?"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from adapter.contract.errors import ErrorCode
from adapter.contract.events import Event, Outcome
from adapter.files.catalog import open_catalog
from adapter.files.index import known_md5s
from adapter.files.listing import walk_only
from adapter.machine.cancellation import Cancellation
from adapter.machine.settings import Settings
from adapter.rclone.options import TransferOptions
from adapter.runs.run import Run
from adapter.storage.form import StorageForm
from adapter.storage.target import Target
from adapter.transfer.comparison import Comparison
from adapter.transfer.found import tell_findings, tell_unused
from adapter.transfer.preflight import prepare
from adapter.transfer.selection import Selection
from adapter.transfer.source import open_sources


@dataclass(frozen=True, slots=True)
class Verify:
    """What to compare with what. With `sample_percent` a random share of the files is downloaded."""

    source: Path
    target: Target
    options: TransferOptions
    storage: StorageForm | None = None
    download: bool = False
    sample_percent: float | None = None
    selection: Selection = field(default_factory=Selection)


def verify(request: Verify, settings: Settings, cancel: Cancellation) -> Iterator[Event]:
    """Run it; the events end with the one Summary. The source is read anew, whatever the index says."""
    run = Run.of(request.options, cancel, "verify")
    return run.events(_steps(request, settings, run))


def _steps(request: Verify, settings: Settings, run: Run) -> Iterator[Event]:
    sources = yield from open_sources((request.source,), request.selection, settings, run)
    operation = yield from prepare(request.target, request.storage, request.options, settings, run)
    catalog = run.enter(open_catalog(None))
    walks = sources.walks()
    yield from walk_only(walks, catalog, run)
    yield from tell_findings(walks, run)
    yield from tell_unused(sources.choices[0].patterns, walks, operation.storage.redactor)
    run.progress.total_files, run.progress.total_bytes = catalog.totals(with_links=False)

    def is_sampled() -> bool:
        share = request.sample_percent
        return share is not None and random.random() * 100 < share  # noqa: S311  # a fair share, no secret

    sent = known_md5s(settings.state_dir, operation.identity)
    comparison = Comparison(operation, catalog, sources, sent)
    yield from comparison.compare(download=request.download, is_sampled=is_sampled)
    for item, failure in run.tally.failed.items():  # what the walk could not look at
        comparison.wrong.setdefault(item, failure)
    run.verification = comparison.verification
    for item, failure in comparison.wrong.items():
        run.tally.fail(item, failure)
    run.error = comparison.verdict()
    run.outcome = Outcome.SUCCESS if run.error is None else Outcome.FAILED
    if run.error is not None and run.error.code is ErrorCode.PARTIAL:
        run.outcome = Outcome.PARTIAL
