"""Files that go up in parallel parts: which of them changed, and a record of what was sent.

rclone adds its MD5 of parallel parts up in the wrong order, so the ETag of such an object tells nothing about
its content (measured with 1.75.2). A file counts as unchanged when both sides are as they were recorded. A
lost record costs one upload, never a missed change.
"""

import hashlib
import json
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from adapter.contract.errors import AdapterError
from adapter.contract.events import Event, WarningEvent
from adapter.machine.atomic_file import replace_file
from adapter.machine.private import make_directory
from adapter.runs.scan import File, Scanner
from adapter.transfer.operation import Operation
from adapter.transfer.source import LocalSource, SourceView, on_disk


class SentFile(BaseModel):
    """One file as it was sent: sizes in bytes, `mtime_ns` of the source, `etag` of the object after it."""

    model_config = ConfigDict(frozen=True)

    path: str
    size: int
    mtime_ns: int
    md5: str
    etag: str


class _Stored(BaseModel):
    schema_version: int
    target: str
    files: tuple[SentFile, ...]


class SentFiles:
    """The records of one target (`identity`: the place in the world, whatever the storage is called)."""

    def __init__(self, state_dir: Path, identity: str) -> None:
        self._identity = identity
        name = hashlib.sha256(identity.encode("utf-8", "surrogateescape")).hexdigest()[:32]
        self._path = state_dir / "uploads" / f"{name}.json"

    def load(self) -> Mapping[str, SentFile]:
        """By path. A missing, damaged or foreign file is no record at all."""
        try:
            # Not pydantic's own reader of JSON: it refuses the path of a file whose name is not UTF-8.
            stored = _Stored.model_validate(json.loads(self._path.read_bytes()))
        except (OSError, ValueError):  # ValidationError is one
            return {}
        return {file.path: file for file in stored.files if stored.target == self._identity}

    def add(self, sent: Iterable[SentFile]) -> None:
        """Write these over what was recorded of the same paths. Raises OSError when that is impossible."""
        known = {**self.load(), **{file.path: file for file in sent}}
        document = {
            "schema_version": 1,
            "target": self._identity,
            "files": [file.model_dump() for file in known.values()],
        }
        make_directory(self._path.parent)
        replace_file(self._path, (json.dumps(document).encode(),))


class Decision(Enum):
    """What is known of a file before its content is looked at."""

    UNCHANGED = auto()
    CHANGED = auto()
    LOOK = auto()
    """Its MD5 decides."""


@dataclass(frozen=True, slots=True)
class Local:
    """A file of the source now."""

    size: int
    mtime_ns: int


def decide(local: Local, record: SentFile | None, remote: File | None, *, reread: bool) -> Decision:
    """Return whether a file has to be sent, from its record and both sides. Pure."""
    if remote is None or remote.size != local.size:
        return Decision.CHANGED
    if record is None or (record.size, record.etag) != (remote.size, remote.md5):
        return Decision.LOOK
    if record.mtime_ns == local.mtime_ns and not reread:
        return Decision.UNCHANGED
    return Decision.LOOK


def is_same(md5: str, record: SentFile | None, remote: File) -> bool:
    """Return whether the bucket holds content with this MD5: by our record, else by an honest ETag. Pure."""
    if record is not None and (record.size, record.etag) == (remote.size, remote.md5):
        return md5 == record.md5
    return bool(md5) and md5 == remote.md5


@dataclass(frozen=True, slots=True)
class Parallel:
    """Files in parallel parts: a source below `root`, seen through `view`, and its place in the bucket."""

    root: Path
    view: SourceView
    remote: str
    scanner: Scanner
    records: SentFiles
    reread: bool

    def sort(self, names: Sequence[str]) -> Generator[Event, None, tuple[list[File], dict[str, bool]]]:
        """Those that are in the bucket as they are here; the others, with whether they replace an object."""
        records = self.records.load()
        stored = yield from self._stored(names)
        local = self.local(names)
        decisions = {
            name: decide(at, records.get(name), stored.get(name), reread=self.reread)
            for name, at in local.items()
            if at is not None
        }
        look = [name for name, decision in decisions.items() if decision is Decision.LOOK]
        hashed = yield from self._hashed(look)
        for name in look:
            mine = hashed.get(name)
            same = mine is not None and is_same(mine.md5, records.get(name), stored[name])
            decisions[name] = Decision.UNCHANGED if same else Decision.CHANGED
        unchanged = [stored[name] for name in names if decisions.get(name) is Decision.UNCHANGED]
        # A file that cannot be looked at is left to rclone, which says why.
        return unchanged, {
            name: name in stored for name in names if decisions.get(name) is not Decision.UNCHANGED
        }

    def local(self, names: Iterable[str]) -> Mapping[str, Local | None]:
        """Size and time of files of the source now; None for one that cannot be looked at."""
        return {name: _stat(self.root / on_disk(name)) for name in names}

    def changed_since(self, names: Iterable[str], before: Mapping[str, Local | None]) -> list[str]:
        """Those that are not what they were `before` the sending: parts of two versions may be stored."""
        return [name for name, at in self.local(names).items() if at != before.get(name)]

    def record(self, sent: Sequence[str], before: Mapping[str, Local | None]) -> Iterator[Event]:
        """Remember what was sent, if the source is still what it was `before` the sending."""
        try:
            stored = yield from self._stored(sent)
        except AdapterError as error:
            yield _unrecorded(error.failure.message)
            return
        hashed = yield from self._hashed(sent)
        now = self.local(sent)
        files = []
        for name in sent:
            local, mine, object_ = now[name], hashed.get(name), stored.get(name)
            if local is None or local != before.get(name) or mine is None or object_ is None:
                continue
            if mine.md5 and object_.size == local.size:
                files.append(
                    SentFile(
                        path=name, size=local.size, mtime_ns=local.mtime_ns, md5=mine.md5, etag=object_.md5
                    )
                )
        try:
            self.records.add(files)
        except OSError as error:
            yield _unrecorded(f"{error.strerror}.")

    def _stored(self, names: Sequence[str]) -> Generator[Event, None, Mapping[str, File]]:
        """What the bucket holds of these; raises AdapterError when it does not say."""
        return (yield from self.scanner.look_at(self.remote, names, stored=True))

    def _hashed(self, names: Sequence[str]) -> Generator[Event, None, Mapping[str, File]]:
        """Files of the source with their MD5."""
        view = self.view
        return (yield from self.scanner.look_at(view.path, names, view.flags, stored=False))


def open_parallel(operation: Operation, source: LocalSource, *, reread: bool) -> Parallel:
    """The files in parallel parts of a target; with `reread` every checksum is computed anew."""
    view = source.plain() if reread else source.cached()
    return Parallel(
        source.directory,
        view,
        operation.remote,
        replace(operation.scanner, env={**operation.storage.env, **view.variables}),
        SentFiles(operation.settings.state_dir, operation.identity),
        reread,
    )


def _unrecorded(why: str) -> WarningEvent:
    return WarningEvent(
        "upload_record_unwritable",
        "What was sent in parallel parts could not be recorded, so the next run sends those files again: "
        f"{why}",
    )


def _stat(path: Path) -> Local | None:
    try:
        found = path.stat()
    except (OSError, ValueError):
        return None
    return Local(found.st_size, found.st_mtime_ns)
