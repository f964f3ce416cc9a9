"""Files that failed and are in the bucket all the same: the PUT arrived, its answer or the HEAD did not."""

from collections.abc import Generator, Sequence
from dataclasses import replace

from adapter.contract.events import Event
from adapter.runs.run import Run
from adapter.runs.scan import File, Scanner
from adapter.transfer.source import SourceView

_ROUNDS = 3
"""The look itself may fail for some of them."""


def look_again(
    names: Sequence[str], view: SourceView, remote: str, scanner: Scanner, run: Run
) -> Generator[Event, None, None]:
    """Settle those of the failed files that the bucket holds with the MD5 of the source."""
    stored: dict[str, File] = {}
    for _ in range(_ROUNDS):
        unseen = [name for name in names if name not in stored]
        stored |= yield from scanner.look_at(remote, unseen, stored=False)
    there = [name for name in names if name in stored]
    local = replace(scanner, env={**scanner.env, **view.variables})
    hashed = yield from local.look_at(view.path, there, view.flags, stored=False)
    for name, mine in hashed.items():
        if mine.md5 and (mine.md5, mine.size) == (stored[name].md5, stored[name].size):
            run.tally.find(name, mine.size)
