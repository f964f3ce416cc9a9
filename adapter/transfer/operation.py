"""What the steps of a backup, restore, comparison or cleanup share, once its target is known to be there."""

from dataclasses import dataclass, replace
from typing import Self

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
    inside: bytes = b""
    """The directory of the target that it is about, in rclone's spelling; blank for all of it."""

    @property
    def cancel(self) -> Cancellation:
        """The request to stop that this run listens to."""
        return self.run.cancel

    @property
    def remote(self) -> str:
        """The target, or the directory in it, as an argument for rclone."""
        return remote_path(self.target, as_text(self.inside))

    def remote_below(self, prefix: bytes) -> str:
        """Return a directory of the target, in rclone's spelling, as an argument for rclone."""
        return remote_path(self.target, as_text(_joined(self.inside, prefix)))

    def below(self, name: bytes) -> Self:
        """Return the operation on a directory of the target, which is named in rclone's spelling."""
        return replace(self, inside=_joined(self.inside, name))

    @property
    def identity(self) -> str:
        """The place in the world that the target is, whatever the storage is called."""
        return self.storage.identity(self.target)


def _joined(*names: bytes) -> bytes:
    return b"/".join(filter(None, (name.strip(b"/") for name in names)))
