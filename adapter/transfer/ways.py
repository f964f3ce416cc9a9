"""The ways in which files travel to the bucket: each is a batch of work and a command line of rclone."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from adapter.files.catalog import Catalog
from adapter.files.decision import How
from adapter.files.entry import Entry, Root
from adapter.files.names import RAW, is_raw
from adapter.rclone.remote import REMOTE, remote_variables
from adapter.runs.scan import File
from adapter.transfer.chunker import CHUNKED, DESCRIPTION_MAX, chunked_environment, file_of_chunk
from adapter.transfer.copy_passes import RETRY_CODES, Copy
from adapter.transfer.operation import Operation
from adapter.transfer.plan import Plan, make_plan, single_put_max
from adapter.transfer.source import root_of


@dataclass(frozen=True, slots=True)
class Way:
    """From which root a file travels, stored how, and what rclone must be told for it."""

    root: int
    how: How
    is_raw: bool = False
    """Its name is one that rclone's default encoding cannot tell from another."""
    has_description: bool = False
    """There may be a description of chunks in the bucket already."""
    needs_length: bool = False
    """The server refused it without a Content-Length, as rclone sends empty files."""


class Ways:
    """All ways of a run, numbered as batches of the catalog's work."""

    def __init__(self, operation: Operation, plan: Plan, roots: tuple[Root, ...]) -> None:
        self.roots = roots
        self._operation = operation
        self._plan = plan
        self._ways: list[Way] = []
        self._numbers: dict[Way, int] = {}
        self._large = {file.path: How.PARTS for file in plan.multipart}
        self._large.update((file.path, How.CHUNKS) for file in plan.chunked)

    def number(self, way: Way) -> int:
        """Return the batch of a way."""
        if way not in self._numbers:
            self._numbers[way] = len(self._ways)
            self._ways.append(way)
        return self._numbers[way]

    def batch(self, entry: Entry, stored_size: int | None) -> int:
        """Return the batch of a file, of which the bucket holds an object of this size, if any."""
        how = self._large.get(entry.name, How.OBJECT)
        has_description = how is How.CHUNKS and stored_size is not None and stored_size <= DESCRIPTION_MAX
        root = root_of(self.roots, entry.name)
        raw = is_raw(entry.name[len(self.roots[root].prefix) :])
        return self.number(Way(root, how, raw, has_description))

    def way(self, number: int) -> Way:
        """Return the way of a batch."""
        return self._ways[number]

    def logged_part(self, name: bytes, number: int) -> bytes:
        """Return the part of a name that rclone knows in a batch."""
        return name[len(self.roots[self._ways[number].root].prefix) :]

    def used(self, batches: Iterable[int]) -> list[int]:
        """Return those of the batches that are ways of these."""
        return [number for number in batches if number < len(self._ways)]

    def in_order(self, batches: Iterable[int]) -> list[int]:
        """Return batches in the order in which they travel: what takes no memory first."""
        order = list(How)
        return sorted(batches, key=lambda number: (order.index(self._ways[number].how), number))

    def copy(self, number: int) -> Copy:
        """Return what rclone is to do with a batch."""
        way, operation = self._ways[number], self._operation
        root = self.roots[way.root]
        env = operation.storage.env
        variables, flags, destination = self._by(way)
        if root.follows:
            flags = (*flags, "--copy-links")
        if way.is_raw:
            flags = (*flags, *RAW)
        return Copy(
            batch=number,
            env={**env, **variables},
            directory=root.directory,
            source=".",
            destination=destination,
            # Ours last: of two flags rclone takes the last.
            flags=(*operation.options.flags(log_level="DEBUG"), "--ignore-times", *flags),
            retry_codes=RETRY_CODES,
            during="backup",
            strip=len(root.prefix),
        )

    def _by(self, way: Way) -> tuple[Mapping[str, str], tuple[str, ...], str]:
        """Return variables, flags and destination for a way."""
        plan = self._plan
        destination = self._operation.remote_below(self.roots[way.root].prefix)
        if way.needs_length:
            # With upload_cutoff 0 rclone sends it, and a small file still goes as one PUT (1.75.2).
            return remote_variables(REMOTE, {"upload_cutoff": "0"}), (), destination
        if way.how is How.OBJECT:
            return {}, (), destination
        if way.how is How.CHUNKS:
            # A listing through the overlay downloads every small object beside these. Without one rclone
            # sends a PUT Bucket, unless it finds a file in chunks (then it lists without downloading).
            flags = ("--no-traverse",) if way.has_description else ()
            return chunked_environment(destination, plan.chunker_size), flags, f"{CHUNKED}:"
        options = {
            "upload_cutoff": f"{plan.single_put_max}b",
            "chunk_size": f"{plan.part_size}b",
            "upload_concurrency": str(plan.upload_concurrency),
        }
        # rclone's MD5 of parallel parts is wrong, so it must not compare it (and delete the object).
        ignoring = ("--ignore-checksum",) if plan.upload_concurrency > 1 else ()
        flags = ("--transfers", str(plan.multipart_transfers), *ignoring)
        return remote_variables(REMOTE, options), flags, destination


def plan_for(catalog: Catalog, operation: Operation) -> Plan:
    """Return how the large files that a walk found will travel."""
    most = single_put_max(operation.limits)
    large = [File(entry.name, entry.size) for entry in catalog.entries_above(most)]
    return make_plan([file for file in large if file_of_chunk(file.path) is None], operation.limits)
