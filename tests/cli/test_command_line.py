"""The command line itself: wrong usage, its answer, and a stdout that cannot be written."""

import io
import json
import logging
import math
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from adapter.cli import dispatch
from adapter.cli.dispatch import run
from adapter.cli.parser import WrongCommandLine, parse
from adapter.cli.terminal import Screen
from adapter.contract.events import Phase, Status
from adapter.machine.cancellation import Cancellation
from adapter.runs.run import Run
from adapter.storage.job_values import MAX_TRANSFERS
from tests.program import Finished, Program, as_object, document

TARGET = "QingStor Backups:bucket-one/srv"


def _status(*words: str) -> int:
    """Of the program run inside the test; `adapter.cli:main` would leave the test's signals ignored."""
    with Cancellation() as cancel:
        return run(words, cancel)


_REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--transfers", "abc"], "it is not a whole number"),
        (["--transfers", str(MAX_TRANSFERS + 1)], f"it is more than {MAX_TRANSFERS}"),
        (["--progress-interval", "abc"], "it is not a number of seconds above 0"),
        (["--progress-interval", "nan"], "it is not a number of seconds above 0"),
        (["--max-duration=-1h"], "it is negative"),
        (["--max-duration", "6"], "it has no unit"),
        (["--max-duration", "inf"], "it is not a number with a unit"),
        (["--stall-timeout=-1s"], "it is negative"),
        (["--stall-timeout", "soon"], "it is not a number with a unit"),
        (["--memory-budget", "200000"], "it has no unit, and rclone would count KiB"),
        (["--memory-budget", "1Mi"], "it is less than rclone needs for itself"),
        (["--memory-budget", "off"], "it is less than rclone needs for itself"),
        (["--bwlimit", "fast"], "it is not a number with a unit"),
        (["--include", ""], "a pattern is empty"),
        (["--exclude", "a\nb"], "a pattern is empty or has a line break"),
        (["--filter-from", ""], "it is not a path"),
        (["--plan-id", "p" * 1001], "it is longer than 1000 characters"),
        (["--backup-id", "p" * 1001], "it is longer than 1000 characters"),
    ],
)
def test_a_wrong_value_is_refused_with_a_reason(words: list[str], says: str) -> None:
    with pytest.raises(WrongCommandLine) as caught:
        parse(["backup", "/srv", TARGET, *words])
    failure = caught.value.failure
    assert failure.message.startswith(f"Argument {words[0].partition('=')[0]}: {says}")
    assert failure.message.endswith(".")
    assert "\n" not in failure.message + failure.hint
    assert failure.hint


def test_a_sample_is_a_percentage() -> None:
    with pytest.raises(WrongCommandLine, match="it is not a percentage above 0"):
        parse(["verify", "/srv", TARGET, "--sample", "many"])


@pytest.mark.parametrize("word", ["0", "off"])
def test_a_time_limit_that_is_off(word: str, cancel: Cancellation) -> None:
    given = parse(["backup", "/srv", TARGET, "--max-duration", word, "--stall-timeout", word])
    assert (given.max_duration, given.stall_timeout) == (math.inf, math.inf)
    run = Run(
        cancel,
        stall_timeout_s=given.stall_timeout,
        max_duration_s=given.max_duration,
        clock=iter((0.0, 1e9, 1e9)).__next__,
    )
    assert run.progress.overdue() is None


def test_an_age_may_be_zero_but_not_off() -> None:
    assert parse(["cleanup", "q:bucket-one", "--older-than", "0"]).older_than == 0
    with pytest.raises(WrongCommandLine, match="it is off"):
        parse(["cleanup", "q:bucket-one", "--older-than", "off"])


@pytest.mark.parametrize(
    "words", [["backup", "", TARGET], ["verify", "", TARGET], ["restore", TARGET, ""]], ids=lambda w: w[0]
)
def test_an_empty_path_is_not_the_working_directory(words: list[str]) -> None:
    with pytest.raises(WrongCommandLine, match="it is not a path"):
        parse(words)


def test_paths_are_absolute_from_the_beginning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    assert parse(["backup", "../a", TARGET]).source == tmp_path / "a"
    assert parse(["restore", TARGET, "b"]).destination == here / "b"
    here.rmdir()
    with pytest.raises(WrongCommandLine, match="the working directory is gone"):
        parse(["backup", "a", TARGET])


@pytest.mark.parametrize(
    ("words", "command"),
    [
        (["storage", "show", "backup", "--bad"], "storage show"),
        (["form", "check", "--bad"], "form check"),
        (["runs", "stop", "watch", "--timeout", "x"], "runs stop"),
    ],
)
def test_wrong_usage_of_a_one_shot_command_is_one_object(
    words: list[str], command: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert _status(*words, "--json") == 2
    answer = json.loads(capfd.readouterr().out)
    assert answer["success"] is False
    if "--bad" in words:
        assert answer["error"]["hint"] == f"See `pluton-qingstor {command} --help`."


@pytest.mark.parametrize(
    "words",
    [
        "--config C --rclone R --state-dir S -v -q --json backup src q:bucket-one --bad",
        "--json --bad cleanup q:bucket-one",
        "runs watch run-1 --json --bad",
        "restore --json",
    ],
)
def test_wrong_usage_of_a_streaming_command_is_a_summary(
    words: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert _status(*words.split()) == 2
    line = json.loads(capfd.readouterr().out)
    assert (line["message_type"], line["outcome"], line["error"]["code"]) == ("summary", "failed", "usage")
    assert "planId" not in line


def test_the_ids_are_in_the_summary_of_a_wrong_command_line(capfd: pytest.CaptureFixture[str]) -> None:
    assert _status("backup", "--json", "--plan-id", "p1", "--bad", "--backup-id=b1", "--transfers") == 2
    line = json.loads(capfd.readouterr().out)
    assert (line["planId"], line["backupId"]) == ("p1", "b1")


def test_the_version(program: Program) -> None:
    done = program.run("--version")
    assert done.status == 0
    assert done.stdout.startswith("pluton-qingstor 0.")


def test_every_wrong_field_of_a_job_is_reported_with_its_ids(program: Program) -> None:
    wrong = {"target": "x", "excludes": 1, "planId": "p1", "backupId": 7}
    done = program.run("backup", "--job", "-", "--json", document=wrong)
    errors = done.summary["errors"]
    assert isinstance(errors, list)
    assert [as_object(error)["field"] for error in errors] == ["source", "target", "excludes"]
    assert (done.summary["planId"], done.summary["backupId"], done.status) == ("p1", "7", 2)

    shown = program.run("backup", "--job", "-", document=wrong).stderr.splitlines()
    assert [line.partition(":")[0] for line in shown] == [
        "Source",
        "Target",
        "Excludes",
        "3 fields are wrong. The first",
    ]
    assert shown[-1].endswith(" [invalid_form]")


@pytest.mark.parametrize(
    ("words", "broken"),
    [
        (["backup", "/srv", TARGET, "--plan-id", "p1"], "open_stream"),
        (["backup", "/srv", TARGET, "--plan-id", "p1"], "_settings"),
        (["backup", "/srv", TARGET, "--plan-id", "p1"], "recorded"),
        (["runs", "watch", "run-1"], "runs_watch"),
    ],
)
def test_a_bug_while_a_stream_is_opened_is_a_summary(
    words: list[str],
    broken: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    def bug(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(dispatch, broken, bug)
    words = [*words, "--json", "--state-dir", str(tmp_path)]
    arguments = parse(words)
    status = _status(*words)
    line = json.loads(capfd.readouterr().out)
    assert (line["message_type"], line["error"]["code"], status) == ("summary", "internal", 70)
    assert line.get("planId") == arguments.__dict__.get("plan_id")


_NOBODY = {"storage": "storage_not_found", "backup": "storage_not_found", "runs": "path_not_found"}


def _redirected(program: Program, redirection: str, *words: str | os.PathLike[str]) -> Finished:
    done = subprocess.run(
        ["/bin/sh", "-c", f'exec "$@" {redirection}', "sh", *program.argv(*words)],
        env=program.environment,
        cwd=_REPOSITORY,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=120,
        check=False,
    )
    return Finished(done.returncode, done.stdout.decode(), done.stderr.decode())


@pytest.mark.parametrize(
    ("redirection", "words", "status"),
    [
        (">/dev/full", ["form", "fields", "--json"], 1),
        (">/dev/full", ["form", "fields"], 1),
        (">/dev/full", ["--version"], 1),
        (">/dev/full", ["storage", "--help"], 1),
        (">/dev/full", ["storage", "show", "nobody", "--json"], 10),
        (">/dev/full", ["backup", "/etc", TARGET, "--json"], 10),
        (">/dev/full", ["backup", "/etc", TARGET], 10),
        (">/dev/full", ["runs", "watch", "nobody", "--json"], 10),
        (">&-", ["form", "fields", "--json"], 1),
        (">&-", ["storage", "--help"], 1),
        (">&-", ["storage", "show", "nobody", "--json"], 10),
        (">&-", ["backup", "/etc", TARGET, "--json"], 10),
        (">&-", ["backup", "/etc", TARGET], 10),
    ],
)
def test_a_stdout_that_cannot_be_written(
    program: Program, redirection: str, words: list[str], status: int
) -> None:
    done = _redirected(program, redirection, *words)
    assert done.status == status, done.stderr
    first, *rest = done.stderr.splitlines()
    assert first.startswith("stdout cannot be written: ")
    assert [line.rpartition(" ")[2] for line in rest] == ([f"[{_NOBODY[words[0]]}]"] if status == 10 else [])


def test_a_document_of_two_megabytes_is_read_whole(program: Program) -> None:
    large = {**document(), "tags": ["x" * 900] * 2500}
    assert program.run("form", "check", "--json", document=large).status == 0


def test_the_password_is_asked_for_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    def ask(*about: object) -> str:
        asked.append(about)
        return "secret"

    monkeypatch.setattr(dispatch, "ask_password", ask)
    machine = dispatch._settings(parse(["conf", "repair", "--yes", "--config", str(tmp_path / "conf")]))
    assert [machine.ask_password() for _ in range(3)] == ["secret"] * 3
    assert len(asked) == 1


def test_an_empty_rclone_config_variable_is_not_set(program: Program) -> None:
    empty = replace(program, variables={"RCLONE_CONFIG": ""})
    assert empty.run("form", "fields", "--json").status == 0
    found = as_object(empty.run("conf", "path", "--json").answer["data"])["path"]
    assert found == str(program.directory / "home" / ".config" / "rclone" / "rclone.conf")


def test_verbose_logs_more_of_this_program_only(program: Program) -> None:
    code = (
        "import logging\n"
        "from adapter.cli import conf_commands, main\n"
        "from adapter.contract.json_lines import Answer\n"
        "def levels(_):\n"
        "    return Answer(f'{logging.getLogger().level} {logging.getLogger(\"adapter\").level}')\n"
        "conf_commands.COMMANDS['path'] = levels\n"
        "main(['conf', 'path', '-vv'])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=program.environment,
        cwd=_REPOSITORY,
        capture_output=True,
        check=True,
    )
    assert done.stdout.decode().splitlines()[-1] == f"{logging.WARNING} {logging.DEBUG}"


@pytest.mark.parametrize("words", [["--write"], ["--bucket", "bucket-one"]])
def test_options_of_the_test_are_refused_without_a_test(program: Program, words: list[str]) -> None:
    done = program.run("storage", "save", "--no-test", *words, "--json", document=document())
    error = as_object(done.answer["error"])
    assert (error["code"], done.status) == ("usage", 2)
    assert f"{words[0]} cannot be used with --no-test" in str(error["message"])
    assert not program.conf.exists()


@pytest.mark.parametrize(("count", "words"), [(1, "1 error"), (2, "2 errors")])
def test_the_count_of_errors_has_the_right_plural(count: int, words: str) -> None:
    status = Status(
        phase=Phase.TRANSFERRING,
        seconds_elapsed=1.0,
        seconds_remaining=None,
        percent_done=0.5,
        total_files=2,
        files_done=1,
        total_bytes=2,
        bytes_done=1,
        bytes_per_second=None,
        current_files=(),
        error_count=count,
        attempt=1,
        stalled_seconds=0.0,
    )
    screen = io.StringIO()
    with Screen(Console(file=screen, force_terminal=True, width=200), bar=True) as shown:
        shown.show(status)
    assert f", {words}\n" in screen.getvalue()
