"""What a backup costs beside bare rclone: `python -m tests.bench.backups`.

First backups are compared by processor time (this program with all its children) with rclone under the same
flags, unchanged runs by the clock with `rclone copy --fast-list`, which compares sizes only. They take turns.
"""

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.program import Program
from tests.qingstor_server import Fault, FaultKind, QingStorServer

_TARGET = "QingStor Backups:bucket-one"
_RCLONE = Path(sys.executable).parent / "rclone"


def make_source(root: Path, files: int, directories: int, size: int) -> None:
    """So many files of about `size` bytes in so many directories."""
    for number in range(files):
        directory = root / f"d{number % directories}"
        directory.mkdir(parents=True, exist_ok=True)
        (directory / f"file {number}").write_bytes((b"%d " % number * size)[: size // 2 + number % size])


def spent(argv: Sequence[str], environ: Mapping[str, str], cwd: Path) -> tuple[float, float]:
    """Seconds by the clock and of processor time of a command and its children. Raises if it fails."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    subprocess.run(argv, env=dict(environ), cwd=cwd, check=True, capture_output=True)
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Print the medians and their ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--directories", type=int, default=100)
    parser.add_argument("--size", type=int, default=1_000, help="bytes of one file, about")
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    root = Path(__file__).parents[2]
    with tempfile.TemporaryDirectory() as directory, QingStorServer() as server:
        place = Path(directory)
        source = place / "source"
        make_source(source, given.files, given.directories, given.size)
        time.sleep(0.5)
        program = Program(place, server)
        program.state_dir.mkdir(parents=True)
        bare = {**program.environment, **server.rclone_environment("bare")}
        flags = (
            *("--transfers", "16", "--ignore-times", "--no-unicode-normalization", "--stats", "500ms"),
            *("--log-level", "DEBUG", "--use-json-log"),
        )
        firsts: dict[str, list[float]] = {"bare": [], "ours": []}
        for number in range(max(1, given.rounds // 2)):
            server.reset()
            server.add_bucket("bucket-one")
            program.save()
            copy = (str(_RCLONE), "--config", "", "copy", str(source))
            firsts["bare"].append(spent((*copy, f"bare:bucket-one/bare{number}", *flags), bare, root)[1])
            argv = program.argv("backup", source, f"{_TARGET}/ours{number}", "--transfers", "16", "--json")
            firsts["ours"].append(spent(argv, program.environment, root)[1])
        _print("first backup, processor time", firsts)
        for milliseconds in (0, 30):
            if milliseconds:
                server.add_fault(Fault(FaultKind.LATENCY, seconds=milliseconds / 1000))
            unchanged: dict[str, list[float]] = {"bare": [], "ours": []}
            for _ in range(given.rounds):
                alone = (*copy, f"bare:bucket-one/ours{number}", "--fast-list")
                unchanged["bare"].append(spent(alone, bare, root)[0])
                argv = program.argv("backup", source, f"{_TARGET}/ours{number}", "--json")
                unchanged["ours"].append(spent(argv, program.environment, root)[0])
            _print(f"unchanged at {milliseconds} ms", unchanged)


def _print(what: str, seconds: Mapping[str, Sequence[float]]) -> None:
    bare, ours = (statistics.median(seconds[name]) for name in ("bare", "ours"))
    sys.stdout.write(f"{what:32} bare {bare:6.2f} s  ours {ours:6.2f} s  ratio {ours / bare:5.2f}\n")


if __name__ == "__main__":
    main()
