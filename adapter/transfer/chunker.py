"""Files in chunks: rclone's `chunker` over the storage, in a layout that bare rclone can read.

`FILE` is a small JSON object with size, MD5 and the chunks' transaction; `FILE.pluton_chunk.001_TXN` and so
on are the chunks. With `norename` a chunk is uploaded under its final name, so nothing is copied or deleted
afterwards, and the file switches to its new chunks when `FILE` is written (backend/chunker, 1.75.2).
The suffix is ours, not rclone's default, so that no file of a user's is taken for a chunk.
"""

import re
from collections.abc import Iterable, Mapping

from adapter.rclone.remote import remote_variables
from adapter.runs.scan import File

CHUNKED = "chunked"
"""The overlay's name inside rclone."""

_SUFFIX = "pluton_chunk"
_CHUNK = re.compile(rf"(.+)\.{_SUFFIX}\.\d{{3,}}(?:_[0-9a-z]{{4,9}})?")

ANY_CHUNK = f"*.{_SUFFIX}.[0-9][0-9][0-9]*"
"""A filter pattern that every chunk fits."""


def is_chunk(file: File) -> bool:
    """Return whether a listed object is a chunk of a file."""
    return _CHUNK.fullmatch(file.path) is not None


def chunked_paths(chunks: Iterable[File]) -> tuple[str, ...]:
    """The files that the chunks belong to, each once, in order."""
    matches = (_CHUNK.fullmatch(file.path) for file in chunks)
    return tuple(dict.fromkeys(match[1] for match in matches if match))


def chunked_environment(remote_path: str, chunk_size: int) -> Mapping[str, str]:
    """The variables that make `chunked:` an overlay of `remote_path`; `chunk_size` in bytes, for uploads."""
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
