"""What becomes of files once rclone has fetched them: proved against the manifest, then put in their place.

rclone writes into a directory of ours; what has not the content that was backed up does not leave it, unless
the object has been replaced since: then what is there now is restored, and named.
"""

import os
from collections.abc import Collection, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from adapter.contract.errors import ErrorCode, Failure
from adapter.contract.events import Action, ErrorEvent, Event
from adapter.files.catalog import Catalog, State, Work
from adapter.files.entry import entry_of
from adapter.files.hashing import ToHash, hash_files
from adapter.files.manifest import Saved
from adapter.files.names import for_people, on_disk
from adapter.files.wanted import Wanted
from adapter.machine.metadata import Metadata
from adapter.transfer.chunker import is_damage
from adapter.transfer.copy_passes import Confirmed
from adapter.transfer.destination import Destination
from adapter.transfer.locating import DAMAGED, MISSING
from adapter.transfer.operation import Operation
from adapter.transfer.staging import OpenDestination

REPLACED = Failure(
    ErrorCode.PARTIAL,
    "It has been replaced in the bucket since this backup. What is there now was restored.",
    "If a backup runs or was interrupted, run it to its end, then restore again.",
)
UNPROVED = Failure(
    ErrorCode.INTEGRITY_MISMATCH,
    "It has been replaced in the bucket since this backup, and does not have the checksum stored with it.",
    "If the source still has the file, back it up again.",
)
_LONGEST_LINK = 4096


@dataclass(frozen=True, slots=True)
class Expected:
    """What is known of files beside their entries, by name."""

    replaced: Collection[bytes] = ()
    """Of which the bucket holds something else than was recorded."""
    links: Mapping[bytes, Saved] = field(default_factory=dict)
    """Objects that hold where a link leads to, as older versions of this program stored them."""


@dataclass(slots=True)
class Receiving:
    """The files of one batch. After `copy_all`, `prove` settles those of which rclone knows no MD5."""

    operation: Operation
    catalog: Catalog
    wanted: Wanted
    opened: OpenDestination
    destination: Destination
    expected: Expected
    guessed: list[str] = field(default_factory=list)
    """Files of which the stored checksum is wrong, and two downloads agree."""
    _unproved: list[Work] = field(default_factory=list)
    _before: dict[bytes, str] = field(default_factory=dict)
    """The MD5 with which a file that cannot be proved arrived before."""

    def confirmed(self, files: Sequence[Confirmed]) -> Iterator[Event]:
        """Put files in their place of which rclone has compared the MD5; the others wait for `prove`."""
        proved: list[tuple[Work, bool]] = []
        for one in files:
            entry = self.wanted.get(one.work.name)
            if entry is None or not one.md5 or not entry.md5:
                self._unproved.append(one.work)
            else:
                proved.append((one.work, one.md5 != entry.md5))
        self.catalog.settle((one.work.name for one in files), State.DONE)
        yield from self._place(proved)

    def reconsider(self, _work: Work, failure: Failure) -> Failure | None:
        """Return the failure, in the words of a restore where the object is not as it was."""
        if is_damage(failure):
            return MISSING
        if failure.code is ErrorCode.INTEGRITY_MISMATCH:
            return replace(DAMAGED, evidence=failure.evidence)
        return failure

    def passed_over(self, _work: Work) -> Generator[Event, None, bool]:
        """Return False: every file of the list must arrive."""
        yield from ()
        return False

    def told_apart(self, files: Sequence[Work], _md5s: Collection[str]) -> Generator[Event, None, None]:
        """Take files whose names a log cannot tell apart, if they have arrived."""
        arrived = [work for work in files if os.path.lexists(self._staged(work.name))]
        self._unproved += arrived
        self.catalog.settle((work.name for work in arrived), State.DONE)
        yield from ()

    def prove(self) -> Generator[Event, None, bool]:
        """Read what has arrived unproved; put what is right in its place. Return whether some must be fetched
        once more, to tell damage on the way from damage in the bucket.
        """
        works = {work.name: work for work in self._unproved}
        self._unproved.clear()
        files = [file for name in works if (file := self._to_hash(name)) is not None]
        md5s = yield from hash_files(files, self.operation.run)
        proved: list[tuple[Work, bool]] = []
        for name, work in works.items():
            if name in self.expected.links:
                yield from self._link(work)
                continue
            md5 = md5s.get(name)
            answer = self._judge(name, md5 if isinstance(md5, str) else "")
            if answer is None:
                self.catalog.settle((name,), State.WAITING)
            elif isinstance(answer, Failure):
                self.catalog.settle((name,), State.FAILED)
                yield self.destination.fail(name, answer)
            else:
                proved.append((work, answer))
        yield from self._place(proved)
        return any(name in self._before for name in works)

    def _judge(self, name: bytes, md5: str) -> bool | Failure | None:
        """Return whether a file counts as replaced, or why it does not count; None to fetch it again."""
        entry, stored = self.wanted.get(name), self.catalog.stored(name)
        is_replaced = name in self.expected.replaced
        if entry is None or (entry.md5 and md5 == entry.md5):
            return False
        etag = "" if stored is None else stored.etag
        if (is_replaced or not entry.md5) and md5 and etag in {"", md5}:
            return is_replaced
        before = self._before.pop(name, None)
        if before is None:
            self._before[name] = md5
            return None
        if before != md5 or (entry.md5 and not is_replaced):
            return UNPROVED if is_replaced else DAMAGED
        if not is_replaced:
            self.guessed.append(for_people(name))
        return is_replaced

    def _place(self, files: Sequence[tuple[Work, bool]]) -> Iterator[Event]:
        """Move files to their places, and count them."""
        if not files:
            return

        def move() -> list[tuple[Saved, Work, bool, OSError | None]]:
            return [
                (entry, work, is_replaced, self._move(entry, is_replaced=is_replaced))
                for work, is_replaced in files
                if (entry := entries[work.name]) is not None
            ]

        entries = {work.name: self.wanted.get(work.name) for work, _ in files}
        done = yield from self.destination.through(move)
        for entry, work, is_replaced, error in done:
            if error is not None:
                self.catalog.settle((entry.name,), State.FAILED)
                yield self.destination.fail(entry.name, error)
                continue
            action = Action.RESTORED if work.is_new else Action.UPDATED
            compared = "unverified" if is_replaced else "by_hash" if entry.md5 else "by_size"
            yield from self.destination.settle(entry, action, compared)
            if is_replaced:
                self.operation.run.tally.fail(for_people(entry.name), REPLACED)
                yield ErrorEvent(REPLACED, "restore", for_people(entry.name))

    def _move(self, entry: Saved, *, is_replaced: bool) -> OSError | None:
        """Move a file to its place with all that belongs to it; return why not, or None."""
        try:
            metadata: Metadata | None = None
            if self.destination.has_metadata:
                metadata = self.destination.metadata(entry)
                if is_replaced:
                    uploaded = os.lstat(self._staged(entry.name)).st_mtime_ns
                    metadata = metadata._replace(mtime_ns=uploaded)
            unset = self.opened.tree.place(
                self.opened.staging_fd, entry.path, self.destination.place_of(entry), metadata
            )
        except OSError as error:
            return error
        self.destination.note(entry, unset)
        return None

    def _link(self, work: Work) -> Iterator[Event]:
        """Make a link of an object that holds where it leads to."""
        entry = self.expected.links[work.name]
        action = Action.RESTORED if work.is_new else Action.UPDATED
        try:
            with open(self._staged(work.name), "rb") as file:  # noqa: PTH123  # bytes
                target = file.read(_LONGEST_LINK)
            self.opened.tree.make_link(self.destination.place_of(entry), target)
        except OSError as error:
            yield self.destination.fail(entry.name, error)
        else:
            yield from self.destination.settle(entry, action, "by_hash")

    def _staged(self, name: bytes) -> bytes:
        return os.path.join(os.fsencode(self.opened.staging), on_disk(name))  # noqa: PTH118

    def _to_hash(self, name: bytes) -> ToHash | None:
        path = self._staged(name)
        try:
            return ToHash(path, entry_of(name, os.lstat(path), 0))
        except OSError:
            return None
