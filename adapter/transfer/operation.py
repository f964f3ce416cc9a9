"""What the steps of a backup, restore, comparison or cleanup share, once its target is known to be there."""

from dataclasses import dataclass

from adapter.diagnosis.classify import Place
from adapter.files.names import as_text
from adapter.machine.cancellation import Cancellation
from adapter.machine.settings import Settings
from adapter.rclone.binary import Rclone
from adapter.rclone.open_storage import OpenStorage
from adapter.rclone.options import TransferOptions
from adapter.rclone.remote import remote_path
from adapter.runs.run import Run
from adapter.runs.scan import Scanner
from adapter.storage.target import Target
from adapter.transfer.plan import Limits


@dataclass(frozen=True, slots=True)
class Operation:
    """One run on one target: made by `preflight.prepare`, handed to every step after it."""

    target: Target
    options: TransferOptions
    settings: Settings
    storage: OpenStorage
    rclone: Rclone
    place: Place
    limits: Limits
    scanner: Scanner
    run: Run

    @property
    def cancel(self) -> Cancellation:
        """The request to stop that this run listens to."""
        return self.run.cancel

    @property
    def remote(self) -> str:
        """The target as an argument for rclone."""
        return remote_path(self.target)

    def remote_below(self, prefix: bytes) -> str:
        """Return a directory of the target, in rclone's spelling, as an argument for rclone."""
        return remote_path(self.target, as_text(prefix))

    @property
    def identity(self) -> str:
        """The place in the world that the target is, whatever the storage is called."""
        return self.storage.identity(self.target)
