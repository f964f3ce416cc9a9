"""What lies below a path of a bucket, as the files that it stands for: whole objects, and files in chunks."""

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from adapter.contract.errors import AdapterError, ErrorCode, Failure
from adapter.contract.events import Event
from adapter.files.catalog import Catalog, Object
from adapter.files.listing import list_objects
from adapter.files.names import as_text, for_people
from adapter.files.patterns import Patterns
from adapter.machine.private import temporary_directory
from adapter.rclone.file_lists import rules_from
from adapter.rclone.options import escape
from adapter.rclone.query import Query
from adapter.rclone.remote import remote_path
from adapter.runs.scan import File, Scanner
from adapter.storage.target import Target
from adapter.transfer.chunker import DESCRIPTION_MAX, chunked_environment, file_of_chunk, whole_files

_LONGEST_LOOK_S = 20.0


@dataclass(frozen=True, slots=True)
class Contents:
    """Files below `remote`, named relative to it. What is not in a list of its own is in the catalog."""

    remote: str
    chunked: tuple[Object, ...] = ()
    """Files to be read through the overlay, with the sizes of the whole; also a small one beside old chunks.
    """
    damaged: tuple[bytes, ...] = ()
    """Files in chunks of which some are missing."""
    orphaned: tuple[bytes, ...] = ()
    """Files of which there are chunks only: uploads that never came to their end."""
    shadowed: frozenset[bytes] = frozenset()
    """What no directory can hold beside the rest: a file, or with a slash at its end all below a name."""
    has_chunks: bool = False
    is_one: bool = False
    """Whether it is one object of a directory, of which the others need not be listed."""

    @property
    def env(self) -> Mapping[str, str]:
        """Return the variables that make the overlay."""
        return chunked_environment(self.remote)

    def whole_objects(self, catalog: Catalog, patterns: Patterns) -> Iterator[Object]:
        """Yield the objects that are files as they are, and that the patterns let through."""
        apart = {*(one.name for one in self.chunked), *self.damaged}
        entered: dict[str, bool] = {}
        for one in catalog.objects():
            if one.name in apart or (self.has_chunks and file_of_chunk(one.name) is not None):
                continue
            if not self.is_shadowed(one.name) and (not patterns or patterns.chooses(one.name, entered)):
                yield one

    def is_shadowed(self, name: bytes) -> bool:
        """Return whether a file is among those that are left out."""
        if not self.shadowed:
            return False
        return name in self.shadowed or any(parent + b"/" in self.shadowed for parent in _parents(name))


def find_object(target: Target, scanner: Scanner) -> Generator[Event, None, Object | None]:
    """Return the object at the target's very path, named by the path's last part, or None.

    Raises AdapterError `usage` for one below a name that is an object too: rclone cannot be sent there.
    """
    if not target.path:
        return None
    # From the bucket's root, where rclone would find nothing by the path of such a parent.
    path = remote_path(target).partition("/")[2].encode("utf-8", "surrogateescape")
    parent, _, name = path.rpartition(b"/")
    found = yield from scanner.look_at(_root(target), (path, parent) if parent else (path,), columns="sp")
    if path not in found:
        return None
    if parent in found:
        raise AdapterError(_below_an_object(target, for_people(parent)))
    return Object(name, found[path].size, "")


def _root(target: Target) -> str:
    return remote_path(replace(target, path=""))


def _below_an_object(target: Target, parent: str) -> Failure:
    top = replace(target, path="")
    return Failure(
        ErrorCode.USAGE,
        f"{parent} is a file as well as a directory, so rclone does not find {target} by its path.",
        f"Restore {top} with --include '/{escape(target.path)}'.",
    )


def parent_of(target: Target) -> str:
    """Return the directory that holds the target, as an argument for rclone."""
    return remote_path(replace(target, path=target.path.rpartition("/")[0]))


def look_at_object(
    remote: str, one: Object, scanner: Scanner, catalog: Catalog
) -> Generator[Event, None, Contents]:
    """Return one object of a directory `remote`, and put it into the catalog."""
    found = yield from scanner.look_at(remote, (one.name,))
    catalog.add_objects(Object(file.path, file.size, file.md5) for file in found.values())
    whole: tuple[Object, ...] = ()
    damaged: tuple[bytes, ...] = ()
    if one.size <= DESCRIPTION_MAX:
        whole, damaged = yield from _join(remote, (one.name,), scanner)
    is_directory = _is_directory(remote, as_text(one.name), scanner)
    shadowed = frozenset({one.name + b"/"} if is_directory else ())
    return Contents(remote, whole, damaged, (), shadowed, is_one=True)


def _is_directory(remote: str, name: str, scanner: Scanner) -> bool:
    """Return whether there are objects below a name that is itself an object; False if that is unknown."""
    # As a path of its own rclone takes it for the object, and a list of the whole parent may be long.
    bucket, _, parent = remote.partition("/")
    path = f"{parent}/{name}" if parent else name
    query = Query(scanner.rclone, scanner.env, scanner.redactor, scanner.run.cancel)
    flags = 'opt={"noModTime":true,"noMimeType":true}'
    reply = query.run(
        _LONGEST_LOOK_S, "rc", "--loopback", "operations/list", f"fs={bucket}", f"remote={path}", flags
    )
    # What is wrong will show when the object is copied: for a warning alone no restore should fail.
    return reply.succeeded and b'"Path"' in reply.stdout


def look_below(
    remote: str, patterns: Patterns, scanner: Scanner, catalog: Catalog
) -> Generator[Event, None, Contents]:
    """Return everything below a directory, after its list has been put into the catalog."""
    yield from list_objects(scanner, remote, catalog)
    entered: dict[str, bool] = {}
    files = dict.fromkeys(file for one in catalog.objects() if (file := file_of_chunk(one.name)) is not None)
    chosen = [name for name in files if not patterns or patterns.chooses(name, entered)]
    mains = {name: one for name in chosen if (one := catalog.stored(name)) is not None}
    small = [name for name, one in mains.items() if one.size <= DESCRIPTION_MAX]
    whole, damaged = yield from _join(remote, small, scanner)
    shadowed = yield from _shadowed(remote, patterns, scanner, catalog)
    orphaned = tuple(name for name in chosen if name not in mains)
    return Contents(remote, whole, damaged, orphaned, shadowed, bool(files))


def _join(
    remote: str, names: Sequence[bytes], scanner: Scanner
) -> Generator[Event, None, tuple[tuple[Object, ...], tuple[bytes, ...]]]:
    """Return the whole files that small objects stand for, and those of which chunks are missing."""
    whole = yield from whole_files(remote, names, scanner)
    found = tuple(Object(file.path, file.size, "") for file in whole.values())
    return found, tuple(name for name in names if name not in whole)


def _shadowed(
    remote: str, patterns: Patterns, scanner: Scanner, catalog: Catalog
) -> Generator[Event, None, frozenset[bytes]]:
    """Return which of an object `a` and objects `a/…` does not count: the older; at a tie the object."""
    entered: dict[str, bool] = {}
    names = [
        name for name in catalog.files_and_directories() if not patterns or patterns.chooses(name, entered)
    ]
    if not names:
        return frozenset()
    rules = [f"+ /{escape(as_text(name))}{below}" for name in names for below in ("", "/**")]
    files: dict[bytes, str] = {}
    newest: dict[bytes, str] = {}
    wanted = frozenset(names)

    def take(file: File) -> bool:
        if file.path in wanted:
            files[file.path] = file.modified
        for name in _parents(file.path):
            if name in wanted and (not patterns or patterns.chooses(file.path, entered)):
                newest[name] = max(newest.get(name, ""), file.modified)
        return False

    with temporary_directory() as directory:
        yield from scanner.scan_stored(remote, rules_from((*rules, "- **"), directory), take, "tsp")
    return frozenset(
        name if newest[name] >= files.get(name, "") else name + b"/" for name in names if name in newest
    )


def _parents(name: bytes) -> Iterator[bytes]:
    parent, slash, _ = name.rpartition(b"/")
    while slash:
        yield parent
        parent, slash, _ = parent.rpartition(b"/")
