"""A QingStor server that is killed and restarted with the same port, buckets and objects."""

import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.qingstor_server import QingStorServer
from tests.runs.scene import DEADLINE_S

_REPOSITORY = Path(__file__).resolve().parents[2]


class LastingServer:
    """A server process that `restart` replaces; `hand` controls the current one."""

    def __init__(self, root: Path) -> None:
        self.hand = QingStorServer()
        self._root = root
        self._process: subprocess.Popen[str] | None = None

    def restart(self) -> None:
        """Kill the server and start it again with the same data."""
        self._kill()
        self._start()

    def _start(self) -> None:
        port = self.hand.port
        argv = [sys.executable, "-m", "tests.qingstor_server", "--until-stdin-closes"]
        self._process = subprocess.Popen(
            [*argv, "--root", str(self._root), "--port", str(port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=_REPOSITORY,
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        self.hand.port = int(line.rpartition(":")[2])

    def _kill(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            with ExitStack() as stack:
                for pipe in (process.stdin, process.stdout):
                    if pipe is not None:
                        stack.callback(pipe.close)
                process.kill()
                process.wait(DEADLINE_S)

    def __enter__(self) -> Self:
        self._start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._kill()
