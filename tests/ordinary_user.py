"""The program as a user without root's rights and without an entry in the user database.

In a user namespace of its own: files of the user who runs the tests are this user's own, and capabilities of
root are gone, or reduced to the one that is named.
"""

import os
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tests.program import Finished, Program

_ROOT = Path(__file__).parents[1]
_USER = ("unshare", "--user", "--map-user=54321", "--map-group=54321")


def run_as_user(
    program: Program,
    *words: str | os.PathLike[str],
    umask: str = "022",
    capability: str = "",
    without: Sequence[str] = (),
    cwd: Path = _ROOT,
    stdin: bytes = b"",
) -> Finished:
    """Run the program with this umask and at most this capability (`dac_read_search`), as `setpriv` names it.

    The variables in `without` are not set.
    """
    argv = [*_USER]
    if capability:
        only = f"-all,+{capability}"
        argv += [
            "--keep-caps",
            "setpriv",
            f"--inh-caps={only}",
            f"--ambient-caps={only}",
            f"--bounding-set={only}",
        ]
    argv += ["sh", "-c", f'umask {umask}; exec "$@"', "sh", *program.argv(*words)]
    variables = {name: value for name, value in program.environment.items() if name not in without}
    done = subprocess.run(
        argv,
        env={**variables, "PYTHONPATH": str(_ROOT)},
        cwd=cwd,
        input=stdin,
        capture_output=True,
        timeout=240,
        check=False,
    )
    return Finished(done.returncode, done.stdout.decode(), done.stderr.decode())


def with_variables(program: Program, **variables: str) -> Program:
    """Return the program with more variables in its environment."""
    return replace(program, variables={**program.variables, **variables})
