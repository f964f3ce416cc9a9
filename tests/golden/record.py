"""Record what a real rclone logs: `python -m tests.golden.record --rclone PATH [--into DIRECTORY]`.

Each scenario runs as the adapter runs rclone, against a local QingStor. Written are
`<version>/<scenario>.jsonl`, the log as it came but for what differs from run to run (paths, times, ids,
lines of source), and `<version>/statuses.json`, the exit statuses. The lines about setting up are left out:
there an rclone at DEBUG shows the settings of a remote, until 1.73 at least with its secrets.
"""

import argparse
import json
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from adapter.cancel import Cancellation
from adapter.options import TransferOptions
from adapter.process import run
from adapter.rclone import Rclone, probe
from tests.qingstor_server import DEFAULT_KEY, AccessKey, Fault, FaultKind, QingStorServer

GOLDEN = Path(__file__).parent
BUCKET = "golden-bucket"
CANARY = "SKTESTcanarythatisnotthesecret000000001"
_TREE = {"notes.txt": b"one\n", "sub/ü name": b"x" * 100}
_TIMEOUT_S = 60.0
_PATH = "/golden"
"""What stands for every local path in a recording."""


@dataclass(frozen=True, slots=True)
class Recording:
    """What one scenario left: its log, scrubbed, and rclone's raw exit status."""

    scenario: str
    log: bytes
    exit_status: int


@dataclass(frozen=True, slots=True)
class Workplace:
    """One rclone, one local QingStor, one tree."""

    rclone: Rclone
    server: QingStorServer
    source: Path
    cancel: Cancellation

    def copy(self, *, key: AccessKey = DEFAULT_KEY, dry_run: bool = False) -> tuple[bytes, int]:
        """Log and exit status of one copy with the adapter's own flags."""
        flags = TransferOptions(dry_run=dry_run).flags({})
        argv = self.rclone.argv("copy", str(self.source), f"storage:{BUCKET}/path", "--checksum", *flags)
        env = {"HOME": str(self.source.parent), **self.server.rclone_environment("storage", key=key)}
        done = run(argv, env, self.cancel, timeout_s=_TIMEOUT_S)
        return done.stderr, done.exit_status


def record(rclone: Rclone) -> Iterator[Recording]:
    """Every scenario, in an order in which each finds what it needs."""
    with (
        QingStorServer() as server,
        Cancellation() as cancel,
        tempfile.TemporaryDirectory() as directory,
    ):
        server.add_bucket(BUCKET)
        place = Workplace(rclone, server, Path(directory) / "source", cancel)
        for name, (log, status) in _scenarios(place):
            yield Recording(name, _scrub(log, {directory: _PATH, str(rclone.path): "rclone"}), status)


def _scenarios(place: Workplace) -> Iterator[tuple[str, tuple[bytes, int]]]:
    _write(place.source, _TREE)
    yield "first", place.copy()
    yield "unchanged", place.copy()
    _write(place.source, {"notes.txt": b"two\n", "new": b"12345"})
    yield "dry_run", place.copy(dry_run=True)
    with_fault = Fault(kind=FaultKind.STATUS, operation="put_object", key="path/new")
    fault = place.server.add_fault(with_fault)
    yield "one_fails", place.copy()
    fault.remove()
    _write(place.source, {"notes.txt": b"six\n"})
    yield "changed", place.copy()
    yield "wrong_secret", place.copy(key=replace(DEFAULT_KEY, secret=CANARY))


def _write(root: Path, files: Mapping[str, bytes]) -> None:
    for name, data in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def _scrub(log: bytes, replaced: Mapping[str, str]) -> bytes:
    """The log without what differs from run to run, and without what rclone tells of a remote's settings."""
    text = log.decode()
    for old, new in replaced.items():
        text = text.replace(old, new)
    for pattern, new in _SCRUBBED:
        text = re.sub(pattern, new, text, flags=re.MULTILINE)
    return text.encode()


_SCRUBBED = (
    (r'^.*"msg":"(?:Version |Setting |Creating |Using config|detected overridden|fs cache: ).*\n', ""),
    (r'^.*"msg":"\d+ go routines active.*\n', ""),
    (r',"(?:time|source)":"[^"]*"', ""),
    (r'^\{"time":"[^"]*",', "{"),
    (r"^\d{4}/\d\d/\d\d \d\d:\d\d:\d\d ", "2026/01/01 00:00:00 "),
    (r'(Request ID \\?")[^"\\]*', r"\g<1>0123456789abcdef"),
    (r'(Reference URL \\?")[^"\\]*', r"\g<1>https://qingstor.test/help"),
    (r'("(?:elapsedTime|transferTime)":)[\d.e-]+', r"\g<1>0.01"),
    (r"(Elapsed time: +)[\d.]+s", r"\g<1>0.0s"),
    (r'("speed":)[\d.e+-]+', r"\g<1>0"),
)


def main() -> None:
    """Record with the rclone that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m tests.golden.record", description=__doc__)
    parser.add_argument("--rclone", type=Path, required=True)
    parser.add_argument("--into", type=Path, default=GOLDEN)
    arguments = parser.parse_args()
    with Cancellation() as cancel:
        rclone = probe(arguments.rclone.absolute(), {}, cancel)
    directory = arguments.into / rclone.version_text
    directory.mkdir(parents=True, exist_ok=True)
    statuses = {}
    for recording in record(rclone):
        (directory / f"{recording.scenario}.jsonl").write_bytes(recording.log)
        statuses[recording.scenario] = recording.exit_status
    (directory / "statuses.json").write_text(json.dumps(statuses, indent=1) + "\n")
    sys.stdout.write(f"{directory}: {statuses}\n")


if __name__ == "__main__":
    main()
