"""What of a source must be sent: every file that was listed is found unchanged, or put into the catalog's
work.
"""

from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from adapter.contract.events import Action, Event, VerboseStatus, WarningEvent
from adapter.files.catalog import Catalog, State, Work, digest_of, is_chunked
from adapter.files.decision import (
    Decision,
    How,
    Row,
    Stored,
    decide,
    holds,
    is_as_recorded,
    is_same_content,
    row_of,
)
from adapter.files.entry import Entry
from adapter.files.hashing import ToHash, hash_files
from adapter.files.names import as_logged, for_people
from adapter.runs.run import Run
from adapter.transfer.chunker import (
    DESCRIPTION_MAX,
    compare_chunks,
    in_order,
    sets_of,
    whole_files,
)
from adapter.transfer.operation import Operation
from adapter.transfer.source import root_of
from adapter.transfer.ways import Ways

_AT_ONCE = 1000
"""Files that are sorted out or read together: what bounds the memory."""
_MANY = 100
"""So many files that were read for nothing are worth a word on why."""


@dataclass(slots=True)
class Changes:
    """The decision for each file in the catalog, carried out."""

    operation: Operation
    catalog: Catalog
    ways: Ways
    ignore_inode: bool = False
    reread: bool = False
    same: Callable[[Entry, Row, Row | None], Iterator[Event]] | None = None
    """Gets, in a comparison, each file whose content is in the bucket, its row, and the one it had before; in
    a backup these are unchanged."""
    unread: dict[bytes, OSError | None] = field(default_factory=dict)
    """Files that could not be read, or (None) changed while they were: what they hold is not known."""
    _read: int = 0
    _read_for_nothing: int = 0

    @property
    def run(self) -> Run:
        """Return the run that it is a part of."""
        return self.operation.run

    def sort_out(self) -> Iterator[Event]:
        """Count what is unchanged, reading what only its content can tell; all else waits to be sent."""
        yield from self.sort_out_files()
        yield from self._explain()
        yield from self._beside_files()

    def sort_out_files(self) -> Iterator[Event]:
        """Do so with the files alone."""
        uncertain: list[tuple[Entry, Row, Stored]] = []
        known: list[tuple[Entry, Row, Stored]] = []
        work: list[Work] = []
        for number, (entry, row, found) in enumerate(self.catalog.compared()):
            if number % _AT_ONCE == 0:
                self.run.progress.touch()
                self.run.raise_if_over()
                yield from self.run.progress.due()
            stored = found
            if found is not None and (is_chunked(row) or _may_describe_chunks(entry, row, found)):
                stored = self._with_chunks(entry.name, found)
            if row is not None and stored is not None and row.uploaded and not (row.etag or stored.etag):
                uncertain.append((entry, row, stored))
                continue
            decision = self._decide(entry, row, stored)
            if decision is Decision.UNCHANGED and row is not None:
                self._note_rights(entry, row)
                yield from self._unchanged(entry, row, row)
            elif decision is Decision.KNOWN and row is not None and stored is not None:
                known.append((entry, row, stored))
            else:
                work.append(self._work(entry, stored, decision))
            if len(work) >= _AT_ONCE:
                self.catalog.add_work(work)
                work.clear()
        self.catalog.add_work(work)
        yield from self._by_time(uncertain)
        for entry, row, stored in known:
            yield from self._is_there(entry, row.md5, row, stored)
        yield from self._by_content()

    def _beside_files(self) -> Iterator[Event]:
        """Count the links and directories, which the manifest holds whole."""
        for entry, row in self.catalog.beside_files():
            action = Action.NEW if row is None else Action.MODIFIED
            if row is not None and _looks_of(row) == _looks_of(entry):
                action = Action.UNCHANGED
            if entry.is_directory:
                self.run.tally.settle_directory(action)
                continue
            item = for_people(entry.name)
            self.run.tally.settle(item, action, 0, "by_hash")
            if self.operation.options.verbose_files:
                yield VerboseStatus(action, item, 0)

    def _note_rights(self, entry: Entry, row: Row) -> None:
        """Record mode and owner that have changed without the time that tells (with --ignore-inode)."""
        if _looks_of(row) != _looks_of(entry):
            self.catalog.index.record((row._replace(mode=entry.mode, uid=entry.uid, gid=entry.gid),))

    def _decide(self, entry: Entry, row: Row | None, stored: Stored | None) -> Decision:
        return decide(entry, row, stored, ignore_inode=self.ignore_inode, reread=self.reread)

    def _with_chunks(self, name: bytes, stored: Stored) -> Stored:
        """Return what the bucket holds, with a digest of each set of chunks beside it."""
        return stored._replace(chunks=frozenset(map(digest_of, sets_of(name, self.catalog))))

    def _work(self, entry: Entry, stored: Stored | None, decision: Decision) -> Work:
        batch = self.ways.batch(entry, None if stored is None else stored.size)
        logged = as_logged(self.ways.logged_part(entry.name, batch))
        state = State.HASH if decision is Decision.HASH else State.WAITING
        return Work(entry.name, batch, logged, entry.size, stored is None, state)

    def _by_time(self, uncertain: list[tuple[Entry, Row, Stored]]) -> Iterator[Event]:
        """Sort out files whose objects have no ETag: the time of the upload tells them apart."""
        names = [entry.name for entry, _, _ in uncertain]
        operation = self.operation
        times = yield from operation.scanner.look_at(operation.remote, names, columns="tsp")
        for entry, row, found in uncertain:
            stored = found._replace(uploaded=times[entry.name].modified) if entry.name in times else found
            decision = self._decide(entry, row, stored)
            if decision is Decision.UNCHANGED:
                yield from self._unchanged(entry, row, row)
                continue
            self.catalog.add_work([self._work(entry, stored, decision)])
            if decision is Decision.HASH:
                yield from self._read_these([self._to_hash(entry)], {entry.name: (row, stored)})

    def _by_content(self) -> Iterator[Event]:
        """Read the files of which only the content tells, some at a time."""
        while waiting := list(self.catalog.work(State.HASH, at_most=_AT_ONCE)):
            facts: dict[bytes, tuple[Row | None, Stored]] = {}
            entries: list[Entry] = []
            in_chunks: list[bytes] = []
            for work in waiting:
                entry, row, stored = self.catalog.facts(work.name)
                assert stored is not None  # noqa: S101  # else there would be nothing to compare with
                entries.append(entry)
                if row is None and _may_describe_chunks(entry, row, stored):
                    in_chunks.append(entry.name)
                if is_chunked(row):
                    stored = self._with_chunks(entry.name, stored)
                facts[entry.name] = (row, stored)
            facts |= yield from self._described(in_chunks)
            yield from self._read_these([self._to_hash(entry) for entry in entries], facts)

    def _described(self, names: Sequence[bytes]) -> Generator[Event, None, dict[bytes, tuple[None, Stored]]]:
        """Return what the descriptions of chunks say of files that no row tells of; one that is damaged is
        left out, and sent again."""
        found = yield from whole_files(self.operation.remote, names, self.operation.scanner)
        return {
            name: (None, self._with_chunks(name, Stored(file.size, file.md5))) for name, file in found.items()
        }

    def _to_hash(self, entry: Entry) -> ToHash:
        root = self.ways.roots[root_of(self.ways.roots, entry.name)]
        return ToHash(root.path_of(entry.name), entry, root.follows)

    def _read_these(
        self, files: list[ToHash], facts: Mapping[bytes, tuple[Row | None, Stored]]
    ) -> Iterator[Event]:
        md5s = yield from hash_files(files, self.run)
        self.unread.update((name, md5) for name, md5 in md5s.items() if not isinstance(md5, str))
        same = [
            (file.entry, md5)
            for file in files
            if isinstance(md5 := md5s.get(file.entry.name), str)
            and is_same_content(md5, file.entry, *facts[file.entry.name])
        ]
        altered = yield from self._altered([one for one, _ in same if facts[one.name][0] is None])
        same = [(entry, md5) for entry, md5 in same if entry.name not in altered]
        self.catalog.settle(md5s.keys() - {entry.name for entry, _ in same}, State.WAITING)
        self._read += len(files)
        self._read_for_nothing += sum(1 for entry, _ in same if facts[entry.name][0] is not None)
        for entry, md5 in same:
            row, stored = facts[entry.name]
            self.catalog.settle((entry.name,), State.DONE)
            yield from self._is_there(entry, md5, row, stored)

    def _altered(self, entries: Sequence[Entry]) -> Generator[Event, None, Collection[bytes]]:
        """Return which files have chunks in the bucket that are not theirs, whatever the description says."""
        altered: set[bytes] = set()
        for entry in entries:
            for chunks in sets_of(entry.name, self.catalog):
                if sum(one.size for one in chunks) == entry.size:
                    parts = {entry.name: in_order(chunks)}
                    right = yield from compare_chunks({entry.name: self._to_hash(entry)}, parts, self.run)
                    altered.update(name for name, is_right in right.items() if not is_right)
        return altered

    def _is_there(self, entry: Entry, md5: str, row: Row | None, stored: Stored) -> Iterator[Event]:
        """Count a file whose content is in the bucket, and write a row of how it is now."""
        found = self._row(entry, md5, row, stored)
        self.catalog.index.record((found,))
        yield from self._unchanged(entry, found, row)

    def _row(self, entry: Entry, md5: str, row: Row | None, stored: Stored) -> Row:
        """Return the row of a file as it is now; without its chunks if it is not known which are its own."""
        if row is not None and md5 == row.md5 and is_as_recorded(row, stored):
            return row_of(entry, md5, How(row.how), row.etag, uploaded=row.uploaded, chunks=row.chunks)
        _, _, listed = self.catalog.facts(entry.name)
        if listed is not None and holds(listed, entry.size, md5):
            return row_of(entry, md5, How.OBJECT, md5)
        etag = "" if listed is None else listed.etag
        chunks = next(iter(stored.chunks)) if len(stored.chunks) == 1 else ""
        return row_of(entry, md5, How.CHUNKS, etag, chunks=chunks)

    def _unchanged(self, entry: Entry, row: Row, before: Row | None) -> Iterator[Event]:
        if self.same is not None:
            yield from self.same(entry, row, before)
            return
        item = for_people(entry.name)
        self.run.tally.settle(item, Action.UNCHANGED, entry.size, self.proof_of(row))
        if self.operation.options.verbose_files:
            yield VerboseStatus(Action.UNCHANGED, item, entry.size)

    def proof_of(self, row: Row) -> str:
        """Return whether the server has computed what tells that it holds a file: a field of Verification."""
        by_server = row.how == How.OBJECT.value and bool(row.etag)
        if is_chunked(row) and row.chunks:
            sets = sets_of(row.name, self.catalog)
            by_server = any(digest_of(one) == row.chunks and all(chunk.etag for chunk in one) for one in sets)
        return "by_hash" if by_server else "by_size"

    def _explain(self) -> Iterator[Event]:
        """Say why files were read that had not changed."""
        index = self.catalog.index
        index.commit()
        if self.reread or not self._read:
            return
        if index.is_new:
            yield WarningEvent(
                "index_new",
                f"There was no index of this backup yet, so {self._read} files that are in the bucket "
                "already were read once to compare them. The next run need not.",
            )
        elif self._read_for_nothing >= _MANY and self._read_for_nothing * 2 > self._read:
            yield WarningEvent(
                "inodes_change",
                f"{self._read_for_nothing} files were read although they had not changed: their inode or the "
                "time of their last change is another one each time, as on some network mounts and "
                "snapshots. --ignore-inode spares this.",
            )


def _looks_of(one: Entry | Row) -> tuple[int, int, int, int, bytes]:
    """Return what of an entry the manifest has, beside its content."""
    return one.mtime_ns, one.mode, one.uid, one.gid, one.link


def _may_describe_chunks(entry: Entry, row: Row | None, stored: Stored) -> bool:
    """Return whether an object that is smaller than the file may be a description of its chunks."""
    return row is None and stored.size <= DESCRIPTION_MAX and stored.size < entry.size
