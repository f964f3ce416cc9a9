"""How long Test Connection takes where nothing answers: `python -m tests.bench.waiting`.

Prints, for each situation that waits and for a few that do not, the seconds from the start of the program to
its end and what that is beyond the time-out; and, beside them, the program's start alone.
"""

import argparse
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from tests.connection.scene import Scene
from tests.connection.situations import FAILURES
from tests.program import Program
from tests.qingstor_server import QingStorServer

_STARTED = ("-u", "-m", "adapter")
"""Not forked from an interpreter that has loaded it, as `Program.run` does with its own words."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--timeout", type=float, default=3.0, metavar="S")
    parser.add_argument("--all", action="store_true", help="also the situations that wait for nothing")
    given = parser.parse_args()
    for situation in FAILURES:
        if not (situation.waits or given.all):
            continue
        with QingStorServer() as server, tempfile.TemporaryDirectory() as name, ExitStack() as stack:
            program = Program(Path(name), server, python=_STARTED)
            scene = Scene(server, program, stack, Path(name))
            asked = situation.build(scene)
            started = time.monotonic()
            scene.program.run("form", "fields", "--json")
            alone_s = time.monotonic() - started
            started = time.monotonic()
            scene.run(asked, given.timeout)
            taken_s = time.monotonic() - started
        sys.stdout.write(
            f"{situation.name:45} {taken_s:6.2f} s, beyond the time-out {taken_s - given.timeout:+6.2f} s, "
            f"start alone {alone_s:5.2f} s\n"
        )


if __name__ == "__main__":
    main()
