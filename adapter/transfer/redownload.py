"""Restored files whose checksum differs from the stored one: damaged on the way, or at rest, or is it wrong?

Of a file sent in parallel parts QingStor keeps an ETag that is no MD5 of it (measured with rclone 1.75.2).
The machine that sent it knows the MD5; for another one, two downloads that agree are what is stored.
"""

import re
from collections.abc import Collection, Generator, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from adapter.contract.errors import AdapterError, ErrorCode, Failure
from adapter.contract.events import Action, Event, WarningEvent
from adapter.contract.os_errors import refusal
from adapter.diagnosis.tally import as_logged
from adapter.diagnosis.verdict import End
from adapter.machine.private import temporary_directory
from adapter.runs.scan import File, Scanner
from adapter.transfer.copy_passes import Copy, Transfer
from adapter.transfer.operation import Operation
from adapter.transfer.parallel_parts import SentFile
from adapter.transfer.source import on_disk

# corrupted on transfer: md5 hashes differ src(FS) "STORED" vs dst(FS) "RECEIVED" (fs/operations/copy.go)
_RECEIVED = re.compile(r'hashes differ .* vs dst\(.*\) "([0-9a-f]{32})"')


def received_md5(failure: Failure) -> str | None:
    """The MD5 of what was downloaded, if the failure is a checksum that differs."""
    if failure.code is not ErrorCode.INTEGRITY_MISMATCH:
        return None
    found = (_RECEIVED.search(line) for line in failure.evidence.log_tail)
    return next((match[1] for match in found if match), None)


@dataclass(frozen=True, slots=True)
class Doubts:
    """What is known of the checksums that are stored with objects: which of them can be wrong at all."""

    honest_up_to: float
    """Up to this size in bytes an ETag is the MD5 of the content: no such file goes in parallel parts."""
    sent: Mapping[str, SentFile]
    """What this machine has recorded of files in parallel parts, by path."""

    def expected(self, file: File) -> str:
        """The MD5 that the content must have; empty when nobody knows."""
        record = self.sent.get(file.path)
        if record is not None and (record.size, record.etag) == (file.size, file.md5):
            return record.md5
        return file.md5 if file.size <= self.honest_up_to else ""


def confirm(
    operation: Operation,
    copy: Copy,
    destination: Path,
    *,
    leave: Collection[str],
    doubts: Doubts,
) -> Generator[Event, None, list[End]]:
    """Download again, into a directory aside, what differed from its stored checksum.

    What then has the MD5 that it must have, or, where nobody knows that, arrives with the same content twice,
    takes its place at the destination; the latter with a warning. All else stays failed, and what was at the
    destination stays there. The files in `leave` are not looked at.
    """
    run, scanner = operation.run, operation.scanner
    first = {
        item: md5
        for item, failure in run.tally.failed.items()
        if item not in leave and (md5 := received_md5(failure))
    }
    if not first:
        return []
    failures = {item: run.tally.failed[item] for item in first}
    names = yield from _paths(first, copy, scanner)
    stored = yield from scanner.look_at(copy.source, tuple(names), stored=True)
    expected = {path: doubts.expected(file) for path, file in stored.items()}
    kept: list[str] = []
    with _directory_aside(destination) as aside:
        again = Transfer(
            operation,
            replace(
                copy,
                destination=str(aside),
                flags=(*copy.flags, "--ignore-checksum", "--ignore-times"),
                only=tuple(names),
            ),
        )
        yield from again.copy_all()
        arrived = [path for path, item in names.items() if item not in run.tally.failed]
        second = yield from scanner.look_at(str(aside), arrived, stored=False)
        for path in arrived:
            wanted = expected.get(path) or first[names[path]]
            if path in second and second[path].md5 == wanted and _moved(path, aside, destination):
                kept.append(path)
            else:
                run.tally.lose(names[path], failures[names[path]], Action.NEW)
    guessed = [names[path] for path in kept if not expected.get(path)]
    if guessed:
        others = f" and {len(guessed) - 1} more" if len(guessed) > 1 else ""
        yield WarningEvent(
            "stored_checksum_wrong",
            f"The checksum stored with {guessed[0]}{others} is not that of the content, as after an "
            "upload in parallel parts. Two downloads agree, so this is what is stored.",
        )
    return [again.end()]


@contextmanager
def _directory_aside(destination: Path) -> Iterator[Path]:
    """On the file system of the destination, where files can be moved from. Raises AdapterError."""
    with ExitStack() as held:
        try:
            directory = held.enter_context(temporary_directory(".pluton-qingstor-", destination))
        except OSError as error:
            raise AdapterError(
                refusal(error)
                or Failure(
                    ErrorCode.DESTINATION_UNWRITABLE,
                    f"Nothing can be created in the destination {destination}: {error.strerror}.",
                    "Give this user the right to write there, then run it again.",
                )
            ) from error
        yield directory


def _moved(path: str, aside: Path, destination: Path) -> bool:
    """Put a whole file in its place; whether that could be done."""
    final = destination / on_disk(path)
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        (aside / on_disk(path)).replace(final)
    except OSError:
        return False
    return True


def _paths(items: Collection[str], copy: Copy, scanner: Scanner) -> Generator[Event, None, Mapping[str, str]]:
    """The paths of the items, each with its item: in a log Go replaces every byte that is not UTF-8."""
    odd = {item for item in items if "\ufffd" in item}
    paths = {item: item for item in items if item not in odd}
    if odd:
        found = yield from scanner.scan_stored(
            copy.source, copy.filters, lambda file: as_logged(file.path) in odd
        )
        paths |= {file.path: as_logged(file.path) for file in found.kept}
    return paths
