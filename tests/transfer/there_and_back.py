"""One change between two backups, restored into an empty directory and over the restore of before."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from adapter.rclone.options import TransferOptions
from adapter.transfer.selection import Selection
from tests.qingstor_server import Fault, FaultKind, QingStorServer
from tests.transfer.in_process import EVERYTHING, PLAIN, InProcess, Ran
from tests.transfer.kept import MIB, content, options_for, stored_in
from tests.transfer.whole_tree import whole_tree

STORED = ("one PUT", pytest.param("parts", marks=pytest.mark.deep), "chunks")
"""How the files of a test are stored; in parts they are only in the long runs."""


@dataclass(slots=True)
class ThereAndBack:
    """A source, a storage that keeps its files in one way, and two destinations."""

    machine: InProcess
    source: Path
    place: Path
    options: TransferOptions = PLAIN
    way: str = "one PUT"
    number: int = field(default=0)

    def write(self, name: str, text: str) -> Path:
        """A file of the size for the way; its directory is made."""
        path = self.source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content(text, self.way))
        return path

    def backup(self, selection: Selection = EVERYTHING) -> Ran:
        """Back up."""
        return self.machine.backup(self.source, options=self.options, selection=selection)

    def restore(self, name: str) -> Ran:
        """Restore into a directory of this name."""
        return self.machine.restore(self.place / name, options=self.options, owner=True)

    def change(self, change: Callable[[], None], *, in_the_way: tuple[str, ...] = ()) -> None:
        """Back up and restore before and after the change; `in_the_way` fails over the old restore."""
        self.backup().good()
        self.restore("old").good()
        change()
        self.backup().good()
        self.check(in_the_way=in_the_way)

    def check(self, *, in_the_way: tuple[str, ...] = ()) -> None:
        """What comes back is the source, all of it and nothing else; over an old restore that may stay."""
        self.number += 1
        fresh = f"fresh {self.number}"
        self.restore(fresh).good()
        assert whole_tree(self.place / fresh) == whole_tree(self.source)
        over = self.restore("old")
        wanted = whole_tree(self.source, with_root=False)
        if in_the_way:
            assert set(over.failed) == set(in_the_way)
            assert over.summary.exit_status != 0
            names = tuple(name.encode() for name in in_the_way)
            wanted = {path: seen for path, seen in wanted.items() if path not in names}
        else:
            over.good()
        there = whole_tree(self.place / "old", with_root=False)
        assert {path: there.get(path) for path in wanted} == wanted

    def backup_while(self, edit: Callable[[Path], None], server: QingStorServer) -> Path:
        """Back up a `file` of some MiB and others, and edit it when some of it has been sent."""
        path = self.source / "file"
        path.write_bytes(content("old", "chunks") * 2)
        self.write("other", "other")
        operation = "upload_part" if self.way == "parts" else "put_object"
        server.add_fault(
            Fault(FaultKind.BANDWIDTH, operation=operation, key="srv/file*", bytes_per_second=20.0 * MIB)
        )

        def wait_and_edit() -> None:
            server.wait_for(operation, received=MIB)
            edit(path)

        with ThreadPoolExecutor(1) as aside:
            editing = aside.submit(wait_and_edit)
            self.backup().good()
            editing.result()
        server.clear_faults()
        return path


def there_and_back(machine: InProcess, source: Path, place: Path, way: str) -> ThereAndBack:
    """Files of the size for a way, stored in it."""
    return ThereAndBack(stored_in(way, machine), source, place, options_for(way), way)
