"""Files that failed and are in the bucket all the same: the PUT arrived, its answer or the HEAD did not."""

import tempfile
from collections.abc import Generator, Sequence
from dataclasses import replace
from pathlib import Path

from adapter.events import Event
from adapter.run import Run
from adapter.scan import File, Scanner
from adapter.selection import files_one_by_one
from adapter.source import SourceView

_ROUNDS = 3
"""The look itself may fail for some of them."""


def look_again(
    names: Sequence[str], view: SourceView, remote: str, scanner: Scanner, run: Run
) -> Generator[Event, None, None]:
    """Settle those of the failed files that the bucket holds with the MD5 of the source."""
    stored: dict[str, File] = {}
    for _ in range(_ROUNDS):
        unseen = [name for name in names if name not in stored]
        stored |= yield from _hashed(unseen, remote, (), scanner)
    there = [name for name in names if name in stored]
    local = replace(scanner, env={**scanner.env, **view.variables})
    hashed = yield from _hashed(there, view.path, view.flags, local)
    for name, mine in hashed.items():
        if mine.md5 and (mine.md5, mine.size) == (stored[name].md5, stored[name].size):
            run.tally.find(name, mine.size)


def _hashed(
    names: Sequence[str], path: str, flags: tuple[str, ...], scanner: Scanner
) -> Generator[Event, None, dict[str, File]]:
    if not names:
        return {}
    with tempfile.TemporaryDirectory(prefix="pluton-qingstor-") as directory:
        selection = files_one_by_one(names, Path(directory))
        found = yield from scanner.scan(path, (*flags, *selection), lambda _: True, "shp")
    return {file.path: file for file in found.kept}
