"""One source whose files travel in all three ways in one backup: one PUT, parts and chunks."""

from dataclasses import replace

from adapter.rclone.options import TransferOptions
from tests.transfer.in_process import InProcess
from tests.transfer.kept import MIB

WAYS = ("put", "parts", "chunks")
OPTIONS = TransferOptions(memory_budget=95 * MIB)
"""Beside what rclone itself takes there is room for 5 MiB: larger files go in chunks, with `small_chunks`."""
_SIZES = {"put": 2000, "parts": 5 * MIB - 7, "chunks": 6 * MIB}


def in_three_ways(machine: InProcess) -> InProcess:
    """The machine with a storage that sends files above 4 MiB in parts, and in chunks above 5 MiB."""
    return replace(machine, settings={"upload_cutoff": "4mi", "chunk_size": "4mi"})


def content(text: str, way: str) -> bytes:
    """A content of the size for a way, another one for each text, and another one in each of its chunks."""
    size = _SIZES[way]
    lines = (b"%s %d\n" % (text.encode(), number) * 512 for number in range(size // 3072 + 1))
    return b"".join(lines)[:size]
