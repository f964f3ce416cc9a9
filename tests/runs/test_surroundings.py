"""Users without a home, any umask, rights by a capability, a time zone: what services have."""

import json
import os
import stat
import sys
from pathlib import Path

import pytest

from tests.ordinary_user import run_as_user, with_variables
from tests.program import Finished, as_object, document
from tests.runs.scene import TARGET, Scene, error_code
from tests.transfer.cases import only_long

_HOMELESS = ("HOME", "RCLONE_CONFIG")


def _codes(done: Finished) -> set[str]:
    return {str(warning["code"]) for warning in done.of_type("warning")}


@pytest.mark.parametrize(
    "command", ["form fields", "form schema", "storage list", "runs list", "conf path", "doctor"]
)
def test_no_command_needs_a_home(scene: Scene, tmp_path: Path, command: str) -> None:
    words = command.split()
    program = with_variables(scene.program, STATE_DIRECTORY=f"{tmp_path}/state:/nowhere")
    done = run_as_user(program, *words, "--json", without=_HOMELESS, cwd=tmp_path)
    assert (done.status, done.stderr) == (0, "")
    said = done.stdout
    if words[0] == "runs":
        assert f"{tmp_path}/state/runs" in said
    if words[0] in {"conf", "storage"}:
        assert f"{tmp_path}/.rclone.conf" in said, "as rclone config file says"


def test_a_job_with_its_storage_runs_without_a_home(scene: Scene, tmp_path: Path) -> None:
    job = {"source": str(scene.source), "target": TARGET, "storage": document()}
    program = with_variables(scene.program, STATE_DIRECTORY=str(tmp_path / "state"))
    done = run_as_user(
        program, "backup", "--job", "-", "--json", without=_HOMELESS, stdin=json.dumps(job).encode()
    )
    assert done.status == 0, done.stderr
    assert len(scene.server.files("bucket-one")) == 2
    assert list((tmp_path / "state" / "runs").glob("*.json"))
    record = json.loads(next((tmp_path / "state" / "runs").glob("*.json")).read_text())
    assert record["user"] == "54321"


def test_keys_below_a_home_that_nobody_has_are_told_as_that(scene: Scene) -> None:
    keyless = document(access_key_id="", secret_access_key="", settings={"env_auth": True})
    done = run_as_user(
        scene.program, "storage", "test", "--json", without=_HOMELESS, stdin=json.dumps(keyless).encode()
    )
    assert done.status == 12
    assert "~/.qingstor/config.yaml (this user has no home directory" in done.stderr


@pytest.mark.parametrize(
    "words", [["form", "fields"], ["storage", "list", "--config", "relative"], ["conf", "path"]]
)
def test_a_working_directory_that_is_gone_is_no_bug(scene: Scene, tmp_path: Path, words: list[str]) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    script = f"import os, sys; os.rmdir({str(gone)!r}); from adapter.cli import main; sys.exit(main())"
    program = scene.program
    moved = run_as_user(
        type(program)(program.directory, program.server, program.variables, ("-c", script)),
        *words,
        without=("HOME", "RCLONE_CONFIG") if words[0] == "conf" else (),
        cwd=gone,
    )
    assert moved.status in {0, 2}, moved.stderr
    if moved.status:
        assert "working directory is gone" in moved.stderr


@pytest.mark.parametrize("umask", ["777", *only_long("000", "022", "077", "277")])
def test_any_umask(scene: Scene, tmp_path: Path, umask: str) -> None:
    home = tmp_path / "new" / "home"
    home.parent.mkdir()
    program = with_variables(
        scene.program, HOME=str(home), RCLONE_CONFIG=str(tmp_path / "new" / "a" / "b" / "conf")
    )
    # A directory of the tests' own, which a umask of 777 would close.
    (tmp_path / "new" / "home").mkdir(mode=0o700)
    saved = json.dumps(document()).encode()
    back = tmp_path / "back"
    back.mkdir()
    ran = [
        run_as_user(
            program,
            "storage",
            "save",
            "--json",
            "--bucket",
            "bucket-one",
            "--write",
            umask=umask,
            stdin=saved,
        ),
        run_as_user(program, "backup", scene.source, TARGET, "--json", umask=umask),
        run_as_user(program, "backup", scene.source, TARGET, "--json", "--verify", umask=umask),
        run_as_user(program, "verify", scene.source, TARGET, "--json", umask=umask),
        run_as_user(program, "restore", TARGET, back / "in", "--json", umask=umask),
        run_as_user(program, "runs", "list", "--json", umask=umask),
    ]
    for done in ran:
        assert done.status == 0, done.stdout + done.stderr
    assert ran[2].summary["files_unmodified"] == 2
    assert not {"state_unwritable", "not_locked", "state_open", "checksum_cache_unusable"} & _codes(ran[2])
    data = as_object(ran[-1].answer["data"])
    assert isinstance(data["runs"], list)
    assert len(data["runs"]) == 4
    assert (back / "in" / "one").read_bytes() == (scene.source / "one").read_bytes()
    # What rclone makes inside is behind our own directories.
    own = [
        path
        for top in (home, tmp_path / "new" / "a")
        for path in (top, *top.rglob("*"))
        if "kv" not in path.parts
    ]
    for path in own:
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode == (0o700 if path.is_dir() else 0o600), f"{path} {mode:o}"
    assert any(path.name == "locks" for path in own)


def test_a_state_directory_that_everybody_may_write_is_told(scene: Scene) -> None:
    assert scene.program.run("backup", scene.source, TARGET).status == 0
    scene.program.state_dir.chmod(0o777)
    done = scene.program.run("backup", scene.source, TARGET, "--json")
    assert done.status == 0
    assert "state_open" in _codes(done)
    doctor = scene.program.run("doctor", "--json")
    checks = as_object(doctor.answer["data"])["checks"]
    assert isinstance(checks, list)
    (found,) = (as_object(check) for check in checks if as_object(check)["name"] == "state_dir")
    assert (found["ok"], "chmod o-w" in str(found["hint"])) == (False, True)
    scene.program.state_dir.chmod(0o1777)
    assert "state_open" not in _codes(scene.program.run("backup", scene.source, TARGET, "--json"))


def _close(scene: Scene) -> None:
    for name in ("one", "two"):
        (scene.source / name).chmod(0)
    scene.source.chmod(0)


def _open(scene: Scene) -> None:
    scene.source.chmod(0o700)


def test_a_capability_to_read_is_enough_for_a_backup(scene: Scene) -> None:
    def run(*words: str | os.PathLike[str], capability: str = "dac_read_search") -> Finished:
        return run_as_user(scene.program, *words, "--json", capability=capability)

    _close(scene)
    try:
        refused = run("backup", scene.source, TARGET, capability="")
        allowed = run("backup", scene.source, TARGET)
        one = run("backup", scene.source / "one", TARGET + "2")
        verified = run("verify", scene.source, TARGET)
    finally:
        _open(scene)
    assert (refused.status, error_code(refused.summary)) == (3, "source_unreadable")
    assert allowed.status == 0, allowed.stderr
    assert allowed.summary["files_new"] == 2
    assert (one.status, verified.status) == (0, 0)


def test_a_capability_to_write_is_enough_for_a_restore(scene: Scene, tmp_path: Path) -> None:
    assert scene.program.run("backup", scene.source, TARGET).status == 0
    back = tmp_path / "back"
    back.mkdir(mode=0o500)
    refused = run_as_user(scene.program, "restore", TARGET, back, "--json")
    assert (refused.status, error_code(refused.summary)) == (1, "destination_unwritable")
    assert "Permission denied" in refused.stderr
    allowed = run_as_user(scene.program, "restore", TARGET, back, "--json", capability="dac_override")
    assert allowed.status == 0, allowed.stderr
    assert sorted(path.name for path in back.iterdir()) == ["one", "two"]


def test_trying_leaves_nothing_behind(scene: Scene, tmp_path: Path) -> None:
    assert scene.program.run("backup", scene.source, TARGET).status == 0
    back = tmp_path / "back"
    back.mkdir()
    os.utime(back, ns=(1, 1))
    assert scene.program.run("restore", TARGET, back, "--dry-run").status == 0
    assert list(back.iterdir()) == []
    assert back.stat().st_mtime_ns == 1


@pytest.mark.parametrize("mode", [0o000, 0o300, 0o444], ids=oct)
def test_a_directory_of_the_source_that_cannot_be_read_is_about_the_source(scene: Scene, mode: int) -> None:
    inside = scene.source / "inside"
    inside.mkdir()
    (inside / "file").write_bytes(b"x")
    inside.chmod(mode)
    try:
        done = run_as_user(scene.program, "backup", scene.source, TARGET, "--json")
        scene.source.chmod(mode)
        root = run_as_user(scene.program, "backup", scene.source, TARGET, "--json")
    finally:
        scene.source.chmod(0o700)
        inside.chmod(0o700)
    assert (done.status, error_code(done.summary)) == (3, "source_unreadable")
    assert done.summary["outcome"] == "partial"
    codes = {as_object(error["error"])["code"] for error in done.of_type("error")}
    assert codes == {"source_unreadable"}
    assert done.summary["files_new"] == 2
    assert (root.status, error_code(root.summary)) == (3, "source_unreadable")
    assert f"The source {scene.source} cannot be read by this user: Permission denied." in root.stderr


@pytest.mark.parametrize("is_own", [True, False] if os.geteuid() == 0 else [True])
def test_a_directory_of_the_destination_that_cannot_be_read(
    scene: Scene, tmp_path: Path, *, is_own: bool
) -> None:
    """Its owner may open it, and gets it back as it was backed up."""
    (scene.source / "inside").mkdir()
    (scene.source / "inside" / "file").write_bytes(b"x")
    assert scene.program.run("backup", scene.source, TARGET).status == 0
    back = tmp_path / "back"
    (back / "inside").mkdir(parents=True)
    (back / "inside").chmod(0)
    if not is_own:
        os.chown(back / "inside", 1, 1)
    done = run_as_user(scene.program, "restore", TARGET, back, "--json")
    if is_own:
        assert done.status == 0
        assert (back / "inside" / "file").read_bytes() == b"x"
        return
    codes = {as_object(error["error"])["code"] for error in done.of_type("error")}
    assert (done.status, codes) == (3, {"destination_unwritable"})


def test_the_time_zone_reaches_rclone(scene: Scene, tmp_path: Path) -> None:
    """A timetable of bandwidth goes by it."""
    real = Path(sys.executable).parent / "rclone"
    log = tmp_path / "zones"
    fake = tmp_path / "rclone"
    fake.write_text(f'#!/bin/sh\necho "$1 ${{TZ-unset}}" >> {log}\nexec {real} "$@"\n')
    fake.chmod(0o755)
    program = with_variables(scene.program, TZ="Asia/Shanghai")
    assert program.run("backup", scene.source, TARGET, "--rclone", fake).status == 0
    seen = dict(line.split(" ", 1) for line in log.read_text().splitlines())
    assert seen["copy"] == "Asia/Shanghai"
    log.unlink()
    (scene.source / "another").write_bytes(b"x")
    assert scene.program.run("backup", scene.source, TARGET, "--rclone", fake).status == 0
    assert dict(line.split(" ", 1) for line in log.read_text().splitlines())["copy"] == "unset"
