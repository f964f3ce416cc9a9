"""Our own record of files that went up in parts: what they were, and what the bucket said afterwards.

rclone adds its MD5 of parallel parts up in the wrong order, so the ETag of such an object tells nothing about
its content (measured with 1.75.2). A file counts as unchanged when both sides are as they were recorded. A
lost record costs one upload, never a missed change.
"""

import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from pydantic import BaseModel, ConfigDict


class SentFile(BaseModel):
    """One file as it was sent: sizes in bytes, `mtime_ns` of the source, `etag` of the object after it."""

    model_config = ConfigDict(frozen=True)

    path: str
    size: int
    mtime_ns: int
    md5: str
    etag: str


class _Stored(BaseModel):
    schema_version: int
    target: str
    files: tuple[SentFile, ...]


class SentFiles:
    """The records of one target (`identity`: the place in the world, whatever the storage is called)."""

    def __init__(self, state_dir: Path, identity: str) -> None:
        self._identity = identity
        name = hashlib.sha256(identity.encode("utf-8", "surrogateescape")).hexdigest()[:32]
        self._path = state_dir / "uploads" / f"{name}.json"

    def load(self) -> Mapping[str, SentFile]:
        """By path. A missing, damaged or foreign file is no record at all."""
        try:
            # Not pydantic's own reader of JSON: it refuses the path of a file whose name is not UTF-8.
            stored = _Stored.model_validate(json.loads(self._path.read_bytes()))
        except (OSError, ValueError):  # ValidationError is one
            return {}
        return {file.path: file for file in stored.files if stored.target == self._identity}

    def add(self, sent: Iterable[SentFile]) -> None:
        """Write these over what was recorded of the same paths. Raises OSError when that is impossible."""
        known = {**self.load(), **{file.path: file for file in sent}}
        document = {
            "schema_version": 1,
            "target": self._identity,
            "files": [file.model_dump() for file in known.values()],
        }
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor, temporary = tempfile.mkstemp(dir=self._path.parent)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump(document, file)
            os.replace(temporary, self._path)  # noqa: PTH105  # both names are at hand as text
        except BaseException:
            with suppress(OSError):
                os.unlink(temporary)  # noqa: PTH108
            raise
