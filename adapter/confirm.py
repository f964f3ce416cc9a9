"""Restored files whose checksum differs from the stored one: damaged on the way, or was the checksum wrong?

Of a file sent in parallel parts QingStor keeps an ETag that is no MD5 of it (measured with rclone 1.75.2),
and a machine that did not send it cannot know. A second download decides: two that agree are what is stored.
"""

import re
from collections.abc import Collection, Generator, Mapping
from dataclasses import replace
from pathlib import Path

from adapter.cancel import Cancellation
from adapter.errors import ErrorCode, Failure
from adapter.events import Event, WarningEvent
from adapter.run import Run
from adapter.scan import Scanner
from adapter.source import on_disk
from adapter.transfer import Copy, Transfer
from adapter.verdict import End

# corrupted on transfer: md5 hashes differ src(FS) "STORED" vs dst(FS) "RECEIVED" (fs/operations/copy.go)
_RECEIVED = re.compile(r'hashes differ .* vs dst\(.*\) "([0-9a-f]{32})"')

_NOT_UTF8 = re.compile("[\udc80-\udcff]")
"""As Python holds such bytes (surrogateescape)."""


def received_md5(failure: Failure) -> str | None:
    """The MD5 of what was downloaded, if the failure is a checksum that differs."""
    if failure.code is not ErrorCode.INTEGRITY_MISMATCH:
        return None
    found = (_RECEIVED.search(line) for line in failure.evidence.log_tail)
    return next((match[1] for match in found if match), None)


def confirm(
    copy: Copy, destination: Path, scanner: Scanner, run: Run, cancel: Cancellation, *, leave: Collection[str]
) -> Generator[Event, None, list[End]]:
    """Download again what differed; what arrives with the same content twice is kept, with a warning.

    What does not is deleted: a file under its final name is whole, or it is not there. The files in `leave`
    stay failed.
    """
    first = {
        item: md5
        for item, failure in run.tally.failed.items()
        if item not in leave and (md5 := received_md5(failure))
    }
    if not first:
        return []
    failures = {item: run.tally.failed[item] for item in first}
    names = yield from _paths(first, copy, scanner)
    again = Transfer(
        replace(copy, flags=(*copy.flags, "--ignore-checksum", "--ignore-times"), only=tuple(names)),
        run,
        cancel,
    )
    yield from again.copy_all()
    arrived = [path for path, item in names.items() if item not in run.tally.failed]
    second = yield from scanner.look_at(str(destination), arrived, stored=False)
    agreeing = [path for path in arrived if path in second and second[path].md5 == first[names[path]]]
    for path in arrived:
        if path not in agreeing:
            (destination / on_disk(path)).unlink(missing_ok=True)
            run.tally.lose(names[path], failures[names[path]])
    if agreeing:
        others = f" and {len(agreeing) - 1} more" if len(agreeing) > 1 else ""
        yield WarningEvent(
            "stored_checksum_wrong",
            f"The checksum stored with {names[agreeing[0]]}{others} is not that of the content, as after an "
            "upload in parallel parts. Two downloads agree, so this is what is stored.",
        )
    return [again.end()]


def _paths(items: Collection[str], copy: Copy, scanner: Scanner) -> Generator[Event, None, Mapping[str, str]]:
    """The paths of the items, each with its item: in a log Go replaces every byte that is not UTF-8."""
    odd = {item for item in items if "\ufffd" in item}
    paths = {item: item for item in items if item not in odd}
    if odd:
        found = yield from scanner.scan_stored(
            copy.source, copy.filters, lambda file: _as_logged(file.path) in odd
        )
        paths |= {file.path: _as_logged(file.path) for file in found.kept}
    return paths


def _as_logged(path: str) -> str:
    return _NOT_UTF8.sub("\ufffd", path)
