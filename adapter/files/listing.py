"""What lies below a path of the bucket: every object with its size and ETag, in one list request per
thousand.
"""

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace
from functools import partial

from adapter.contract.errors import AdapterError, ErrorCode, Failure
from adapter.contract.events import Event
from adapter.files.background import Background
from adapter.files.catalog import Catalog, Object
from adapter.files.entry import Entry
from adapter.files.names import for_people
from adapter.files.walk import Walk
from adapter.runs.run import Run
from adapter.runs.scan import Scanner, parse_entry

_COLUMNS = "shp"
"""Size, MD5, path; the time would cost a request for each object (measured with 1.75.2)."""
ENOUGH_REPEATS = 5_000
"""More than a page of a list: one that says so many known names in a row has begun again."""
_TICK_S = 0.2
ENDLESS = Failure(
    ErrorCode.SERVER_ERROR,
    "QingStor's list of the target repeats itself without an end.",
    "Run it again later; if it stays so, send QingStor's support the names of bucket and zone.",
)

Explain = Callable[[AdapterError], Generator[Event, None, bool]]
"""Asked once when a list fails: returns whether to try again at once, or raises a better error."""


def list_objects(
    scanner: Scanner,
    remote: str,
    catalog: Catalog,
    *,
    meanwhile: Callable[[], None] = lambda: None,
    explain: Explain | None = None,
    flags: tuple[str, ...] = (),
) -> Generator[Event, None, None]:
    """Put all objects below a path, if `flags` let them through, into the catalog; a failure that may pass is
    tried again.

    A list whose page marker does not move repeats itself for ever: it is ended. Raises AdapterError if the
    list is not complete; `path_not_found` or `bucket_not_found` if there is none.
    """
    repeats = 0

    def take(lines: list[bytes]) -> bool:
        nonlocal repeats
        files = [file for line in lines if (file := parse_entry(line, _COLUMNS)) is not None]
        objects = [Object(file.path, file.size, file.md5) for file in files]
        new = catalog.add_objects(objects)
        repeats = 0 if new else repeats + len(objects)
        if repeats > ENOUGH_REPEATS:
            raise AdapterError(ENDLESS)
        return new > 0

    def listed() -> Generator[Event, None, None]:
        nonlocal explain
        while True:
            catalog.forget_objects()
            found = yield from scanner.lines(remote, flags, _COLUMNS, take, meanwhile)
            failure = scanner.incomplete(found)
            if failure is None:
                return
            error = AdapterError(failure)
            asked, explain = explain, None
            if asked is None or not (yield from asked(error)):
                raise error

    yield from scanner.backoff.retry(listed, scanner.retries, scanner.run)


def survey(
    walks: Sequence[Walk], scanner: Scanner, remote: str, catalog: Catalog, explain: Explain | None = None
) -> Generator[Event, None, None]:
    """Put into the catalog what the walks find and what the bucket holds, both at the same time.

    Raises AdapterError as `list_objects` does, or because a source cannot be read or does not answer.
    """
    with _begun(walks) as found:
        yield from list_objects(
            scanner,
            remote,
            catalog,
            meanwhile=partial(_drain, found, catalog, scanner.run),
            explain=explain,
        )
        yield from _finish(found, walks, catalog, scanner.run)


def _begun(walks: Sequence[Walk]) -> Background[list[Entry]]:
    return Background(walk.batches() for walk in walks)


def _finish(
    found: Background[list[Entry]], walks: Sequence[Walk], catalog: Catalog, run: Run
) -> Iterator[Event]:
    while not found.is_over:
        try:
            _drain(found, catalog, run, _TICK_S)
            run.raise_if_over()
        except OSError as error:
            raise AdapterError(_unreadable(walks[0].at, error)) from error
        except AdapterError as error:
            raise AdapterError(_about_walk(error.failure, walks)) from None
        yield from run.progress.due()


def _drain(found: Background[list[Entry]], catalog: Catalog, run: Run, timeout_s: float = 0.0) -> None:
    for entries in found.take(timeout_s):
        run.progress.touch()
        catalog.add_entries(entries)


def _about_walk(failure: Failure, walks: Sequence[Walk]) -> Failure:
    if failure.code is not ErrorCode.STALLED:
        return failure
    at = ", ".join(for_people(walk.at) for walk in walks)
    return replace(failure, message=f"{at} does not answer. {failure.message}")


def _unreadable(path: bytes, error: OSError) -> Failure:
    return Failure(
        ErrorCode.SOURCE_UNREADABLE,
        f"{for_people(path)} cannot be read: {error.strerror}.",
        "Check its disk or network share, and the rights of this user, then run it again.",
    )
