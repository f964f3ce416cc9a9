"""What becomes of files once rclone says that it has copied them from the bucket to this machine."""

import os
from collections.abc import Collection, Generator, Iterator, Sequence
from dataclasses import dataclass

from adapter.contract.errors import Failure
from adapter.contract.events import Action, Event, VerboseStatus
from adapter.files.catalog import Catalog, State, Work
from adapter.files.entry import LINK_SUFFIX
from adapter.files.names import for_people, on_disk
from adapter.runs.slow_disk import NoAnswer, TimedDisk
from adapter.transfer.copy_passes import Confirmed
from adapter.transfer.operation import Operation
from adapter.transfer.plan import single_put_max


@dataclass(frozen=True, slots=True)
class Receiving:
    """The files of one batch of a restore. rclone has compared the MD5 of each with its ETag."""

    operation: Operation
    catalog: Catalog
    directory: bytes
    disk: TimedDisk
    compares: bool = True
    """Whether rclone compares the content of what is there already."""

    def confirmed(self, files: Sequence[Confirmed]) -> Iterator[Event]:
        """Count the files as restored."""
        for one in files:
            # A dry run of rclone does not tell.
            is_new = one.is_new if not self.operation.run.dry_run else not self._is_there(one.work)
            yield from self._settle(one.work, Action.RESTORED if is_new else Action.UPDATED)

    def reconsider(self, _work: Work, failure: Failure) -> Failure | None:
        """Return the failure: rclone knows all there is."""
        return failure

    def passed_over(self, work: Work) -> Generator[Event, None, bool]:
        """Count a file as unchanged that is at the destination already."""
        is_there = self._is_there(work)
        if is_there:
            yield from self._settle(work, Action.UNCHANGED)
        return is_there

    def told_apart(self, files: Sequence[Work], _md5s: Collection[str]) -> Generator[Event, None, None]:
        """Count files whose names a log cannot tell apart, if they have arrived."""
        for work in files:
            if self._is_there(work):
                yield from self._settle(work, Action.RESTORED)

    def _is_there(self, work: Work) -> bool:
        names = (work.name, work.name.removesuffix(LINK_SUFFIX))
        paths = [os.path.join(self.directory, on_disk(name)) for name in names]  # noqa: PTH118
        try:
            return self.disk.ask(lambda: any(map(os.path.lexists, paths)))
        except NoAnswer:
            return False

    def _settle(self, work: Work, action: Action) -> Iterator[Event]:
        found = self.catalog.stored(work.name)
        is_hashed = (
            found is not None and bool(found.etag) and work.size <= single_put_max(self.operation.limits)
        )
        compared = "by_hash" if is_hashed else "by_size"
        if action is Action.UNCHANGED and not self.compares:
            compared = "unverified"
        self.catalog.settle((work.name,), State.DONE)
        item = for_people(work.name)
        self.operation.run.tally.settle(item, action, work.size, compared)
        if self.operation.options.verbose_files:
            yield VerboseStatus(action, item, work.size)
