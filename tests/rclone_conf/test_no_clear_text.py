"""No command writes the clear text of an encrypted file to disk, not even temporarily."""

import base64
import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from rclone_conf import decrypt, encrypt, is_encrypted
from tests.program import Program, document
from tests.qingstor_server import ACCESS_KEY_ID, SECRET_ACCESS_KEY, QingStorServer

ROOT = Path(__file__).parents[2]
PASSWORD = "passcanary"
OLD = (
    "# notecanary\n[other]\ntype = s3\nsecret_access_key = SKothercanary\n\n"
    "[kept]\ntype = qingstor\nzone = pek3a\nendpoint = http://qingstor.test:80\n"
    f"access_key_id = {ACCESS_KEY_ID}\nsecret_access_key = {SECRET_ACCESS_KEY}\n\n"
    "[other]\nregion = repeatedcanary\n"
).encode()
SECRETS = (b"canary", b"[other]", b"access_key_id", SECRET_ACCESS_KEY.encode(), ACCESS_KEY_ID.encode())
COMMANDS: dict[str, tuple[list[str], dict[str, object] | None]] = {
    "add": (["storage", "save", "--no-test"], document()),
    "test and replace": (
        ["storage", "save", "--replace"],
        document(name="kept", settings={"upload_concurrency": 4}),
    ),
    "delete": (["storage", "delete", "kept"], None),
    "repair": (["conf", "repair", "--yes"], None),
    "show": (["conf", "show"], None),
}


def with_rclone_that_cannot_write(program: Program, rclone: Path) -> Program:
    """Return the program with the password, and with an rclone that cannot write regular files (ulimit)."""
    shim = program.directory / "rclone-shim"
    shim.write_text(f'#!/bin/sh\nulimit -f 0\nexec "{rclone}" "$@"\n')
    shim.chmod(0o700)
    return replace(program, variables={"RCLONE_CONFIG_PASS": PASSWORD, "PLUTON_QINGSTOR_RCLONE": str(shim)})


def strace(log: Path) -> list[str]:
    """Return a command prefix that traces all writes, also of children; empty if strace does not work."""
    found = shutil.which("strace")
    usable = found and subprocess.run([found, "-o", log, "true"], capture_output=True, check=False)
    if not found or not usable or usable.returncode:
        return []
    calls = "write,writev,pwrite64,pwritev,pwritev2,sendfile,copy_file_range,splice"
    return [found, "-f", "-y", "-xx", "-s", "1000000", "-e", f"trace={calls}", "-o", str(log)]


def assert_no_secret(where: object, data: bytes) -> None:
    """Check that `data` contains none of the secrets."""
    assert [secret for secret in SECRETS if secret in data] == [], where


@pytest.mark.parametrize("command", COMMANDS)
def test_no_write_of_a_command_holds_clear_text(
    command: str, program: Program, server: QingStorServer, rclone: Path, tmp_path: Path
) -> None:
    server.add_bucket("bucket-one")
    program = with_rclone_that_cannot_write(program, rclone)
    program.conf.write_bytes(encrypt(OLD, PASSWORD))
    program.conf.chmod(0o600)
    words, given = COMMANDS[command]
    record, log = tmp_path / "record", tmp_path / "strace"
    traced = strace(log)

    done = subprocess.run(
        [*traced, sys.executable, "-m", "tests.rclone_conf.record_writes", record, *words, "--json"],
        input=b"" if given is None else json.dumps(given).encode(),
        env=program.environment,
        cwd=ROOT,
        capture_output=True,
        timeout=240,
        check=False,
    )

    assert done.returncode == 0, (done.stdout, done.stderr)
    written, events = read_record(record)
    for path, data in written.items():
        assert_no_secret(path, data)
    assert any(".rclone.conf." in path for path in written) == (command != "show")
    assert all("write" not in one for one in events if "dlsym" in one), "a write that was not recorded"
    assert all("rclone-shim" in one for one in events if "dlsym" not in one), "a child that was not watched"
    for left in program.directory.rglob("*"):
        if left.is_file():
            assert_no_secret(left, left.read_bytes())
    if traced:
        assert (traced_writes(log, record) != []) == (written != {})
        for secret in SECRETS:
            assert not [line[:300] for line in traced_writes(log, record) if coded(secret) in line], secret
    assert is_encrypted(program.conf.read_bytes())
    assert b"SKothercanary" in decrypt(program.conf.read_bytes(), PASSWORD)


def read_record(record: Path) -> tuple[dict[str, bytes], list[str]]:
    """Return the written data by path, in order, and the events that could have written unnoticed."""
    written: dict[str, bytes] = {}
    events: list[str] = []
    for line in record.read_text().splitlines():
        entry = json.loads(line)
        if "event" in entry:
            events.append(f"{entry['event']} {entry['arguments']}")
        else:
            written[entry["path"]] = written.get(entry["path"], b"") + base64.b64decode(entry["data"])
    return written, events


def traced_writes(log: Path, record: Path) -> list[str]:
    """Return the writes to files in a log of strace, except those to the record."""
    # The name of a file starts with a slash, that of a pipe or socket does not. Names are hexadecimal too.
    lines = log.read_text().splitlines()
    others = (f"<{coded(b'/dev/')}", f"<{coded(bytes(record))}>")
    return [line for line in lines if f"<{coded(b'/')}" in line and not any(one in line for one in others)]


def coded(data: bytes) -> str:
    """Return the bytes as `strace -xx` shows them."""
    return "".join(f"\\x{byte:02x}" for byte in data)


WAYS = {
    "write_bytes": "Path(target).write_bytes(b'canary')",
    "write_text": "Path(target).write_text('canary')",
    "open": "open(target, 'a').write('canary')",
    "unbuffered": "open(target, 'wb', 0).write(b'canary')",
    "FileIO": "io.FileIO(target, 'w').write(b'canary')",
    "os.write": "os.write(os.open(target, os.O_WRONLY | os.O_CREAT), b'canary')",
    "os.pwrite": "os.pwrite(os.open(target, os.O_WRONLY | os.O_CREAT), b'canary', 0)",
    "tempfile": "tempfile.NamedTemporaryFile(dir=Path(target).parent, buffering=0).write(b'canary')",
    "fdopen": "os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT), 'wb', 0).write(b'canary')",
    "copy": "Path(target + '1').write_bytes(b'canary'), shutil.copyfile(target + '1', target)",
}


def test_the_recorder_sees_every_way_to_write(tmp_path: Path) -> None:
    record = tmp_path / "record"
    lines = [
        "import io, os, shutil, sys, tempfile",
        "from pathlib import Path",
        "from tests.rclone_conf.record_writes import install",
        "install(os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND))",
    ]
    for name, way in WAYS.items():
        lines += [f"target = sys.argv[2] + '/{name}'", way]
    subprocess.run(
        [sys.executable, "-c", "\n".join(lines), record, tmp_path], cwd=ROOT, check=True, timeout=120
    )
    written, _ = read_record(record)
    temporary = written.keys() - {str(tmp_path / name) for name in WAYS}
    assert len(written) == len(WAYS) + 1, "a write was not recorded; the source of the copy counts too"
    assert len(temporary) == 2
    assert set(written.values()) == {b"canary"}
