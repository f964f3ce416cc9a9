"""Files in chunks: rclone's `chunker` over the storage, in a layout that bare rclone can read.

`FILE` is a small JSON object with size, MD5 and the chunks' transaction; `FILE.pluton_chunk.001_TXN` and so
on are the chunks. With `norename` a chunk is uploaded under its final name, so nothing is copied. Then rclone
deletes the old chunks, and last it writes `FILE`; it compares no chunk (backend/chunker, put, 1.75.2).
The suffix is ours, not rclone's default, so that no file of a user's is taken for a chunk.
"""

import re
from collections.abc import Collection, Generator, Iterable, Mapping, Sequence
from dataclasses import replace

from adapter.contract.errors import AdapterError, Failure
from adapter.contract.events import Event
from adapter.files.catalog import Catalog, Object
from adapter.files.hashing import ToHash, hash_pieces
from adapter.files.names import as_text
from adapter.machine.private import temporary_directory
from adapter.rclone.file_lists import rules_from
from adapter.rclone.options import escape
from adapter.rclone.remote import remote_variables
from adapter.runs.run import Run
from adapter.runs.scan import File, Scanner
from adapter.transfer.operation import Operation

CHUNKED = "chunked"
"""The overlay's name inside rclone."""

_SUFFIX = "pluton_chunk"
DESCRIPTION_MAX = 1023
"""In bytes; a longer object is no description of chunks (backend/chunker, maxMetadataSize, 1.75.2)."""
_CHUNK = re.compile(rb"(.+)\.pluton_chunk\.(\d{3,})(_[0-9a-z]{4,9})?", re.DOTALL)
CHUNK_SUFFIX = f".{_SUFFIX}.".encode()
"""What follows the name of a file in the names of its chunks."""


def file_of_chunk(name: bytes) -> bytes | None:
    """Return the file that an object is a chunk of, or None if it has no such name."""
    found = _CHUNK.fullmatch(name)
    return None if found is None else found[1]


def chunk_sets(objects: Iterable[Object]) -> Mapping[bytes, Mapping[bytes, list[Object]]]:
    """Return the chunks among the objects by their file, and by the upload that they belong to."""
    sets: dict[bytes, dict[bytes, list[Object]]] = {}
    for one in objects:
        if found := _CHUNK.fullmatch(one.name):
            sets.setdefault(found[1], {}).setdefault(found[3] or b"", []).append(one)
    return sets


def sets_of(name: bytes, catalog: Catalog) -> Collection[list[Object]]:
    """Return the sets of chunks of one file, by the list of the bucket in the catalog."""
    return chunk_sets(catalog.chunks_of(name, CHUNK_SUFFIX)).get(name, {}).values()


def in_order(chunks: Iterable[Object]) -> list[Object]:
    """Return the chunks of one upload, the first one of the file first."""
    found = ((_CHUNK.fullmatch(one.name), one) for one in chunks)
    return [one for _, one in sorted((int(match[2]), one) for match, one in found if match)]


def chunks_in_bucket(
    names: Sequence[bytes], operation: Operation
) -> Generator[Event, None, Mapping[bytes, Mapping[bytes, list[Object]]]]:
    """Return `chunk_sets` of these files as the bucket holds them now."""
    if not names:
        return {}
    rules = [f"+ /{escape(as_text(name))}.{_SUFFIX}.*" for name in names]
    with temporary_directory() as directory:
        flags = rules_from((*rules, "- **"), directory)
        found = yield from operation.scanner.scan_stored(operation.remote, flags, lambda _: True, "shp")
    return chunk_sets(Object(file.path, file.size, file.md5) for file in found.kept)


def compare_chunks(
    files: Mapping[bytes, ToHash], chunks: Mapping[bytes, Sequence[Object]], run: Run
) -> Generator[Event, None, Mapping[bytes, bool]]:
    """Return of files, whose chunks in the bucket are given in order, whether these have the files' bytes.

    A file that cannot be read as it was listed, or of whose chunks an MD5 is not known, is left out. Raises
    AdapterError as `hash_files` does.
    """
    in_pieces = [
        replace(files[name], pieces=tuple(one.size for one in parts)) for name, parts in chunks.items()
    ]
    found = yield from hash_pieces(in_pieces, run)
    etags = {name: tuple(one.etag for one in parts) for name, parts in chunks.items()}
    return {
        name: md5s == etags[name]
        for name, md5s in found.items()
        if isinstance(md5s, tuple) and all(etags[name])
    }


def whole_files(
    remote: str, names: Sequence[bytes], scanner: Scanner
) -> Generator[Event, None, Mapping[bytes, File]]:
    """Return what the descriptions among these objects below `remote` say of whole files, by name.

    A file of which chunks are missing is left out. Raises AdapterError where the bucket cannot be read.
    """
    overlay = scanner.with_variables(chunked_environment(remote))
    try:
        return (yield from overlay.look_at(f"{CHUNKED}:", names))
    except AdapterError as error:
        if not is_damage(error.failure):
            raise
    if len(names) == 1:
        return {}
    # One damaged file may hide others (depends on rclone's version), so each is asked for by itself.
    whole: dict[bytes, File] = {}
    for name in names:
        whole |= yield from whole_files(remote, (name,), scanner)
    return whole


def is_damage(failure: Failure) -> bool:
    """Return whether chunks do not fit their description (backend/chunker, validate and Open, 1.75.2)."""
    said = ("has missing chunks", "metadata doesn't match file size")
    return any(words in line for line in failure.evidence.log_tail for words in said)


def chunked_environment(remote_path: str, chunk_size: int = 1 << 30) -> Mapping[str, str]:
    """The variables that make `chunked:` an overlay of `remote_path`; uploads need `chunk_size`, in bytes."""
    return remote_variables(
        CHUNKED,
        {
            "type": "chunker",
            "remote": remote_path,
            "chunk_size": f"{chunk_size}b",
            "hash_type": "md5",
            "name_format": f"*.{_SUFFIX}.###",
            "meta_format": "simplejson",
            "transactions": "norename",
        },
    )
