"""What the tests of the design's cases share (`test_cases_*`)."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.qingstor_server import Fault, FaultKind, QingStorServer
from tests.transfer.in_process import InProcess
from tests.transfer.whole_tree import Seen, whole_tree

MANIFESTS = "srv/.pluton/manifests/"


def only_long(*values: str) -> Iterator[object]:
    """Parameters that are only in the long runs."""
    return (pytest.param(value, marks=pytest.mark.deep) for value in values)


_ONLY_LONG = tuple(only_long("one PUT", "parts"))
MIXED = (*_ONLY_LONG, "chunks")
"""How the large files of a tree are stored that has small ones, too: with chunks both ways are in use."""
ALL_WAYS = (*_ONLY_LONG, "parallel parts", "chunks")
_PATCHED = (
    "from adapter.transfer import plan; from adapter.cli import main;"
    "plan._SMALLEST_CHUNK = 1 << 20; plan._RCLONE_ITSELF = 1 << 30; raise SystemExit(main())"
)
LARGE_IN_CHUNKS = ("-c", _PATCHED)
"""The program, with everything above the upload cutoff in chunks, also files of 5 MiB."""


def manifest_ids(server: QingStorServer) -> list[str]:
    """The ids of the manifests at the target, the oldest first."""
    keys = sorted(key for key in server.objects("bucket-one") if key.startswith(MANIFESTS))
    return [Path(key).name.removesuffix(".jsonl.gz") for key in keys]


def refuse_manifests(server: QingStorServer, operation: str = "put_object") -> None:
    """Manifests may not be written, or with `get_object` not be read."""
    fault = Fault(
        FaultKind.STATUS, operation=operation, key=f"{MANIFESTS}*", status=403, code="permission_denied"
    )
    server.add_fault(fault)


def elsewhere(storing: InProcess, place: Path) -> InProcess:
    """Another machine, which knows nothing but the form of the storage."""
    return replace(storing, directory=place / "another machine")


def below(root: Path) -> dict[bytes, Seen]:
    """All that is in a directory, but not what the directory itself is."""
    return whole_tree(root, with_root=False)
