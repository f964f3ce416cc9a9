"""restic keeps a repository at QingStor through the stand-in for rclone, as under today's Pluton."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.qingstor_server import ACCESS_KEY_ID, SECRET_ACCESS_KEY, QingStorServer
from tests.qingstor_server.accounts import Right
from tests.qingstor_server.fault import Fault, FaultKind
from tests.stand_in.pluton import Pluton, install_stand_in, section_text
from tests.system.scene import PASSWORD, Restic, contents, make_source
from tests.system.watching import Seen, descendants, still_there

_UNSAFE = {"upload_concurrency": "4", "upload_cutoff": "5Mi"}
"""With these rclone by itself destroys what it uploads, and holds it in memory."""
_LIMIT = 150 << 20
"""Bytes of memory for one rclone; a pack of 64 MiB is sent by each of restic's five connections."""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The stand-in in a directory."""
    return install_stand_in(tmp_path_factory.mktemp("stand-in"))


@pytest.fixture
def temporary() -> Iterator[Path]:
    """A directory for what is temporary; a socket's path must be short."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        yield Path(name)


@pytest.fixture
def scene(restic: Path, program: Path, server: QingStorServer, tmp_path: Path, temporary: Path) -> Restic:
    """A storage with unsafe options, a bucket in its zone and one elsewhere."""
    server.add_bucket("my-bucket")
    server.add_bucket("photos-sh", "sh1a")
    pluton = Pluton(tmp_path, program, server)
    pluton.write_conf(section_text("Q S", **_UNSAFE))
    return Restic(pluton, str(program), temporary)


@pytest.fixture(scope="session")
def empty_repository(restic: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of a repository without a snapshot."""
    place = tmp_path_factory.mktemp("repository")
    subprocess.run(
        [restic, "-r", place, "init"],
        env={**os.environ, "RESTIC_PASSWORD": PASSWORD},
        check=True,
        timeout=120,
    )
    return contents(place)


@pytest.fixture
def repository(scene: Restic, empty_repository: dict[str, bytes]) -> Restic:
    """The scene, with an empty repository in the bucket."""
    for name, data in empty_repository.items():
        scene.server.put_object("my-bucket", f"repo/{name}", data)
    return scene


def _lifecycle(restic: Restic) -> None:
    """All that Pluton does with a repository in its life."""
    source, restored = make_source(restic.pluton.directory), restic.pluton.directory / "restored"
    restic.ok("init")
    restic.ok("backup", source)
    (source / "large").write_bytes(b"changed")
    restic.ok("backup", source)
    assert len(json.loads(restic.ok("snapshots", "--json"))) == 2
    restic.ok("check", "--read-data")
    restic.ok("forget", "--keep-last", "1", "--prune")
    assert sum(item.size for item in restic.server.objects("my-bucket").values()) < 1 << 20
    restic.ok("restore", "latest", "--target", restored)
    assert contents(restored / source.relative_to("/")) == contents(source)
    restic.check_stored()
    restic.check_files()


def test_a_repository_from_its_first_to_its_last_day(scene: Restic) -> None:
    _lifecycle(scene)


def test_a_key_limited_to_one_bucket_and_an_encrypted_conf(scene: Restic) -> None:
    """The key may neither list buckets nor create any; rclone is found on PATH, as Pluton has it."""
    rights = {Right.LIST, Right.READ, Right.WRITE, Right.DELETE}
    key = scene.server.add_key(
        "AKLIMITED00000000001", SECRET_ACCESS_KEY, rights=rights, buckets={"my-bucket"}
    )
    scene.pluton.write_conf(section_text("Q S", key.id, key.secret, **_UNSAFE), encrypted=True)
    _lifecycle(replace(scene, program="rclone"))


def test_large_packs_are_not_held_in_memory(repository: Restic) -> None:
    source = make_source(repository.pluton.directory, mib=130)
    finished, seen = repository.run("backup", source, "--pack-size", "64")
    assert finished.status == 0, finished.stderr
    assert (
        len([item for item in repository.server.objects("my-bucket").values() if item.size > 60 << 20]) == 2
    )
    (peak,) = seen.peaks.values()
    assert 20 << 20 < peak < _LIMIT
    repository.check_stored()


_REFUSED = {
    "my-bukcet": "There is no bucket my-bukcet in zone pek3a. Did you mean my-bucket? [bucket_not_found]",
    "photos-sh": "Your bucket photos-sh is in zone sh1a, not in pek3a. Set the Zone to sh1a. [zone_mismatch]",
}


@pytest.mark.parametrize(("bucket", "sentence"), _REFUSED.items(), ids=_REFUSED)
def test_a_wrong_bucket_is_told_and_none_created(scene: Restic, bucket: str, sentence: str) -> None:
    before = scene.server.buckets()
    finished, _ = replace(scene, bucket=bucket).run("init")
    assert finished.status == 1
    assert f"rclone: {sentence}\n" in finished.stderr
    assert scene.server.buckets() == before
    assert scene.server.objects("photos-sh") == {}
    assert scene.server.requests("create_bucket") == []


def _backed_up(restic: Restic) -> None:
    """One backup, read back."""
    source, restored = make_source(restic.pluton.directory), restic.pluton.directory / "restored"
    restic.ok("backup", source)
    restic.ok("restore", "latest", "--target", restored)
    assert contents(restored / source.relative_to("/")) == contents(source)
    restic.check_stored()
    restic.check_files()


def test_keys_from_the_environment_by_the_program_itself(repository: Restic) -> None:
    """`pluton-qingstor rclone` in place of an installed stand-in."""
    repository.pluton.write_conf(section_text("Q S", "", "", env_auth="true", **_UNSAFE))
    own = Path(sys.executable).with_name("pluton-qingstor")
    keys = {"QINGSTOR_ACCESS_KEY_ID": ACCESS_KEY_ID, "QINGSTOR_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY}
    _backed_up(replace(repository, program=f"'{own}' rclone", variables=keys))


def test_keys_from_the_remembered_key_file(repository: Restic, tmp_path: Path) -> None:
    """Pluton hands on neither keys nor a home."""
    place = tmp_path / "elsewhere"
    place.mkdir()
    file = tmp_path / "keys.yaml"
    file.write_text(f"access_key_id: {ACCESS_KEY_ID}\nsecret_access_key: {SECRET_ACCESS_KEY}\n")
    file.chmod(0o600)
    repository.pluton.write_conf(section_text("Q S", "", "", env_auth="true", **_UNSAFE))
    program = install_stand_in(place, key_file=str(file))
    restic = replace(repository, program=str(program))
    restic.ok("backup", make_source(tmp_path))
    restic.check_stored()


def test_a_lost_connection_is_tried_again(repository: Restic) -> None:
    fault = Fault(FaultKind.RESET, operation="put_object", key="repo/data/*", after_bytes=1 << 20, times=2)
    lost = repository.server.add_fault(fault)
    _backed_up(repository)
    assert lost.fired == 2


def test_two_backups_at_once(repository: Restic) -> None:
    sources = [make_source(repository.pluton.directory, seed=seed) for seed in (1, 2)]
    with (
        repository.running("backup", sources[0]) as first,
        repository.running("backup", sources[1]) as second,
    ):
        ended = [process.communicate(timeout=120)[1] for process in (first, second)]
    assert [first.returncode, second.returncode] == [0, 0], ended
    assert len(json.loads(repository.ok("snapshots", "--json"))) == 2
    repository.ok("check", "--read-data")
    repository.check_stored()


def test_a_killed_restic_leaves_nothing_running(repository: Restic) -> None:
    """In the middle of an upload; then it can go on."""
    source = make_source(repository.pluton.directory)
    repository.server.add_fault(
        Fault(FaultKind.HANG, operation="put_object", key="repo/data/*", after_bytes=1 << 20)
    )
    with repository.running("backup", source) as process:
        repository.server.wait_for("put_object", received=1 << 20)
        seen, below = Seen(), descendants(process.pid)
        seen.look_at(process.pid)
        assert {Path(command[0]).name for command in seen.commands} >= {"rclone.real"}
        repository.check_clean(seen, "")
        process.send_signal(signal.SIGKILL)
        assert still_there(below) == []
    repository.server.clear_faults()
    repository.ok("backup", source)
    repository.check_stored()
