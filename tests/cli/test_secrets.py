"""Secrets do not leave the program: the tests search for canaries in argv, output, logs and files."""

import signal
import time
from pathlib import Path

import psutil

from tests.program import Program, document
from tests.qingstor_server import ACCESS_KEY_ID, SECRET_ACCESS_KEY, Fault, FaultKind, QingStorServer

TARGET = "QingStor Backups:bucket-one/srv"


def _assert_clean(*texts: str) -> None:
    for text in texts:
        assert SECRET_ACCESS_KEY not in text
        assert ACCESS_KEY_ID not in text


def test_no_secret_in_argv_of_any_process_while_rclone_runs(
    program: Program, server: QingStorServer, tmp_path: Path
) -> None:
    server.add_bucket("bucket-one")
    program.save()
    (tmp_path / "file").write_bytes(b"x" * 100_000)
    server.add_fault(Fault(FaultKind.HANG, operation="put_object"))
    running = program.start("backup", tmp_path / "file", TARGET, "--json", "-vv")
    seen: set[str] = set()
    deadline = time.monotonic() + 30
    # All the time, because the processes of the preflight are short-lived.
    while not server.requests("put_object") and time.monotonic() < deadline:
        for child in (psutil.Process(running.pid), *psutil.Process(running.pid).children(recursive=True)):
            try:
                seen.add("\0".join(child.cmdline()))
            except psutil.NoSuchProcess:
                continue
    server.wait_for("put_object")
    seen.update("\0".join(child.cmdline()) for child in psutil.Process(running.pid).children())
    running.send_signal(signal.SIGTERM)
    stdout, stderr = running.communicate(timeout=60)

    assert any("copy" in argv for argv in seen)
    _assert_clean(*seen, stdout.decode(), stderr.decode())


def test_no_secret_in_what_a_failed_test_prints(program: Program, server: QingStorServer) -> None:
    server.add_fault(Fault(FaultKind.STATUS, operation="list_buckets", status=500, code="internal_error"))

    for words in (("--json",), ("-vv",)):
        done = program.run("storage", "test", *words, document=document())
        assert done.status == 1, done.stderr
        _assert_clean(done.stdout, done.stderr)


def test_secrets_of_a_refused_document_are_not_printed(program: Program) -> None:
    hostile = document(settings={"zone": "bad\nzone", "chunk_size": "1k"})
    hostile["surprise"] = SECRET_ACCESS_KEY
    for words in (("--json",), ("-vv",)):
        done = program.run("form", "check", *words, document=hostile)
        assert done.status == 2
        _assert_clean(done.stdout, done.stderr)


def test_nothing_is_left_on_disk_but_the_conf(
    program: Program, server: QingStorServer, tmp_path: Path
) -> None:
    server.add_bucket("bucket-one")
    program.save()
    (tmp_path / "file").write_bytes(b"x")
    assert program.run("backup", tmp_path / "file", TARGET, "--json").status == 0

    holding = [
        path
        for path in program.directory.rglob("*")
        if path.is_file() and SECRET_ACCESS_KEY.encode() in path.read_bytes()
    ]
    assert holding == [program.conf]
