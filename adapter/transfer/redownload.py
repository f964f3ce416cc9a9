"""Restored files whose checksum differs from the stored one: damaged on the way, or at rest, or is it wrong?

Of a file sent in parallel parts QingStor keeps an ETag that is no MD5 of it (measured with rclone 1.75.2).
The machine that sent it knows the MD5; for another one, two downloads that agree are what is stored.
"""

import os
import re
from collections.abc import Collection, Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from adapter.contract.errors import AdapterError, ErrorCode, Failure
from adapter.contract.events import Action, Event, WarningEvent
from adapter.contract.os_errors import refusal
from adapter.files.catalog import Catalog, State, Work
from adapter.files.entry import entry_of
from adapter.files.hashing import ToHash, hash_files
from adapter.files.names import for_people, on_disk
from adapter.machine.private import temporary_directory
from adapter.transfer.copy_passes import Confirmed, Copy, Transfer
from adapter.transfer.operation import Operation

_BATCH = 100
"""Of the catalog's work, for what is downloaded again."""
# corrupted on transfer: md5 hashes differ src(FS) "STORED" vs dst(FS) "RECEIVED" (fs/operations/copy.go)
_RECEIVED = re.compile(r'hashes differ .* vs dst\(.*\) "([0-9a-f]{32})"')


def received_md5(failure: Failure) -> str | None:
    """The MD5 of what was downloaded, if the failure is a checksum that differs."""
    if failure.code is not ErrorCode.INTEGRITY_MISMATCH:
        return None
    found = (_RECEIVED.search(line) for line in failure.evidence.log_tail)
    return next((match[1] for match in found if match), None)


@dataclass(frozen=True, slots=True)
class KnownChecksums:
    """What is known of the checksums that are stored with objects: which of them can be wrong at all."""

    honest_up_to: float
    """Up to this size in bytes an ETag is the MD5 of the content: no such file goes in parallel parts."""
    sent: Mapping[bytes, tuple[int, str, str]]
    """What this machine has recorded of files in parallel parts: size, ETag and MD5, by name."""

    def expected(self, name: bytes, size: int, etag: str) -> str:
        """Return the MD5 that the content must have; empty when nobody knows."""
        known = self.sent.get(name)
        if known is not None and known[:2] == (size, etag):
            return known[2]
        return etag if size <= self.honest_up_to else ""


def confirm(
    operation: Operation, catalog: Catalog, copy: Copy, destination: Path, known: KnownChecksums
) -> Generator[Event, None, None]:
    """Download again, into a directory aside, the whole objects that differed from their stored checksum.

    What then has the MD5 that it must have, or, where nobody knows that, arrives with the same content twice,
    takes its place at the destination; the latter with a warning. All else stays failed, and what was at the
    destination stays there.
    """
    failed = operation.run.tally.failed
    first: dict[bytes, str] = {}
    work: list[Work] = []
    for one in [*catalog.work(State.FAILED, copy.batch)]:
        failure = failed.get(for_people(one.name))
        if failure is not None and (md5 := received_md5(failure)):
            first[one.name] = md5
            work.append(one._replace(batch=_BATCH, state=State.WAITING))
    if not first:
        return
    catalog.add_work(work)
    guessed: list[str] = []
    with _directory_aside(destination) as aside:
        again = replace(
            copy,
            batch=_BATCH,
            directory=os.fsencode(aside),
            flags=(*copy.flags, "--ignore-checksum", "--ignore-times"),
        )
        arrived = _Arrived(catalog)
        yield from Transfer(operation, catalog, again, arrived).copy_all()
        hashed: dict[bytes, str] = {}

        def take(file: ToHash, md5: str | OSError | None) -> None:
            hashed[file.entry.name] = md5 if isinstance(md5, str) else ""

        files = [file for one in arrived.files if (file := _to_hash(one, aside)) is not None]
        yield from hash_files(files, take, operation.run)
        for one in arrived.files:
            found = catalog.stored(one.name)
            expected = known.expected(one.name, one.size, found.etag if found else "")
            right = hashed.get(one.name) == (expected or first[one.name])
            if right and _moved(one.name, aside, destination):
                compared = "by_hash" if expected else "by_size"
                operation.run.tally.settle(for_people(one.name), Action.RESTORED, one.size, compared)
                guessed += [] if expected else [for_people(one.name)]
            else:
                catalog.settle((one.name,), State.FAILED)
    if guessed:
        others = f" and {len(guessed) - 1} more" if len(guessed) > 1 else ""
        yield WarningEvent(
            "stored_checksum_wrong",
            f"The checksum stored with {guessed[0]}{others} is not that of the content, as after an "
            "upload in parallel parts. Two downloads agree, so this is what is stored.",
        )


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


def _moved(name: bytes, aside: Path, destination: Path) -> bool:
    """Put a whole file in its place; return whether that could be done."""
    path = os.fsdecode(on_disk(name))
    final = destination / path
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        (aside / path).replace(final)
    except OSError:
        return False
    return True


def _to_hash(work: Work, aside: Path) -> ToHash | None:
    path = os.path.join(os.fsencode(aside), on_disk(work.name))  # noqa: PTH118
    try:
        return ToHash(path, entry_of(work.name, os.lstat(path), 0))
    except OSError:
        return None


class _Arrived:
    """Collects what has been downloaded, until it has been compared."""

    def __init__(self, catalog: Catalog) -> None:
        self.files: list[Work] = []
        self._catalog = catalog

    def confirmed(self, files: Sequence[Confirmed]) -> Iterator[Event]:
        """Remember the files; whether they are right is not known yet."""
        for one in files:
            self._catalog.settle((one.work.name,), State.DONE)
            self.files.append(one.work)
        yield from ()

    def reconsider(self, _work: Work, failure: Failure) -> Failure | None:
        """Return the failure: rclone knows all there is."""
        return failure

    def passed_over(self, _work: Work) -> Generator[Event, None, bool]:
        """Return False: everything must arrive."""
        yield from ()
        return False

    def told_apart(self, _files: Sequence[Work], _md5s: Collection[str]) -> Generator[Event, None, None]:
        """Leave files whose names a log cannot tell apart: they stay failed."""
        yield from ()
