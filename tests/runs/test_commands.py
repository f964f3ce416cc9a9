"""`runs list`, `show`, `stop`, `watch`, on runs of the real program."""

import signal

import pytest

from tests.program import Json, as_object
from tests.qingstor_server import ACCESS_KEY_ID, SECRET_ACCESS_KEY
from tests.runs.scene import TARGET, Scene, error_code, is_alive

_CANARY = "SKTESTcanaryinaurl0000000000000000000001"


def _data(scene: Scene, *words: str) -> dict[str, Json]:
    done = scene.program.run("runs", *words, "--json")
    assert done.status == 0, done.stdout
    return as_object(done.answer["data"])


def test_list_has_the_fields_of_the_contract(scene: Scene) -> None:
    done = scene.program.run("backup", scene.source, TARGET, "--json")
    (row,) = scene.listed()
    assert set(row) == {
        *("run_id", "command", "source", "target", "state", "pid", "started", "ended", "exit_code")
    }
    assert (row["command"], row["state"], row["exit_code"]) == ("backup", "success", 0)
    assert (row["source"], row["target"]) == (str(scene.source), TARGET)
    assert row["run_id"] == done.summary["run_id"]


def test_show_has_the_counts_and_the_arguments(scene: Scene) -> None:
    done = scene.program.run("backup", scene.source, TARGET, "--json", "--plan-id", "p1")
    run = as_object(_data(scene, "show", str(done.summary["run_id"]))["run"])
    assert as_object(run["counts"])["files_new"] == 2
    assert (run["plan_id"], run["rclone_pids"]) == ("p1", [])
    argv = run["argv"]
    assert isinstance(argv, list)
    assert argv[:3] == ["backup", str(scene.source), TARGET]


def test_a_running_run_shows_its_rclone(scene: Scene) -> None:
    scene.stuck()
    with scene.running() as running:
        shown = as_object(_data(scene, "show", str(scene.newest()["run_id"]))["run"])
        assert shown["rclone_pids"] == [child.pid for child in running.children()]
        assert shown["pid"] == running.process.pid


def test_restores_and_verifications_are_recorded_too_but_no_typing_errors(scene: Scene) -> None:
    assert scene.program.run("backup", scene.source, TARGET, "--json").status == 0
    assert scene.program.run("verify", scene.source, TARGET, "--json").status == 0
    assert scene.program.run("restore", TARGET, scene.source.parent / "back", "--json").status == 0
    for words in (["QingStor Backups:no/../t"], [TARGET, "--transfers", "x"], [], [TARGET, "--job", "-"]):
        assert scene.program.run("backup", scene.source, *words, "--json").status == 2
    wrong = scene.program.run("backup", "--job", "-", "--json", document={"source": "/srv", "target": "x"})
    assert wrong.status == 2
    rows = [(row["command"], row["state"], row["exit_code"]) for row in scene.listed()]
    assert sorted(rows) == [
        ("backup", "success", 0),
        ("restore", "success", 0),
        ("verify", "success", 0),
    ]


def test_stop_ends_a_run_and_its_children(scene: Scene) -> None:
    scene.stuck()
    with scene.running() as running:
        children = running.children()
        run_id = str(scene.newest()["run_id"])
        stopped = as_object(_data(scene, "stop", run_id)["run"])
        done = running.end()
    assert (stopped["state"], stopped["exit_code"]) == ("cancelled", 130)
    assert (done.status, done.summary["outcome"]) == (130, "cancelled")
    assert not any(is_alive(child) for child in children)

    again = scene.program.run("runs", "stop", run_id, "--json")
    assert again.status == 0
    assert "ended already" in str(again.answer["result"])


def test_stop_that_takes_too_long_says_so_and_a_second_one_ends_the_run(scene: Scene) -> None:
    scene.stuck()
    with scene.running() as running:
        run_id = str(scene.newest()["run_id"])
        running.process.send_signal(signal.SIGSTOP)
        late = scene.program.run("runs", "stop", run_id, "--json", "--timeout", "0.5")
        assert (late.status, as_object(late.answer["error"])["code"]) == (22, "timeout")
        running.process.send_signal(signal.SIGCONT)
        assert scene.program.run("runs", "stop", run_id, "--json").status == 0
        assert running.end().summary["outcome"] == "cancelled"


def test_a_process_that_only_has_the_number_of_a_run_is_never_signalled(scene: Scene) -> None:
    """As if the number now belongs to another process: the start time differs."""
    scene.stuck()
    with scene.running() as running:
        run_id = str(scene.newest()["run_id"])
        path = scene.program.state_dir / "runs" / f"{run_id}.json"
        text = path.read_text()
        start = text.index('"start": ') + len('"start": ')
        path.write_text(text[:start] + "1" + text[start:])
        refused = scene.program.run("runs", "stop", run_id, "--json")
        assert (refused.status, as_object(refused.answer["error"])["code"]) == (2, "usage")
        assert running.process.poll() is None
        assert running.children()


@pytest.mark.parametrize("action", ["show", "stop"])
def test_an_unknown_run_is_not_found(scene: Scene, action: str) -> None:
    done = scene.program.run("runs", action, "20260101T000000Z-00000000", "--json")
    assert (done.status, as_object(done.answer["error"])["code"]) == (10, "path_not_found")


def test_watch_of_an_unknown_run_ends_with_a_summary(scene: Scene) -> None:
    done = scene.program.run("runs", "watch", "20260101T000000Z-00000000", "--json")
    assert (done.status, error_code(done.summary)) == (10, "path_not_found")


def test_watch_without_an_id_is_a_summary_too(scene: Scene) -> None:
    done = scene.program.run("runs", "watch", "--json")
    assert (done.status, error_code(done.summary)) == (2, "usage")


def test_watch_follows_a_run_to_its_summary(scene: Scene) -> None:
    fault = scene.stuck()
    with scene.running() as running:
        watching = scene.program.start("runs", "watch", str(scene.newest()["run_id"]), "--json")
        assert watching.stdout is not None
        first = watching.stdout.readline()
        fault.remove()
        done = running.end()
        rest, _ = watching.communicate(timeout=60)
    assert b'"status"' in first
    watched = (first + rest).decode().splitlines()
    # Line by line what the run printed, to the letter; of its statuses the journal keeps one a second.
    assert set(watched) <= set(done.stdout.splitlines())
    assert watched[-1] == done.stdout.splitlines()[-1]
    assert watching.returncode == done.status == 0


def test_watch_shows_an_ended_run_again_with_its_exit_status(scene: Scene) -> None:
    ran = scene.program.run("backup", scene.source / "missing", TARGET, "--json")
    seen = scene.program.run("runs", "watch", str(ran.summary["run_id"]), "--json")
    assert seen.stdout == ran.stdout
    assert seen.status == ran.status == 1


def test_watch_of_a_killed_run_says_so(scene: Scene) -> None:
    scene.stuck()
    with scene.running() as running:
        run_id = str(scene.newest()["run_id"])
        watching = scene.program.start("runs", "watch", run_id, "--json")
        assert watching.stdout is not None
        watching.stdout.readline()
        running.process.kill()
        running.process.wait()
        rest, _ = watching.communicate(timeout=60)
    assert watching.returncode == 1
    assert b"was killed before it could end" in rest.splitlines()[-1]


def test_to_stop_watching_does_not_stop_the_run(scene: Scene) -> None:
    fault = scene.stuck()
    with scene.running() as running:
        watching = scene.program.start("runs", "watch", str(scene.newest()["run_id"]), "--json")
        assert watching.stdout is not None
        watching.stdout.readline()
        watching.send_signal(signal.SIGINT)
        rest, _ = watching.communicate(timeout=60)
        assert watching.returncode == 130
        assert b"the run goes on" in rest.splitlines()[-1]
        fault.remove()
        assert running.end().status == 0


def test_people_get_text(scene: Scene) -> None:
    ran = scene.program.run("backup", scene.source, TARGET, "--json", "--verbose-files")
    run_id = str(ran.summary["run_id"])
    assert f"{run_id}  success" in scene.program.run("runs", "list").stdout
    assert "files_new" in scene.program.run("runs", "show", run_id).stdout
    watched = scene.program.run("runs", "watch", run_id)
    assert "new        one" in watched.stdout
    assert "success: 2 new" in watched.stdout
    assert watched.status == 0


def test_no_secret_is_kept(scene: Scene) -> None:
    words = ("--exclude", f"http://somebody:{_CANARY}@host/", "--exclude", f"secret_access_key={_CANARY}")
    assert scene.program.run("backup", scene.source, TARGET, "--json", "-vv", *words).status == 0
    kept = b"".join(path.read_bytes() for path in scene.program.state_dir.rglob("*") if path.is_file())
    assert b"--exclude" in kept
    for secret in (_CANARY, ACCESS_KEY_ID, SECRET_ACCESS_KEY):
        assert secret.encode() not in kept
