"""What has become of the files of one run, counted. Counts never decrease."""

from collections import Counter
from dataclasses import replace

from adapter.contract.errors import Failure
from adapter.contract.events import Action, FailedFile, Verification

_KEPT_WHOLE = 1000
"""Failures that are kept with all evidence, far more than a summary lists. Later ones share an object if they
are equal, so that a million of them cost little more than their names."""


class Tally:
    """The counts of one run: a file is copied, unchanged, failed or gone from the source. Not thread-safe."""

    def __init__(self) -> None:
        self.files_new = 0
        self.files_changed = 0
        self.files_unmodified = 0
        self.files_gone = 0
        self.data_added = 0
        self.bytes_settled = 0
        self.failed: dict[str, Failure] = {}
        self.errors_seen = 0
        self.directories: Counter[Action] = Counter()
        self._compared: Counter[str] = Counter()
        self._shared: dict[Failure, Failure] = {}

    @property
    def files_settled(self) -> int:
        """Return the number of files that are copied or unchanged."""
        return self.files_new + self.files_changed + self.files_unmodified

    @property
    def verification(self) -> Verification:
        """Return the numbers of files by how they were compared; those that failed are unverified."""
        failed = Counter({"unverified": len(self.failed)})
        return Verification(**(self._compared + failed))

    def failed_files(self) -> tuple[FailedFile, ...]:
        """Return the files that are missing."""
        return tuple(FailedFile(item, failure) for item, failure in self.failed.items())

    def settle(self, item: str, action: Action, size: int, compared: str) -> None:
        """Count a file of `size` bytes that is copied or unchanged; `compared` is a field of Verification."""
        if action is Action.UNCHANGED:
            self.files_unmodified += 1
        elif action in {Action.NEW, Action.RESTORED}:
            self.files_new += 1
            self.data_added += size
        else:
            self.files_changed += 1
            self.data_added += size
        self.bytes_settled += size
        self._compared[compared] += 1
        self.failed.pop(item, None)

    def prove(self) -> None:
        """Note of a file that was counted as compared by its size that its checksum is right, too."""
        self._compared["by_size"] -= 1
        self._compared["by_hash"] += 1

    def forget_failure(self, item: str) -> None:
        """Note that a file which has been counted, and then has failed, is copied after all."""
        self.failed.pop(item, None)

    def settle_directory(self, action: Action) -> None:
        """Count a directory that is new, changed or unchanged."""
        self.directories[action] += 1

    def let_go(self, item: str) -> None:
        """Count a file that is gone from the source since it was listed."""
        self.files_gone += 1
        self.failed.pop(item, None)

    def fail(self, item: str, failure: Failure) -> None:
        """Record a file that could not be copied or a directory that could not be listed, for now."""
        if len(self.failed) >= _KEPT_WHOLE:
            bare = replace(failure, evidence=replace(failure.evidence, request_id=None, log_tail=()))
            failure = self._shared.setdefault(bare, bare)
        self.failed[item] = failure
        self.errors_seen += 1
