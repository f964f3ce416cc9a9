"""`rclone copy` under supervision, pass after pass until nothing is left to try. Yields events.

Used by backup and restore, which differ in their arguments and preflight only.
"""

import re
from collections import deque
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from adapter.contract.errors import AdapterError, ErrorCode, Failure, transfer_limit
from adapter.contract.events import Action, ErrorEvent, Event, Phase, VerboseStatus, WarningEvent
from adapter.diagnosis.classify import classify
from adapter.diagnosis.log_warnings import collision_of, warning_of
from adapter.diagnosis.logline import Level, LogRecord, PlainLine
from adapter.diagnosis.verdict import End, ended_early
from adapter.machine.private import temporary_directory
from adapter.rclone.file_lists import files_from
from adapter.runs.backoff import TRANSIENT
from adapter.runs.scan import File
from adapter.runs.supervise import supervise
from adapter.transfer.operation import Operation
from adapter.transfer.source import forget_damaged, is_cache_trouble
from rclone_conf.values import render_size

_KEPT_MESSAGES = 40
_TRANSFER_LIMIT = 8
"""rclone's exit status when --max-transfer is reached (lib/exitcode)."""
_FAST_LIST_FILES = 200_000
"""rclone keeps such a list in memory, about 1 KiB for each file (rclone.org/docs)."""
_ALARM = re.compile(
    r'^(?:panic|fatal error): |\b(?:ERROR|CRITICAL) *: |"level":"(?:error|critical|alert|emergency)"'
)
"""In a line that is no JSON: Go crashed, rclone failed before it knew how to log, or the line was damaged."""
_OF_A_RESTORE = {Action.NEW: Action.RESTORED, Action.MODIFIED: Action.UPDATED}
RETRY_CODES = TRANSIENT | {ErrorCode.INTEGRITY_MISMATCH, ErrorCode.UNKNOWN}
"""Another try may succeed. The rest (a wrong key, an unreadable file) fails the same way every time."""


@dataclass(frozen=True, slots=True)
class Copy:
    """What to copy and how, decided before the first process starts."""

    env: Mapping[str, str] = field(repr=False)
    source: str
    destination: str
    flags: tuple[str, ...]
    """Flags of the copy, filters excluded."""
    filters: tuple[str, ...]
    only: tuple[str, ...] | None
    """These files and no others, if given; then `filters` are not used."""
    without_cache: "Copy | None"
    """The same copy without the checksum cache, for when that cannot be used."""
    cache_dir: Path
    retry_codes: frozenset[ErrorCode]
    during: str


class Transfer:
    """One copy of a run, with its retries: `copy_all`, then `end`."""

    def __init__(self, operation: Operation, copy: Copy) -> None:
        self._operation = operation
        self._copy = copy
        self._run = run = operation.run
        self._cancel = operation.cancel
        self._backoff = operation.scanner.backoff
        self._messages: deque[str] = deque(maxlen=_KEPT_MESSAGES)
        self._exit_status = 0
        self._stopped: Failure | None = None
        self._complaints: deque[str] = deque(maxlen=_KEPT_MESSAGES)
        self._failed_before = frozenset(run.tally.failed)
        self._attempt = 1

    def copy_all(self) -> Iterator[Event]:
        """Copy, then try again what failed and may succeed, as often as the storage's retries allow."""
        self._run.tally.begin_copy()
        yield from self._pass(1, None)
        yield from self._name_directories()
        for attempt in range(2, self._retries + 2):
            again = self._to_retry()
            if again is None:
                break
            yield from self._wait(attempt - 1, again)
            if self._cancel.requested:
                break
            self._run.retries += 1
            yield from self._pass(attempt, again)
            yield from self._name_directories()
        if "" in self._run.tally.failed_directories:
            yield from self._name_directories(with_root=True)

    def end(self) -> End:
        """What is known once `copy_all` is through."""
        return End(
            self._exit_status,
            self._cancel.requested,
            self._stopped,
            tuple(self._messages),
            self._failed_here(),
            self._run.tally.files_settled,
            tuple(self._complaints),
        )

    @property
    def _retries(self) -> int:
        """Further passes over what failed: the form's Connection Retries."""
        return self._operation.storage.form.connection_retries

    def _classify(self, messages: Collection[str], exit_status: int | None = None) -> Failure:
        operation = self._operation
        return classify(messages, operation.place, operation.storage.redactor, exit_status)

    def _failed_here(self) -> Mapping[str, Failure]:
        failed = self._run.tally.failed
        return {item: why for item, why in failed.items() if item not in self._failed_before}

    def _to_retry(self) -> Mapping[str, Failure] | None:
        """The failed items worth another try, or None; an empty name stands for the whole source."""
        failed = self._failed_here()
        if self._stopped is not None:
            failed = {"": self._stopped}
        elif (self._exit_status != 0 and not failed) or ended_early(self._exit_status):
            failed = {"": self._classify(self._messages, self._exit_status)}
        elif self._complaints:
            cause = self._classify(self._complaints, self._exit_status)
            failed = {**failed, "": cause}
        return {item: why for item, why in failed.items() if why.code in self._copy.retry_codes} or None

    def _name_directories(self, *, with_root: bool = False) -> Iterator[Event]:
        """Put the files of directories that QingStor did not list in their place: these can be tried again.

        rclone copies the files of such a directory and forgets its subdirectories (fs/march, 1.75.2).
        """
        tally = self._run.tally
        directories = [
            directory
            for directory, failure in tally.failed_directories.items()
            if failure.code in TRANSIENT and (directory or with_root)
        ]
        if not directories or self._cancel.requested or self._stopped is not None:
            return
        copy = self._copy.without_cache or self._copy
        scanner = replace(self._operation.scanner, env=copy.env)
        below = tuple(f"{directory}/" for directory in directories if directory)

        def is_meant(file: File) -> bool:
            return "" in directories or file.path.startswith(below)

        with temporary_directory() as place:
            selection = copy.filters if copy.only is None else files_from(copy.only, place)
            links = tuple(flag for flag in copy.flags if flag in {"--links", "--copy-links"})
            try:
                found = yield from scanner.scan_stored(copy.source, (*links, *selection), is_meant)
            except AdapterError:
                return  # the directories stay failed
        for directory in directories:
            prefix = f"{directory}/" if directory else ""
            tally.name_directory(directory, [f.path for f in found.kept if f.path.startswith(prefix)])
        if not (self._failed_here() or self._complaints or ended_early(self._exit_status)):
            self._exit_status = 0  # it spoke of lists only, and every file is settled

    def _wait(self, attempt: int, again: Mapping[str, Failure]) -> Iterator[Event]:
        self._run.progress.phase = Phase.RETRYING
        throttled = any(failure.code is ErrorCode.THROTTLED for failure in again.values())
        yield from self._backoff.wait(attempt, self._run, throttled=throttled)

    def _pass(self, attempt: int, only: Mapping[str, Failure] | None) -> Iterator[Event]:
        self._attempt = attempt
        self._run.progress.begin_pass(attempt)
        self._messages.clear()
        self._complaints.clear()
        self._stopped = None
        # U+FFFD stands for a byte that Go could not print: such a name cannot be given back to rclone.
        by_name = (
            only is not None
            and self._run.tally.only_files_failed
            and not any(not item or "\ufffd" in item for item in only)
        )
        names = tuple(only) if only is not None and by_name else self._copy.only
        if not by_name:
            self._run.tally.begin_again()
        with temporary_directory() as directory:
            selection = self._copy.filters if names is None else files_from(names, directory)
            if attempt > 1 and names is None and self._is_small:
                selection = (*selection, "--fast-list")
            yield from self._supervise(self._copy, selection)
            plain = self._copy.without_cache
            if self._exit_status != 0 and plain is not None and is_cache_trouble(self._messages):
                yield WarningEvent(
                    "checksum_cache_unusable",
                    "The checksum cache could not be used, so the source is read as a whole this time.",
                )
                forget_damaged(self._messages, self._copy.cache_dir)
                self._messages.clear()
                self._complaints.clear()
                self._copy = plain
                yield from self._supervise(plain, selection)

    @property
    def _is_small(self) -> bool:
        """Return whether a list in few and long requests, of which fewer fail, fits into rclone's memory."""
        files = self._run.progress.total_files
        return files is not None and files <= _FAST_LIST_FILES

    def _supervise(self, copy: Copy, selection: tuple[str, ...]) -> Iterator[Event]:
        limit = self._operation.options.max_transfer
        if limit is not None:
            selection = (*selection, f"--max-transfer={max(1, limit - self._run.tally.data_added)}b")
        argv = self._operation.rclone.argv("copy", copy.source, copy.destination, *copy.flags, *selection)
        self._run.progress.phase = Phase.TRANSFERRING
        ended = yield from supervise(argv, copy.env, self._take, self._run)
        self._exit_status, self._stopped = ended.exit_status, ended.stopped
        if self._stopped is None and limit is not None and ended.exit_status == _TRANSFER_LIMIT:
            self._stopped = transfer_limit(render_size(limit))
        if not self._cancel.requested:
            self._run.progress.phase = Phase.FINISHING

    def _take(self, record: LogRecord | PlainLine) -> Iterator[Event]:
        if isinstance(record, PlainLine):
            self._note(record)
            if _ALARM.search(record.message):
                self._complaints.append(record.message)
        elif (collision := collision_of(record)) is not None:
            # By another name: the one of the two that was not left out has this one.
            item = f"{record.item} (a second one)"
            self._run.tally.fail(item, collision)
            yield ErrorEvent(collision, self._copy.during, item)
        elif (warning := warning_of(record)) is not None:
            yield warning
        elif record.level >= Level.ERROR:
            if not record.is_about_attempt:
                self._note(record)
            yield from self._failed(record)
        elif (settled := self._run.tally.take(record)) is not None:
            if self._operation.options.verbose_files:
                yield VerboseStatus(self._action(settled.action), settled.item, settled.size)
        else:
            self._note(record)

    def _failed(self, record: LogRecord) -> Iterator[Event]:
        copy = self._copy
        if record.begins_attempt:  # Pluton may have set RCLONE_RETRIES
            self._run.tally.begin_again()
            self._complaints.clear()
        elif record.item and record.is_about_item and not self._cancel.requested:
            failure = self._classify([record.message])
            self._run.tally.fail(record.item, failure, is_file=record.is_about_file)
            yield ErrorEvent(failure, copy.during, record.item, self._will_retry(failure))
        elif not record.is_about_attempt:
            # Of the whole backend, as a listing that broke off, or of a file while the run is cancelled:
            # rclone's status may be 0 all the same.
            self._complaints.append(record.message)

    def _will_retry(self, failure: Failure) -> bool:
        return failure.code in self._copy.retry_codes and self._attempt <= self._retries

    def _action(self, action: Action) -> Action:
        return _OF_A_RESTORE.get(action, action) if self._copy.during == "restore" else action

    def _note(self, record: LogRecord | PlainLine) -> None:
        """Keep what may explain the end of the run."""
        if isinstance(record, PlainLine) or record.level >= Level.ERROR or _is_last_word(record):
            self._messages.append(record.message)


def _is_last_word(record: LogRecord) -> bool:
    return record.level is Level.NOTICE and record.message.startswith("Failed to ")
