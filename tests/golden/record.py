"""Record what a real rclone logs: `python -m tests.golden.record --rclone PATH [--into DIRECTORY]`.

Each scenario runs as the adapter runs rclone, against a local QingStor. Written are
`<version>/<scenario>.jsonl`, the log as it came but for what differs from run to run (paths, times, ids,
lines of source), and `<version>/statuses.json`, the exit statuses. The lines about setting up are left out:
there an rclone at DEBUG shows the settings of a remote, until 1.73 at least with its secrets.

`<version>/refusals.json` holds what it says when something is refused (`refusals.py`): the exit status and
the messages above INFO, with every address replaced by one that nobody has. Only what differs from
`refusals.json`, the words of 1.75.2: most of them stay from version to version.
"""

import argparse
import json
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from pydantic import TypeAdapter

from adapter.diagnosis.logline import Level, LineSplitter, PlainLine, parse_line
from adapter.machine.cancellation import Cancellation
from adapter.machine.child import run
from adapter.rclone.binary import Rclone, probe
from adapter.rclone.options import TransferOptions
from tests.golden.refusals import BUCKET, Said, provoke
from tests.qingstor_server import DEFAULT_KEY, AccessKey, Fault, FaultKind, QingStorServer

GOLDEN = Path(__file__).parent
CANARY = "SKTESTcanarythatisnotthesecret000000001"
_TREE = {"notes.txt": b"one\n", "sub/ü name": b"x" * 100}
_TIMEOUT_S = 60.0
_PATH = "/golden"
"""What stands for every local path in a recording."""
_DATE = "2026/01/01 00:00:00 "
_PLAIN_LINES = 3
_REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Recording:
    """What one scenario left: its log, scrubbed, and rclone's raw exit status."""

    scenario: str
    log: bytes
    exit_status: int


@dataclass(frozen=True, slots=True)
class Refusal:
    """What rclone said when it was refused something; `lines` are its messages above INFO."""

    name: str
    exit_status: int
    lines: tuple[str, ...]


def read_refusals(path: Path) -> dict[str, Refusal]:
    """The refusals of a file by name."""
    return {refusal.name: refusal for refusal in _REFUSALS.validate_json(path.read_bytes())}


_REFUSALS = TypeAdapter(tuple[Refusal, ...])
BASE = read_refusals(GOLDEN / "refusals.json")
"""What a version says unless its own file says otherwise."""


@dataclass(frozen=True, slots=True)
class Workplace:
    """One rclone, one local QingStor, one tree."""

    rclone: Rclone
    server: QingStorServer
    source: Path
    cancel: Cancellation

    def copy(self, *, key: AccessKey = DEFAULT_KEY, dry_run: bool = False) -> tuple[bytes, int]:
        """Log and exit status of one copy with the adapter's own flags, and a comparison of its own."""
        flags = TransferOptions().flags(log_level="DEBUG")
        flags = (*flags, "--dry-run") if dry_run else flags
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


def record_refusals(rclone: Rclone) -> Iterator[Refusal]:
    """Every refusal that can be provoked."""
    with tempfile.TemporaryDirectory() as directory:
        replaced = {directory: _PATH, str(rclone.path): "rclone", str(_REPOSITORY): _PATH}
        for name, said in provoke(rclone, Path(directory)):
            yield Refusal(name, said.exit_status, tuple(dict.fromkeys(_messages(said, replaced))))


def _messages(said: Said, replaced: Mapping[str, str]) -> Iterator[str]:
    """What a person would be told, without help, the length of a dump, and what an attempt repeats."""
    splitter = LineSplitter()
    plain = 0
    for line in (*splitter.feed(_scrub(said.stderr, replaced)), *splitter.end()):
        parsed = parse_line(line)
        if isinstance(parsed, PlainLine):
            plain += 1
            if plain <= _PLAIN_LINES or parsed.message.startswith(_DATE):
                yield without_addresses(parsed.message)
        elif parsed.level > Level.INFO and parsed.stats is None and not parsed.is_about_attempt:
            yield without_addresses(parsed.message)


def without_addresses(message: str) -> str:
    """A message without the addresses of this machine, and what else is new in each run of a refusal."""
    # Of a message, not of a line: older rclones write `>` as `\u003e`, which runs into what follows.
    for pattern, new in _ADDRESSES:
        message = re.sub(pattern, new, message)
    return message


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
    (r"^\d{4}/\d\d/\d\d \d\d:\d\d:\d\d ", _DATE),
    (r'(Request ID \\?")[^"\\]*', r"\g<1>0123456789abcdef"),
    (r'(Reference URL \\?")[^"\\]*', r"\g<1>https://qingstor.test/help"),
    (r'("(?:elapsedTime|transferTime)":)[\d.e-]+', r"\g<1>0.01"),
    (r"(Elapsed time: +)[\d.]+s", r"\g<1>0.0s"),
    (r'("speed":)[\d.e+-]+', r"\g<1>0"),
)
_ADDRESSES = (
    (r"\b\d{1,3}(\.\d{1,3}){3}:\d+\b", "192.0.2.1:80"),
    (r"\b\d{1,3}(\.\d{1,3}){3}\b(?!:)", "192.0.2.1"),
    (r"\[[0-9a-f]*:[0-9a-f:]*\]:\d+", "[2001:db8::1]:80"),
    (r"current time [0-9T:.Z+-]+", "current time 2026-01-01T00:00:00Z"),
    (r"\.[0-9a-z]{8}\.partial", ".00000000.partial"),
    (r"is -?[0-9hm.]+s different", "is 20m0s different"),
    (r"\b0x[0-9a-f]+", "0x0"),
)
"""Addresses that are set apart for documentation (RFC 5737, RFC 3849) stand for real ones."""


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
    refusals = sorted(record_refusals(rclone), key=lambda one: one.name)
    different = [asdict(refusal) for refusal in refusals if refusal != BASE.get(refusal.name)]
    text = json.dumps(different, indent=1, ensure_ascii=False)
    (directory / "refusals.json").write_text(text + "\n", encoding="utf-8")
    sys.stdout.write(f"{directory}: {statuses} and {len(different)} of {len(refusals)} refusals\n")


if __name__ == "__main__":
    main()
