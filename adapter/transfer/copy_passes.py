"""`rclone copy` of listed files under supervision, pass after pass, until each has been settled. Yields
events.

Used by backup and restore, which differ in their arguments and in what must be true once rclone has copied.
"""

import re
from collections import deque
from collections.abc import Collection, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from adapter.contract.errors import ErrorCode, Failure, transfer_limit
from adapter.contract.events import ErrorEvent, Event, Phase
from adapter.diagnosis.classify import classify
from adapter.diagnosis.file_lines import FileLine, said_of_file
from adapter.diagnosis.log_warnings import warning_of
from adapter.diagnosis.logline import Level, LogRecord, PlainLine
from adapter.diagnosis.verdict import why_not_copied
from adapter.files.catalog import Catalog, State, Work
from adapter.files.names import for_people
from adapter.machine.private import temporary_directory
from adapter.rclone.file_lists import files_from
from adapter.runs.backoff import TRANSIENT
from adapter.runs.supervise import supervise
from adapter.transfer.operation import Operation
from rclone_conf.values import render_size

_KEPT_MESSAGES = 40
_AT_ONCE = 200
"""Confirmed files that are looked at together: a look at a mount that may be dead costs a thread's turn."""
_TRANSFER_LIMIT = 8
"""rclone's exit status when --max-transfer is reached (lib/exitcode)."""
_ALARM = re.compile(
    r'^(?:panic|fatal error): |\b(?:ERROR|CRITICAL) *: |"level":"(?:error|critical|alert|emergency)"'
)
"""In a line that is no JSON: Go crashed, rclone failed before it knew how to log, or the line was damaged."""
_WENT_THROUGH = frozenset({1, 5, 6, 9})
"""Exit statuses with which rclone has failed at single files only, if it names one (lib/exitcode, 1.65 to
1.75).
The others are 2 (usage, or a Go crash), 3 and 4 (not found), 7 (fatal), 8 and 10 (a limit), and signals."""
RETRY_CODES = TRANSIENT | {ErrorCode.INTEGRITY_MISMATCH, ErrorCode.UNKNOWN}
"""Another try may succeed. The rest (a wrong key, an unreadable file) fails the same way every time."""
_PRETENDED = Failure(
    ErrorCode.UNKNOWN,
    "rclone ran as a dry run, which this program did not ask for, so nothing was copied.",
    "The rclone that is used may be a script that sets RCLONE_DRY_RUN: name the real one with --rclone.",
)


@dataclass(frozen=True, slots=True)
class Copy:
    """A batch of the catalog's work, and how it is copied: decided before the first process starts."""

    batch: int
    env: Mapping[str, str] = field(repr=False)
    directory: bytes
    """rclone's working directory, which its side on this machine is called `.` from."""
    source: str
    destination: str
    flags: tuple[str, ...]
    retry_codes: frozenset[ErrorCode]
    during: str
    strip: int = 0
    """So many bytes at the beginning of a name in the catalog are no part of its name in the list."""


class Confirmed(NamedTuple):
    """A file that rclone says it has copied, and its MD5 if rclone compared it."""

    work: Work
    md5: str
    is_new: bool
    """Whether rclone found nothing at its destination."""


class Recipient(Protocol):
    """What becomes of a file after rclone: each of these settles files in the catalog and the tally."""

    def confirmed(self, files: Sequence[Confirmed], /) -> Iterator[Event]:
        """Settle files that rclone says it has copied: copied, or not after all."""

    def reconsider(self, work: Work, failure: Failure, /) -> Failure | None:
        """Return why a file has failed, which may be more than rclone knows; None if it is settled now."""

    def passed_over(self, work: Work, /) -> Generator[Event, None, bool]:
        """Settle a file that rclone, although it went through all of the list, did not copy."""

    def told_apart(self, files: Sequence[Work], md5s: Collection[str], /) -> Generator[Event, None, None]:
        """Settle files that rclone's log calls alike, by what is at their destination."""


class Transfer:
    """One copy of a run, with its retries: `copy_all`, then what is known in `stopped` and `messages`."""

    def __init__(self, operation: Operation, catalog: Catalog, copy: Copy, recipient: Recipient) -> None:
        self.stopped: Failure | None = None
        """Why this program ended rclone before the end."""
        self.exit_status = 0
        self.messages: deque[str] = deque(maxlen=_KEPT_MESSAGES)
        self._operation = operation
        self._catalog = catalog
        self._copy = copy
        self._recipient = recipient
        self._run = operation.run
        self._complaints: deque[str] = deque(maxlen=_KEPT_MESSAGES)
        self._of_directories: dict[str, Failure] = {}
        self._attempt = 1
        self._copied: dict[str, list[tuple[str, bool]]] = {}
        """What rclone has copied: MD5 and whether it is new; more than once for names that log alike."""
        self._md5s: dict[str, str] = {}
        self._alike: dict[str, set[str]] = {}
        self._pretended = False
        self._throttled = False
        self._has_named = False
        self._stalled: Failure | None = None

    def copy_all(self) -> Iterator[Event]:
        """Copy what waits in the batch, then try again what failed and may succeed, as often as the storage's
        retries allow.

        When a pass has stalled, the files that did not move are left for a pass after the others.
        """
        batch, catalog = self._copy.batch, self._catalog
        yield from self._pass()
        while self._attempt <= self._retries and not self._is_over():
            if not any(catalog.has_work(batch, state) for state in (State.AGAIN, State.SUSPECT)):
                break
            self._run.progress.phase = Phase.RETRYING
            yield from self._operation.scanner.backoff.wait(
                self._attempt, self._run, throttled=self._throttled
            )
            if self._is_over():
                break
            if not catalog.move(batch, State.AGAIN, State.WAITING):
                catalog.move(batch, State.SUSPECT, State.WAITING)
            self._attempt += 1
            self._run.retries += 1
            yield from self._pass()
        if self._stalled is not None and catalog.has_work(batch, State.AGAIN):
            self.stopped = self._stalled  # not because of single files

    def _is_over(self) -> bool:
        return self.stopped is not None or self._run.cancel.requested

    @property
    def _retries(self) -> int:
        """Further passes over what failed: Connection Retries, or if it is set RCLONE_RETRIES less one.

        rclone itself would send all files of the list again.
        """
        storage = self._operation.storage
        attempts = storage.env.get("RCLONE_RETRIES", "")
        return max(0, int(attempts) - 1) if attempts.isdecimal() else storage.form.connection_retries

    def _pass(self) -> Iterator[Event]:
        self._run.progress.begin_pass(self._attempt)
        for kept in (self.messages, self._complaints, self._of_directories, self._md5s, self._alike):
            kept.clear()
        self._pretended = self._throttled = self._has_named = False
        waiting = self._catalog.work(State.WAITING, self._copy.batch)
        with temporary_directory() as directory:
            selection = files_from((work.name[self._copy.strip :] for work in waiting), directory)
            yield from self._supervise(selection)
        yield from self._settle_alike()
        yield from self._settle_left()

    def _supervise(self, selection: tuple[str, ...]) -> Iterator[Event]:
        copy, operation = self._copy, self._operation
        limit = operation.options.max_transfer
        if limit is not None:
            selection = (*selection, f"--max-transfer={max(1, limit - self._run.tally.data_added)}b")
        argv = operation.rclone.argv(
            "copy", copy.source, copy.destination, "--no-unicode-normalization", *copy.flags, *selection
        )
        self._run.progress.phase = Phase.TRANSFERRING
        ended = yield from supervise(
            argv, copy.env, self._take, self._run, directory=copy.directory, meanwhile=self._flush
        )
        self.exit_status = ended.exit_status
        has_stalled = ended.stopped is not None and ended.stopped.code is ErrorCode.STALLED
        self._stalled = ended.stopped if has_stalled else None
        self.stopped = None if has_stalled else ended.stopped
        if ended.stopped is None and limit is not None and ended.exit_status == _TRANSFER_LIMIT:
            self.stopped = transfer_limit(render_size(limit))
        if not self._run.cancel.requested:
            self._run.progress.phase = Phase.FINISHING

    def _take(self, record: LogRecord | PlainLine) -> Iterator[Event]:
        if isinstance(record, PlainLine):
            self.messages.append(record.message)
            if _ALARM.search(record.message):
                self._complaints.append(record.message)
            return
        if record.level >= Level.NOTICE and (warning := warning_of(record)) is not None:
            yield warning
        elif record.level >= Level.ERROR:
            yield from self._failed(record)
        elif (said := said_of_file(record)) is None:
            if record.level is Level.NOTICE and record.message.startswith("Failed to "):
                self.messages.append(record.message)
        elif said.line is FileLine.PRETENDED and not self._run.dry_run:
            self._pretended = True
        elif said.line is FileLine.CHECKSUM:
            self._md5s[said.item] = said.md5
        else:
            one = (self._md5s.pop(said.item, ""), said.is_new)
            self._copied.setdefault(said.item, []).append(one)
            if len(self._copied) >= _AT_ONCE:
                yield from self._flush()

    def _flush(self) -> Iterator[Event]:
        """Hand over what rclone has copied since the last time."""
        copied, self._copied = self._copied, {}
        if not copied:
            return
        confirmed: list[Confirmed] = []
        for item, works in self._catalog.find_logged(copied, self._copy.batch).items():
            if len(works) == 1 and works[0].state is not State.DONE:
                ((md5, is_new),) = copied[item][-1:]
                confirmed.append(Confirmed(works[0], md5, is_new))
            elif len(works) > 1:
                self._alike.setdefault(item, set()).update(md5 for md5, _ in copied[item])
        if confirmed:
            yield from self._recipient.confirmed(confirmed)

    def _failed(self, record: LogRecord) -> Iterator[Event]:
        if record.is_about_attempt:
            return
        self.messages.append(record.message)
        if self._run.cancel.requested or not record.item or not record.is_about_item:
            # Of the whole backend, as a listing that broke off, or of a file while the run is cancelled.
            self._complaints.append(record.message)
            return
        yield from self._flush()  # in the order of the log
        failure = self._classify([record.message])
        found = self._find(record.item)
        if not found:
            self._of_directories[record.item] = failure
        elif len(found) == 1 and found[0].state is not State.DONE:
            work, self._has_named = found[0], True
            if (final := self._recipient.reconsider(work, failure)) is not None:
                will_retry = self._fail(work, final)
                yield ErrorEvent(final, self._copy.during, for_people(work.name), will_retry)

    def _find(self, item: str) -> Sequence[Work]:
        return self._catalog.find_logged((item,), self._copy.batch).get(item, ())

    def _fail(self, work: Work, failure: Failure, worth: State = State.AGAIN) -> bool:
        """Note that a file has failed, for this pass; return whether another follows."""
        can_retry = failure.code in self._copy.retry_codes
        self._throttled = self._throttled or failure.code is ErrorCode.THROTTLED
        self._catalog.settle((work.name,), worth if can_retry else State.FAILED)
        self._run.tally.fail(for_people(work.name), failure)
        return can_retry and self._attempt <= self._retries

    def _settle_alike(self) -> Iterator[Event]:
        for item, md5s in self._alike.items():
            found = self._find(item)
            yield from self._recipient.told_apart([one for one in found if one.state is State.WAITING], md5s)

    def _settle_left(self) -> Iterator[Event]:
        """Settle the files of which rclone said nothing: gone from the source, or failed for its reason."""
        if self._is_over():
            return
        if self._stalled is not None:
            yield from self._name_stalled(self._stalled)
        cause = self._stalled or self._cause()
        will_retry = has_failed = False
        while waiting := tuple(self._catalog.work(State.WAITING, self._copy.batch, _AT_ONCE)):
            for work in waiting:
                failure = self._of_directory(work) or cause
                if self._went_through and (yield from self._recipient.passed_over(work)):
                    continue
                if (final := self._recipient.reconsider(work, failure)) is not None:
                    will_retry = self._fail(work, final)
                    has_failed = True
        if has_failed:
            yield ErrorEvent(cause, self._copy.during, None, will_retry)

    def _name_stalled(self, stalled: Failure) -> Iterator[Event]:
        """Fail the files that were being copied when nothing moved any more, whatever rclone said then."""
        for item in self._run.progress.in_flight:
            for work in self._find(item):
                if work.state in {State.WAITING, State.AGAIN, State.FAILED}:
                    will_retry = self._fail(work, stalled, State.SUSPECT)
                    yield ErrorEvent(stalled, self._copy.during, for_people(work.name), will_retry)

    @property
    def _went_through(self) -> bool:
        """Return whether rclone looked at every file of the list, and named those that failed."""
        is_whole = not (self._stalled or self._complaints or self._of_directories or self._pretended)
        is_explained = self.exit_status == 0 or (self._has_named and self.exit_status in _WENT_THROUGH)
        return is_whole and is_explained

    def _cause(self) -> Failure:
        if self._pretended:
            return _PRETENDED
        if self._complaints:
            return self._classify(self._complaints, self.exit_status)
        operation = self._operation
        return why_not_copied(self.messages, self.exit_status, operation.place, operation.storage.redactor)

    def _of_directory(self, work: Work) -> Failure | None:
        """Return why the directory of a file could not be listed at its destination, if that was so."""
        parent = work.logged
        while self._of_directories and parent:
            parent = parent.rpartition("/")[0]
            if (failure := self._of_directories.get(parent)) is not None:
                return failure
        return None

    def _classify(self, messages: Collection[str], exit_status: int | None = None) -> Failure:
        operation = self._operation
        return classify(messages, operation.place, operation.storage.redactor, exit_status)
