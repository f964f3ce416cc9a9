"""A restore where no manifest tells: what of the bucket comes back, and what does not, for people."""

import math
from collections.abc import Generator, Iterator

from adapter.contract.errors import ErrorCode, Failure
from adapter.contract.events import ErrorEvent, Event, WarningEvent
from adapter.files.catalog import Catalog
from adapter.files.index import known_md5s
from adapter.files.manifest import Kind, Saved
from adapter.files.names import as_text, for_people
from adapter.files.patterns import Patterns
from adapter.files.wanted import Wanted
from adapter.rclone.options import escape
from adapter.runs.run import Run
from adapter.transfer.bucket_contents import Contents, look_at_bucket
from adapter.transfer.locating import MISSING
from adapter.transfer.operation import Operation
from adapter.transfer.plan import single_put_max

_LEADS_OUT = Failure(
    ErrorCode.PARTIAL,
    "No file can have this name: it leads out of the destination.",
    "Whoever may write to the bucket has stored it; look at it with `rclone lsf`.",
)


def without_manifest(
    operation: Operation, catalog: Catalog, wanted: Wanted, patterns: Patterns, *, has_times: bool
) -> Generator[Event, None, Contents]:
    """Put what lies in the bucket into the table; with `has_times` with the times of the uploads.

    Raises AdapterError `path_not_found` if that is nothing.
    """
    is_parallel = (operation.storage.form.upload_concurrency or 1) > 1
    return (
        yield from look_at_bucket(
            operation,
            catalog,
            wanted,
            known_md5s(operation.settings.state_dir, operation.identity),
            patterns=patterns,
            honest_up_to=single_put_max(operation.limits) if is_parallel else math.inf,
            has_times=has_times,
        )
    )


def tell_odd(contents: Contents, run: Run) -> Iterator[Event]:
    """Yield what of the bucket will not come back, and why."""
    for shadowed in sorted(contents.shadowed):
        name = for_people(shadowed)
        failure = Failure(
            ErrorCode.PARTIAL,
            "The bucket holds a file, a link or a directory of this name besides, which was stored later.",
            f"It comes back by itself with `rclone copy`, or with --include '/{escape(as_text(shadowed))}**'."
            if name.endswith("/")
            else "It comes back by itself: name it as the target, with --at bucket.",
        )
        run.tally.fail(name, failure)
        yield ErrorEvent(failure, "restore", name)
    if contents.orphaned:
        more = f" and {len(contents.orphaned) - 1} more" if len(contents.orphaned) > 1 else ""
        yield WarningEvent(
            "chunks_without_file",
            f"There are chunks of {for_people(contents.orphaned[0])}{more}, but the upload was never "
            "completed; they are left out.",
        )
    for failure, names in ((MISSING, contents.damaged), (_LEADS_OUT, contents.outside)):
        for name in map(for_people, names):
            run.tally.fail(name, failure)
            yield ErrorEvent(failure, "restore", name)


def chosen_links(contents: Contents, wanted: Wanted) -> dict[bytes, Saved]:
    """Return the links that were chosen, by the objects that hold them."""
    return {
        name: entry
        for name, entry in contents.links.items()
        if (found := wanted.get(entry.name)) is not None and found.kind is Kind.LINK
    }
