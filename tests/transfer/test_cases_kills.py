"""Case 10: the whole program is killed at one moment or another, and a quiet run or a restore follows."""

import time
from contextlib import suppress
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from tests.program import Finished, Program, as_object
from tests.qingstor_server import Fault, FaultKind, QingStorServer
from tests.transfer.cases import LARGE_IN_CHUNKS, below
from tests.transfer.in_process import TARGET
from tests.transfer.kept import content
from tests.transfer.whole_tree import whole_tree

pytestmark = pytest.mark.deep

_BACKUP = ("--memory-budget", "128Mi", "--transfers", "1")
_LONGEST_S = 60.0


@pytest.fixture
def saved(program: Program, server: QingStorServer) -> Program:
    """A program that stores files above 4 MiB in chunks."""
    server.add_bucket("bucket-one")
    program.save(upload_cutoff="4mi")
    return replace(program, python=LARGE_IN_CHUNKS)


def _backup(program: Program, source: Path) -> None:
    done = program.run("backup", source, TARGET, *_BACKUP)
    assert done.status == 0, done.stderr


def _killed_at(program: Program, source: Path, server: QingStorServer, moment: tuple[str, str]) -> None:
    """Kill a backup while a request for this operation and key hangs."""
    operation, key = moment
    server.clear_requests()
    server.add_fault(Fault(FaultKind.HANG, operation=operation, key=key))
    with program.start("backup", source, TARGET, *_BACKUP) as running:
        until = time.monotonic() + _LONGEST_S
        while not any(fnmatchcase(entry.key, key) for entry in server.requests(operation)):
            assert time.monotonic() < until, server.load().counts
            assert running.poll() is None
            time.sleep(0.05)
        running.kill()
    server.clear_faults()


def _failed(done: Finished) -> dict[str, str]:
    """The items that were not restored as they were backed up, with the codes of why."""
    items = done.summary["failed_files"]
    assert isinstance(items, list)
    return {str(as_object(one)["item"]): str(as_object(one)["code"]) for one in items}


@pytest.mark.parametrize(
    ("moment", "failed", "large"),
    [
        pytest.param(("put_object", "srv/large.*.002_*"), {}, "first", id="among the chunks"),
        pytest.param(
            ("put_object", "srv/large"),
            {"large": "integrity_mismatch"},
            "",
            id="before the description",
            marks=pytest.mark.deep,
        ),
        pytest.param(
            ("put_object", "srv/.pluton/*"),
            {"edited": "partial", "large": "partial"},
            "second",
            id="before the manifest",
        ),
    ],
)
def test_what_was_replaced_until_then_is_named_and_a_quiet_run_ends_it(
    saved: Program,
    server: QingStorServer,
    source: Path,
    tmp_path: Path,
    *,
    moment: tuple[str, str],
    failed: dict[str, str],
    large: str,
) -> None:
    (source / "large").write_bytes(content("first", "chunks"))
    for name in ("edited", "same", "deleted"):
        (source / name).write_bytes(b"first " + name.encode())
    _backup(saved, source)
    (source / "large").write_bytes(content("second", "chunks"))
    for name in ("edited", "new"):
        (source / name).write_bytes(b"second " + name.encode())
    (source / "deleted").unlink()
    _killed_at(saved, source, server, moment)

    done = saved.run("restore", TARGET, tmp_path / "out", "--json")
    # The small files may have been sent before the large one, or not.
    named = _failed(done)
    assert {name: named.get(name) for name in failed} == failed
    assert named.keys() <= {"large", "edited"}
    assert done.status == (3 if named else 0)
    there = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    assert there.pop("large", b"") == (content(large, "chunks") if large else b"")
    version = b"second" if "edited" in named else b"first"
    assert there == {"edited": version + b" edited", "same": b"first same", "deleted": b"first deleted"}

    _backup(saved, source)
    _backup(saved, source)
    for name in ("fresh", "out"):
        assert saved.run("restore", TARGET, tmp_path / name, "--owner").status == 0
    assert whole_tree(tmp_path / "fresh") == whole_tree(source)
    there_now = below(tmp_path / "out")
    assert {path: there_now[path] for path in below(source)} == below(source)


def test_a_kill_in_the_very_first_run_and_one_more(
    saved: Program, server: QingStorServer, source: Path, tmp_path: Path
) -> None:
    for name in ("a", "b", "z"):
        (source / name).write_bytes(name.encode())
    (source / "empty").mkdir()
    _killed_at(saved, source, server, ("put_object", "srv/z"))
    done = saved.run("restore", TARGET, tmp_path / "out", "--json")
    assert "no_manifest" in {warning["code"] for warning in done.of_type("warning")} or done.status == 10
    with suppress(FileNotFoundError):
        assert {path.name for path in (tmp_path / "out").iterdir()} <= {"a", "b"}
    (source / "a").write_bytes(b"edited")
    _killed_at(saved, source, server, ("put_object", "srv/.pluton/*"))
    _backup(saved, source)
    for name in ("fresh", "out"):
        assert saved.run("restore", TARGET, tmp_path / name, "--owner").status == 0
        assert below(tmp_path / name) == below(source)
