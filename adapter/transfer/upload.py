"""The copying of a backup: files in one PUT, files in parts, files in chunks, one after the other."""

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from adapter.contract.errors import AdapterError, ErrorCode, Failure
from adapter.contract.events import Action, ErrorEvent, Event, WarningEvent
from adapter.diagnosis.classify import failure_of
from adapter.diagnosis.local_rules import SOURCE_CHANGED
from adapter.diagnosis.verdict import End, joined, not_begun, verdict
from adapter.machine.private import temporary_directory
from adapter.rclone.file_lists import rules_from
from adapter.rclone.options import escape
from adapter.rclone.remote import REMOTE, remote_variables
from adapter.runs.backoff import TRANSIENT
from adapter.runs.run import Run
from adapter.runs.scan import File, Scanner
from adapter.transfer.bucket_contents import described
from adapter.transfer.chunker import CHUNKED, chunked_environment
from adapter.transfer.copy_passes import RETRY_CODES, Copy, Transfer
from adapter.transfer.operation import Operation
from adapter.transfer.parallel_parts import open_parallel
from adapter.transfer.plan import Plan
from adapter.transfer.source import LocalSource, SourceView

_LENGTH_REQUIRED = 411
_ROUNDS = 3
"""Of looking again at what failed: the look itself may fail for some of them."""
_NOTHING_STORED = Failure(
    ErrorCode.UNKNOWN,
    "rclone ended without an error and stored none of the listed files.",
    "Check that the source is still there, then run it again.",
)
_VANISHED = Failure(
    ErrorCode.SOURCE_UNREADABLE,
    "A file of the source was gone when its turn came.",
    "Run the backup again; if it was moved, it is stored under its new name then.",
)


@dataclass(frozen=True, slots=True)
class Upload:
    """Carries out a plan."""

    operation: Operation
    plan: Plan
    source: LocalSource
    reread: bool

    @property
    def run(self) -> Run:
        """The run that it is a part of."""
        return self.operation.run

    def events(self) -> Iterator[Event]:
        """Copy everything; the verdict is the run's at the end."""
        ends: list[End] = []
        plan = self.plan
        for steps, has_work in (
            (self._in_one_put, True),
            (self._with_length, False),  # not known before; what would need it has failed
            (self._in_parts, bool(plan.multipart)),
            (self._in_chunks, bool(plan.chunked)),
        ):
            if not any(end.is_last for end in ends):
                ends += yield from steps()
            elif has_work:
                ends.append(not_begun(self.run.tally.files_settled))
        if not any(end.is_last for end in ends):
            yield from self._look_again()
            yield from self._name_vanished()
        operation, tally = self.operation, self.run.tally
        self.run.outcome, self.run.error = verdict(
            joined(ends, tally.failed), operation.place, operation.storage.redactor
        )
        listed = self.run.progress.total_files or 0
        if self.run.error is None and tally.files_settled < listed:
            yield from self._fewer(listed - tally.files_settled, listed)

    def _in_one_put(self) -> Generator[Event, None, list[End]]:
        # QingStor keeps no modification times: by size alone an edit that keeps the size is never seen.
        flags = ["--checksum"]
        apart = [file.path for file in (*self.plan.multipart, *self.plan.chunked)]
        if not apart:
            return (yield from self._copy(flags, {}, None))
        # By name and not by size: a file that grows or shrinks meanwhile goes up once, and not in silence.
        with temporary_directory() as directory:
            rules = (*(f"- /{escape(path)}" for path in apart), *self.source.rules(self.operation.options))
            return (yield from self._copy(flags, {}, None, filters=rules_from(rules, directory)))

    def _with_length(self) -> Generator[Event, None, list[End]]:
        """Send again what a server refused without a length: empty files, whose length rclone then sends.

        With upload_cutoff 0 it does, and the file still goes as one PUT (measured with 1.75.2).
        """
        failed = self.run.tally.failed.items()
        names = tuple(item for item, failure in failed if failure.evidence.http_status == _LENGTH_REQUIRED)
        if not names:
            return []
        return (
            yield from self._copy(["--checksum"], remote_variables(REMOTE, {"upload_cutoff": "0"}), names)
        )

    def _look_again(self) -> Iterator[Event]:
        """Files in parts and in chunks have no checksum of the server's to go by."""
        tally = self.run.tally
        apart = {file.path for file in (*self.plan.multipart, *self.plan.chunked)}
        names = [
            item
            for item, failure in tally.failed.items()
            if failure.code in TRANSIENT and item not in apart and item not in tally.failed_directories
        ]
        if names and not self.operation.options.dry_run and not self.run.cancel.requested:
            view = self.source.plain() if self.reread else self.source.cached()
            yield from _settle_stored(names, view, self.operation.remote, self.operation.scanner, self.run)

    def _name_vanished(self) -> Iterator[Event]:
        """Fail the large files that rclone passed over in silence: gone since the source was listed."""
        tally = self.run.tally
        apart = (*self.plan.multipart, *self.plan.chunked)
        for name in tally.missing(file.path for file in apart):
            tally.fail(name, _VANISHED)
            yield ErrorEvent(_VANISHED, "backup", name)

    def _fewer(self, missing: int, listed: int) -> Iterator[Event]:
        """Say that fewer files were stored than listed: rclone is silent about what is gone in between."""
        if missing == listed:
            self.run.fail(_NOTHING_STORED)
            return
        yield WarningEvent(
            "files_vanished",
            f"{missing} of {listed} files were there when the run began and gone when their turn came.",
        )

    def _in_parts(self) -> Generator[Event, None, list[End]]:
        plan = self.plan
        names = tuple(file.path for file in plan.multipart)
        if not names:
            return []
        variables = remote_variables(
            REMOTE,
            {
                "upload_cutoff": f"{plan.single_put_max}b",
                "chunk_size": f"{plan.part_size}b",
                "upload_concurrency": str(plan.upload_concurrency),
            },
        )
        flags = ["--transfers", str(plan.multipart_transfers)]
        if plan.upload_concurrency == 1:
            return (yield from self._copy(["--checksum", *flags], variables, names))
        parallel = open_parallel(self.operation, self.source, reread=self.reread)
        try:
            unchanged, send = yield from parallel.sort(names)
        except AdapterError as error:
            return [self._give_up(names, error.failure)]
        for file in unchanged:
            self.run.tally.settle_unchanged(file.path, file.size)
        if not send:
            return []
        before = parallel.local(send)
        # rclone's MD5 of parallel parts is wrong, so it must not compare it (and delete the object).
        ends = yield from self._copy(["--ignore-times", "--ignore-checksum", *flags], variables, tuple(send))
        if not self.operation.options.dry_run and not self.run.cancel.requested:
            tally = self.run.tally
            sent = [name for name in send if name not in tally.failed]
            changed = failure_of(SOURCE_CHANGED, self.operation.place)
            for name in parallel.changed_since(sent, before):
                # With its checksum switched off, rclone does not notice this itself.
                tally.lose(name, changed, Action.MODIFIED if send[name] else Action.NEW)
                yield ErrorEvent(changed, "backup", name)
            yield from parallel.record([name for name in sent if name not in tally.failed], before)
        return ends

    def _in_chunks(self) -> Generator[Event, None, list[End]]:
        names = tuple(file.path for file in self.plan.chunked)
        if not names:
            return []
        remote = self.operation.remote
        try:
            there = yield from described(remote, names, self.operation.scanner)
        except AdapterError as error:
            return [self._give_up(names, error.failure)]
        variables = chunked_environment(remote, self.plan.chunker_size)
        known = tuple(name for name in names if there.get(name))
        new = tuple(name for name in names if not there.get(name))
        ends: list[End] = []
        # A listing through the overlay downloads every small object beside these. Without one rclone sends a
        # PUT Bucket, unless it finds a file in chunks (then it lists without downloading).
        for some, flags in ((known, ["--checksum", "--no-traverse"]), (new, ["--checksum"])):
            if some and any(end.is_last for end in ends):
                ends.append(not_begun(self.run.tally.files_settled))
            elif some:
                ends += yield from self._copy(flags, variables, some, f"{CHUNKED}:")
        return ends

    def _give_up(self, names: Sequence[str], failure: Failure) -> End:
        """None of these could be copied. Raises AdapterError when that is because the run is cancelled."""
        if failure.code is ErrorCode.CANCELLED:
            raise AdapterError(failure)
        for name in names:
            self.run.tally.fail(name, failure)
        failed = dict.fromkeys(names, failure)
        return End(
            exit_status=1,
            cancelled=False,
            stopped=None,
            messages=failure.evidence.log_tail,
            failed=failed,
            files_settled=self.run.tally.files_settled,
        )

    def _copy(
        self,
        flags: list[str],
        variables: Mapping[str, str],
        only: tuple[str, ...] | None,
        destination: str = "",
        filters: tuple[str, ...] | None = None,
    ) -> Generator[Event, None, list[End]]:
        operation = self.operation
        env = operation.storage.env
        view = self.source.plain() if self.reread else self.source.cached()
        copy = Copy(
            env={**env, **variables, **view.variables},
            source=view.path,
            destination=destination or self.operation.remote,
            # Ours last: of two flags rclone takes the last.
            flags=(self.source.link_flag, *operation.options.flags(env), *view.flags, *flags),
            filters=self.source.filters(self.operation.options) if filters is None else filters,
            only=only,
            without_cache=None,
            cache_dir=self.source.cache_dir,
            retry_codes=RETRY_CODES,
            during="backup",
        )
        if not self.reread:
            copy = replace(copy, without_cache=replace(copy, source=self.source.plain().path))
        transfer = Transfer(operation, copy)
        yield from transfer.copy_all()
        return [transfer.end()]


def _settle_stored(
    names: Sequence[str], view: SourceView, remote: str, scanner: Scanner, run: Run
) -> Generator[Event, None, None]:
    """Settle those of the failed files that the bucket holds with the MD5 of the source.

    Their PUT arrived; its answer or the HEAD after it did not.
    """
    stored: dict[str, File] = {}
    for _ in range(_ROUNDS):
        unseen = [name for name in names if name not in stored]
        stored |= yield from scanner.look_at(remote, unseen, stored=False)
    there = [name for name in names if name in stored]
    local = replace(scanner, env={**scanner.env, **view.variables})
    hashed = yield from local.look_at(view.path, there, view.flags, stored=False)
    for name, mine in hashed.items():
        if mine.md5 and (mine.md5, mine.size) == (stored[name].md5, stored[name].size):
            run.tally.find(name, mine.size)
