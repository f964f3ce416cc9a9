"""Generated lists of many files through one command's steps, in a process of its own:
`many_files.py STEP COUNT`, where STEP is one of backup, ls, verify, restore.

Prints how many files are as they should be, how many are not, the peak of its memory in KiB, and seconds.
"""

import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from itertools import islice
from pathlib import Path

from adapter.contract.errors import Failure
from adapter.contract.events import Event
from adapter.files.catalog import Catalog, Object, State
from adapter.files.decision import How, row_of
from adapter.files.entry import Entry, Root
from adapter.files.index import open_index
from adapter.files.manifest import Counts, EntryState, Header, Kind, Saved
from adapter.files.manifest_reader import ManifestFile
from adapter.files.manifest_writer import write_manifest
from adapter.files.wanted import Wanted
from adapter.machine.cancellation import Cancellation
from adapter.rclone.binary import Rclone
from adapter.runs.run import Run
from adapter.transfer.against_manifest import AgainstManifest
from adapter.transfer.changes import Changes
from adapter.transfer.compared import Compared
from adapter.transfer.fetching import work_for
from adapter.transfer.locating import Locating, Way
from adapter.transfer.ls import entry_node
from adapter.transfer.operation import Operation
from adapter.transfer.plan import Plan
from adapter.transfer.sample import Sample
from adapter.transfer.ways import Ways
from tests.played import operation_of

_S = 1_000_000_000
_MD5, _OTHER = "a" * 32, "b" * 32
_AT_ONCE = 500
_RUN = "20260101T000000Z-00000000"


def _name(number: int) -> bytes:
    return b"a directory/photograph number %08d.jpg" % number


def _entries(count: int) -> Iterator[Entry]:
    for number in range(count):
        yield Entry(
            _name(number), 4000, 100 * _S + 1, 200 * _S + 1, number, 0o100644, 0, 0, "", b"", 900 * _S
        )


def _saved(count: int) -> Iterator[Saved]:
    current = EntryState.CURRENT
    for name in (b"", b"a directory"):
        yield Saved(name, Kind.DIRECTORY, current, 0, _S, 0o755, 0, 0, "", "", b"", "", "", "", "", "", "")
    for number in range(count):
        yield Saved(
            _name(number), Kind.FILE, current, 4000, _S, 0o644, 0, 0, "", "", b"", "", _MD5, How.OBJECT.value,
            _MD5, "", "",
        )  # fmt: skip


def _list(catalog: Catalog, count: int) -> None:
    """The list of the bucket: of every tenth file it holds something else."""
    numbers = iter(range(count))
    while some := list(islice(numbers, _AT_ONCE)):
        catalog.add_objects(
            Object(_name(number), 4000, _MD5) if number % 10 else Object(_name(number), 5000, _OTHER)
            for number in some
        )


def _backup(operation: Operation, catalog: Catalog, count: int) -> tuple[int, int]:
    """The decision for each; one of ten has changed its size."""
    catalog.index.record(
        row_of(entry, _MD5, How.OBJECT, _MD5) for entry in _entries(count) if entry.inode % 10
    )
    entries = _entries(count)
    while some := list(islice(entries, _AT_ONCE)):
        catalog.add_entries(some)
    _list(catalog, count)
    changes = Changes(operation, catalog, Ways(operation, Plan(1 << 40), (Root(b"/"),)))
    _run(changes.sort_out())
    return operation.run.tally.files_unmodified, catalog.work_totals()[0]


def _wanted(catalog: Catalog, count: int) -> Wanted:
    """A manifest, written and read."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "manifest"
        write_manifest(path, _saved(count), _header)
        wanted = Wanted(catalog)
        wanted.load(ManifestFile(path).entries())
    return wanted


def _header(digest: str, counts: Counts) -> Header:
    text = "2026-01-01T00:00:00.000Z"
    return Header(_RUN, "success", text, text, "/a", "0" * 16, "here", ("/a",), (), "1", "1", counts, digest)


def _ls(_: Operation, catalog: Catalog, count: int) -> tuple[int, int]:
    wanted = _wanted(catalog, count)
    files = sum(entry_node(entry, entry.name, has_mode=True).type == "file" for entry in wanted.entries())
    return files, 0


def _verify(operation: Operation, catalog: Catalog, count: int) -> tuple[int, int]:
    wanted = _wanted(catalog, count)
    _list(catalog, count)
    compared = Compared(operation.run)
    _run(AgainstManifest(operation, catalog, wanted, compared, Sample(0, 0)).compare())
    compared.conclude()
    return operation.run.tally.files_unmodified, len(compared.wrong)


def _restore(operation: Operation, catalog: Catalog, count: int) -> tuple[int, int]:
    """What is to be fetched, and in which way."""
    wanted = _wanted(catalog, count)
    _list(catalog, count)

    def take(entry: Saved, way: Way, is_new: bool) -> None:  # noqa: FBT001
        catalog.add_work([work_for(entry.name, way, is_new=is_new, size=entry.size)])

    def fail(name: bytes, failure: Failure) -> Event:
        raise AssertionError((name, failure))

    locating = Locating(operation, catalog, take, fail)
    for entry in wanted.entries(Kind.FILE):
        locating.bring(entry, True)  # noqa: FBT003
    _run(locating.settle())
    return sum(1 for _ in catalog.work(State.WAITING)) - len(locating.replaced), len(locating.replaced)


_STEPS: Mapping[str, Callable[[Operation, Catalog, int], tuple[int, int]]] = {
    "backup": _backup,
    "ls": _ls,
    "verify": _verify,
    "restore": _restore,
}


def _run(events: Iterator[Event]) -> None:
    for _ in events:
        pass


@contextmanager
def _catalog() -> Iterator[Catalog]:
    with (
        tempfile.TemporaryDirectory() as directory,
        open_index(Path(directory) / "index.sqlite") as index,
        closing(Catalog(index)) as catalog,
    ):
        yield catalog


def main(step: str, count: int) -> None:
    """Run one."""
    with _catalog() as catalog, Cancellation() as cancel:
        operation = operation_of(Run(cancel), Rclone(Path("/nowhere"), (1, 75, 2)), retries=0)
        start = time.perf_counter()
        right, other = _STEPS[step](operation, catalog, count)
        seconds = time.perf_counter() - start
        peak = re.search(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text())
        assert peak is not None
        sys.stdout.write(f"{right} {other} {peak[1]} {seconds:.1f}\n")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
