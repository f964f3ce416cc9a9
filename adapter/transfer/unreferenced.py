"""Objects below a target that no manifest needs: what deletions and renames in the source have left there.

Everything that might mean that a manifest is unknown stops it: what is deleted here is gone.
"""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace

from adapter.contract.errors import AdapterError, ErrorCode, Failure
from adapter.contract.events import Event, Phase
from adapter.files.catalog import Catalog, Object
from adapter.files.index import last_manifests
from adapter.files.listing import list_objects
from adapter.files.manifest import ManifestInvalid
from adapter.files.names import for_people
from adapter.files.references import References
from adapter.transfer.chunker import file_of_chunk, sets_of
from adapter.transfer.manifests import Manifests, ids_among, is_manifest_below
from adapter.transfer.operation import Operation
from adapter.transfer.series import for_one_line


@dataclass(frozen=True, slots=True)
class Unreferenced:
    """The search below one target; its list of the bucket is put into the catalog."""

    operation: Operation
    catalog: Catalog

    def find(self) -> Generator[Event, None, tuple[References, tuple[str, ...]]]:
        """Return what the manifests refer to, and their ids. Raises AdapterError unless it is certain that
        these are all manifests that may refer to something here.
        """
        operation, manifests = self.operation, Manifests(self.operation)
        operation.run.progress.phase = Phase.SCANNING
        yield from self._look_above()
        yield from list_objects(operation.scanner, operation.remote, self.catalog)
        ids = ids_among(self.catalog.own_objects())
        if not ids:
            raise AdapterError(_no_manifest(operation))
        self._check_index(ids)
        yield from self._check_series(manifests, ids)
        references = References(self.catalog)
        for one in ids:
            try:
                yield from manifests.read(one, lambda _, entries: references.add(entries))
            except ManifestInvalid as error:
                raise AdapterError(_invalid(one, error.reason)) from error
        self._check_below(references)
        return references, ids

    def objects(self, references: References) -> Iterator[Object]:
        """Yield what is not needed, in the order of the names."""
        of_file, kept = b"", frozenset[bytes]()
        for one in references.unnamed():
            file = file_of_chunk(one.name)
            if file is None or not references.names(file):
                yield one
                continue
            if file != of_file:
                of_file, kept = file, self._needed_chunks(file, references)
            if one.name not in kept:
                yield one

    def _needed_chunks(self, file: bytes, references: References) -> frozenset[bytes]:
        return frozenset(
            chunk.name
            for chunks in sets_of(file, self.catalog)
            if references.needs_chunks(file, chunks)
            for chunk in chunks
        )

    def confirm(self, ids: Sequence[str]) -> Generator[Event, None, None]:
        """Raise AdapterError if manifests have come or gone since they were read."""
        if set((yield from Manifests(self.operation).ids())) != set(ids):
            raise AdapterError(_changed(self.operation))

    def _look_above(self) -> Generator[Event, None, None]:
        """Raise AdapterError if a backup lies at a directory above the target: its files may be below it."""
        home = self.operation
        while home.target.path:
            home = replace(home, target=replace(home.target, path=home.target.path.rpartition("/")[0]))
            if (yield from Manifests(home).ids()):
                raise AdapterError(_above(self.operation, home))

    def _check_below(self, references: References) -> None:
        """Raise AdapterError if a backup lies at a directory below the target."""
        for one in references.unnamed():
            if is_manifest_below(one.name):
                raise AdapterError(_below(self.operation, one.name))

    def _check_index(self, ids: Sequence[str]) -> None:
        """Raise AdapterError if this machine knows of a newer backup than the bucket does."""
        operation = self.operation
        for manifest, is_as_written in last_manifests(operation.settings.state_dir, operation.identity):
            if manifest > ids[0]:
                raise AdapterError(_lost(operation, manifest))
            if not is_as_written:
                raise AdapterError(_unfinished(operation))

    def _check_series(self, manifests: Manifests, ids: Sequence[str]) -> Generator[Event, None, None]:
        heads = yield from manifests.heads(ids)
        for one, error in heads.invalid.items():
            raise AdapterError(_invalid(one, error.reason))
        if len(heads.series) > 1:
            raise AdapterError(_shared(self.operation, heads.series))


def _stop(code: ErrorCode, message: str, hint: str) -> Failure:
    return Failure(code, f"{message} Nothing was deleted.", hint)


def _no_manifest(operation: Operation) -> Failure:
    return _stop(
        ErrorCode.PATH_NOT_FOUND,
        f"There is no manifest at {operation.target}, so nothing says what is needed there.",
        "Name the target exactly as the backup does; a backup writes a manifest.",
    )


def _above(operation: Operation, home: Operation) -> Failure:
    return _stop(
        ErrorCode.TARGET_IN_USE,
        f"A backup lies at {home.target}, and its files may lie below {operation.target}.",
        f"Name {home.target} if that is its target; backups inside one another cannot be told apart.",
    )


def _below(operation: Operation, manifest: bytes) -> Failure:
    place = for_people(manifest.partition(b"/.pluton/")[0])
    return _stop(
        ErrorCode.TARGET_IN_USE,
        f"Another backup lies below {operation.target}, at {place}.",
        "Give each backup a target of its own, none inside another.",
    )


def _shared(operation: Operation, series: Sequence[str]) -> Failure:
    named = "; ".join(map(for_one_line, series))
    return _stop(
        ErrorCode.TARGET_IN_USE,
        f"The backups of {len(series)} sources lie at {operation.target}: {named}.",
        "Give each source a target of its own.",
    )


def _invalid(one: str, reason: str) -> Failure:
    return _stop(
        ErrorCode.MANIFEST_INVALID,
        f"The manifest {one} cannot be used, so what that backup needs is not known: {reason}.",
        "If nobody needs that backup any more, delete its manifest (`rclone deletefile`), and run it again.",
    )


def _lost(operation: Operation, manifest: str) -> Failure:
    return _stop(
        ErrorCode.MANIFEST_INVALID,
        f"The last backup from this machine wrote the manifest {manifest}, which is not at "
        f"{operation.target} any more.",
        "Run the backup first: it writes a new manifest.",
    )


def _unfinished(operation: Operation) -> Failure:
    return _stop(
        ErrorCode.MANIFEST_UNWRITTEN,
        f"This machine has noted more of {operation.target} than its newest manifest says, as when a backup "
        "was cut off.",
        "Run the backup to its end first.",
    )


def _changed(operation: Operation) -> Failure:
    return _stop(
        ErrorCode.LOCKED,
        f"The manifests at {operation.target} have changed meanwhile: a backup runs on another machine.",
        "Run it again when no backup runs.",
    )
