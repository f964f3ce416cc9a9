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
    lines = {one: _line(one, header) for one, header in found.headers.items()}
    rows = {one: _row(one, header) for one, header in found.headers.items()}
    for one, reason in found.invalid.items():
        lines[one] = f"{one}  cannot be read: {reason}"
        rows[one] = {"run_id": one, "problem": reason}
    newest_first = sorted(rows, reverse=True)
    return Answer(
        f"{len(rows)} backup{'' if len(rows) == 1 else 's'} at {target}.",
        {"runs": [rows[one] for one in newest_first], "target": str(target)},
        [lines[one] for one in newest_first],
    )


def _line(one: str, header: Header) -> str:
    counts = header.counts
    more = "" if counts.files == 1 else "s"
    more += f", {counts.stale} older versions" if counts.stale else ""
    return (
        f"{one}  {header.ended[:10]} {header.ended[11:19]}  {header.outcome:<9}  {counts.files} file{more}  "
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
