"""`stand-in install`, `remove` and `status`: an rclone that works is there at every moment."""

import errno
import fcntl
import json
import os
import re
import shlex
import shutil
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from adapter.cli.parser import parse
from adapter.connection.doctor_machine import check_stand_ins
from adapter.contract.errors import AdapterError, ErrorCode
from adapter.machine.cancellation import Cancellation
from adapter.rclone.locate import find
from adapter.rclone.stand_in_mark import is_stand_in
from adapter.rclone.stand_in_program import State, known_directories
from adapter.stand_in import directory, installation, script
from adapter.stand_in.installation import Options
from adapter.stand_in.remembered import Remembered
from tests.ordinary_user import run_as_user
from tests.program import Program, as_object
from tests.stand_in.kill_at_each_step import CASES
from tests.stand_in.places import Place, answers, same

_ALL = ["rclone", "rclone.real", "rclone.stand-in.json"]
_EARLIER, _LATER = 1_700_000_000, 1_800_000_000


@contextmanager
def _raises(code: ErrorCode, *words: str) -> Iterator[None]:
    with pytest.raises(AdapterError) as raised:
        yield
    failure = raised.value.failure
    assert failure.code is code
    assert failure.hint
    for word in words:
        assert word in f"{failure.message} {failure.hint}"


def _doctor(place: Place) -> list[tuple[str, bool]]:
    return [(check.name, check.ok) for check in check_stand_ins(place.settings)]


# A life


def test_from_the_installation_over_an_update_to_the_removal(probing: Place) -> None:
    place = probing
    place.put(mtime=_EARLIER)
    first = place.program.stat().st_ino
    version = place.answers()
    place.install()
    assert place.names == _ALL
    assert is_stand_in(place.program)
    assert place.real.stat().st_ino == first
    assert place.answers() == version
    assert place.look().stand_in.state is State.INSTALLED
    assert _doctor(place) == [(f"stand_in {place.directory}", True)]

    place.put(mtime=_LATER)
    newer = place.program.stat().st_ino
    assert place.look().stand_in.state is State.OVERWRITTEN
    assert _doctor(place) == [(f"stand_in {place.directory}", False)]
    place.install()
    assert place.names == _ALL
    assert place.real.stat().st_ino == newer
    assert place.answers() == version

    assert place.remove()
    assert place.names == ["rclone"]
    assert place.program.stat().st_ino == newer
    assert place.answers() == version
    assert place.look().stand_in.state is State.ABSENT
    assert _doctor(place) == []


def test_the_newest_rclone_stays_when_an_update_has_replaced_the_stand_in(place: Place) -> None:
    place.install()
    place.put(mtime=_LATER)
    assert place.remove()
    assert place.names == ["rclone"]
    assert place.program.stat().st_mtime == _LATER


@pytest.mark.deep
def test_an_update_to_another_version(probing: Place, rclone: Path) -> None:
    place = probing
    place.install()
    other = rclone.parents[1] / "rclone-1.73.5" / "bin" / "rclone"
    assert other.exists(), f"{other} is missing: run `make test-deep`"
    replace(place, rclone=other).put(mtime=_LATER)
    place.install()
    assert place.answers() == "rclone v1.73.5"
    found = place.look().rclone
    assert found is not None
    assert found.version_text == "1.73.5"


def test_everybody_may_run_it_whatever_the_umask_says(place: Place) -> None:
    old = os.umask(0o077)
    try:
        place.install()
    finally:
        os.umask(old)
    modes = {name: stat.S_IMODE((place.directory / name).stat().st_mode) for name in _ALL}
    assert modes == {"rclone": 0o755, "rclone.real": 0o755, "rclone.stand-in.json": 0o644}


def test_a_directory_without_rclone_gets_a_link_and_loses_it_again(place: Place) -> None:
    place.program.unlink()
    environ = {**place.settings.environ, "PLUTON_QINGSTOR_RCLONE": str(place.rclone)}
    place = replace(place, settings=replace(place.settings, environ=environ))
    place.install()
    assert place.real.readlink() == place.rclone
    assert place.answers() == answers(place.rclone)
    place.install()
    assert place.remove()
    assert place.names == []
    place.install()
    place.put()
    place.install()
    assert not place.real.is_symlink(), "it is the one that is in the directory now"
    assert place.remove()
    assert place.names == ["rclone"]


def test_an_rclone_that_was_deleted_comes_back(place: Place) -> None:
    place.install()
    place.program.unlink()
    assert place.look().stand_in.state is State.BROKEN
    place.install()
    assert place.look().stand_in.state is State.INSTALLED
    place.program.unlink()
    assert place.remove()
    assert place.names == ["rclone"]
    assert place.answers()


@pytest.mark.parametrize("target", ["../elsewhere", "rclone.real"])
def test_a_link_stays_a_link(place: Place, target: str) -> None:
    place.program.unlink()
    link = place.program
    link.symlink_to(target)
    same(place.rclone, place.directory / target)
    place.install()
    assert place.answers()
    assert place.real.is_symlink() == (target != "rclone.real")
    assert place.remove()
    assert place.names == ["rclone"]
    assert place.answers()


def test_a_link_to_the_other_name_is_followed_before_that_goes(place: Place) -> None:
    place.install()
    place.program.unlink()
    place.program.symlink_to("rclone.real")
    assert place.remove()
    assert place.names == ["rclone"]
    assert place.answers()


def test_where_there_are_no_hard_links_it_is_a_copy(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.put(mtime=_EARLIER)
    place.program.chmod(0o750)
    before = place.program.stat()

    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", refuse)
    place.install()
    after = place.real.stat()
    assert after.st_ino != before.st_ino
    assert (after.st_mode, after.st_mtime_ns, after.st_size) == (
        before.st_mode,
        before.st_mtime_ns,
        before.st_size,
    )


def test_a_directory_may_be_moved_and_copied(place: Place, tmp_path: Path) -> None:
    place.install()
    moved = tmp_path / "with a blank" / "bin"
    moved.parent.mkdir()
    place.directory.rename(moved)
    assert answers(moved / "rclone") == answers(place.rclone)


def test_a_relative_directory_is_the_same_one(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place.directory.parent)
    installation.install(Path("bin"), Options(), place.settings, place.cancel)
    assert known_directories(place.settings.state_dir) == (place.directory,)


# The remembered options


def test_options_that_are_not_given_stay_and_blank_ones_go(place: Place) -> None:
    place.install(Options("http://a.test:80", "/keys.yaml", "/state", create_bucket=True))
    place.install()
    assert place.remembered == Remembered("http://a.test:80", "/keys.yaml", "/state", create_bucket=True)
    place.install(Options("", "/other.yaml"))
    assert place.remembered == Remembered("", "/other.yaml", "/state", create_bucket=True)
    place.put(mtime=_LATER)
    place.install(Options(state_dir="", create_bucket=False))
    assert place.remembered == Remembered("", "/other.yaml")


def test_damaged_options_are_an_error_until_the_next_installation(place: Place) -> None:
    place.install(Options("http://a.test:80"))
    (place.directory / "rclone.stand-in.json").write_bytes(b'{"endpoint": 1}')
    with _raises(ErrorCode.USAGE, "stand-in install"):
        _ = place.remembered
    assert place.look().stand_in.state is State.BROKEN
    place.install()
    assert place.remembered == Remembered()
    assert place.look().stand_in.state is State.INSTALLED


# What is refused, and changes nothing


def test_what_is_no_directory_is_refused(place: Place) -> None:
    for act in (place.install, place.remove, place.look):
        place.directory.joinpath("file").touch()
        other = replace(place, directory=place.directory / "file")
        with _raises(ErrorCode.USAGE, "not a directory"):
            getattr(other, act.__name__)()


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("#!/bin/sh\necho hello\n", ErrorCode.RCLONE_UNSUPPORTED),
        ("#!/none\n", ErrorCode.RCLONE_NOT_FOUND),
        (
            '#!/bin/sh\ncase "$1" in version) echo rclone v1.75.2;; *) echo "  s3  S3";; esac\n',
            ErrorCode.RCLONE_UNSUPPORTED,
        ),
    ],
    ids=["another program", "does not start", "without qingstor"],
)
def test_an_rclone_that_cannot_be_used_is_refused(probing: Place, text: str, code: ErrorCode) -> None:
    place = probing
    place.program.unlink()
    place.program.write_text(text)
    place.program.chmod(0o755)
    with _raises(code):
        place.install()
    assert place.names == ["rclone"]
    assert place.program.read_text() == text
    assert not place.remove()


@pytest.mark.parametrize("before", ["nothing", "options", "an update"])
def test_a_program_that_does_not_run_never_takes_the_place(
    probing: Place, monkeypatch: pytest.MonkeyPatch, before: str
) -> None:
    """As on a file system that allows no programs, or with a Python that this user cannot reach."""
    place = probing
    if before != "nothing":
        place.install(Options("http://a.test:80"))
    if before == "an update":
        place.put(mtime=_LATER)
    names, inode = place.names, place.program.stat().st_ino
    monkeypatch.setattr(installation, "program_text", lambda: b"#!/none/python -IS\n")
    with _raises(ErrorCode.RCLONE_NOT_FOUND, "nothing was changed", "noexec"):
        place.install(Options("http://b.test:80"))
    assert place.names == names
    assert place.program.stat().st_ino == inode
    assert place.remembered.endpoint == ("" if before == "nothing" else "http://a.test:80")
    assert place.answers()


def test_a_link_to_a_stand_in_elsewhere_is_refused(place: Place, tmp_path: Path) -> None:
    place.install()
    other = replace(place, directory=tmp_path / "other")
    other.directory.mkdir()
    other.program.symlink_to(place.program)
    for act in (other.install, other.remove):
        with _raises(ErrorCode.USAGE, str(place.directory)):
            act()
    assert other.look().stand_in.state is State.INSTALLED
    assert other.answers()


def test_without_its_real_rclone_it_cannot_be_removed(place: Place) -> None:
    place.install()
    place.real.unlink()
    assert place.look().stand_in.state is State.BROKEN
    with _raises(ErrorCode.RCLONE_NOT_FOUND, "rclone.real"):
        place.remove()
    environ = {**place.settings.environ, "PLUTON_QINGSTOR_RCLONE": str(place.rclone)}
    renewed = replace(place, settings=replace(place.settings, environ=environ))
    renewed.install()
    assert renewed.answers()
    assert renewed.remove()
    assert renewed.answers()


def test_a_directory_that_others_own_is_not_changed(program: Program, rclone: Path, tmp_path: Path) -> None:
    place = tmp_path / "bin"
    place.mkdir()
    same(rclone, place / "rclone")
    place.chmod(0o555)
    done = run_as_user(program, "stand-in", "install", place, "--json")
    assert done.status == 1
    assert as_object(done.answer["error"])["code"] == "destination_unwritable"
    assert "AppImage" in done.stderr
    assert [path.name for path in place.iterdir()] == ["rclone"]
    assert run_as_user(program, "stand-in", "status", place).status == 10


# Killed, and several at once


@pytest.mark.parametrize(
    "case",
    [
        name
        if name in {"install", "install after an update", "remove"}
        else pytest.param(name, marks=pytest.mark.deep)
        for name in CASES
    ],
)
def test_killed_at_every_step(case: str, tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "tests.stand_in.kill_at_each_step", tmp_path, case],
        capture_output=True,
        timeout=240,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr.decode()
    reports = [json.loads(line) for line in ran.stdout.splitlines()]
    real, names = ("real", ["rclone"]) if CASES[case].right else ("none", [])
    begins_with = "stand-in" if CASES[case].begin.__name__ in {"_installed", "_install"} else real
    ends_with = "stand-in" if case.startswith("install") else real
    assert {report["found"] for report in reports} == {begins_with, ends_with}
    for report in reports:
        assert report["removed"] == [real, *names], report
        assert report.get("installed", ["stand-in", *_ALL]) == ["stand-in", *_ALL], report


def test_an_rclone_can_be_started_at_every_moment(place: Place, program: Program) -> None:
    begun = [program.start("stand-in", "install", place.directory) for _ in range(3)]
    said: set[str] = set()
    while any(one.poll() is None for one in begun):
        said.add(place.answers())
    for one in begun:
        _, stderr = one.communicate()
        assert one.returncode == 0, stderr
    assert said == {place.answers()}
    assert place.names == _ALL


def test_one_of_both_is_there_at_every_moment(place: Place, program: Program) -> None:
    """Not started: Python opens a program that begins with `#!` by its name, milliseconds after the start."""
    actions = ("install", "remove", "install", "remove", "install")
    begun = [program.start("stand-in", action, place.directory) for action in actions]
    sizes = {place.rclone.stat().st_size, len(script.program_text())}
    while any(one.poll() is None for one in begun):
        assert place.program.stat().st_size in sizes
    for one in begun:
        _, stderr = one.communicate()
        assert one.returncode == 0, stderr
    assert place.answers()
    place.install()
    assert place.names == _ALL
    assert place.remove()
    assert place.names == ["rclone"]


def test_another_that_does_not_end_is_named(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    held = os.open(place.directory, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        monkeypatch.setattr(directory, "_LONGEST_WAIT_S", 0.0)
        with _raises(ErrorCode.LOCKED, str(place.directory)):
            place.install()
        monkeypatch.undo()
        with Cancellation() as cancel:
            threading.Timer(0.1, cancel.request).start()
            with _raises(ErrorCode.CANCELLED):
                replace(place, cancel=cancel).install()
    finally:
        os.close(held)
    assert place.names == ["rclone"]


def test_without_locks_it_goes_on(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    place.install()
    assert place.answers()


# The program


def test_without_the_adapter_it_says_so_and_is_the_real_rclone(place: Place, tmp_path: Path) -> None:
    place.install()
    text = place.program.read_text().replace(str(script._PACKAGE.parent), str(tmp_path / "gone"))
    place.program.write_text(text)
    words = ("lsf", "--config", "", "--retries", "1", tmp_path / "none")
    done = subprocess.run([place.program, *words], capture_output=True, check=False)
    own = subprocess.run([place.rclone, *words], capture_output=True, check=False)
    first, _, rest = done.stderr.decode().partition("\n")
    assert "QingStor is not protected" in first
    assert "stand-in install" in first
    said, own_words = rest.splitlines(), own.stderr.decode().splitlines()
    assert [line.split(" ", 2)[2] for line in said] == [line.split(" ", 2)[2] for line in own_words]
    assert done.returncode == own.returncode
    assert place.look().stand_in.state is State.BROKEN
    place.real.unlink()
    done = subprocess.run([place.program, "version"], capture_output=True, check=False)
    assert done.returncode == 127
    assert str(place.real) in done.stderr.decode().splitlines()[-1]


@pytest.mark.parametrize("name", ["with a blank", "ä", "l" * 120], ids=["blank", "not ASCII", "long"])
def test_a_python_that_the_first_line_cannot_name(
    probing: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    place = probing
    python = tmp_path / name / "python"
    python.parent.mkdir()
    python.write_text(f'#!/bin/sh\nexec {os.path.realpath(sys.executable)} "$@"\n')
    python.chmod(0o755)
    with monkeypatch.context() as patch:
        patch.setattr(sys, "executable", str(python))
        place.install()
    assert place.program.read_bytes().startswith(b"#!/bin/sh\n")
    assert place.answers() == answers(place.rclone)
    assert place.look().stand_in.interpreter == str(python)
    python.unlink()
    assert place.look().stand_in.state is State.BROKEN


@pytest.mark.parametrize("name", ["it's a", "a back\\slash", "not \udcff UTF-8", "two\nlines"])
def test_a_python_that_no_program_can_name(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(sys, "executable", f"/opt/{name}/python")
    with _raises(ErrorCode.USAGE, "interpreter"):
        script.program_text()


def test_what_others_cannot_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(0o700)
    (closed / "python").touch(0o755)
    monkeypatch.setattr(sys, "executable", str(closed / "python"))
    found = script.closed_to_others()
    assert found is not None
    assert closed.is_relative_to(found)


# The search for rclone


def test_the_adapter_itself_uses_the_real_one(place: Place) -> None:
    place.install()
    on_path = {"PLUTON_QINGSTOR_RCLONE": str(place.program)}
    assert find(str(place.program), {}) == place.real
    assert find(None, on_path) == place.real
    place.real.unlink()
    with _raises(ErrorCode.RCLONE_NOT_FOUND, str(place.real)):
        find(None, on_path)


@pytest.mark.parametrize("kind", ["directory", "pipe", "dangling", "empty", "script", "binary"])
def test_what_is_no_stand_in(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "rclone"
    match kind:
        case "directory":
            path.mkdir()
        case "pipe":
            os.mkfifo(path)
        case "dangling":
            path.symlink_to("none")
        case _:
            path.write_bytes({"empty": b"", "script": b"#!/bin/sh\n", "binary": b"\x7fELF\n"}[kind])
    assert not is_stand_in(path)


# The commands


def test_the_commands_for_programs(program: Program, place: Place) -> None:
    at = place.directory
    state_dir = program.directory / "state"
    options = (
        "--endpoint=http://a.test:80",
        "--key-file=keys.yaml",
        "--create-bucket",
        "--state-dir",
        state_dir,
    )
    assert program.run("stand-in", "status", at, "--json").status == 10
    done = program.run("stand-in", "install", at, *options, "--json")
    assert done.status == 0, done.stderr
    data = as_object(done.answer["data"])
    assert data["state"] == "installed"
    assert data["problem"] is None
    assert as_object(data["rclone"])["path"] == str(place.real)
    assert as_object(data["remembered"]) == {
        "endpoint": "http://a.test:80",
        "key_file": str(Path(__file__).parents[2] / "keys.yaml"),
        "state_dir": str(state_dir),
        "create_bucket": True,
    }
    again = program.run("stand-in", "install", at, "--no-create-bucket", "--json")
    kept = as_object(as_object(again.answer["data"])["remembered"])
    assert kept["create_bucket"] is False
    assert kept["state_dir"] == str(state_dir)
    assert program.run("stand-in", "status", at, "--json").answer["data"] == again.answer["data"]

    place.put(mtime=_LATER)
    overwritten = program.run("stand-in", "status", at, "--json")
    assert overwritten.status == 10
    assert as_object(overwritten.answer["data"])["state"] == "overwritten"
    doctor = program.run("doctor", "--json")
    assert doctor.status == 10
    assert f"stand_in {at}" in str(as_object(doctor.answer["error"])["message"])

    removed = program.run("stand-in", "remove", at, "--json")
    assert removed.answer["data"] == {"removed": True}
    assert program.run("stand-in", "remove", at, "--json").answer["data"] == {"removed": False}
    assert place.names == ["rclone"]


def test_the_commands_for_people(program: Program, place: Place) -> None:
    at = place.directory
    assert "There is no stand-in" in program.run("stand-in", "remove", at).stdout
    installed = program.run("stand-in", "install", at, "--endpoint", "http://a.test:80").stdout
    assert "rclone.real" in installed
    assert "http://a.test:80" in installed
    assert "and works" in program.run("stand-in", "status", at).stdout
    place.real.unlink()
    broken = program.run("stand-in", "status", at)
    assert broken.status == 20
    assert "real rclone is missing" in broken.stderr
    same(place.rclone, place.real)
    assert "real rclone again" in program.run("stand-in", "remove", at).stdout
    place.program.unlink()
    there = ("--rclone", place.rclone)
    assert program.run("stand-in", "install", at, *there).status == 0
    assert "no rclone before" in program.run("stand-in", "remove", at).stdout


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (("--endpoint", "https://pek3a.qingstor.com/bucket"), "--endpoint"),
        (("--key-file", "a\0b"[:1] * 5000), "--key-file"),
        (("--state-dir", "s" * 5000), "--state-dir"),
    ],
)
def test_a_wrong_option_changes_nothing(
    program: Program, place: Place, options: tuple[str, ...], word: str
) -> None:
    done = program.run("stand-in", "install", place.directory, *options, "--json")
    assert done.status == 2
    assert word in done.stderr
    assert place.names == ["rclone"]


def test_the_commands_of_the_example_image_exist() -> None:
    page = Path(__file__).parents[2] / "docs" / "examples" / "Dockerfile"
    lines = re.findall(r"pluton-qingstor (stand-in .+?)(?: \\)?$", page.read_text(), re.MULTILINE)
    assert [parse(shlex.split(line)).action for line in lines] == ["install", "status"]


def test_a_directory_that_is_gone_is_nothing_to_doctor(place: Place) -> None:
    place.install()
    shutil.rmtree(place.directory)
    assert _doctor(place) == []
