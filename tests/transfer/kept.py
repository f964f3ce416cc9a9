"""What a bucket holds after a backup, as files: chunks joined, by the keys that QingStor knows."""

import re
from dataclasses import replace

from adapter.rclone.options import TransferOptions
from tests.qingstor_server import QingStorServer
from tests.transfer.in_process import InProcess

MIB = 1 << 20
_CHUNK = re.compile(r"(.+)\.pluton_chunk\.(\d{3,})_([0-9a-z]+)")

SIZES = {"one PUT": 100, "parts": 5 * MIB, "parallel parts": 5 * MIB, "chunks": 5 * MIB}
"""How large a file must be to be stored in each way."""
_SETTINGS: dict[str, dict[str, object]] = {
    "one PUT": {},
    "parts": {"upload_cutoff": "4mi", "chunk_size": "4mi"},
    "parallel parts": {"upload_cutoff": "4mi", "chunk_size": "4mi", "upload_concurrency": 3},
    "chunks": {"upload_cutoff": "4mi"},
}
_BUDGETS = {"chunks": 64 * MIB}


def stored_in(way: str, machine: InProcess) -> InProcess:
    """The machine with a storage that stores files of `SIZES` in this way."""
    return replace(machine, settings=_SETTINGS[way])


def options_for(way: str) -> TransferOptions:
    """The options that go with it."""
    return TransferOptions(memory_budget=_BUDGETS.get(way, 512 * MIB))


def content(text: str, way: str = "one PUT") -> bytes:
    """A content of the size for a way, another one for each text."""
    part = text.encode() + b"\0"
    size = SIZES[way]
    return (part * (size // len(part) + 1))[:size]


def kept(server: QingStorServer, prefix: str = "srv/") -> dict[str, bytes]:
    """The content of every file below the prefix, by its key without it."""
    keys = [key for key in server.files("bucket-one") if key.startswith(prefix)]
    chunks: dict[str, dict[str, dict[int, str]]] = {}
    for key in keys:
        if found := _CHUNK.fullmatch(key):
            chunks.setdefault(found[1], {}).setdefault(found[3], {})[int(found[2])] = key
    files: dict[str, bytes] = {}
    for key in keys:
        if _CHUNK.fullmatch(key):
            continue
        data = server.read_object("bucket-one", key)
        if key in chunks and data.startswith(b'{"ver":'):
            (names,) = (one for txn, one in chunks[key].items() if f'"{txn}"'.encode() in data)
            data = b"".join(server.read_object("bucket-one", names[number]) for number in sorted(names))
        files[key.removeprefix(prefix)] = data
    return files
