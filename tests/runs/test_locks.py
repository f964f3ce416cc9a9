"""Backups to overlapping targets exclude each other; other runs do not wait."""

import errno
import fcntl
import os
import signal
from pathlib import Path

import msgspec
import pytest

from adapter.contract.errors import AdapterError, ErrorCode
from adapter.runs.store import now_utc
from adapter.runs.target_lock import Holder, overlap, target_lock
from tests.program import as_object
from tests.runs.scene import TARGET, Scene, error_code

_BUCKET = "https://qingstor.com:443/pek3a/bucket"


def _holder(place: str, run_id: str) -> Holder:
    return Holder(place=place, run_id=run_id, source="/srv/data", started=now_utc())


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (f"{_BUCKET}/a", f"{_BUCKET}/a", True),
        (f"{_BUCKET}/a", f"{_BUCKET}/a/b", True),
        (f"{_BUCKET}/a/b/c", f"{_BUCKET}/a", True),
        (_BUCKET, f"{_BUCKET}/a", True),
        (f"{_BUCKET}/a", f"{_BUCKET}/ab", False),
        (f"{_BUCKET}/a/b", f"{_BUCKET}/a/c", False),
        (_BUCKET, f"{_BUCKET}-two", False),
        (f"{_BUCKET}/a", "https://qingstor.com:443/sh1a/bucket/a", False),
    ],
)
def test_places_overlap_when_one_is_inside_the_other(one: str, other: str, *, expected: bool) -> None:
    assert overlap(one, other) is overlap(other, one) is expected


def test_the_second_run_is_refused_and_the_first_is_named(tmp_path: Path) -> None:
    holder = _holder(f"{_BUCKET}/a", "first")
    inside = target_lock(tmp_path, _holder(f"{_BUCKET}/a/b", "second"))
    with target_lock(tmp_path, holder), pytest.raises(AdapterError) as caught, inside:
        pytest.fail("it was let in")
    failure = caught.value.failure
    assert failure.code is ErrorCode.LOCKED
    for words in ("first", "/srv/data", f"{holder.started:%Y-%m-%d %H:%M:%S}"):
        assert words in failure.message


def test_a_lock_ends_with_its_block_and_leaves_no_file(tmp_path: Path) -> None:
    for _ in range(2):
        with target_lock(tmp_path, _holder(_BUCKET, "one")):
            pass
        with pytest.raises(ZeroDivisionError), target_lock(tmp_path, _holder(_BUCKET, "one")):
            raise ZeroDivisionError
    assert [path.name for path in (tmp_path / "locks").iterdir()] == ["guard"]


def test_a_lock_that_cannot_be_written_completely_is_no_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a full disk half a lock was written, which locked nothing, and its owner went on."""
    real = os.write

    def half(descriptor: int, data: bytes) -> int:
        if len(data) < 50:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(descriptor, data[: len(data) // 2])

    monkeypatch.setattr("os.write", half)
    with pytest.raises(OSError, match="space"), target_lock(tmp_path, _holder(_BUCKET, "one")):
        pytest.fail("it was let in")
    assert [path.name for path in (tmp_path / "locks").iterdir()] == ["guard"]


def test_the_file_of_a_dead_owner_is_not_a_lock(tmp_path: Path) -> None:
    """As after a power cut: the file exists, but no process holds it."""
    directory = tmp_path / "locks"
    directory.mkdir()
    (directory / "dead.lock.0123.tmp").touch()
    (directory / "dead.lock").write_text(msgspec.json.encode(_holder(_BUCKET, "dead")).decode())
    with target_lock(tmp_path, _holder(_BUCKET, "next")):
        assert sorted(path.name for path in directory.iterdir()) == ["guard", "next.lock"]


@pytest.mark.parametrize("target", [TARGET, f"{TARGET}/inside", "QingStor Backups:bucket-one"])
def test_two_backups_to_overlapping_targets_exclude_each_other(scene: Scene, target: str) -> None:
    scene.stuck()
    with scene.running():
        first = scene.newest()
        second = scene.program.run("backup", scene.source, target, "--json")
    assert second.status == 11
    assert error_code(second.summary) == "locked"
    message = str(as_object(second.summary["error"])["message"])
    assert str(first["run_id"]) in message
    assert str(scene.source) in message


def test_a_storage_by_another_name_is_the_same_place(scene: Scene) -> None:
    text = scene.program.conf.read_text()
    scene.program.conf.write_text(f"{text}\n{text.replace('[QingStor Backups]', '[second]')}")
    scene.stuck()
    with scene.running():
        done = scene.program.run("backup", scene.source, "second:bucket-one/srv", "--json")
    assert done.status == 11


def test_other_targets_restores_and_dry_runs_go_on_beside_it(scene: Scene, tmp_path: Path) -> None:
    scene.server.put_object("bucket-one", "srv/there", b"there")
    fault = scene.stuck()
    with scene.running() as first:
        dry = scene.program.run("backup", scene.source, TARGET, "--json", "--dry-run")
        back = scene.program.run("restore", TARGET, tmp_path / "restored", "--json")
        with scene.running(target="QingStor Backups:bucket-one/srv2") as second:
            states = [row["state"] for row in scene.listed()]
            fault.remove()  # the uploads lose their connection, and rclone sends them again
            assert (second.end().status, first.end().status) == (0, 0)
    assert (dry.status, back.status) == (0, 0)
    assert states.count("running") == 2


def test_the_lock_of_a_killed_backup_is_released_and_the_crash_is_reported(scene: Scene) -> None:
    scene.stuck()
    with scene.running() as first:
        first.process.kill()
        first.end()
    scene.server.clear_faults()
    assert scene.newest()["state"] == "crashed"

    done = scene.program.run("backup", scene.source, TARGET, "--json")

    assert done.status == 0, done.stdout[-2000:]
    assert "earlier_run_crashed" in {line["code"] for line in done.of_type("warning")}


def test_a_paused_backup_still_holds_its_lock(scene: Scene) -> None:
    scene.stuck()
    with scene.running() as first:
        first.process.send_signal(signal.SIGSTOP)
        assert scene.program.run("backup", scene.source, TARGET, "--json").status == 11
        assert scene.newest()["state"] == "failed"
        assert scene.listed()[1]["state"] == "running"


def test_a_backup_without_a_state_directory_runs_and_says_that_it_is_not_locked(
    scene: Scene, tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(b"")
    done = scene.program.run(
        "backup", scene.source, TARGET, "--json", "--state-dir", tmp_path / "file" / "state"
    )
    assert done.status == 0, done.stdout[-2000:]
    assert {"state_unwritable", "not_locked"} <= {line["code"] for line in done.of_type("warning")}


def test_only_one_process_at_a_time_looks_and_registers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapter.runs.target_lock._LONGEST_WAIT_S", 0.1)
    directory = tmp_path / "locks"
    directory.mkdir()
    guard = os.open(directory / "guard", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(guard, fcntl.LOCK_SH)
        with pytest.raises(TimeoutError), target_lock(tmp_path, _holder("a", "one")):
            pass
    finally:
        os.close(guard)
