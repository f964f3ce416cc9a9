"""Odd words, confs, environments and moments: found by people who tried to break the stand-in."""

import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapter.stand_in.script import program_text
from rclone_conf import encrypt
from tests.qingstor_server import Fault, FaultKind, QingStorServer
from tests.stand_in.standing_in import BUCKET as _BUCKET
from tests.stand_in.standing_in import StandingIn, prepared

_MISTYPED = "bucket-onee"
_LARGE = os.urandom(12 << 20)


@pytest.fixture
def temporary() -> Iterator[Path]:
    """A directory whose path is short enough for that of a socket."""
    with tempfile.TemporaryDirectory(dir="/tmp") as directory:
        yield Path(directory)


@pytest.fixture
def calls(
    tmp_path: Path, temporary: Path, server: QingStorServer, rclone: Path, looked_at: bytes
) -> StandingIn:
    """A stand-in; there is `bucket-one` in pek3a, and the remote `q`."""
    return prepared(StandingIn(tmp_path, server, temporary), rclone, looked_at)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file of 12 MiB in a directory of its own."""
    file = tmp_path / "data" / "file"
    file.parent.mkdir()
    file.write_bytes(_LARGE)
    return file


def _started(calls: StandingIn, *words: str, stdin: int = subprocess.DEVNULL) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        calls.argv(*words),
        env=calls.environment,
        stdin=stdin,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_a_move_and_the_source_stays(
    calls: StandingIn, file: Path, number: signal.Signals
) -> None:
    process = _started(calls, "moveto", str(file), f"q:{_BUCKET}/moved", "--bwlimit", "1M")
    calls.server.wait_for("put_object")
    process.send_signal(number)
    assert process.wait(20) == -number
    assert file.read_bytes() == _LARGE
    assert "moved" not in calls.server.objects(_BUCKET)


@pytest.mark.parametrize("words", [("rcat", f"q:{_BUCKET}/f"), ("copyto", "FILE", f"q:{_BUCKET}/f")])
def test_a_signal_while_it_lists_leaves_nothing(
    calls: StandingIn, file: Path, temporary: Path, words: tuple[str, ...]
) -> None:
    calls.server.add_fault(Fault(FaultKind.HANG, operation="list_objects"))
    said = [str(file) if word == "FILE" else word for word in words]
    process = _started(calls, *said, stdin=subprocess.PIPE)
    assert process.stdin is not None
    with process.stdin:
        calls.server.wait_for("list_objects")
        assert [one.stat().st_mode & 0o777 for one in temporary.iterdir()] == [0o700]
        process.terminate()
        assert process.wait(20) == -signal.SIGTERM
    assert list(temporary.iterdir()) == []
    assert not calls.server.objects(_BUCKET)


def test_what_a_killed_process_left_is_removed(calls: StandingIn, temporary: Path) -> None:
    left, other = temporary / "pluton-qingstor-rc-00000001", temporary / "pluton-qingstor-rc-00000002"
    for directory in (left, other):
        directory.mkdir()
        (directory / "rc").touch()
    os.utime(left, (0, 0))
    assert calls.run("rcat", f"q:{_BUCKET}/f", stdin=b"x").status == 0
    assert list(temporary.iterdir()) == [other]


@pytest.mark.parametrize(
    "words",
    [
        ("rcat", "--size", "1", f"q:{_MISTYPED}/f"),  # writes before it reads
        ("serve", "restic", f"q:{_MISTYPED}", "--addr", "127.0.0.1:0"),  # serves before it lists
        ("copy", "DIR", "q:", "--compare-dest", f"q:{_BUCKET}/old"),  # the last remote is in a flag
    ],
)
def test_no_bucket_is_created_on_a_side_way(calls: StandingIn, file: Path, words: tuple[str, ...]) -> None:
    (file.parent / "newdir-bucket").mkdir()
    (file.parent / "newdir-bucket" / "file").touch()
    ended = calls.run(*(str(file.parent) if word == "DIR" else word for word in words), stdin=b"x")
    assert ended.status in {1, 3}
    assert set(calls.server.buckets()) == {_BUCKET}


def test_what_wraps_a_remote_with_choices_of_its_own_is_safe(calls: StandingIn, file: Path) -> None:
    choices = "upload_concurrency=4,upload_cutoff=5Mi"
    calls.section("alias", type="alias", remote=f"q,{choices}:{_BUCKET}", endpoint="", zone="")
    calls.section("over", type="alias", remote=f"EQ:{_BUCKET}", endpoint="", zone="")
    env = calls.server.rclone_environment(remote="EQ")
    env |= {"RCLONE_CONFIG_EQ_UPLOAD_CUTOFF": "5Mi", "RCLONE_CONFIG_EQ_UPLOAD_CONCURRENCY": "4"}
    for number, remote in enumerate(("alias:", f":alias,remote='q,{choices}:{_BUCKET}':", "over:")):
        ended = calls.run("copy", file.parent, f"{remote}{number}", env=env)
        assert (ended.status, ended.stderr) == (0, "")
        assert not {one for one in ended.asked if "multipart" in one or "part" in one}, ended.asked
        assert f"{number}/file" in calls.server.objects(_BUCKET)


def test_the_password_is_found_in_rclones_order(calls: StandingIn) -> None:
    calls.conf.write_bytes(encrypt(calls.conf.read_bytes(), "pw"))
    command = {"RCLONE_CONFIG_PASS": "wrong", "RCLONE_PASSWORD_COMMAND": "echo pw"}
    assert "[bucket_not_found]" in calls.run("lsf", f"q:{_MISTYPED}", env=command).first_line
    assert calls.run("config", "update", "q", "zone", "sh1a", env=command).status == 0
    failing = {"RCLONE_CONFIG_PASS": "pw", "RCLONE_PASSWORD_COMMAND": "false"}
    refused = calls.run("lsf", f"q:{_MISTYPED}", env=failing)
    assert (refused.status, refused.asked) == (1, [])


def test_a_name_with_blanks_at_its_ends_is_written_once(calls: StandingIn) -> None:
    made = calls.run("config", "create", " b7 ", "qingstor", "access_key_id", "AK", "secret_access_key", "SK")
    assert (made.status, made.stdout[:5]) == (0, b"[b7]\n")


def test_an_rclone_that_ends_at_once_says_itself_why(calls: StandingIn, file: Path) -> None:
    for words in (
        ("rcat", f"q:{_BUCKET}/f", "--nosuch"),
        ("rcat", f"q:{_BUCKET}/f", "--bwlimit", "nonsense"),
        ("serve", "restic", f"q:{_BUCKET}", "--stdio", "--help"),
        ("copyto", str(file), f"q:{_BUCKET}/f", "--transfers=abc"),
    ):
        alone, ended = calls.run(*words, stdin=b"x", real=True), calls.run(*words, stdin=b"x")
        assert (ended.status, ended.stdout) == (alone.status, alone.stdout)
        assert (
            ended.stderr.splitlines()[-1][20:] == alone.stderr.splitlines()[-1][20:] if alone.stderr else True
        )


def test_no_place_for_a_socket_is_no_obstacle(calls: StandingIn, file: Path) -> None:
    """Another one is taken; rclone itself needs none for this."""
    assert calls.run("copyto", file, f"q:{_BUCKET}/f", env={"TMPDIR": "/nonexistent"}).status == 0
    assert "f" in calls.server.objects(_BUCKET)


def test_ignored_children_and_closed_streams(calls: StandingIn, file: Path) -> None:
    ignore = "import os, signal, sys\nsignal.signal(signal.SIGCHLD, signal.SIG_IGN)\n"
    ignore += "os.execv(sys.argv[1], sys.argv[1:])"
    ignoring = [sys.executable, "-c", ignore, *calls.argv("copyto", str(file), f"q:{_BUCKET}/f")]
    done = subprocess.run(ignoring, env=calls.environment, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    closed = ["sh", "-c", 'exec "$@" <&-', "sh", *calls.argv("rcat", f"q:{_BUCKET}/g")]
    done = subprocess.run(closed, env=calls.environment, capture_output=True, timeout=60, check=False)
    assert done.returncode == 1
    assert b"nothing to read from standard input" in done.stderr
    assert set(calls.server.objects(_BUCKET)) == {"f"}


def test_variables_count_as_flags_do(calls: StandingIn, file: Path) -> None:
    env = {"RCLONE_INCLUDE": "*.zip"}
    words = ("copyto", str(file), f"q:{_BUCKET}/f")
    alone, ended = calls.run(*words, real=True, env=env), calls.run(*words, env=env)
    assert ended.status == alone.status == 1
    assert not calls.server.objects(_BUCKET)


def test_a_stand_in_of_a_stand_in_does_not_go_round(calls: StandingIn) -> None:
    real = calls.directory / "rclone.real"
    real.unlink()
    real.write_bytes(program_text())
    real.chmod(0o755)
    done = subprocess.run(calls.argv("version"), capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (127, f"{real} cannot be started: it is a stand-in itself.\n")


def test_the_helper_of_mount_stays_one(calls: StandingIn) -> None:
    """rclone decides by the name under which it is called."""
    program = calls.directory / "rclone"
    program.write_bytes(program_text())
    program.chmod(0o755)
    said = []
    for leads_to in (calls.directory / "rclone.real", program):
        link = calls.directory / "mount.rclone"
        link.unlink(missing_ok=True)
        link.symlink_to(leads_to)
        done = subprocess.run(
            [link, "s3nowhere:", "/nowhere", "-o", "nosuchoption"],
            env=calls.environment,
            capture_output=True,
            check=False,
        )
        said.append((done.returncode, re.sub(rb"(?m)^\d{4}/\S+ \S+ ", b"", done.stderr)))
    assert said[0] == said[1]
    assert b"unknown command" not in said[0][1]


def test_the_program_reads_utf_8_whatever_the_locale(calls: StandingIn) -> None:
    """The conf and object names are UTF-8; with a locale like ISO-8859-1 Python would guess otherwise."""
    program = calls.directory / "rclone"
    program.write_bytes(program_text())
    program.chmod(0o755)
    calls.section("Küche")
    env = {**calls.environment, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = subprocess.run(
        [program, "lsf", f"Küche:{_MISTYPED}"], env=env, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr.splitlines()[0][-18:]) == (3, "[bucket_not_found]")
