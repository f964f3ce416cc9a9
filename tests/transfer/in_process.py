"""Backups, restores and comparisons run inside the test: no interpreter to start, events to look at."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from adapter.contract.errors import ErrorCode
from adapter.contract.events import ErrorEvent, Event, Summary, WarningEvent
from adapter.machine.cancellation import Cancellation
from adapter.machine.settings import Settings
from adapter.rclone.options import TransferOptions
from adapter.storage.form import StorageForm, storage_form
from adapter.storage.target import parse_target
from adapter.transfer.backup import Backup, backup
from adapter.transfer.cleanup import Cleanup, cleanup
from adapter.transfer.ls import Ls, ls
from adapter.transfer.overwrite import Overwrite
from adapter.transfer.restore import Restore, restore
from adapter.transfer.selection import Selection
from adapter.transfer.verify import Verify, verify
from tests.program import document
from tests.qingstor_server import ACCESS_KEY_ID, SECRET_ACCESS_KEY, QingStorServer

STORAGE = "QingStor Backups"
TARGET = f"{STORAGE}:bucket-one/srv"
PLAIN = TransferOptions()
EVERYTHING = Selection()


@dataclass(frozen=True, slots=True)
class Ran:
    """All events of one run."""

    events: tuple[Event, ...]

    @property
    def summary(self) -> Summary:
        """The one summary; fails unless it is the last event."""
        last = self.events[-1]
        assert isinstance(last, Summary)
        return last

    @property
    def warnings(self) -> list[str]:
        """The codes of the warnings, in order."""
        return [event.code for event in self.events if isinstance(event, WarningEvent)]

    @property
    def errors(self) -> dict[str | None, ErrorCode]:
        """The code of the last error of each item."""
        return {event.item: event.failure.code for event in self.events if isinstance(event, ErrorEvent)}

    @property
    def failed(self) -> dict[str, ErrorCode]:
        """The items that the summary names as failed."""
        return {file.item: file.failure.code for file in self.summary.failed_files}

    @property
    def code(self) -> ErrorCode | None:
        """The error code of the summary."""
        return self.summary.error.code if self.summary.error else None

    def good(self) -> Summary:
        """The summary; fails unless the run was a success."""
        summary = self.summary
        assert summary.exit_status == 0, (summary, self.errors)
        return summary


@dataclass(frozen=True, slots=True)
class InProcess:
    """A machine with its own state, and a storage on the local server."""

    directory: Path
    server: QingStorServer
    settings: dict[str, object] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    rclone: str | None = None
    """The rclone to run; the one that `make setup` installs if it is not given."""
    keys: tuple[str, str] = (ACCESS_KEY_ID, SECRET_ACCESS_KEY)

    @property
    def machine(self) -> Settings:
        """Where it all runs."""
        home = self.directory / "home"
        home.mkdir(parents=True, exist_ok=True)
        environ = {
            "PATH": "/usr/bin:/bin",
            "HOME": str(home),
            "TMPDIR": str(self.directory),
            "GOGC": "off",  # reaches rclone in the tests of this directory only
            **self.server.environment(),
            **self.variables,
        }
        return Settings(
            environ=environ,
            home=home,
            conf_path=self.directory / "conf",
            state_dir=self.directory / "state",
            rclone_option=self.rclone,
            ask_password=lambda: None,
            ask_new_password=lambda: None,
        )

    @property
    def form(self) -> StorageForm:
        """The storage."""
        access_key_id, secret_access_key = self.keys
        return storage_form(
            document(
                STORAGE,
                settings=self.settings,
                access_key_id=access_key_id,
                secret_access_key=secret_access_key,
            )
        )

    def backup(
        self,
        source: Path,
        target: str = TARGET,
        options: TransferOptions = PLAIN,
        *,
        selection: Selection = EVERYTHING,
        reread: bool = False,
        ignore_inode: bool = False,
        allow_empty: bool = False,
        verify_too: bool = False,
        series: str = "",
        share: bool = False,
    ) -> Ran:
        """Back up."""
        request = Backup(
            (source,),
            parse_target(target),
            options,
            self.form,
            selection,
            series=series,
            share=share,
            reread_source=reread,
            ignore_inode=ignore_inode,
            allow_empty=allow_empty,
            verify=verify_too,
        )
        return _ran(lambda cancel: backup(request, self.machine, cancel))

    def restore(
        self,
        destination: Path,
        target: str = TARGET,
        options: TransferOptions = PLAIN,
        overwrite: Overwrite = Overwrite.IF_CHANGED,
        *,
        selection: Selection = EVERYTHING,
        at: str = "",
        owner: bool = False,
        metadata: bool = True,
    ) -> Ran:
        """Restore."""
        request = Restore(
            parse_target(target),
            destination,
            options,
            overwrite,
            self.form,
            selection,
            at,
            has_metadata=metadata,
            has_owner=owner,
        )
        return _ran(lambda cancel: restore(request, self.machine, cancel))

    def ls(self, target: str = TARGET, *, at: str = "", selection: Selection = EVERYTHING) -> Ran:
        """List what a restore would bring."""
        request = Ls(
            parse_target(target), PLAIN, recursive=True, at=at, storage=self.form, selection=selection
        )
        return _ran(lambda cancel: ls(request, self.machine, cancel))

    def verify(
        self,
        source: Path | None,
        target: str = TARGET,
        options: TransferOptions = PLAIN,
        *,
        download: bool = False,
        sample_percent: float | None = None,
        selection: Selection = EVERYTHING,
        at: str = "",
        reread: bool = False,
    ) -> Ran:
        """Compare the source, or without it what was backed up, with the bucket."""
        request = Verify(
            parse_target(target),
            options,
            source,
            at,
            storage=self.form,
            download=download,
            sample_percent=sample_percent,
            selection=selection,
            reread_source=reread,
        )
        return _ran(lambda cancel: verify(request, self.machine, cancel))

    def cleanup(
        self, target: str = TARGET, *, yes: bool = True, dry_run: bool = False, older_than_s: float = 0
    ) -> Ran:
        """Delete, or without `yes` name, the objects that no backup needs."""
        request = Cleanup(
            parse_target(target), older_than_s, dry_run, unreferenced=True, confirmed=yes, storage=self.form
        )
        return _ran(lambda cancel: cleanup(request, self.machine, cancel))


def _ran(begin: Callable[[Cancellation], Iterator[Event]]) -> Ran:
    with Cancellation() as cancel:
        return Ran(tuple(begin(cancel)))
