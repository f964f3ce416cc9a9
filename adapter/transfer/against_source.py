"""The source compared with the bucket, by the decision of a backup: what it would not send again is right."""

import stat
from collections.abc import Iterator
from dataclasses import dataclass

from adapter.contract.events import Action, Event, Phase
from adapter.diagnosis.classify import failure_of
from adapter.diagnosis.local_rules import SOURCE_CHANGED
from adapter.files.catalog import Catalog, State, Work, is_chunked
from adapter.files.decision import Row
from adapter.files.entry import Entry
from adapter.files.names import for_people
from adapter.transfer.changes import Changes
from adapter.transfer.compared import Compared, Means, difference
from adapter.transfer.operation import Operation
from adapter.transfer.reading_back import ReadingBack, to_read_back
from adapter.transfer.sample import Sample
from adapter.transfer.source import Sources, unreadable
from adapter.transfer.ways import Ways, plan_for

_AGAIN = "If the source has changed since the backup, run that again; with --download a damaged object shows."
_NOT_THERE = difference("It is not in the bucket.", _AGAIN)
_OTHER_CONTENT = difference("The file in the bucket is not the one in the source.", _AGAIN)
_NOT_IN_BACKUP = difference(
    "It is in the bucket, but not in the newest backup, so that a restore would not bring it back as it is.",
    "Run the backup again: what is there is not copied again.",
)
_OTHER_LINK = difference(
    "It is not in the newest backup, or was something else then.", "Run the backup again."
)
_DAMAGED = difference(
    "Its content in the bucket is not that of the source: it is damaged there.",
    "Delete this object (`rclone deletefile`) and run the backup again.",
)


@dataclass(slots=True)
class AgainstSource:
    """One comparison: the catalog has what the walk found and the list of the bucket, its index what the
    newest manifest says.
    """

    operation: Operation
    catalog: Catalog
    sources: Sources
    compared: Compared
    sample: Sample
    """The files that are read back."""
    has_manifest: bool = True
    ignore_inode: bool = False
    reread: bool = False

    def compare(self) -> Iterator[Event]:
        """Compare every file, link and directory. Raises AdapterError when that is not possible at all."""
        self.operation.run.progress.phase = Phase.VERIFYING
        ways = Ways(self.operation, plan_for(self.catalog, self.operation), self.sources.roots)
        changes = Changes(self.operation, self.catalog, ways, self.ignore_inode, self.reread)

        def same(entry: Entry, row: Row, before: Row | None) -> Iterator[Event]:
            if self.has_manifest and (before is None or before.md5 != row.md5):
                yield self.compared.differs(entry.name, _NOT_IN_BACKUP)
            elif self.sample.chooses():
                self.catalog.add_work([to_read_back(entry.name, entry.size, in_chunks=is_chunked(row))])
            else:
                yield from self.compared.matches(entry.name, entry.size, Means(changes.proof_of(row)))

        changes.same = same
        yield from changes.sort_out_files()
        yield from self._differing(changes)
        yield from self._beside_files()
        yield from ReadingBack(
            self.operation, self.catalog, self._by_content, self.compared.differs
        ).read_all()

    def _differing(self, changes: Changes) -> Iterator[Event]:
        """Name the files that a backup would send."""
        for batch in changes.ways.used(self.catalog.batches(State.WAITING)):
            for work in list(self.catalog.work(State.WAITING, batch)):
                self.catalog.settle((work.name,), State.FAILED)
                failure = _NOT_THERE if work.is_new else _OTHER_CONTENT
                if work.name in changes.unread:
                    error = changes.unread[work.name]
                    failure = failure_of(SOURCE_CHANGED, self.operation.place)
                    if error is not None:
                        failure = unreadable(for_people(work.name), error)
                yield self.compared.differs(work.name, failure)

    def _beside_files(self) -> Iterator[Event]:
        """Compare what the manifest alone holds: where links lead to, and that directories are there."""
        tally = self.operation.run.tally
        for entry, row in self.catalog.beside_files():
            is_same = row is not None and row.link == entry.link
            is_same = is_same and row is not None and stat.S_IFMT(row.mode) == stat.S_IFMT(entry.mode)
            if self.has_manifest and not is_same:
                yield self.compared.differs(entry.name, _OTHER_LINK)
            elif entry.is_directory:
                tally.settle_directory(Action.UNCHANGED)
            elif self.has_manifest:
                yield from self.compared.is_there(entry.name)

    def _by_content(self, work: Work, md5: str) -> Iterator[Event]:
        _, row, _ = self.catalog.facts(work.name)
        if row is not None and row.md5 == md5:
            yield from self.compared.matches(work.name, work.size, Means.DOWNLOAD)
        else:
            yield self.compared.differs(work.name, _DAMAGED)
