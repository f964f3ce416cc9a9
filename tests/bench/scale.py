"""What each command costs with very many files: `python -m tests.bench.scale --files 200000`.

A local QingStor, the real rclone, files of a few hundred bytes in a thousand directories; `--latency` seconds
are added to each of the server's answers. Prints a row for each command: seconds, and the peak of resident
memory of this program and of its rclone, sampled.
"""

import argparse
import json
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.bench.backups import make_source
from tests.program import Program
from tests.qingstor_server import Fault, FaultKind, QingStorServer

_TARGET = "QingStor Backups:bucket-one/srv"
_INTERVAL_S = 0.05
_MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Row:
    """What one command took: seconds, and bytes of memory."""

    command: str
    seconds: float
    own_rss: int
    rclone_rss: int
    summary: Mapping[str, object]

    def __str__(self) -> str:
        """A row of the table in docs/performance.md."""
        own, rclone = self.own_rss / _MIB, self.rclone_rss / _MIB
        return f"| `{self.command}` | {self.seconds:.0f} s | {own:.0f} MiB | {rclone:.0f} MiB |"


def measure(program: Program, what: str, *words: str) -> Row:
    """Run a command to its end. Raises RuntimeError if it fails."""
    start = time.perf_counter()
    own = rclone = 0
    with program.start(*words, "--json") as running:
        lines: list[bytes] = []
        reader = threading.Thread(target=lambda: lines.extend(_last(running.stdout)))
        reader.start()
        process = psutil.Process(running.pid)
        while running.poll() is None:
            with suppress(psutil.Error):
                own = max(own, process.memory_info().rss)
                rclone = max(
                    rclone, sum(child.memory_info().rss for child in process.children(recursive=True))
                )
            time.sleep(_INTERVAL_S)
        reader.join()
    if running.returncode != 0:
        raise RuntimeError(f"{what}: exit {running.returncode}: {lines}")
    return Row(what, time.perf_counter() - start, own, rclone, json.loads(lines[0]))


def _last(stream: Iterator[bytes] | None) -> list[bytes]:
    """The last line alone: `ls` prints one for each file."""
    last = b""
    for line in stream or ():
        last = line
    return [last]


def rows(files: int, latency_s: float, place: Path) -> Iterator[Row]:
    """Run each command in turn."""
    source = place / "source"
    make_source(source, files, min(files, 1000), 300)
    with QingStorServer() as server:
        server.add_bucket("bucket-one")
        program = Program(place, server)
        program.save()
        if latency_s:
            server.add_fault(Fault(FaultKind.LATENCY, seconds=latency_s))
        yield measure(program, "backup, the first", "backup", str(source), _TARGET)
        yield measure(program, "backup, unchanged", "backup", str(source), _TARGET)
        yield measure(program, "ls --recursive", "ls", "--recursive", _TARGET)
        yield measure(program, "verify TARGET", "verify", _TARGET)
        yield measure(program, "verify SOURCE TARGET", "verify", str(source), _TARGET)
        yield measure(program, "verify TARGET --download", "verify", _TARGET, "--download")
        yield measure(program, "cleanup --unreferenced", "cleanup", _TARGET, "--unreferenced")
        yield measure(program, "restore", "restore", _TARGET, str(place / "restored"))


def main() -> None:
    """Print the rows as they come."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--files", type=int, default=200_000)
    parser.add_argument("--latency", type=float, default=0.0, metavar="S")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        for row in rows(given.files, given.latency, Path(directory)):
            sys.stdout.write(f"{row}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
