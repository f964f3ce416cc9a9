"""Patterns may be very many, are never seen in an argument list, and a wrong one is named."""

import sys
from pathlib import Path

import pytest

from tests.program import Program, as_object
from tests.qingstor_server import QingStorServer

TARGET = "QingStor Backups:bucket-one/srv"
_MANY = 40_000
"""As flags more than the 2 MiB that Linux takes as the arguments of a program."""


def _name(number: int) -> str:
    return f"what-nobody-needs-in-a-backup-of-these-files-{number}.tmp"


@pytest.fixture
def source(program: Program, server: QingStorServer, tmp_path: Path) -> Path:
    """Return a directory of five files; the storage is saved, the bucket is there."""
    server.add_bucket("bucket-one")
    program.save()
    source = tmp_path / "source"
    source.mkdir()
    for name in ("keep.txt", "other.bin", _name(7), _name(39_999), _name(_MANY)):
        (source / name).write_bytes(name.encode())
    return source


def test_forty_thousand_excludes_and_includes_of_a_job(
    program: Program, server: QingStorServer, source: Path
) -> None:
    job = {"source": str(source), "target": TARGET, "excludes": [_name(n) for n in range(_MANY)]}
    done = program.run("backup", "--job", "-", "--json", document=job)
    assert done.status == 0, done.stderr
    assert {key.removeprefix("srv/") for key in server.files("bucket-one")} == {
        "keep.txt",
        "other.bin",
        _name(_MANY),
    }

    chosen = {
        **job,
        "target": f"{TARGET}-2",
        "excludes": [],
        "includes": [_name(n) for n in range(_MANY)],
    }
    done = program.run("backup", "--job", "-", "--json", "--verify", document=chosen)
    assert done.status == 0, done.stderr
    assert {key for key in server.files("bucket-one") if key.startswith("srv-2/")} == {
        f"srv-2/{_name(7)}",
        f"srv-2/{_name(39_999)}",
    }
    dry = program.run("backup", "--job", "-", "--json", document={**chosen, "dryRun": True})
    assert (dry.status, dry.summary["files_unmodified"]) == (0, 2)


def test_forty_thousand_rules_of_a_filter_file(program: Program, source: Path, tmp_path: Path) -> None:
    assert program.run("backup", source, TARGET).status == 0
    rules = tmp_path / "rules"
    rules.write_text("".join(f"- {_name(n)}\n" for n in range(_MANY)))
    back = tmp_path / "back"
    assert program.run("restore", TARGET, back, "--filter-from", rules).status == 0
    assert sorted(path.name for path in back.iterdir()) == ["keep.txt", "other.bin", _name(_MANY)]
    verified = program.run("verify", source, TARGET, "--filter-from", rules, "--json")
    assert (verified.status, verified.summary["files_unmodified"]) == (0, 3)


@pytest.mark.parametrize("command", ["backup", "restore", "verify"])
def test_no_pattern_is_in_an_argument_list(
    program: Program, source: Path, tmp_path: Path, command: str
) -> None:
    assert program.run("backup", source, TARGET).status == 0
    rclone = Path(sys.executable).parent / "rclone"
    log = tmp_path / "arguments"
    fake = tmp_path / "rclone"
    fake.write_text(f'#!/bin/sh\necho "$*" >> {log}\nexec {rclone} "$@"\n')
    fake.chmod(0o755)
    places = {"restore": (TARGET, tmp_path / "back")}.get(command, (source, TARGET))
    done = program.run(command, *places, "--exclude", "canary*", "--include", "keep*", "--rclone", fake)
    assert done.status == 0, done.stderr
    assert "canary" not in log.read_text()
    assert "keep" not in log.read_text()


@pytest.mark.parametrize("pattern", ["{{[}}", "[a-", "{a,b", "{{(?i)x}}", "a***b"])
def test_a_wrong_pattern_is_named(program: Program, source: Path, tmp_path: Path, pattern: str) -> None:
    rules = tmp_path / "rules"
    rules.write_text(f"- {pattern}\n")
    job = {"source": str(source), "target": TARGET, "filters": [f"- {pattern}"]}
    for done in (
        program.run("backup", source, TARGET, "--exclude", pattern, "--json"),
        program.run("backup", source, TARGET, "--filter-from", rules, "--json"),
        program.run("backup", "--job", "-", "--json", document=job),
        program.run("restore", TARGET, tmp_path / "back", "--exclude", pattern, "--json"),
    ):
        error = as_object(done.summary["error"])
        assert (done.status, error["code"]) == (2, "usage"), done.stderr
        assert pattern in str(error["message"])
        assert str(tmp_path) not in str(error["message"])


def test_a_wrong_pattern_of_restics_is_named(program: Program, source: Path) -> None:
    job = {"source": str(source), "target": TARGET, "excludes": ["[a-"]}
    done = program.run("backup", "--job", "-", "--json", document=job)
    assert (done.status, as_object(done.summary["error"])["code"]) == (2, "usage"), done.stderr
    assert "[a-" in done.stderr
