"""How long a save into a large file takes, beside reading it: `python -m tests.bench.large_conf`.

The two take turns, so that other work on the machine slows both. Prints the medians and their ratio.
"""

import argparse
import gc
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from rclone_conf import ConfFile, Document


def large_file(sections: int, size: int, options: int) -> bytes:
    """A file of so many sections of about `size` bytes each, with a comment and a blank line in each.

    Reading takes time by the line, writing by the byte: few long options are the hard case for a save.
    """
    value = "v" * max(1, size // options - 16)
    lines = "".join(f"option_{number:03} = {value}\n" for number in range(options))
    return "".join(
        f"# note {number}\n[section-{number}]\ntype = local\n{lines}\n" for number in range(sections)
    ).encode()


def change(number: int) -> Callable[[Document], Document]:
    """The change of round `number`, another one each time, in the middle of the file."""
    return lambda document: document.with_section("section-7", {"type": "local", "round": str(number)})


def seconds(action: Callable[[], object]) -> float:
    """How long the action takes, with what is left of the one before cleaned away first."""
    gc.collect()
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def main() -> None:
    """Read and save in turns, then print the medians."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--sections", type=int, default=5_000)
    parser.add_argument("--size", type=int, default=2_000, help="bytes of one section")
    parser.add_argument("--options", type=int, default=1, help="options of one section")
    parser.add_argument("--rounds", type=int, default=9)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        conf = Path(directory) / "rclone.conf"
        conf.write_bytes(large_file(given.sections, given.size, given.options))
        conf.chmod(0o600)
        os.sync()
        file = ConfFile(conf)
        reads: list[float] = []
        saves: list[float] = []
        for number in range(given.rounds):
            reads.append(seconds(file.load))
            saves.append(seconds(lambda number=number: file.edit(change(number))))  # type: ignore[misc]
        read, save = statistics.median(reads), statistics.median(saves)
        sys.stdout.write(
            f"{given.sections} sections, {conf.stat().st_size / 1e6:.1f} MB, {given.rounds} rounds\n"
            f"load {read * 1000:8.1f} ms\nsave {save * 1000:8.1f} ms\nratio {save / read:7.2f}\n"
        )


if __name__ == "__main__":
    main()
