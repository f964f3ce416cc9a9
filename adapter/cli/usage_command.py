"""`storage usage`: the numbers of each bucket as a table for people, the sums in the first line."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from rich.filesize import decimal

from adapter.cli.advice_lines import advice_lines
from adapter.cli.context import Context
from adapter.cli.parser import usage_error
from adapter.contract.json_lines import Answer, FailedWithData
from adapter.storage.target import parse_target
from adapter.transfer.cleanup import render_age
from adapter.transfer.usage import MOST_SUMMED, BucketUsage, Unfinished, Usage, measure_usage

_LAG = "QingStor's statistics may lag behind what was stored or deleted just now."


def storage_usage(context: Context) -> Answer:
    """Return what the buckets hold. Raises FailedWithData if nothing is known of any of them."""
    name, bucket = _parse(context.arguments.target)
    usage = measure_usage(name, bucket, context.settings, context.cancel)
    lines = [*_bucket_lines(usage.buckets), *advice_lines(usage.advice)]
    if usage.failure is not None:
        # A single bucket's failure is the last line already.
        raise FailedWithData(usage.failure, usage.as_dict(), lines if len(usage.buckets) > 1 else ())
    if not usage.is_complete:
        lines.append(f"QingStor lists no more than {len(usage.buckets)} buckets: there may be others.")
    return Answer(_result(usage), usage.as_dict(), [*lines, _LAG] if usage.buckets else lines)


def _parse(text: str) -> tuple[str, str]:
    """Return the storage and the bucket, blank for all. Raises AdapterError `usage`, also for a path."""
    name, _, bucket = text.partition(":")
    if name and not bucket:
        return name, ""
    target = parse_target(text)
    if target.path:
        raise usage_error(
            f"QingStor counts whole buckets, and {target.path} is a path in bucket {target.bucket}.",
            f"Write {name}:{target.bucket}; `ls` adds up what is below a path.",
        )
    return name, target.bucket


def _result(usage: Usage) -> str:
    if not usage.buckets:
        return f"There is no bucket in zone {usage.zone}."
    known = [one.statistics for one in usage.buckets if one.statistics]
    total = len(usage.buckets)
    count = _counted(len(known), "bucket") if len(known) == total else f"{len(known)} of {total} buckets"
    objects, size = sum(one.count for one in known), sum(one.size for one in known)
    held = f"{count} in zone {usage.zone}: {_counted(objects, 'object')}, {decimal(size)}"
    return f"{held}; {_unfinished_sum([one.unfinished for one in usage.buckets if one.statistics])}."


def _unfinished_sum(unfinished: Sequence[Unfinished]) -> str:
    known = [one for one in unfinished if one.count is not None]
    if not known:
        return "unfinished uploads are not known"
    count, size = sum(one.count or 0 for one in known), sum(one.size or 0 for one in known)
    besides = f"besides {_counted(count, 'unfinished upload')}, {decimal(size)}"
    is_all = all(one.size is not None for one in unfinished)
    return besides if is_all else f"{besides} as far as is known"


def _bucket_lines(buckets: Sequence[BucketUsage]) -> Iterator[str]:
    rows = [_columns(one) for one in buckets]
    name, objects, size = (max((len(row[column]) for row in rows), default=0) for column in range(3))
    for bucket, row in zip(buckets, rows, strict=True):
        if bucket.failure:
            failure = bucket.failure
            yield f"{row[0]:<{name}}  {failure.message} {failure.hint} [{failure.code}]"
        else:
            yield f"{row[0]:<{name}}  {row[1]:>{objects}}  {row[2]:>{size}}{_remarks(bucket)}"
        if refused := bucket.unfinished.failure:
            yield f"{'':<{name}}  {refused.message} {refused.hint} [{refused.code}]"


def _columns(bucket: BucketUsage) -> tuple[str, str, str]:
    known = bucket.statistics
    if known is None:
        return bucket.name, "", ""
    return bucket.name, _counted(known.count, "object"), decimal(known.size)


def _remarks(bucket: BucketUsage) -> str:
    """Return what is worth saying besides, each after two blanks."""
    known, unfinished = bucket.statistics, bucket.unfinished
    remarks = []
    if known and known.status not in {None, "active"}:
        remarks.append(f"{known.status}")
    if known and known.storage_classes and len(known.storage_classes) > 1:
        sizes = (f"{name} {decimal(one.size)}" for name, one in known.storage_classes.items())
        remarks.append(f"of it {', '.join(sizes)}")
    if unfinished.count:
        size = "size not known" if unfinished.size is None else decimal(unfinished.size)
        if unfinished.count > MOST_SUMMED:
            size = f"not added up, as they are more than {MOST_SUMMED}"
        remark = f"{_counted(unfinished.count, 'unfinished upload')}, {size}"
        if unfinished.oldest:
            age = render_age((datetime.now(UTC) - unfinished.oldest).total_seconds())
            remark += f", the oldest begun {age} ago"
        remarks.append(remark)
    return "".join(f"  {remark}" for remark in remarks)


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
