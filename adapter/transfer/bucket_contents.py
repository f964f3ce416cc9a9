"""What lies below a path of a bucket, where no manifest tells, as the files and links that it stands for.

A name can have one type only, and a bucket may hold more: a file `a` and files `a/…`, or a link `a`, all of
different times. What was stored last counts; the others are named.
"""

import math
from collections.abc import Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from adapter.contract.errors import AdapterError, ErrorCode, Failure
from adapter.contract.events import Event
from adapter.files.catalog import Catalog, Object
from adapter.files.decision import How
from adapter.files.listing import list_objects
from adapter.files.manifest import EntryState, Kind, Saved
from adapter.files.names import above, as_text, for_people, leads_out
from adapter.files.patterns import Patterns
from adapter.files.wanted import Wanted
from adapter.machine.private import temporary_directory
from adapter.rclone.file_lists import rules_from
from adapter.rclone.options import escape
from adapter.rclone.query import Query
from adapter.rclone.remote import remote_path
from adapter.runs.scan import File, Scanner
from adapter.storage.target import Target
from adapter.transfer.chunker import DESCRIPTION_MAX, file_of_chunk, whole_files
from adapter.transfer.operation import Operation

_LONGEST_LOOK_S = 20.0
LINK_SUFFIX = b".rclonelink"
"""What rclone adds to the name of an object that holds a symbolic link (backend/local, 1.75.2)."""


@dataclass(slots=True)
class Contents:
    """What was found; the files are in the table, named relative to the operation's directory."""

    operation: Operation
    chunked: set[bytes] = field(default_factory=set)
    damaged: list[bytes] = field(default_factory=list)
    """Files in chunks of which some are missing."""
    orphaned: list[bytes] = field(default_factory=list)
    """Files of which there are chunks only: uploads that never came to their end."""
    shadowed: list[bytes] = field(default_factory=list)
    """What no disk can hold beside the rest: an object, or with a slash at its end all below a name."""
    outside: list[bytes] = field(default_factory=list)
    """Objects whose names lead out of any directory."""
    links: dict[bytes, Saved] = field(default_factory=dict)
    """The entries of objects that hold links."""


def look_at_bucket(
    operation: Operation,
    catalog: Catalog,
    wanted: Wanted,
    known: Mapping[bytes, tuple[int, str, str]],
    *,
    patterns: Patterns,
    honest_up_to: float = math.inf,
    has_times: bool = False,
) -> Generator[Event, None, Contents]:
    """Put into the table what lies at the target; what the patterns leave out contests no name.

    Up to `honest_up_to` bytes an ETag is the MD5 of the content; `known` has size, ETag and MD5 of some
    others. With `has_times` the entries have those of the uploads.

    Raises AdapterError `path_not_found` if that is nothing.
    """
    scanner = operation.scanner
    one = yield from _find_object(operation.target, scanner)
    if one is not None:
        contents = Contents(_on_parent(operation))
        found = yield from scanner.look_at(contents.operation.remote, (one.name,))
        catalog.add_objects(Object(file.path, file.size, file.md5) for file in found.values())
        if _is_directory(contents.operation.remote, as_text(one.name), scanner):
            contents.shadowed.append(one.name + b"/")
        small = [one.name] if one.size <= DESCRIPTION_MAX else []
    else:
        contents = Contents(operation)
        yield from list_objects(scanner, operation.remote, catalog)
        if not catalog.has_objects():
            # rclone copies nothing from a path that is not there, and exits 0 (measured with 1.75.2).
            raise AdapterError(_nothing(operation.target))
        small = _mains(catalog, contents)
    whole = yield from whole_files(contents.operation.remote, small, scanner)
    contents.chunked.update(whole)
    contents.damaged += [name for name in small if name not in whole]
    losers = yield from _losers(contents, catalog, scanner, patterns) if one is None else _none()
    entries = _entries(catalog, contents, whole, losers)
    if has_times:
        entries = _with_times(entries, (yield from _uploads(contents, scanner)))
    wanted.add(_with_directories(_trusted(entries, known, honest_up_to)))
    return contents


def _none() -> Generator[Event, None, frozenset[bytes]]:
    yield from ()
    return frozenset()


def _mains(catalog: Catalog, contents: Contents) -> list[bytes]:
    """Return the small objects beside which chunks of theirs lie."""
    files = dict.fromkeys(file for one in catalog.objects() if (file := file_of_chunk(one.name)) is not None)
    small: list[bytes] = []
    for name in files:
        main = catalog.stored(name)
        if main is None:
            contents.orphaned.append(name)
        elif main.size <= DESCRIPTION_MAX:
            small.append(name)
    return small


def _entries(
    catalog: Catalog,
    contents: Contents,
    whole: Mapping[bytes, File],
    losers: frozenset[bytes],
) -> Iterator[Saved]:
    apart = {*contents.damaged, *losers}
    has_chunks = bool(contents.chunked or contents.damaged or contents.orphaned)
    for one in catalog.objects():
        if leads_out(one.name):
            contents.outside.append(one.name)
            continue
        if one.name in apart or (has_chunks and file_of_chunk(one.name) is not None):
            continue
        if any(parent + b"/" in losers for parent in above(want_of(one.name))):
            continue
        if one.name in whole:
            file = whole[one.name]
            yield _entry(one.name, Kind.FILE, file.size, file.md5, How.CHUNKS)
        elif want_of(one.name) != one.name:
            link = _entry(want_of(one.name), Kind.LINK, one.size, "", How.OBJECT)
            contents.links[one.name] = link
            yield link
        else:
            yield _entry(one.name, Kind.FILE, one.size, one.etag, How.OBJECT)


def _trusted(
    entries: Iterable[Saved], known: Mapping[bytes, tuple[int, str, str]], honest_up_to: float
) -> Iterator[Saved]:
    """Yield the entries with the MD5 that the content must have; blank where nobody knows it."""
    for entry in entries:
        sent = known.get(entry.name)
        if sent is not None and sent[:2] == (entry.size, entry.etag):
            yield entry._replace(md5=sent[2])
        elif entry.size > honest_up_to and entry.how == How.OBJECT.value:
            yield entry._replace(md5="")
        else:
            yield entry


def _uploads(contents: Contents, scanner: Scanner) -> Generator[Event, None, Mapping[bytes, int]]:
    """Return when each object was uploaded, in ns."""
    found = yield from scanner.scan_stored(contents.operation.remote, (), lambda _: True, "tsp")
    times: dict[bytes, int] = {}
    for file in found.kept:
        if (moment := file.moment) is not None:
            times[want_of(file.path)] = int(moment.timestamp()) * 1_000_000_000
    return times


def _with_times(entries: Iterable[Saved], times: Mapping[bytes, int]) -> Iterator[Saved]:
    return (entry._replace(mtime_ns=times.get(entry.name, 0)) for entry in entries)


def _entry(name: bytes, kind: Kind, size: int, md5: str, how: How) -> Saved:
    return Saved(
        name, kind, EntryState.CURRENT, size, 0, 0, 0, 0, "", "", b"", "", md5, how.value, md5, "", ""
    )  # fmt: skip


def _with_directories(entries: Iterable[Saved]) -> Iterator[Saved]:
    made: set[bytes] = set()
    for entry in entries:
        for parent in above(entry.name):
            if parent in made:
                break
            made.add(parent)
            yield _entry(parent, Kind.DIRECTORY, 0, "", How.OBJECT)._replace(how="")
        yield entry


def want_of(name: bytes) -> bytes:
    """Return the name that an object stands for: that of a link is without what rclone adds."""
    bare = name.removesuffix(LINK_SUFFIX)
    return name if leads_out(bare) else bare


def _losers(
    contents: Contents, catalog: Catalog, scanner: Scanner, patterns: Patterns
) -> Generator[Event, None, frozenset[bytes]]:
    """Return the objects that do not count beside others of their name; with a slash, all below a name."""
    contested = tuple(catalog.contested_names(LINK_SUFFIX))
    if not contested:
        return frozenset()
    rules = [
        f"+ /{escape(as_text(name))}{more}"
        for name in contested
        for more in ("", as_text(LINK_SUFFIX), "/**")
    ]
    claims: dict[bytes, dict[bytes, str]] = {name: {} for name in contested}

    entered: dict[str, bool] = {}

    def take(file: File) -> bool:
        want = want_of(file.path)
        if patterns and not patterns.chooses(want, entered):
            return False
        if want in claims:
            claims[want][file.path] = file.modified
        for name in above(want):
            if name in claims:
                below = name + b"/"
                claims[name][below] = max(claims[name].get(below, ""), file.modified)
        return False

    with temporary_directory() as directory:
        flags = rules_from((*rules, "- **"), directory)
        yield from scanner.scan_stored(contents.operation.remote, flags, take, "tsp")
    losers: list[bytes] = []
    for claimed in claims.values():
        # At a tie the directory counts, which most files want.
        order = sorted(claimed, key=lambda one: (claimed[one], one.endswith(b"/"), one))
        losers += order[:-1]
    contents.shadowed += losers
    return frozenset(losers)


def _find_object(target: Target, scanner: Scanner) -> Generator[Event, None, Object | None]:
    """Return the object at the target's very path, named by the path's last part, or None.

    Raises AdapterError `usage` for one below a name that is an object too: rclone cannot be sent there.
    """
    if not target.path:
        return None
    # From the bucket's root, where rclone would find nothing by the path of such a parent.
    path = remote_path(target).partition("/")[2].encode("utf-8", "surrogateescape")
    parent, _, name = path.rpartition(b"/")
    root = remote_path(replace(target, path=""))
    found = yield from scanner.look_at(root, (path, parent) if parent else (path,), columns="sp")
    if path not in found:
        return None
    if parent in found:
        raise AdapterError(_below_an_object(target, for_people(parent)))
    return Object(name, found[path].size, "")


def _on_parent(operation: Operation) -> Operation:
    target = operation.target
    return replace(operation, target=replace(target, path=target.path.rpartition("/")[0]))


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


def _below_an_object(target: Target, parent: str) -> Failure:
    top = replace(target, path="")
    return Failure(
        ErrorCode.USAGE,
        f"{parent} is a file as well as a directory, so rclone does not find {target} by its path.",
        f"Restore {top} with --include '/{escape(target.path)}'.",
    )


def _nothing(target: Target) -> Failure:
    return Failure(
        ErrorCode.PATH_NOT_FOUND,
        f"There is nothing to restore at {target}.",
        "Check bucket and path; `rclone lsf` lists what is there.",
    )
