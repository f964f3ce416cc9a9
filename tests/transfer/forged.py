"""Manifests that this program has not written: complete in themselves, with entries of any kind."""

import gzip
import hashlib
import json
from collections.abc import Mapping

from tests.qingstor_server import QingStorServer
from tests.transfer.cases import MANIFESTS

FORGED = "29990101T000000Z-00000000"
"""The id: newer than any other."""
_FILE: Mapping[str, object] = {
    "path": "evil", "type": "file", "state": "current", "size": 4, "mtime": 1_700_000_000_000_000_000,
    "mode": "0644", "uid": 0, "gid": 0, "md5": hashlib.md5(b"evil", usedforsecurity=False).hexdigest(),
    "stored": "object",
}  # fmt: skip
_ROOT = {**_FILE, "path": ".", "type": "dir", "size": 0, "md5": "", "stored": ""}
_COUNTS = dict.fromkeys(("files", "dirs", "symlinks", "bytes", "stale", "carried", "left_out", "failed"), 0)


def forge(server: QingStorServer, *entries: Mapping[str, object], series: str = "/srv") -> None:
    """Store a manifest of a root and these entries; what one does not say is that of a file `evil`."""
    lines = [json.dumps(one).encode() + b"\n" for one in (_ROOT, *({**_FILE, **one} for one in entries))]
    header = {
        "schema_version": 1, "run_id": FORGED, "outcome": "success", "started": "2026-01-01T00:00:00.000Z",
        "ended": "2026-01-01T00:00:01.000Z", "series": series, "index_id": "0" * 16, "host": "elsewhere",
        "sources": ["/srv"], "patterns": [], "rclone_version": "1.75.2", "adapter_version": "0.1.0",
        "counts": _COUNTS, "digest": hashlib.md5(b"".join(lines), usedforsecurity=False).hexdigest(),
    }  # fmt: skip
    whole = json.dumps(header).encode() + b"\n" + b"".join(lines)
    last = b'{"md5":"%s"}\n' % hashlib.md5(whole, usedforsecurity=False).hexdigest().encode()
    server.put_object("bucket-one", f"{MANIFESTS}{FORGED}.jsonl.gz", gzip.compress(whole + last))
