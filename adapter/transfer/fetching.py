"""How a file of a restore is fetched: by which rclone, and where to."""

from adapter.files.catalog import State, Work
from adapter.files.names import RAW, as_logged, is_raw
from adapter.transfer.chunker import CHUNKED, chunked_environment
from adapter.transfer.copy_passes import RETRY_CODES, Copy
from adapter.transfer.locating import Way
from adapter.transfer.operation import Operation


def work_for(name: bytes, way: Way, *, is_new: bool, size: int) -> Work:
    """Return an object, or a file in chunks, as a piece of work; its batch is the way."""
    way |= Way.SPELLED_RAW if is_raw(name) else Way.PLAIN
    return Work(name, int(way), as_logged(name), size, is_new=is_new, state=State.WAITING)


def copy_for(operation: Operation, batch: int, staging: bytes) -> Copy:
    """Return what rclone is to do with a batch."""
    way = Way(batch)
    flags = [*operation.options.flags(log_level="DEBUG"), "--ignore-times", "--inplace"]
    if Way.UNCHECKED in way:
        flags.append("--ignore-checksum")
    if Way.SPELLED_RAW in way:
        flags += RAW
    env, source = operation.storage.env, operation.remote
    if Way.CHUNKS in way:
        # A listing through the overlay would download every small object beside these.
        flags.append("--no-traverse")
        env, source = {**env, **chunked_environment(source)}, f"{CHUNKED}:"
    return Copy(
        batch=batch,
        env=env,
        directory=staging,
        source=source,
        destination=".",
        flags=tuple(flags),
        retry_codes=RETRY_CODES,
        during="restore",
    )
