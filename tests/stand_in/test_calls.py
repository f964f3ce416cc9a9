"""Calls that involve a QingStor remote, by the real rclone against the local QingStor."""

import hashlib
import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from rclone_conf import encrypt
from tests.qingstor_server import ACCESS_KEY_ID, SECRET_ACCESS_KEY, Fault, FaultKind, QingStorServer
from tests.stand_in.standing_in import BUCKET as _BUCKET
from tests.stand_in.standing_in import StandingIn, prepared

_CREATED = "create_bucket"
_LARGE = os.urandom(12 << 20)


@pytest.fixture
def calls(tmp_path: Path, server: QingStorServer, rclone: Path, looked_at: bytes) -> StandingIn:
    """A stand-in; there is `bucket-one` in pek3a, `far-bucket` in sh1a, and the remote `q`."""
    (tmp_path / "tmp").mkdir()
    server.add_bucket("far-bucket", "sh1a")
    return prepared(StandingIn(tmp_path, server), rclone, looked_at)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A small file in a directory of its own."""
    file = tmp_path / "data" / "a file.txt"
    file.parent.mkdir()
    file.write_bytes(b"content")
    return file


def test_a_key_for_one_bucket_suffices_inside_it(calls: StandingIn, file: Path) -> None:
    """No command asks for the creation of the bucket, which this key may not; none fails."""
    calls.section("one", key=calls.limited_key(_BUCKET), upload_concurrency="4", upload_cutoff="5Mi")
    there = f"one:{_BUCKET}"
    large = file.with_name("large")
    large.write_bytes(_LARGE)
    for words, stdin in (
        (("copyto", file, f"{there}/p/renamed.txt"), b""),
        (("copy", file, f"{there}/p"), b""),
        (("rcat", f"{there}/p/small"), b"small"),
        (("rcat", f"{there}/p/piped"), _LARGE),
        (("copyto", large, f"{there}/large"), b""),
        (("sync", file.parent, f"{there}/tree"), b""),
        (("moveto", file, f"{there}/moved"), b""),
        (("moveto", f"{there}/moved", f"{there}/moved again"), b""),
        (("copyto", f"{there}/large", f"{there}/large too"), b""),
        (("copyto", f"{there}/tree", f"{there}/copied"), b""),
        (("deletefile", f"{there}/p/small"), b""),
        (("mkdir", f"{there}/empty"), b""),
        (("purge", f"{there}/p"), b""),
    ):
        ended = calls.run(*words, stdin=stdin)
        # rclone itself complains of its spool file after a large rcat.
        said = [line for line in ended.stderr.splitlines() if "rclone-spool" not in line]
        assert (ended.status, said, ended.stdout) == (0, [], b""), words
        assert _CREATED not in ended.asked
    assert not file.exists()
    objects = calls.server.files(_BUCKET)
    assert set(objects) == {
        *("large", "large too", "moved again"),
        *("tree/a file.txt", "tree/large", "copied/a file.txt", "copied/large"),
    }
    digest = hashlib.md5(_LARGE, usedforsecurity=False).hexdigest()
    assert {objects[name].etag.strip('"') for name in ("large", "tree/large")} == {digest}
    assert not calls.server.uploads(_BUCKET)


def test_an_upload_survives_a_concurrency_of_4(calls: StandingIn, file: Path) -> None:
    """In the section, in a connection string, as a flag, in the environment, and behind a crypt remote."""
    calls.section("fast", upload_concurrency="4", upload_cutoff="5Mi")
    with calls.conf.open("a") as conf:
        conf.write(f"[hidden]\ntype = crypt\nremote = fast:{_BUCKET}/crypt\npassword = {_obscured(calls)}\n")
    file.write_bytes(_LARGE)
    flags = ("--qingstor-upload-cutoff", "5Mi", "--qingstor-upload-concurrency=4")
    variables = {"RCLONE_QINGSTOR_UPLOAD_CUTOFF": "5Mi", "RCLONE_QINGSTOR_UPLOAD_CONCURRENCY": "4"}
    for number, (words, env) in enumerate(
        (
            (("copy", file.parent, f"fast:{_BUCKET}/0"), {}),
            (("copy", file.parent, f"q,upload_cutoff=5Mi,upload_concurrency=4:{_BUCKET}/1"), {}),
            (("copy", *flags, file.parent, f"q:{_BUCKET}/2"), {}),
            (("copy", file.parent, f"q:{_BUCKET}/3"), variables),
            (("copy", file.parent, "hidden:4"), {}),
        )
    ):
        ended = calls.run(*words, env=env)
        assert (ended.status, ended.stderr) == (0, ""), words
        assert "initiate_multipart" not in " ".join(ended.asked)
        assert len(calls.server.files(_BUCKET)) == number + 1


def _obscured(calls: StandingIn) -> str:
    return calls.run("obscure", "secret", real=True).stdout.decode().strip()


@pytest.mark.parametrize(
    "words",
    [
        ("copyto", "FILE", "q:bucket-onee/f"),
        ("copy", "DIR", "q:bucket-onee"),
        ("serve", "restic", "--stdio", "q:bucket-onee/repo"),
        ("lsd", "q:bucket-onee"),
        ("copy", "DIR", "loc:", "--backup-dir", "q:bucket-onee/old"),
    ],
)
def test_a_mistyped_bucket_is_refused(calls: StandingIn, file: Path, words: tuple[str, ...]) -> None:
    with calls.conf.open("a") as conf:
        conf.write(f"[loc]\ntype = alias\nremote = {file.parent.parent}/copy\n")
    places = {"FILE": str(file), "DIR": str(file.parent)}
    ended = calls.run(*(places.get(word, word) for word in words), stdin=b"x")
    assert ended.status == 3
    assert ended.stdout == b"" or words[0] == "serve"  # its side of HTTP/2 begins at once
    assert ended.first_line == (
        "There is no bucket bucket-onee in zone pek3a. Did you mean bucket-one? [bucket_not_found]"
    )
    assert "directory not found" in ended.stderr  # rclone's own words, after ours
    assert "bucket-onee" not in calls.server.buckets()


def test_a_wrong_zone_is_named(calls: StandingIn, file: Path) -> None:
    for words in (
        ("rcat", "q:far-bucket/f"),
        ("sync", str(file.parent), "q:far-bucket"),
        ("mkdir", "q:far-bucket"),
    ):
        ended = calls.run(*words, stdin=b"x")
        assert (ended.status, ended.first_line) == (
            3,
            "Your bucket far-bucket is in zone sh1a, not in pek3a. Set the Zone to sh1a. [zone_mismatch]",
        )
        assert _CREATED not in ended.asked


def test_a_bucket_is_created_where_it_is_asked_for(calls: StandingIn, file: Path) -> None:
    for name, words, env in (
        ("new-bucket-1", ("mkdir", "q:new-bucket-1"), {}),
        (
            "new-bucket-2",
            ("copy", str(file.parent), "q:new-bucket-2"),
            {"PLUTON_QINGSTOR_CREATE_BUCKET": "1"},
        ),
        ("new-bucket-3", ("rcat", "q:new-bucket-3/f"), {"PLUTON_QINGSTOR_CREATE_BUCKET": "1"}),
        ("new-bucket-4", ("copyto", str(file), "q:new-bucket-4/f"), {"remembered": "yes"}),
    ):
        if "remembered" in env:
            (calls.directory / "rclone.stand-in.json").write_text('{"create_bucket": true}')
        assert name not in calls.server.buckets()
        assert calls.run(*words, stdin=b"x", env=env).status == 0
        assert name in calls.server.buckets()


def test_nothing_is_written_to_the_list_of_buckets(calls: StandingIn, file: Path) -> None:
    for words in (("copy", str(file.parent), "q:"), ("serve", "restic", "--stdio", "q:")):
        ended = calls.run(*words)
        assert (ended.status, ended.asked) == (1, [])
        assert ended.first_line.startswith("q: names no bucket")


def test_the_guard_costs_one_request(calls: StandingIn, file: Path) -> None:
    """Everything else is what rclone itself asks for."""
    calls.run("copyto", file, f"q:{_BUCKET}/there", real=True)
    for words in (
        ("lsjson", f"q:{_BUCKET}"),
        ("cat", f"q:{_BUCKET}/there"),
        ("copy", str(file.parent), f"q:{_BUCKET}/dir"),
        ("rcat", f"q:{_BUCKET}/there"),
        ("copyto", str(file), f"q:{_BUCKET}/there"),
        ("lsd", "q:"),
    ):
        alone = calls.run(*words, stdin=b"piped", real=True)
        calls.server.remove_object(_BUCKET, "dir/a file.txt")
        guarded = calls.run(*words, stdin=b"piped")
        assert (guarded.status, guarded.stderr) == (alone.status, alone.stderr) == (0, "")
        assert len(guarded.asked) <= len(alone.asked) + 1, (words, alone.asked, guarded.asked)


def test_lsd_is_rclones_own_where_all_is_well(calls: StandingIn, file: Path) -> None:
    calls.run("copyto", file, f"q:{_BUCKET}/dir/file", real=True)
    for target in ("q:", f"q:{_BUCKET}", f"q:{_BUCKET}/", "q,zone=sh1a:"):
        alone, tested = calls.run("lsd", target, real=True), calls.run("lsd", target)
        assert (tested.status, tested.stderr, alone.stdout) == (0, "", tested.stdout)


def test_lsd_says_what_is_wrong(calls: StandingIn) -> None:
    calls.section("wrong secret", secret_access_key="SKWRONG")
    calls.section("empty zone", zone="gd2")
    calls.section("one", key=calls.limited_key(_BUCKET))
    calls.section("bad endpoint", endpoint="https://my-corp.cn")
    calls.section("no keys", access_key_id="", secret_access_key="")
    for name, status, beginning, code in (
        ("wrong secret", 1, "The Secret Access Key does not belong", "secret_key_invalid"),
        ("empty zone", 3, "", "zone_mismatch"),
        ("one", 1, "This key may not list the account's buckets.", "permission_denied"),
        ("bad endpoint", 1, "Endpoint", "endpoint_invalid"),
        ("no keys", 1, "Storage no keys has no keys", "credentials_missing"),
    ):
        ended = calls.run("lsd", f"{name}:")
        assert (ended.status, ended.stdout) == (status, b""), name
        assert ended.first_line.endswith(f"[{code}]"), ended.first_line
        assert beginning in ended.first_line


def test_environment_auth(calls: StandingIn, file: Path) -> None:
    """Keys of the environment and of the remembered key file; also for a remote without a section."""
    calls.section("auth", access_key_id="", secret_access_key="", env_auth="true")
    keys = {"QINGSTOR_ACCESS_KEY_ID": ACCESS_KEY_ID, "QINGSTOR_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY}
    flying = ":qingstor,env_auth=true,endpoint='http://qingstor.test:80':"
    for remote in ("auth:", flying):
        assert calls.run("copyto", file, f"{remote}{_BUCKET}/f", env=keys).status == 0
        assert calls.run("lsf", f"{remote}{_BUCKET}", env=keys).stdout == b"f\n"
        missing = calls.run("lsf", f"{remote}{_BUCKET}")
        assert (missing.status, missing.asked) == (1, [])
        assert missing.first_line.startswith("Environment Auth is on and no keys were found.")
        assert f"stand-in install '{calls.directory}' --key-file FILE" in missing.first_line
    place = calls.directory / "keys.yaml"
    place.write_text(f"access_key_id: {ACCESS_KEY_ID}\nsecret_access_key: {SECRET_ACCESS_KEY}\n")
    (calls.directory / "rclone.stand-in.json").write_text(json.dumps({"key_file": str(place)}))
    assert calls.run("lsd", "auth:").status == 0
    again = (
        "config",
        "create",
        "auth",
        "qingstor",
        "env_auth",
        "true",
        "endpoint",
        "http://qingstor.test:80",
    )
    for zone in ("sh1a", "pek3a"):
        assert calls.run(*again, "zone", zone).status == 0


def test_an_encrypted_conf(calls: StandingIn) -> None:
    """The password of the environment, and of rclone's own --password-command; without one rclone says so."""
    password = {"RCLONE_CONFIG_PASS": "a b"}
    calls.run("config", "encryption", "set", stdin=b"a b\na b\n", real=True)
    text = calls.conf.read_bytes()
    if b"RCLONE_ENCRYPT" not in text:
        calls.conf.write_bytes(encrypt(text, "a b"))
    for words, env in (
        (("lsf", "q:nothere-1"), password),
        (("lsf", "q:nothere-1", "--password-command", "echo a b"), {}),
    ):
        assert "[bucket_not_found]" in calls.run(*words, env=env).first_line
    for env, code in (({}, "conf_password_missing"), ({"RCLONE_CONFIG_PASS": "no"}, "conf_wrong_password")):
        for asking in (("lsd", "q:", "--ask-password=false"), ("config", "update", "q", "zone", "sh1a")):
            refused = calls.run(*asking, env=env)
            assert (refused.status, refused.asked, refused.stdout) == (1, [], b"")
            assert refused.first_line.endswith(f"[{code}]")
        # rclone itself would take the data for the password.
        for piped in (("rcat", f"q:{_BUCKET}/f"), ("serve", "restic", "--stdio", f"q:{_BUCKET}")):
            refused = calls.run(*piped, stdin=b"a b\n", env=env)
            assert (refused.status, refused.asked, refused.stderr.count("\n")) == (1, [], 1)
            assert refused.first_line.endswith(f"[{code}]")


def test_what_may_pass_passes(calls: StandingIn, file: Path) -> None:
    """A list that fails for a moment is asked for again; one that the key may not have is no obstacle."""
    calls.server.add_fault(Fault(FaultKind.STATUS, operation="list_objects", status=503, times=1))
    assert calls.run("rcat", f"q:{_BUCKET}/f", stdin=b"x").status == 0
    calls.server.clear_faults()
    calls.server.add_fault(
        Fault(FaultKind.STATUS, operation="list_objects", status=403, code="permission_denied")
    )
    assert calls.run("copyto", file, f"q:{_BUCKET}/g").status == 0
    assert calls.server.read_object(_BUCKET, "g") == b"content"
    calls.server.clear_faults()
    calls.server.add_fault(Fault(FaultKind.STATUS, operation="list_objects", status=500))
    refused = calls.run("rcat", f"q:{_BUCKET}/h", stdin=b"x")
    assert (refused.status, refused.first_line[-14:]) == (1, "[server_error]")
    assert "h" not in calls.server.objects(_BUCKET)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_half_a_stream_is_never_stored(calls: StandingIn, number: signal.Signals) -> None:
    """The end of the stand-in is not the end of the data."""
    process = subprocess.Popen(
        calls.argv("rcat", f"q:{_BUCKET}/cut"),
        env=calls.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdin is not None
    with process.stdin:
        process.stdin.write(b"x" * 300_000)
        process.stdin.flush()
        calls.server.wait_for("list_objects")
        process.send_signal(number)
        assert process.wait(30) in {-signal.SIGKILL, 143}
    _until_no_child_is_left(calls)
    assert "cut" not in calls.server.objects(_BUCKET)


def _until_no_child_is_left(calls: StandingIn) -> None:
    mine = os.fsencode(f"q:{_BUCKET}/cut")
    while any(mine in _cmdline(entry) for entry in Path("/proc").iterdir() if entry.name.isdigit()):
        pass


def _cmdline(process: Path) -> bytes:
    try:
        return (process / "cmdline").read_bytes()
    except OSError:
        return b""


def test_stdin_may_be_a_file(calls: StandingIn, file: Path) -> None:
    file.write_bytes(_LARGE)
    with file.open("rb") as stdin:
        done = subprocess.run(
            calls.argv("rcat", f"q:{_BUCKET}/f"), env=calls.environment, stdin=stdin, check=False
        )
    assert done.returncode == 0
    assert calls.server.read_object(_BUCKET, "f") == _LARGE


def test_a_file_above_5_gib_is_told(calls: StandingIn, file: Path) -> None:
    os.truncate(file, (5 << 30) + 1)
    ended = calls.run("copy", file.parent, f"q:{_BUCKET}", "--dry-run")
    assert ended.status == 0
    assert ended.first_line.startswith(f"{file} is larger than 5 GiB")
    assert ended.first_line.endswith("[file_size_limit]")


def test_a_remote_that_is_only_in_the_environment(calls: StandingIn, file: Path) -> None:
    """With a conf in memory, as this program itself calls rclone."""
    env = calls.server.rclone_environment(remote="new")
    for config in ("", "/dev/null"):
        mistyped = calls.run("copyto", file, "new:bucket-onee/f", "--config", config, env=env)
        assert (mistyped.status, mistyped.first_line[-18:]) == (3, "[bucket_not_found]")
    assert calls.run("copyto", file, f"new:{_BUCKET}/f", "--config", "", env=env).status == 0


def test_names_that_rclone_spells_otherwise(calls: StandingIn, file: Path) -> None:
    for name in ("‛quoted", "␀", "a\nb", "\udcff", "ümläut %s"):  # noqa: RUF001
        odd = file.with_name(name)
        odd.write_bytes(os.fsencode(name))
        calls.server.remove_object(_BUCKET, "ours/x")
        alone = calls.run("copyto", odd, f"q:{_BUCKET}/real/x", real=True)
        ended = calls.run("copyto", odd, f"q:{_BUCKET}/ours/x")
        assert ended.status == alone.status
        if ended.status == 0:
            assert calls.server.read_object(_BUCKET, "ours/x") == os.fsencode(name)
