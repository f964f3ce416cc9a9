"""What Pluton and cron see of a failure: the last line on stderr, with `--json` the only one."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from tests.program import Finished, Program, as_object, document
from tests.runs.scene import TARGET, Scene

_JOB: Mapping[str, object] = {"source": "/srv", "target": "nobody"}
_FAILING: tuple[tuple[list[str], object, str], ...] = (
    (["backup", "/nowhere", TARGET], None, "source_not_found"),
    (["backup", "/srv", "nobody:bucket-one"], None, "storage_not_found"),
    (["backup", "/srv", "QingStor Backups:bucket-oen"], None, "bucket_not_found"),
    (["backup", "/srv"], None, "usage"),
    (["backup", "/srv", TARGET, "--nonsense"], None, "usage"),
    (["backup", "--job", "-"], {**_JOB, "excludes": 1}, "invalid_form"),
    (["restore", "QingStor Backups:bucket-one/nothing", "/tmp/x"], None, "path_not_found"),
    (["verify", "/nowhere", TARGET], None, "source_not_found"),
    (["cleanup", "QingStor Backups:bucket-oen"], None, "bucket_not_found"),
    (["runs", "watch", "nobody"], None, "path_not_found"),
    (["runs", "show", "nobody"], None, "path_not_found"),
    (["storage", "show", "nobody"], None, "storage_not_found"),
    (["storage", "test"], document(secret_access_key="SKcanarywrong"), "secret_key_invalid"),
    (["form", "check"], document(settings={"chunk_size": "1mi"}), "invalid_form"),
    (["conf", "show", "nobody"], None, "storage_not_found"),
    (["doctor", "--rclone", "/nowhere"], None, "rclone_not_found"),
)


def _error(done: Finished) -> dict[str, object]:
    last = done.lines[-1]
    return {**as_object(last["error"])}


@pytest.mark.parametrize(("words", "given", "code"), _FAILING, ids=lambda value: str(value)[:40])
def test_a_failure_is_the_last_line_and_with_json_the_only_one(
    scene: Scene, words: list[str], given: object, code: str
) -> None:
    done = scene.program.run(*words, "--json", document=given)
    error = _error(done)
    assert error["code"] == code, done.stdout
    (line,) = done.stderr.splitlines()
    assert str(error["message"]) in line
    assert line.endswith(f" {error['hint']} [{code}]")
    assert scene.program.run(*words, document=given).stderr.splitlines()[-1] == line


def test_a_success_leaves_stderr_empty(scene: Scene) -> None:
    for words in (["backup", str(scene.source), TARGET], ["storage", "list"], ["form", "fields"]):
        for more in ([], ["--json"]):
            done = scene.program.run(*words, *more)
            assert (done.status, done.stderr) == (0, "")


def test_a_partial_run_and_every_wrong_field_of_a_form(scene: Scene) -> None:
    (scene.source / "gone").symlink_to("x" * 250)
    done = scene.program.run("verify", scene.source, TARGET, "--json")
    assert done.status == 23
    (line,) = done.stderr.splitlines()
    assert line.endswith("[integrity_mismatch]")

    wrong = document(settings={"chunk_size": "1mi", "zone": "a b"})
    *each, last = scene.program.run("form", "check", document=wrong).stderr.splitlines()
    assert [line.partition(":")[0] for line in each] == ["Zone", "Chunk Size"]
    assert last.startswith("2 fields are wrong. The first: Zone: ")
    assert last.endswith(" [invalid_form]")
    (only,) = scene.program.run("form", "check", "--json", document=wrong).stderr.splitlines()
    assert only == last


_BROKEN = """
import sys
import adapter.cli, adapter.transfer.preflight
def broken(*_, **__):
    raise RuntimeError("canary")
adapter.transfer.preflight.open_storage = broken
sys.exit(adapter.cli.main())
"""


_LOGGING = """
import logging, sys
import adapter.cli, adapter.transfer.preflight
real = adapter.transfer.preflight.open_storage
def logged(*arguments):
    logging.getLogger("adapter.machine.child").warning("canary")
    return real(*arguments)
adapter.transfer.preflight.open_storage = logged
sys.exit(adapter.cli.main())
"""


def test_a_log_line_does_not_stand_beside_the_one_that_pluton_shows(scene: Scene) -> None:
    program = replace(scene.program, python=("-c", _LOGGING))
    words = ("backup", str(scene.source), "QingStor Backups:bucket-oen")
    (line,) = program.run(*words, "--json").stderr.splitlines()
    assert line.endswith("[bucket_not_found]")
    for more in ([], ["--json", "-v"]):
        first, *_, last = program.run(*words, *more).stderr.splitlines()
        assert first == "WARNING adapter.machine.child: canary"
        assert last == line


@pytest.mark.parametrize("more", [["--json"], []], ids=["JSON", "text"])
def test_a_bug_is_one_line_too_and_v_tells_where(scene: Scene, more: list[str]) -> None:
    broken = replace(scene.program, python=("-c", _BROKEN))
    quiet = broken.run("backup", scene.source, TARGET, *more)
    assert quiet.status == 70
    (line,) = quiet.stderr.splitlines()
    assert line.startswith("Internal error: RuntimeError. ")
    assert line.endswith(" [internal]")
    loud = broken.run("backup", scene.source, TARGET, *more, "-v")
    assert "Traceback" in loud.stderr
    if more:
        evidence = as_object(as_object(quiet.summary["error"])["evidence"])
        assert "in broken" in str(evidence["log_tail"])
        assert "canary" not in quiet.stdout


def test_a_backup_names_the_option_that_creates_the_bucket_and_no_other_command_does(scene: Scene) -> None:
    missing = "QingStor Backups:bucket-new/srv"
    source, program = scene.source, scene.program
    assert "--create-bucket" in program.run("backup", source, missing).stderr
    assert "--create-bucket" not in program.run("verify", source, missing).stderr
    assert "--create-bucket" not in program.run("restore", missing, source.parent / "back").stderr
    dry = program.run("backup", source, missing, "--create-bucket", "--dry-run")
    assert "A dry run creates none" in dry.stderr
    assert program.run("backup", source, missing, "--create-bucket").status == 0


def test_control_characters_of_paths_do_not_reach_people(scene: Scene, tmp_path: Path) -> None:
    forged = "\x1b[31mred\n20260101T000000Z-00000000  success    backup  forged\r\x9b\u202e"
    source = tmp_path / f"source{forged}"
    source.mkdir()
    (source / f"file{forged}").write_bytes(b"x")
    job = {"source": str(source), "target": TARGET}
    program = scene.program
    shown = [
        program.run("backup", "--job", "-", "--verbose-files", document=job),
        program.run("backup", str(source), "nobody:bucket-one"),
        program.run("backup", str(source) + "/nowhere", TARGET),
        program.run("backup", str(source), TARGET, "-v", "-v"),
        program.run("verify", str(source), TARGET, "--verbose-files"),
        program.run("runs", "list"),
        program.run("doctor", "--state-dir", str(tmp_path / forged)),
        program.run("doctor", "--config", str(tmp_path / forged)),
        program.run("conf", "check", "--config", str(tmp_path / forged)),
        program.run("conf", "path", "--config", str(tmp_path / forged)),
        program.run("conf", "show", forged),
        program.run("storage", "show", forged),
        program.run("storage", "test", "QingStor Backups", "--rclone", f"/nowhere{forged}"),
        program.run("backup", "/srv", TARGET, "--filter-from", f"/nowhere{forged}"),
        program.run("backup", "/srv", TARGET, forged),
        program.run("nonsense" + forged),
    ]
    run_id = str(scene.newest()["run_id"])
    shown.append(program.run("runs", "show", run_id))
    shown.append(program.run("runs", "watch", run_id))
    for done in shown:
        text = done.stdout + done.stderr
        assert all(character.isprintable() or character == "\n" for character in text), text
        assert not any(line.startswith("20260101T000000Z") for line in text.splitlines()), text
    # Five have begun by then, and each is one row.
    assert len(shown[5].stdout.splitlines()) == 1 + 5


def test_a_name_with_a_line_end_is_told_in_one_line(program: Program) -> None:
    done = program.run("storage", "delete", "a\n[fake]")
    assert done.status == 10
    assert len(done.stderr.splitlines()) == 1
