"""A short command of rclone: no retries, limited in time, its failure classified."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from adapter.contract.errors import AdapterError, ErrorCode, Evidence, Failure, cancelled
from adapter.contract.redact import Redactor
from adapter.diagnosis.classify import Place, classify, failure_of, log_tail
from adapter.diagnosis.failure_rules import NO_ANSWER, NOT_QINGSTOR
from adapter.diagnosis.http_heads import Heads, clock_sentence, parse_heads
from adapter.diagnosis.logline import LineSplitter, LogRecord, PlainLine, explains, parse_line
from adapter.machine.cancellation import Cancellation
from adapter.machine.child import run
from adapter.rclone.binary import Rclone

HEADS = ("--dump", "headers")
"""Flags that log HTTP headers; these show whether QingStor answered, and its clock."""

_GRACE_S = 0.1
"""Between SIGTERM and SIGKILL: a short command has nothing to clean up."""
_CLEAR = (402, 407, 429)
"""HTTP statuses that mean the same from any server."""
_GUESSED = {ErrorCode.UNKNOWN, ErrorCode.BUCKET_NOT_FOUND, ErrorCode.PATH_NOT_FOUND}
"""The codes of an unexpected answer if rclone does not log its status."""


@dataclass(frozen=True, slots=True)
class Reply:
    """The result of a command. `records` may hold secrets: rclone 1.65 logs whole keys at debug level."""

    exit_status: int
    timed_out: bool
    stdout: bytes
    records: tuple[LogRecord | PlainLine, ...] = field(repr=False)

    @property
    def succeeded(self) -> bool:
        """Return whether rclone succeeded, and no other server than QingStor answered, as far as is known."""
        return self.exit_status == 0 and not self.timed_out and self.heads.is_qingstor is not False

    @property
    def complaints(self) -> tuple[str, ...]:
        """Return the messages that explain a failure, oldest first: errors, last words, plain lines."""
        return tuple(record.message for record in self.records if explains(record))

    @property
    def heads(self) -> Heads:
        """Return what the last HTTP answer says about its server, if heads were requested."""
        return parse_heads(record.message for record in self.records)


@dataclass(frozen=True, slots=True)
class Query:
    """Runs short commands of one rclone in one environment; errors are redacted."""

    rclone: Rclone
    env: Mapping[str, str] = field(repr=False)
    redactor: Redactor
    cancel: Cancellation

    def run(self, timeout_s: float, *arguments: str) -> Reply:
        """Run the command and return its result. Raises AdapterError only if cancelled."""
        # rclone's own time-outs are a little shorter, so that it can still report what it waited for.
        wait = f"{max(0.5, timeout_s - 0.5):.1f}s"
        once = ("--retries", "1", "--low-level-retries", "1", "--timeout", wait, "--contimeout", wait)
        argv = self.rclone.argv(*arguments, *once)
        done = run(argv, self.env, self.cancel, timeout_s=max(0.0, timeout_s), grace_s=_GRACE_S)
        if self.cancel.requested:
            raise AdapterError(cancelled())
        splitter = LineSplitter()
        records = tuple(parse_line(line) for line in (*splitter.feed(done.stderr), *splitter.end()))
        return Reply(done.exit_status, done.timed_out, done.stdout, records)

    def run_or_raise(self, place: Place, timeout_s: float, *arguments: str) -> Reply:
        """Run the command and return its result. Raises AdapterError if it failed."""
        reply = self.run(timeout_s, *arguments)
        if not reply.succeeded:
            raise AdapterError(self.failure(reply, place))
        return reply

    def failure(self, reply: Reply, place: Place) -> Failure:
        """Return why a command failed; `timeout` if it took too long."""
        if reply.timed_out:
            return failure_of(NO_ANSWER, place, Evidence(log_tail=log_tail(reply.complaints, self.redactor)))
        failure = classify(reply.complaints, place, self.redactor, reply.exit_status)
        status, heads = failure.evidence.http_status, reply.heads
        strange = failure.code in _GUESSED if status is None else status < 500 and status not in _CLEAR
        if heads.is_qingstor is False and strange:
            return failure_of(NOT_QINGSTOR, place, failure.evidence)
        if failure.code is ErrorCode.CLOCK_SKEW and heads.clock_ahead_s is not None:
            message = f"{clock_sentence(heads.clock_ahead_s)} QingStor refuses more than 15 minutes."
            return replace(failure, message=message)
        return failure
