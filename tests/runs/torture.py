"""Real backups that are disturbed at a random moment, and the checks that follow."""

import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from adapter.runs.record import RunRecord, RunState
from adapter.runs.store import Runs
from tests.program import Finished, Program
from tests.qingstor_server import Fault, FaultKind
from tests.runs.lasting_server import LastingServer
from tests.runs.scene import TARGET, until
from tests.trees import digest

_LONGEST_WAIT_S = 1.5
"""From the start of a run to the act; a backup of this tree takes about as long."""
_GONE_WITHIN_S = 10.0
_LONGEST_RUN_S = 150.0


@dataclass(slots=True)
class Victim:
    """A running backup; its few lines of output fit into the pipe."""

    process: "subprocess.Popen[bytes]"
    server: LastingServer

    def signal_adapter(self, *numbers: signal.Signals) -> None:
        """Send signals to the adapter."""
        for number in numbers:
            self.process.send_signal(number)

    def signal_rclone(self, number: signal.Signals) -> None:
        """Send a signal to the current rclone; wait for one if there is none."""
        while self.process.poll() is None:
            with suppress(psutil.Error):
                for child in psutil.Process(self.process.pid).children(recursive=True):
                    child.send_signal(number)
                    return

    def close_reader(self) -> None:
        """Close the reader's end of stdout."""
        assert self.process.stdout is not None
        self.process.stdout.close()


ACTS: dict[str, Callable[[Victim], None]] = {
    "adapter TERM": lambda victim: victim.signal_adapter(signal.SIGTERM),
    "adapter INT": lambda victim: victim.signal_adapter(signal.SIGINT),
    "adapter HUP": lambda victim: victim.signal_adapter(signal.SIGHUP),
    "adapter TERM and INT": lambda victim: victim.signal_adapter(signal.SIGTERM, signal.SIGINT),
    "adapter KILL": lambda victim: victim.signal_adapter(signal.SIGKILL),
    "rclone KILL": lambda victim: victim.signal_rclone(signal.SIGKILL),
    "rclone SEGV": lambda victim: victim.signal_rclone(signal.SIGSEGV),
    "rclone STOP": lambda victim: victim.signal_rclone(signal.SIGSTOP),
    "server restart": lambda victim: victim.server.restart(),
    "reader closes": lambda victim: victim.close_reader(),
}


class Chamber:
    """One program, one server that can be restarted, and a tree that changes in each round."""

    def __init__(self, directory: Path, server: LastingServer, seed: int) -> None:
        self.directory = directory
        self.server = server
        self.seed = seed
        self.outcomes: list[tuple[str, RunState]] = []
        self._chance = random.Random(seed)
        self._source = directory / "source"
        self._source.mkdir(parents=True)
        home = directory / "program"
        home.mkdir()
        self._program = Program(home, variables=server.hand.environment())
        self.server.hand.add_bucket("bucket-one")
        self._program.save(connection_retries=2, upload_cutoff="4mi", chunk_size="4mi")
        self._conf = self._program.conf.read_bytes()
        self._runs = Runs(self._program.state_dir)

    def round(self, act: str) -> None:
        """Change the tree, start a backup, disturb it, and check everything that must hold."""
        said = f"seed {self.seed}, round {len(self.outcomes)}, {act}"
        self._change_tree()
        self.server.hand.add_fault(Fault(FaultKind.LATENCY, seconds=0.05))
        victim, record = self._begin()
        time.sleep(self._chance.uniform(0, _LONGEST_WAIT_S))
        ACTS[act](victim)
        if act == "adapter KILL":
            victim.process.wait(_LONGEST_RUN_S)
        done = self._end(victim)
        self.server.hand.clear_faults()

        assert until_gone(self._ours), f"{said}: left running: {list(self._ours())}"
        record = self._runs.get(record.run_id)
        self.outcomes.append((act, record.state))
        self._check_end(said, act, record, done)
        claimed = record.state is RunState.SUCCESS
        self._complete(said, nothing_missing=claimed)
        assert self._program.conf.read_bytes() == self._conf, said

    def _begin(self) -> tuple[Victim, RunRecord]:
        known = {record.run_id for record in self._runs.all()}
        process = self._program.start("backup", self._source, TARGET, "--json", "--stall-timeout", "4s")

        def begun() -> list[RunRecord]:
            return [record for record in self._runs.all() if record.run_id not in known]

        assert until(lambda: bool(begun()) or process.poll() is not None)
        return Victim(process, self.server), begun()[0]

    def _end(self, victim: Victim) -> Finished | None:
        """Return its output, or None if the reader was closed."""
        process = victim.process
        try:
            if process.stdout is not None and process.stdout.closed:
                process.wait(_LONGEST_RUN_S)
                assert process.stderr is not None
                process.stderr.close()
                return None
            stdout, stderr = process.communicate(timeout=_LONGEST_RUN_S)
            return Finished(process.returncode, stdout.decode(), stderr.decode())
        finally:
            process.kill()

    def _check_end(self, said: str, act: str, record: RunRecord, done: Finished | None) -> None:
        assert record.state is not RunState.RUNNING, said
        if done is None:
            assert record.state is not RunState.CRASHED, said
            return
        assert "Traceback" not in done.stderr, f"{said}: {done.stderr}"
        if record.state is RunState.CRASHED:
            assert act == "adapter KILL", said
            assert not [line for line in done.lines if line["message_type"] == "summary"], said
            return
        assert done.summary["outcome"] == record.state, said
        if act != "adapter KILL":  # which may hit after the summary
            assert done.status == record.exit_code, said

    def _complete(self, said: str, *, nothing_missing: bool) -> None:
        """Check that the next run succeeds, and copies nothing if the last one was a success."""
        done = self._program.run("backup", self._source, TARGET, "--json")
        assert done.status == 0, f"{said}: {done.stdout[-3000:]}"
        if nothing_missing:
            assert done.summary["data_added"] == 0, f"{said}: a success that was none"
        destination = self.directory / "restored"
        back = self._program.run("restore", TARGET, destination, "--json")
        assert back.status == 0, f"{said}: {back.stdout[-3000:]}"
        assert digest(destination) == digest(self._source), said
        shutil.rmtree(destination)
        left = [path.name for path in self._program.directory.glob("pluton-qingstor-*")]
        assert not left, f"{said}: {left}"

    def _change_tree(self) -> None:
        chance = self._chance
        for _ in range(12):
            path = self._source / f"d{chance.randrange(3)}" / f"file {chance.randrange(60)}"
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(chance.randbytes(chance.randrange(1, 40_000)))
        big = self._source / "in parts"
        big.write_bytes(chance.randbytes(chance.randrange(9 << 20, 13 << 20)))

    def _ours(self) -> Iterator[psutil.Process]:
        """Yield every process with the home of this test's program."""
        home = str(self._program.directory / "home")
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.environ().get("HOME") == home and process.status() != psutil.STATUS_ZOMBIE:
                    yield process


def until_gone(ours: Callable[[], Iterator[psutil.Process]]) -> bool:
    """Wait until no process is left; return whether that was in time."""
    deadline = time.monotonic() + _GONE_WITHIN_S
    while any(ours()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not any(ours())
