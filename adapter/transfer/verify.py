"""`verify`: is what is in the bucket what is in the source?"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from adapter.contract.errors import ErrorCode
from adapter.contract.events import Event, Outcome
from adapter.machine.cancellation import Cancellation
from adapter.machine.private import temporary_directory
from adapter.machine.settings import Settings
from adapter.rclone.options import TransferOptions
from adapter.runs.run import Run
from adapter.runs.scan import File
from adapter.storage.form import StorageForm
from adapter.storage.target import Target
from adapter.transfer.comparison import open_comparison
from adapter.transfer.preflight import prepare
from adapter.transfer.source import open_source


@dataclass(frozen=True, slots=True)
class Verify:
    """What to compare with what. With `sample_percent` a random share of the files is downloaded."""

    source: Path
    target: Target
    options: TransferOptions
    storage: StorageForm | None = None
    download: bool = False
    sample_percent: float | None = None


def verify(request: Verify, settings: Settings, cancel: Cancellation) -> Iterator[Event]:
    """Run it; the events end with the one Summary. The source is read anew, whatever the cache says."""
    run = Run.of(request.options, cancel, "verify")
    return run.events(_steps(request, settings, run))


def _steps(request: Verify, settings: Settings, run: Run) -> Iterator[Event]:
    source, options, _ = yield from open_source(request.source, request.options, settings, run)
    options = options.with_rules_in(run.enter(temporary_directory()))
    operation = yield from prepare(request.target, request.storage, options, settings, run)

    def sampled(_file: File) -> bool:
        share = request.sample_percent
        return share is not None and random.random() * 100 < share  # noqa: S311  # a fair share, no secret

    found = yield from operation.scanner.scan(
        source.plain().path, (source.link_flag, *source.filters(options)), sampled
    )
    run.progress.total_files, run.progress.total_bytes = found.files, found.bytes
    comparison = open_comparison(operation, source, settles=True)
    yield from comparison.compare(download=request.download, sample=tuple(file.path for file in found.kept))
    run.verification = comparison.verification
    for item, failure in comparison.wrong.items():
        run.tally.fail(item, failure)
    run.error = comparison.verdict()
    run.outcome = Outcome.SUCCESS if run.error is None else Outcome.FAILED
    if run.error is not None and run.error.code is ErrorCode.PARTIAL:
        run.outcome = Outcome.PARTIAL
