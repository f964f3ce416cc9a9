"""What a walk has met beside the files, for people: left out, unreadable, not mounted, matched by nothing."""

from collections.abc import Iterator, Sequence

from adapter.contract.errors import ErrorCode, Failure
from adapter.contract.events import ErrorEvent, Event, WarningEvent
from adapter.contract.redact import Redactor
from adapter.files.entry import RESERVED
from adapter.files.names import for_people
from adapter.files.patterns import Patterns
from adapter.files.walk import Several, Walk
from adapter.runs.run import Run

_SHOWN = 5
_RESERVED = Failure(
    ErrorCode.SOURCE_UNREADABLE,
    "It cannot be stored: at the target this name is kept for the manifests of the backups.",
    "Rename it or exclude it, or back up the directory above.",
)
_NOT_MOUNTED = Failure(
    ErrorCode.SOURCE_UNREADABLE,
    "Another file system was mounted here in the last run. Now it is not, and the directory is empty.",
    "Mount it and run the backup again; if that is intended, remove the directory or exclude it.",
)


def tell_findings(walks: Sequence[Walk], run: Run) -> Iterator[Event]:
    """Yield a warning for each kind of thing that is left out; fail what should be kept and cannot be."""
    for walk in walks:
        findings = walk.findings
        for path in findings.own.names:
            yield WarningEvent(
                "own_state_left_out",
                f"{path} is left out: this program keeps its own state there and changes it meanwhile.",
            )
        yield from _several(
            findings.kernel,
            "kernel_file_system_left_out",
            "{names} {is_are} left out: what the kernel shows there is made while it is read.",
        )
        yield from _several(
            findings.special,
            "special_file_skipped",
            "{names} {is_are} left out: pipes, sockets and devices have no content to keep.",
        )
        yield from _several(
            findings.far_times,
            "time_not_kept",
            "{names} {is_are} kept with another time: theirs is after the year 2262.",
        )
        for name, error in findings.unreadable.items():
            yield from _fail(name, _unreadable(error), run)
        if findings.reserved:
            yield from _fail(RESERVED, _RESERVED, run)
        for name in sorted(walk.watched & findings.empty - set(findings.mounts)):
            yield from _fail(name, _NOT_MOUNTED, run)


def missing_mounts(walks: Sequence[Walk]) -> tuple[bytes, ...]:
    """Return the directories on which something was mounted in the last run, and nothing is now."""
    return tuple(
        name for walk in walks for name in walk.watched & walk.findings.empty - set(walk.findings.mounts)
    )


def tell_unused(patterns: Patterns, walks: Sequence[Walk], redactor: Redactor) -> Iterator[Event]:
    """Yield a warning for the patterns and places that matched nothing; redacted, as anybody's text is."""
    unused = Several()
    for text in patterns.unused:
        unused.add(text)
    for walk in walks:
        for name in walk.findings.missing_places.names:
            unused.add(name)
    if unused.count:
        what = "This matched nothing" if unused.count == 1 else f"These {unused.count} matched nothing"
        yield WarningEvent("pattern_unused", redactor(f"{what}: {unused}."))


def _several(things: Several, code: str, sentence: str) -> Iterator[Event]:
    if things.count:
        is_are = "is" if things.count == 1 else "are"
        yield WarningEvent(code, sentence.format(names=things, is_are=is_are))


def _fail(name: bytes, failure: Failure, run: Run) -> Iterator[Event]:
    run.tally.fail(for_people(name), failure)
    yield ErrorEvent(failure, "backup", for_people(name))


def _unreadable(error: OSError) -> Failure:
    return Failure(
        ErrorCode.SOURCE_UNREADABLE,
        f"It cannot be read: {error.strerror}. What is below it was not backed up.",
        "Give the user of the backup the right to read it, or exclude it.",
    )
