"""`runs list --remote`: the backups at a target, by the manifests that lie there."""

from adapter.cli.context import Context
from adapter.contract.errors import AdapterError
from adapter.contract.events import Summary
from adapter.contract.json_lines import Answer
from adapter.files.manifest import Header
from adapter.storage.target import parse_target
from adapter.transfer.list_backups import Backups, list_backups


def list_remote(context: Context) -> Answer:
    """Return the backups, the newest first. Raises AdapterError."""
    target = parse_target(context.arguments.remote)
    found = Backups()
    for event in list_backups(target, found, context.settings, context.cancel):
        if isinstance(event, Summary) and event.error is not None:
            raise AdapterError(event.error)
    lines = [_line(one, header) for one, header in found.headers.items()]
    lines += [f"{one}  cannot be read: {reason}" for one, reason in found.invalid.items()]
    count = len(found.headers) + len(found.invalid)
    rows = [_row(one, header) for one, header in found.headers.items()]
    rows += [{"run_id": one, "problem": reason} for one, reason in found.invalid.items()]
    return Answer(
        f"{count} backup{'' if count == 1 else 's'} at {target}.",
        {"runs": rows, "target": str(target)},
        lines,
    )


def _line(one: str, header: Header) -> str:
    counts = header.counts
    more = f", {counts.stale} older versions" if counts.stale else ""
    return (
        f"{one}  {header.ended[:10]} {header.ended[11:19]}  {header.outcome:<9}  {counts.files} files{more}  "
        f"{', '.join(header.sources)} on {header.host}"
    )


def _row(one: str, header: Header) -> dict[str, object]:
    counts = header.counts
    return {
        "run_id": one,
        "command": "backup",
        "source": ", ".join(header.sources),
        "state": header.outcome,
        "started": header.started,
        "ended": header.ended,
        "series": header.series,
        "host": header.host,
        "files": counts.files,
        "dirs": counts.dirs,
        "symlinks": counts.symlinks,
        "bytes": counts.bytes,
        "stale": counts.stale,
        "carried": counts.carried,
        "failed": counts.failed,
        "left_out": counts.left_out,
    }
