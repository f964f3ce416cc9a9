"""The bucket compared with what a backup consists of: by a list of the bucket, or by reading files back."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from adapter.contract.events import Action, Event, Phase
from adapter.files.catalog import Catalog, Work, digest_of
from adapter.files.decision import How, Stored
from adapter.files.manifest import Kind, Saved
from adapter.files.wanted import Wanted
from adapter.transfer.chunker import sets_of
from adapter.transfer.compared import Compared, Means, difference
from adapter.transfer.locating import DAMAGED, MISSING, Locating, Way
from adapter.transfer.operation import Operation
from adapter.transfer.reading_back import ReadingBack, to_read_back
from adapter.transfer.sample import Sample

_AT_ONCE = 1000
_AGAIN = "If the source still has the file, back it up again; --download tells whether its content is right."
_REPLACED = difference("Its object is not the one that was backed up: size or checksum differ.", _AGAIN)
_CHUNKS_LOST = difference("Some of its chunks are missing, or are not those that were backed up.", _AGAIN)


@dataclass(slots=True)
class AgainstManifest:
    """One comparison: the backup's entries are in `wanted`, the list of the bucket in the catalog."""

    operation: Operation
    """On the directory where the entries' names begin."""
    catalog: Catalog
    wanted: Wanted
    compared: Compared
    sample: Sample
    """The files that are read back."""
    _by_time: list[Saved] = field(default_factory=list)

    def compare(self) -> Iterator[Event]:
        """Compare every file. Raises AdapterError when the two cannot be compared at all."""
        run = self.operation.run
        run.progress.phase = Phase.VERIFYING
        fail = self.compared.differs
        locating = Locating(self.operation, self.catalog, self._read_back, fail)
        for number, (entry, found) in enumerate(self.wanted.files()):
            if number % _AT_ONCE == 0:
                run.progress.touch()
                run.raise_if_over()
                yield from run.progress.due()
            if self.sample.chooses():
                locating.bring(entry, False)  # noqa: FBT003
            else:
                yield from self._by_list(entry, found)
        yield from self._by_upload_time()
        yield from locating.settle()
        yield from self._beside_files()
        yield from ReadingBack(self.operation, self.catalog, self._by_content, fail).read_all()

    def _read_back(self, entry: Saved, way: Way, _: bool) -> None:  # noqa: FBT001
        self.catalog.add_work([to_read_back(entry.name, entry.size, in_chunks=Way.CHUNKS in way)])

    def _by_list(self, entry: Saved, found: Stored | None) -> Iterator[Event]:
        if found is None:
            yield self.compared.differs(entry.name, MISSING)
        elif entry.how == How.CHUNKS.value:
            yield from self._by_chunks(entry, found)
        elif (found.size, found.etag) != (entry.size, entry.etag):
            yield self.compared.differs(entry.name, _REPLACED)
        elif not entry.etag:
            self._by_time.append(entry)
        else:
            # Of a file in parts rclone has supplied the ETag (docs/large-files.md).
            by_server = entry.how == How.OBJECT.value and entry.etag == entry.md5
            yield from self._right(entry, Means.HASH if by_server else Means.SIZE)

    def _by_chunks(self, entry: Saved, found: Stored) -> Iterator[Event]:
        sets = sets_of(entry.name, self.catalog)
        fitting = [one for one in sets if digest_of(one) == entry.chunks]
        if not entry.chunks:  # a backup that could not tell which of several sets is the file's
            fitting = [one for one in sets if sum(chunk.size for chunk in one) == entry.size]
        if found.etag != entry.etag:
            yield self.compared.differs(entry.name, _REPLACED)
        elif not fitting:
            yield self.compared.differs(entry.name, _CHUNKS_LOST)
        else:
            by_server = bool(entry.chunks) and all(chunk.etag for chunk in fitting[0])
            yield from self._right(entry, Means.HASH if by_server else Means.SIZE)

    def _by_upload_time(self) -> Iterator[Event]:
        """Compare the files whose objects have no ETag: the time of the upload tells them apart."""
        for first in range(0, len(self._by_time), _AT_ONCE):
            some = self._by_time[first : first + _AT_ONCE]
            names = [entry.name for entry in some]
            times = yield from self.operation.scanner.look_at(self.operation.remote, names, columns="tsp")
            for entry in some:
                found = times.get(entry.name)
                if found is None:
                    yield self.compared.differs(entry.name, MISSING)
                elif found.modified != entry.uploaded:
                    yield self.compared.differs(entry.name, _REPLACED)
                else:
                    yield from self._right(entry, Means.SIZE)

    def _beside_files(self) -> Iterator[Event]:
        """Count links and directories, which are in the manifest alone: that was read whole."""
        if not self.compared.settles:
            return
        tally = self.operation.run.tally
        for _ in self.wanted.entries(Kind.DIRECTORY):
            tally.settle_directory(Action.UNCHANGED)
        for entry in self.wanted.entries(Kind.LINK):
            yield from self.compared.is_there(entry.name)

    def _by_content(self, work: Work, md5: str) -> Iterator[Event]:
        entry = self.wanted.get(work.name)
        if entry is not None and entry.md5 == md5:
            yield from self._right(entry, Means.DOWNLOAD)
        else:
            yield self.compared.differs(work.name, DAMAGED)

    def _right(self, entry: Saved, means: Means) -> Iterator[Event]:
        yield from self.compared.matches(entry.name, entry.size, means)
