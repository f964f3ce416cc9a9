"""Output never ends a run: names that cannot be printed, a full disk behind stdout, a reader that leaves."""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from tests.program import Finished, Json, as_object
from tests.qingstor_server import Fault, FaultKind
from tests.runs.scene import DEADLINE_S, TARGET, Scene
from tests.transfer.cases import only_long

_ROOT = Path(__file__).parents[2]
_NAMES = ("中文.txt", "smile \U0001f600", "é")
_ENCODINGS: Mapping[str, Mapping[str, str]] = {
    "latin-1": {"PYTHONIOENCODING": "latin-1"},
    "gbk": {"PYTHONIOENCODING": "gbk"},
    "ascii": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
}


def _started(
    scene: Scene, *words: str | os.PathLike[str], redirection: str = "", encoding: str = "utf-8"
) -> Finished:
    """Run the program in a shell, with its stdout redirected."""
    done = subprocess.run(
        ["/bin/bash", "-c", f'set -o pipefail; "$@" {redirection}', "bash", *scene.program.argv(*words)],
        env=scene.program.environment,
        cwd=_ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=DEADLINE_S,
        check=False,
    )
    return Finished(done.returncode, done.stdout.decode(encoding), done.stderr.decode(encoding))


def _ending(scene: Scene) -> tuple[Json, Json]:
    newest = scene.newest()
    return newest["state"], newest["exit_code"]


@pytest.mark.parametrize("locale", ["ascii", *only_long("latin-1", "gbk")])
def test_names_that_the_locale_cannot_print_are_escaped(scene: Scene, locale: str) -> None:
    source = scene.source.parent / "names"
    source.mkdir()
    for name in _NAMES:
        (source / name).write_bytes(b"x")
    (source / "unreadable \U0001f600").symlink_to("nowhere")
    poor = replace(scene, program=replace(scene.program, variables=_ENCODINGS[locale]))
    back = scene.source.parent / "back"
    for words in (("backup", source, TARGET), ("verify", source, TARGET), ("restore", TARGET, back)):
        done = _started(poor, *words, "--verbose-files", encoding=locale)
        assert done.status == 0, done.stderr
        assert _ending(scene) == ("success", 0)
        assert "Traceback" not in done.stderr
        if words[0] != "verify":
            assert "smile \\U0001f600" in done.stdout
            assert ("中文" if locale == "gbk" else "\\u4e2d\\u6587") in done.stdout
    assert sorted(path.name for path in back.iterdir() if not path.is_symlink()) == sorted(_NAMES)


def test_an_answer_that_the_locale_cannot_print_is_escaped(scene: Scene) -> None:
    poor = replace(scene, program=replace(scene.program, variables=_ENCODINGS["latin-1"]))
    done = _started(poor, "conf", "path", "--config", "/tmp/中é", encoding="latin-1")
    assert (done.status, done.stdout) == (0, "/tmp/\\u4e2dé\n")
    wrong = _started(poor, "storage", "show", "中", encoding="latin-1")
    assert wrong.status == 10
    assert "\\u4e2d" in wrong.stderr


@pytest.mark.parametrize("more", [["--json"], []], ids=["JSON", "text"])
@pytest.mark.parametrize("redirection", [">/dev/full", *only_long(">&-")])
def test_a_stdout_that_cannot_be_written_is_told_and_the_run_goes_on(
    scene: Scene, redirection: str, more: list[str]
) -> None:
    back = scene.source.parent / "back"
    source = scene.source
    for words in (("backup", source, TARGET), ("verify", source, TARGET), ("restore", TARGET, back)):
        done = _started(scene, *words, *more, redirection=redirection)
        assert done.status == 0, done.stderr
        (told,) = done.stderr.splitlines()
        assert told.startswith("stdout cannot be written: ")
        assert _ending(scene) == ("success", 0)
    assert scene.server.files("bucket-one")
    assert sorted(path.name for path in back.iterdir()) == sorted(
        path.name for path in scene.source.iterdir()
    )


def test_a_stderr_that_cannot_be_written_changes_nothing(scene: Scene) -> None:
    for redirection in ("2>/dev/full", "2>&-"):
        for more in ([], ["-v", "-v"]):
            done = _started(scene, "backup", scene.source, TARGET, *more, redirection=redirection)
            assert done.status == 0
            wrong = _started(scene, "backup", scene.source, "nobody:bucket", *more, redirection=redirection)
            assert wrong.status == 10


def test_a_reader_that_leaves_before_the_result_does_not_change_it(scene: Scene) -> None:
    """Of a run for people the result is the first thing that is printed; the run is over by then."""
    done = _started(scene, "backup", scene.source, TARGET, redirection="| head -c 1")
    assert done.stderr == ""
    state, status = _ending(scene)
    assert (done.status, state, status) == (0, "success", 0)
    assert len(done.stdout) == 1


@pytest.mark.parametrize("more", [["--json"], ["--verbose-files"]], ids=["JSON", "text"])
def test_a_reader_that_goes_away_ends_the_run_and_the_record_says_so(scene: Scene, more: list[str]) -> None:
    (scene.source / "slow").write_bytes(bytes(8 << 20))
    scene.server.add_fault(Fault(FaultKind.BANDWIDTH, operation="put_object", bytes_per_second=64 << 10))
    process = scene.program.start("backup", scene.source, TARGET, *more)
    assert process.stdout is not None
    process.stdout.close()
    _, stderr = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 130
    assert _ending(scene) == ("cancelled", 130)
    (line,) = stderr.decode().splitlines()
    assert line.startswith("BACKUP_CANCELLED: ")


def test_a_cancelled_restore_says_so_in_its_own_word(scene: Scene) -> None:
    assert scene.program.run("backup", scene.source, TARGET).status == 0
    scene.server.add_fault(Fault(FaultKind.HANG, operation="get_object"))
    scene.server.clear_requests()
    process = scene.program.start("restore", TARGET, scene.source.parent / "back", "--json")
    scene.server.wait_for("get_object")
    process.terminate()
    stdout, stderr = process.communicate(timeout=DEADLINE_S)
    done = Finished(process.returncode, stdout.decode(), stderr.decode())
    error = as_object(done.summary["error"])
    assert (done.status, error["code"], done.summary["outcome"]) == (130, "cancelled", "cancelled")
    assert str(error["message"]).startswith("RESTORE_CANCELLED: ")
    (line,) = done.stderr.splitlines()
    assert line.startswith("RESTORE_CANCELLED: ")
    assert "have been copied" not in line
