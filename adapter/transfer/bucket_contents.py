"""What lies below a path of a bucket, as the files that it stands for: whole objects, and files in chunks."""

from array import array
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from adapter.contract.errors import AdapterError, ErrorCode, Failure
from adapter.contract.events import Event
from adapter.rclone.file_lists import rules_from
from adapter.rclone.options import escape
from adapter.rclone.query import Query
from adapter.rclone.remote import remote_path
from adapter.runs.scan import File, Scanner
from adapter.storage.target import Target
from adapter.transfer.chunker import ANY_CHUNK, CHUNKED, chunked_environment, chunked_paths, is_chunk

_LARGEST_METADATA = 1023
"""In bytes; a longer object is no description of chunks (backend/chunker, maxMetadataSize, 1.75.2)."""
_LONGEST_LOOK_S = 20.0


@dataclass(frozen=True, slots=True)
class Stored:
    """Files below `remote`, named relative to it. `bytes` are those of whole files, chunks joined."""

    remote: str
    files: int
    bytes: int
    has_chunks: bool
    chunked: tuple[str, ...]
    """Files to be read through the overlay, which also copes with a small file beside leftover chunks."""
    damaged: tuple[str, ...]
    """Files in chunks of which some are missing."""
    orphaned: tuple[str, ...]
    """Files of which there are chunks only: uploads that never came to their end."""
    shadowed: Mapping[str, str]
    """What no directory can hold beside the rest: the rule against it, by name (`name/` for below)."""

    @property
    def env(self) -> Mapping[str, str]:
        """The variables that make the overlay."""
        return chunked_environment(self.remote, 1 << 30)

    def is_shadowed(self, path: str) -> bool:
        """Return whether a file is among those that are left out."""
        return path in self.shadowed or any(f"{parent}/" in self.shadowed for parent in _parents(path))


@dataclass(frozen=True, slots=True)
class Chunked:
    """The files that chunks belong to, as `Stored` tells them apart."""

    whole: tuple[File, ...]
    damaged: tuple[str, ...]
    orphaned: tuple[str, ...]


def find_object(target: Target, scanner: Scanner) -> Generator[Event, None, File | None]:
    """The object at the target's very path, if there is one; its path is the last part of the target's.

    Raises AdapterError `usage` for one below a name that is an object too: rclone cannot be sent there.
    """
    if not target.path:
        return None
    # From the bucket's root, where rclone would find nothing by the path of such a parent.
    parent, _, name = target.path.rpartition("/")
    names = (target.path, parent) if parent else (target.path,)
    found = {file.path: file for file in (yield from _listed(_root(target), names, scanner))}
    if target.path not in found:
        return None
    if parent in found:
        raise AdapterError(_below_an_object(target, parent))
    return replace(found[target.path], path=name)


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
    """The directory that holds the target, as an argument for rclone."""
    return remote_path(replace(target, path=target.path.rpartition("/")[0]))


def look_at_object(remote: str, one: File, scanner: Scanner) -> Generator[Event, None, Stored]:
    """One object of a directory `remote`."""
    chunked = Chunked((), (), ())
    if one.size <= _LARGEST_METADATA:
        chunked = yield from join_chunks(remote, (one.path,), scanner)
    size = sum(file.size for file in chunked.whole) if chunked.whole else one.size
    names = tuple(file.path for file in chunked.whole)
    beside = {f"{one.path}/": f"- /{escape(one.path)}/**"} if _is_directory(remote, one.path, scanner) else {}
    return Stored(remote, 1, size, bool(names), names, chunked.damaged, (), beside)


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
    remote: str, rules: Sequence[str], scanner: Scanner, directory: Path
) -> Generator[Event, None, Stored]:
    """Everything below a directory that the rules let through. Lists are put into `directory`."""
    clashes = _Clashes()

    def is_kept(file: File) -> bool:
        if is_chunk(file):
            return True
        clashes.note(file.path)
        return False

    # Chunks first: a rule that lets a file through need not let its chunks through.
    flags = rules_from((f"+ {ANY_CHUNK}", *rules), directory) if rules else ()
    found = yield from scanner.scan_stored(remote, flags, is_kept)
    paths = chunked_paths(found.kept)
    if rules and paths:
        wanted = frozenset(paths)
        chosen = yield from scanner.scan_stored(
            remote, rules_from(rules, directory), lambda file: file.path in wanted
        )
        paths = tuple(dict.fromkeys(file.path for file in chosen.kept))
    chunked = yield from join_chunks(remote, paths, scanner)
    joined = {file.path for file in chunked.whole}
    shadowed = yield from _shadowed(remote, rules, clashes, scanner, directory)
    return Stored(
        remote,
        found.files - len(found.kept),
        found.bytes - sum(file.size for file in found.kept) + sum(file.size for file in chunked.whole),
        bool(found.kept),
        tuple(path for path in paths if path in joined),
        chunked.damaged,
        chunked.orphaned,
        shadowed,
    )


def join_chunks(remote: str, paths: Sequence[str], scanner: Scanner) -> Generator[Event, None, Chunked]:
    """What the files are to which chunks belong; those that are a whole object by now are in no list."""
    mains = yield from described(remote, paths, scanner)
    small = tuple(path for path, is_small in mains.items() if is_small)
    overlay = replace(scanner, env={**scanner.env, **chunked_environment(remote, 1 << 30)})
    try:
        whole = yield from _listed(f"{CHUNKED}:", small, overlay)
    except AdapterError as error:
        if not _is_damage(error.failure):
            raise
        # One damaged file may hide others (depends on rclone's version), so each is asked for by itself.
        whole = ()
        for path in small:
            with _pass_damage():
                whole += yield from _listed(f"{CHUNKED}:", (path,), overlay)
    seen = {file.path for file in whole}
    return Chunked(
        whole,
        tuple(path for path in small if path not in seen),
        tuple(path for path in paths if path not in mains),
    )


def described(
    remote: str, paths: Sequence[str], scanner: Scanner
) -> Generator[Event, None, Mapping[str, bool]]:
    """Those of the paths at which there is an object, and whether that may be a description of chunks."""
    found = yield from _listed(remote, paths, scanner)
    return {file.path: file.size <= _LARGEST_METADATA for file in found}


def _listed(path: str, names: Sequence[str], scanner: Scanner) -> Generator[Event, None, tuple[File, ...]]:
    found = yield from scanner.look_at(path, names, columns="sp", stored=True)
    return tuple(found.values())


def _is_damage(failure: Failure) -> bool:
    """Return whether chunks do not fit their description (backend/chunker, validate, 1.75.2)."""
    return any("has missing chunks" in line for line in failure.evidence.log_tail)


@contextmanager
def _pass_damage() -> Iterator[None]:
    """Go on with the next file when one is damaged."""
    try:
        yield
    except AdapterError as error:
        if not _is_damage(error.failure):
            raise


class _Clashes:
    """Names that are both an object and a directory, found in little memory: eight bytes an object."""

    def __init__(self) -> None:
        self._files = array("q")
        self._directories: set[int] = set()

    def note(self, path: str) -> None:
        """Another object."""
        self._files.append(hash(path))
        parent, slash, _ = path.rpartition("/")
        while slash and (number := hash(parent)) not in self._directories:
            self._directories.add(number)
            parent, slash, _ = parent.rpartition("/")

    @property
    def numbers(self) -> frozenset[int]:
        """Hashes of the names."""
        return frozenset(number for number in self._files if number in self._directories)


def _shadowed(
    remote: str, rules: Sequence[str], clashes: _Clashes, scanner: Scanner, directory: Path
) -> Generator[Event, None, Mapping[str, str]]:
    """Of an object `a` and objects `a/…` the newer one counts; at a tie the directory."""
    numbers = clashes.numbers
    if not numbers:
        return {}
    flags = rules_from(rules, directory) if rules else ()
    found = yield from scanner.scan_stored(remote, flags, lambda file: hash(file.path) in numbers, "tsp")
    files = {file.path: file for file in found.kept}
    newest: dict[str, str] = {}

    def is_kept(file: File) -> bool:
        for name in _parents(file.path):
            if name in files:
                newest[name] = max(newest.get(name, ""), file.modified)
        return False

    patterns = [f"+ /{escape(name)}/**" for name in files]
    yield from scanner.scan_stored(remote, rules_from((*patterns, "- **"), directory), is_kept, "tsp")
    return {
        (name if newest[name] >= file.modified else f"{name}/"): (
            f"- /{escape(name)}" if newest[name] >= file.modified else f"- /{escape(name)}/**"
        )
        for name, file in files.items()
        if name in newest
    }


def _parents(path: str) -> Iterable[str]:
    parent, slash, _ = path.rpartition("/")
    while slash:
        yield parent
        parent, slash, _ = parent.rpartition("/")
