"""A generated walk of many files through the decision, in a process of its own: `many_files.py COUNT`.

Prints how many files are unchanged and how many must be sent, and the peak of its memory in KiB.
"""

import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path

from adapter.files.catalog import Catalog, Object
from adapter.files.decision import How, row_of
from adapter.files.entry import Entry, Root
from adapter.files.index import open_index
from adapter.machine.cancellation import Cancellation
from adapter.rclone.binary import Rclone
from adapter.runs.run import Run
from adapter.transfer.changes import Changes
from adapter.transfer.plan import Plan
from adapter.transfer.ways import Ways
from tests.played import operation_of

_S = 1_000_000_000
_MD5, _OTHER = "a" * 32, "b" * 32


def _entries(count: int) -> Iterator[Entry]:
    for number in range(count):
        name = b"a directory/of some depth %d/photograph number %d.jpg" % (number % 1000, number)
        yield Entry(name, 4000, 100 * _S + 1, 200 * _S + 1, number, 0o100644, 0, 0, "", b"", 900 * _S)


def main(count: int) -> None:
    """Nine of ten files are as they were sent; one has changed its size."""
    with (
        tempfile.TemporaryDirectory() as directory,
        Cancellation() as cancel,
        open_index(Path(directory) / "index.sqlite") as index,
        closing(Catalog(index)) as catalog,
    ):
        index.record(row_of(entry, _MD5, How.OBJECT, _MD5) for entry in _entries(count) if entry.inode % 10)
        entries = _entries(count)
        while some := list(islice(entries, 500)):
            catalog.add_entries(some)
            catalog.add_objects(
                Object(entry.name, entry.size, _MD5) if entry.inode % 10 else Object(entry.name, 5000, _OTHER)
                for entry in some
            )
        run = Run(cancel)
        operation = operation_of(run, Rclone(Path("/nowhere"), (1, 75, 2)), retries=0)
        changes = Changes(operation, catalog, Ways(operation, Plan(1 << 40), (Root(b"/"),)))
        for _ in changes.sort_out():
            pass
        peak = re.search(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text())
        assert peak is not None
        sys.stdout.write(f"{run.tally.files_unmodified} {catalog.work_totals()[0]} {peak[1]}\n")


if __name__ == "__main__":
    main(int(sys.argv[1]))
