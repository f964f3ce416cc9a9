"""The end of a backup: the index brought in line with what the run saw, and the manifest written from it."""

import os
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from adapter.contract.errors import NO_EVIDENCE, AdapterError, ErrorCode, Failure
from adapter.contract.events import Event, Outcome, Phase, WarningEvent
from adapter.files.catalog import Catalog
from adapter.files.manifest import Counts, Header
from adapter.files.manifest_rows import saved_entries
from adapter.files.manifest_writer import write_manifest
from adapter.files.outlook import Outlook
from adapter.files.reconcile import reconcile
from adapter.files.walk import Walk
from adapter.machine.private import temporary_directory
from adapter.runs.store import now_utc
from adapter.transfer.found import missing_mounts
from adapter.transfer.manifests import Manifests, next_id, superseded
from adapter.transfer.operation import Operation
from adapter.transfer.series import Standing


@dataclass(frozen=True, slots=True)
class Closing:
    """What a manifest says of the run that writes it."""

    operation: Operation
    catalog: Catalog
    walks: Sequence[Walk]
    run_id: str
    series: str
    sources: tuple[str, ...]
    patterns: tuple[str, ...]
    has_includes: bool
    began: datetime

    def close(self, standing: Standing) -> Iterator[Event]:
        """Bring the index in line, and write the manifest if it says anything new.

        A manifest that cannot be written fails a run that was a success: `manifest_unwritten`. After a second
        request to stop nothing is written any more.
        """
        run = self.operation.run
        if run.cancel.requests > 1:
            return
        missing = missing_mounts(self.walks)
        unreadable = (name for walk in self.walks for name in walk.findings.unreadable)
        reconcile(self.catalog, Outlook(self.walks, (*missing, *unreadable)), has_includes=self.has_includes)
        index = self.catalog.index
        index.record_mounts((*missing, *(name for walk in self.walks for name in walk.findings.mounts)))
        index.commit()
        if not index.is_whole:
            # Files that were sent have no row: without them the manifest would be wrong.
            yield from self._tell(f"The index of this backup could not be written: {index.trouble}.", None)
            return
        is_newest = standing.newest != "" and standing.newest == index.manifest
        if is_newest and index.is_as_written:
            return
        if not run.cancel.requested:
            run.progress.phase = Phase.FINISHING
        try:
            yield from self._write(standing, is_newest=is_newest)
        except (AdapterError, OSError) as error:
            failure = error.failure if isinstance(error, AdapterError) else None
            yield from self._tell(failure.message if failure else str(error), failure)

    def _tell(self, why: str, failure: Failure | None) -> Iterator[Event]:
        """Fail the run because it has no manifest; if it has failed already, that is a warning."""
        if self.operation.run.error is None:
            self.operation.run.fail(_unwritten(why, failure))
        else:
            yield WarningEvent("manifest_unwritten", f"The manifest of this run was not written. {why}")

    def _write(self, standing: Standing, *, is_newest: bool) -> Iterator[Event]:
        index, manifests = self.catalog.index, Manifests(self.operation)
        one = next_id(self.run_id, standing.ids[0] if standing.ids else None)
        with temporary_directory() as directory:
            header = write_manifest(
                manifests.path_in(directory, one),
                saved_entries(index),
                lambda digest, counts: self._header(one, digest, counts),
            )
            if is_newest and header.digest == index.digest:
                index.note_manifest(index.manifest, index.digest, index.manifest_size)
                return
            size = manifests.path_in(directory, one).stat().st_size
            yield from manifests.put(one, directory)
        index.note_manifest(one, header.digest, size)
        yield from self._delete_old(manifests, (one, *standing.ids))

    def _header(self, one: str, digest: str, counts: Counts) -> Header:
        from importlib import metadata  # noqa: PLC0415 - slow to load

        run = self.operation.run
        left_out = sum(walk.findings.special.count for walk in self.walks)
        return Header(
            run_id=one,
            outcome=run.outcome.value,
            started=_stamp(self.began),
            ended=_stamp(now_utc()),
            series=self.series,
            index_id=self.catalog.index.id,
            host=os.uname().nodename,
            sources=self.sources,
            patterns=self.patterns,
            rclone_version=self.operation.rclone.version_text,
            adapter_version=metadata.version("pluton-qingstor"),
            counts=replace(counts, left_out=left_out, failed=len(run.tally.failed)),
            digest=digest,
        )

    def _delete_old(self, manifests: Manifests, ids: tuple[str, ...]) -> Generator[Event, None, None]:
        """Delete the manifests of this series that are superseded; that it is not allowed is told once."""
        index = self.catalog.index
        if not superseded(ids) or self.operation.run.outcome is Outcome.CANCELLED:
            return
        try:
            heads = yield from manifests.heads(ids)
            if old := superseded(heads.of_series(self.series)):
                yield from manifests.delete(old)
        except AdapterError as error:
            is_right = error.failure.code is ErrorCode.PERMISSION_DENIED
            if not (is_right and index.has_told_of_rights):
                yield WarningEvent(
                    "manifests_not_deleted", f"Old manifests could not be deleted. {error.failure.message}"
                )
            index.note_told_of_rights(told=is_right)


def _stamp(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _unwritten(why: str, failure: Failure | None) -> Failure:
    return Failure(
        ErrorCode.MANIFEST_UNWRITTEN,
        f"The files were copied, but the manifest, which says what the backup consists of, was not. {why}",
        "Run the backup again: what is there is not copied again. Until then a restore takes the manifest of "
        "the backup before.",
        evidence=failure.evidence if failure else NO_EVIDENCE,
    )
