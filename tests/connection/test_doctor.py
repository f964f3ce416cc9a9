"""`doctor`: every check, when it passes and when it fails."""

import os
from dataclasses import replace

import pytest

from adapter.connection.doctor import examine
from adapter.connection.doctor_machine import check_proxies, check_state_dir
from adapter.contract.errors import ErrorCode
from adapter.machine.cancellation import Cancellation
from rclone_conf import encrypt
from tests.connection.scene import Scene
from tests.connection.sockets import closed_port, silent
from tests.program import Finished, Json, as_object
from tests.qingstor_server import ALL_RIGHTS, SECRET_ACCESS_KEY, Right

_ALWAYS = ["rclone", "conf", "state_dir", "proxy", "environment", "clock"]
_SAVED = ["rclone", "conf", "conf_mode", "conf_encryption", "state_dir", "proxy", "environment", "clock"]


def _checks(done: Finished) -> dict[str, dict[str, Json]]:
    checks = as_object(done.answer["data"])["checks"]
    assert isinstance(checks, list)
    return {str(as_object(check)["name"]): as_object(check) for check in checks}


def _failed(done: Finished) -> list[str]:
    return [name for name, check in _checks(done).items() if not check["ok"]]


def test_a_machine_without_a_saved_storage(scene: Scene) -> None:
    done = scene.program.run("doctor", "--json")
    assert done.status == 0, done.stdout
    assert list(_checks(done)) == _ALWAYS
    assert not scene.program.conf.exists()


def test_a_machine_that_is_ready(scene: Scene) -> None:
    scene.server.add_bucket("bucket-one")
    scene.program.save()
    done = scene.program.run("doctor", "--json")
    assert done.status == 0, done.stdout
    checks = _checks(done)
    assert list(checks) == [*_SAVED, "storage QingStor Backups"]
    assert "agrees" in str(checks["clock"]["message"])
    assert all(set(check) == {"name", "ok", "message", "hint"} for check in checks.values())
    assert all(str(check["message"]).endswith(".") for check in checks.values())


def test_one_screen_for_people(scene: Scene) -> None:
    scene.program.save()
    scene.program.conf.chmod(0o644)
    done = scene.program.run("doctor")
    assert done.status == 13
    assert len(done.stderr.splitlines()) < 24
    assert "FAILED  conf_mode" in done.stderr
    assert "[conf_unreadable]" in done.stderr
    assert "chmod 600" in done.stderr
    assert SECRET_ACCESS_KEY not in done.stdout + done.stderr


def test_every_storage_is_tested_and_the_first_failure_is_the_answer(scene: Scene) -> None:
    scene.server.add_bucket("bucket-one", "sh1a")
    only = ("AKTESTonly", "SKTESTcanaryonly")
    scene.server.add_key(*only, rights=ALL_RIGHTS - {Right.LIST_BUCKETS})
    port = scene.stack.enter_context(closed_port())
    conf = scene.program.conf
    keys = f"access_key_id = AKTESTCANARY00000001\nsecret_access_key = {SECRET_ACCESS_KEY}\n"
    there = "endpoint = http://qingstor.test:80\n"
    conf.write_text(
        f"[good]\ntype = qingstor\nzone = sh1a\n{there}{keys}"
        f"[wrong zone]\ntype = qingstor\nzone = pek3a\n{there}{keys}"
        f"[one bucket]\ntype = qingstor\n{there}access_key_id = {only[0]}\nsecret_access_key = {only[1]}\n"
        f"[refusing]\ntype = qingstor\nendpoint = http://127.0.0.1:{port}\n{keys}"
        f"[unusable]\ntype = qingstor\nendpoint = https://a-b.c\n{keys}"
        "[other]\ntype = local\n"
    )
    conf.chmod(0o600)

    done = scene.program.run("doctor", "--json")

    assert _failed(done) == ["storage wrong zone", "storage refusing", "storage unusable"]
    assert as_object(done.answer["error"])["code"] == "zone_mismatch"
    assert "hyphen" in str(_checks(done)["storage unusable"]["message"])
    assert "--bucket" in str(_checks(done)["storage one bucket"]["hint"])
    assert "other" not in " ".join(_checks(done))


def test_a_storage_that_hangs_is_a_time_out(scene: Scene) -> None:
    port = scene.listener(silent)
    keys = "access_key_id = AKTESTcanary\nsecret_access_key = SKTESTcanary\n"
    names = [f"number {number}" for number in range(5)]
    section = f"type = qingstor\nendpoint = http://127.0.0.1:{port}\n{keys}"
    scene.program.conf.write_text("".join(f"[{name}]\n{section}" for name in names))
    scene.program.conf.chmod(0o600)
    with Cancellation() as cancel:
        checks = examine(scene.machine, cancel, storage_timeout_s=1)
    codes = {check.name: check.failure.code for check in checks if check.failure}
    assert codes == {f"storage {name}": ErrorCode.TIMEOUT for name in names}


def test_an_encrypted_conf_and_its_password(scene: Scene) -> None:
    scene.program.save()
    conf = scene.program.conf
    conf.write_bytes(encrypt(conf.read_bytes(), "canary password"))

    answers = {}
    for name, given in (("none", None), ("wrong", "another canary"), ("right", "canary password")):
        variables = {} if given is None else {"RCLONE_CONFIG_PASS": given}
        answers[name] = replace(scene.program, variables=variables).run("doctor", "--json")

    assert [_failed(done) for done in answers.values()] == [["conf_password"], ["conf_password"], []]
    codes = {as_object(done.answer["error"])["code"] for done in (answers["none"], answers["wrong"])}
    assert codes == {"conf_password_missing", "conf_wrong_password"}
    assert "storage QingStor Backups" in _checks(answers["right"])
    assert not any("canary" in done.stdout for done in answers.values())


def test_a_conf_that_rclone_cannot_read(scene: Scene) -> None:
    scene.program.conf.write_text("[storage\ntype = qingstor\n")
    scene.program.conf.chmod(0o600)
    done = scene.program.run("doctor", "--json")
    assert done.status == 13
    assert _failed(done) == ["conf"]


def test_a_conf_that_is_a_directory(scene: Scene) -> None:
    scene.program.conf.mkdir()
    done = scene.program.run("doctor", "--json")
    assert (done.status, _failed(done)) == (13, ["conf"])


def test_a_clock_that_is_10_or_20_minutes_wrong(scene: Scene) -> None:
    scene.program.save()
    scene.server.configure(clock_skew=600)
    soon = scene.program.run("doctor", "--json")
    assert soon.status == 0
    assert "10 minutes behind" in str(_checks(soon)["clock"]["message"])
    assert "NTP" in str(_checks(soon)["clock"]["hint"])
    scene.server.configure(clock_skew=-600)
    ahead = scene.program.run("doctor", "--json")
    assert "10 minutes ahead" in str(_checks(ahead)["clock"]["message"])
    assert "NTP" in str(_checks(ahead)["clock"]["hint"])
    scene.server.configure(clock_skew=1200)
    late = scene.program.run("doctor", "--json")
    assert late.status == 12
    assert _failed(late) == ["clock", "storage QingStor Backups"]


@pytest.mark.parametrize("secret", [SECRET_ACCESS_KEY, "SKTESTcanarywrong"])
def test_the_clock_is_compared_even_if_the_list_is_refused(scene: Scene, secret: str) -> None:
    rights = ALL_RIGHTS - {Right.LIST_BUCKETS}
    scene.server.add_key("AKTESTonly", SECRET_ACCESS_KEY, rights=rights)
    scene.server.configure(clock_skew=600)
    keys = {"access_key_id": "AKTESTonly", "secret_access_key": secret}
    lines = "".join(f"{name} = {value}\n" for name, value in keys.items())
    scene.program.conf.write_text(f"[only]\ntype = qingstor\nendpoint = http://qingstor.test:80\n{lines}")
    scene.program.conf.chmod(0o600)
    done = scene.program.run("doctor", "--json")
    assert "10 minutes behind" in str(_checks(done)["clock"]["message"])


def test_variables_that_rclone_does_not_get_are_named_and_fail_nothing(scene: Scene) -> None:
    program = replace(scene.program, variables={"RCLONE_DRY_RUN": "1", "RCLONE_BWLIMIT": "10M"})
    check = _checks(program.run("doctor", "--json"))["environment"]
    assert check["ok"]
    assert "RCLONE_DRY_RUN" in str(check["message"])
    assert "RCLONE_BWLIMIT" not in str(check["message"])


def test_without_rclone_storages_are_not_tested(scene: Scene) -> None:
    scene.program.save()
    done = scene.program.run("doctor", "--rclone", scene.directory / "nowhere", "--json")
    assert (done.status, _failed(done)) == (20, ["rclone", "storage QingStor Backups"])
    assert "Not tested" in str(_checks(done)["storage QingStor Backups"]["message"])


@pytest.mark.parametrize(
    ("environ", "ok", "said"),
    [
        ({}, True, "No proxy"),
        ({"HTTPS_PROXY": "http://user:canary@proxy.corp:3128"}, True, "HTTPS_PROXY is proxy.corp:3128."),
        ({"http_proxy": "proxy.corp:80", "NO_PROXY": "a.b"}, True, "NO_PROXY is a.b"),
        ({"HTTPS_PROXY": "socks5://proxy.corp"}, True, "HTTPS_PROXY is proxy.corp."),
        ({"HTTPS_PROXY": "http://proxy.corp:canary"}, False, "HTTPS_PROXY"),
        ({"HTTP_PROXY": "ftp://canary"}, False, "HTTP_PROXY"),
        ({"HTTP_PROXY": "http://"}, False, "HTTP_PROXY"),
    ],
)
def test_proxies_are_shown_without_passwords(environ: dict[str, str], ok: bool, said: str) -> None:  # noqa: FBT001
    check = check_proxies(environ)
    assert check.ok is ok
    assert said in check.message
    assert "canary" not in check.message + check.hint


def test_a_state_directory_that_cannot_be_written(scene: Scene) -> None:
    blocked = scene.directory / "file"
    blocked.write_bytes(b"")
    bad = check_state_dir(replace(scene.machine, state_dir=blocked / "state"))
    assert not bad.ok
    assert str(blocked) in bad.message
    good = check_state_dir(replace(scene.machine, state_dir=scene.directory / "a" / "b"))
    assert good.ok
    assert not os.path.lexists(scene.directory / "a")
