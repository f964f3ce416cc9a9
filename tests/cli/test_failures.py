"""Failures of the program: the contract's code and exit status, and one sentence."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.program import Finished, Program, as_object, document
from tests.qingstor_server import Fault, FaultKind, QingStorServer
from tests.trees import digest

TARGET = "QingStor Backups:bucket-one/srv"


def _assert_failed(done: Finished, code: str, status: int) -> None:
    error = as_object(done.summary["error"] if "message_type" in done.lines[0] else done.answer["error"])
    assert (error["code"], done.status) == (code, status), done.stdout
    assert str(error["message"]).endswith((".", "?"))
    assert "\n" not in str(error["message"])
    assert error["hint"]
    assert "Traceback" not in done.stdout + done.stderr


CONNECTIONS: list[tuple[str, dict[str, object], str, int]] = [
    ("wrong secret", {"secret_access_key": "SKcanarywrong"}, "secret_key_invalid", 12),
    ("unknown key", {"access_key_id": "AKcanaryunknown"}, "access_key_invalid", 12),
    ("unreachable host", {"endpoint": "http://unreachable.test:80"}, "endpoint_unreachable", 21),
    ("hyphen in the host", {"endpoint": "https://obs.my-corp.cn"}, "endpoint_invalid", 2),
    ("not a URL", {"endpoint": "https://qingstor.com/path"}, "endpoint_invalid", 2),
    ("one key only", {"secret_access_key": ""}, "invalid_form", 2),
]


@pytest.mark.parametrize(("changes", "code", "status"), [row[1:] for row in CONNECTIONS], ids=str)
def test_a_connection_that_cannot_work(
    program: Program, changes: dict[str, object], code: str, status: int
) -> None:
    variables = {"NO_PROXY": "unreachable.test,pek3a.unreachable.test"}
    done = replace(program, variables=variables).run(
        "storage",
        "test",
        "--json",
        document=document(**changes),  # type: ignore[arg-type]
    )
    _assert_failed(done, code, status)


def test_a_missing_bucket_fails_the_test_and_the_backup_and_creates_nothing(
    program: Program, server: QingStorServer, tmp_path: Path
) -> None:
    program.save()
    (tmp_path / "file").write_bytes(b"x")

    _assert_failed(
        program.run("storage", "test", "QingStor Backups", "--bucket", "bucket-oen", "--json"),
        "bucket_not_found",
        10,
    )
    _assert_failed(
        program.run("backup", tmp_path / "file", "QingStor Backups:bucket-oen", "--json"),
        "bucket_not_found",
        10,
    )
    assert server.buckets() == {}


def _script(path: Path, text: str) -> Path:
    path.write_text(f"#!{sys.executable}\n{text}")
    path.chmod(0o755)
    return path


RCLONES: list[tuple[str, str, str]] = [
    ("too old", "print('rclone v1.57.0')", "rclone_unsupported"),
    (
        "without the backend, as Debian's",
        "import sys; print('rclone v1.70.1-DEV' if sys.argv[1] == 'version' else '  s3   Amazon S3')",
        "rclone_unsupported",
    ),
    ("no rclone", "print('hello')", "rclone_unsupported"),
    ("crashes", "import sys; sys.exit(2)", "rclone_unsupported"),
]


@pytest.mark.parametrize(("script", "code"), [row[1:] for row in RCLONES], ids=[row[0] for row in RCLONES])
def test_an_rclone_that_cannot_be_used(program: Program, tmp_path: Path, script: str, code: str) -> None:
    fake = _script(tmp_path / "rclone", script)
    done = program.run("storage", "test", "--rclone", fake, "--json", document=document())
    _assert_failed(done, code, 20)


def test_no_rclone_at_all(program: Program, tmp_path: Path) -> None:
    missing = program.run("storage", "test", "--rclone", tmp_path / "nowhere", "--json", document=document())
    _assert_failed(missing, "rclone_not_found", 20)
    program.save()
    backup = program.run("backup", tmp_path, TARGET, "--rclone", tmp_path / "nowhere", "--json")
    _assert_failed(backup, "rclone_not_found", 20)


_WITH_FEW_DESCRIPTORS = """
import os, resource, sys
from adapter.cli import main
import adapter.cli.dispatch  # while files can still be opened
open_now = len(os.listdir("/proc/self/fd"))
resource.setrlimit(resource.RLIMIT_NOFILE, (open_now + 3, open_now + 3))
sys.exit(main())
"""


def test_too_few_descriptors_are_not_a_bug(program: Program, tmp_path: Path) -> None:
    program.save()
    (tmp_path / "source").mkdir()
    poor = replace(program, python=("-c", _WITH_FEW_DESCRIPTORS))
    done = poor.run("backup", tmp_path / "source", TARGET, "--json")
    _assert_failed(done, "unknown", 1)
    assert "Too many open files" in str(done.summary["error"])


def test_a_missing_source(program: Program, tmp_path: Path) -> None:
    program.save()
    _assert_failed(program.run("backup", tmp_path / "nowhere", TARGET, "--json"), "source_not_found", 1)


def test_an_unreadable_file_is_named_and_the_rest_is_copied(
    program: Program, server: QingStorServer, tmp_path: Path
) -> None:
    server.add_bucket("bucket-one")
    program.save()
    source = tmp_path / "source"
    source.mkdir()
    (source / "good").write_bytes(b"good")
    secret = source / "no entry"
    secret.write_bytes(b"x")
    secret.chmod(0)

    done = _without_privileges(program, "backup", str(source), TARGET, "--json")

    _assert_failed(done, "source_unreadable", 3)
    assert done.summary["outcome"] == "partial"
    failed = done.summary["failed_files"]
    assert isinstance(failed, list)
    assert [as_object(file)["item"] for file in failed] == ["no entry"]
    assert list(server.files("bucket-one")) == ["srv/good"]
    assert done.summary["files_new"] == 1


def _without_privileges(program: Program, *words: str) -> Finished:
    """Run the program without the capabilities with which root reads everything."""
    code = (
        "import ctypes, os, sys\n"
        "libc = ctypes.CDLL(None)\n"
        "[libc.prctl(24, capability, 0, 0, 0) for capability in (1, 2)]\n"  # PR_CAPBSET_DROP, DAC_*
        "os.execv(sys.executable, [sys.executable, '-m', 'adapter', *sys.argv[1:]])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *words],
        env=program.environment,
        cwd=Path(__file__).parents[2],
        capture_output=True,
        check=False,
    )
    return Finished(done.returncode, done.stdout.decode(), done.stderr.decode())


def test_a_full_disk_on_restore(program: Program, server: QingStorServer, tmp_path: Path) -> None:
    server.add_bucket("bucket-one")
    server.put_object("bucket-one", "srv/a small one", b"small")
    server.put_object("bucket-one", "srv/big", bytes(3 << 20))
    program.save()
    mount = tmp_path / "small disk"
    mount.mkdir()
    listing = tmp_path / "listing"

    # A tmpfs of 1 MiB in its own mount namespace: no other process sees it, and it goes with the process.
    script = (
        'mount -t tmpfs -o size=1m tmpfs "$1" && disk="$1" && shift && listing="$1" && shift && '
        '"$@"; status=$?; ls "$disk" > "$listing"; exit $status'
    )
    namespace = ["unshare", "--map-root-user", "--mount", "sh", "-c", script, "sh"]
    done_raw = subprocess.run(
        [*namespace, mount, listing, *program.argv("restore", TARGET, mount, "--json")],
        env=program.environment,
        cwd=Path(__file__).parents[2],
        capture_output=True,
        check=False,
    )
    done = Finished(done_raw.returncode, done_raw.stdout.decode(), done_raw.stderr.decode())

    _assert_failed(done, "disk_full", 1)
    # The file that fits is there, and no partial file under its final name.
    assert listing.read_text().splitlines() == ["a small one"]


def test_a_destination_that_is_a_file(program: Program, tmp_path: Path) -> None:
    program.save()
    (tmp_path / "file").write_bytes(b"x")
    _assert_failed(program.run("restore", TARGET, tmp_path / "file", "--json"), "destination_unwritable", 1)
    assert (tmp_path / "file").read_bytes() == b"x"


def test_restoring_a_path_that_does_not_exist(
    program: Program, server: QingStorServer, tmp_path: Path
) -> None:
    server.add_bucket("bucket-one")
    program.save()
    done = program.run("restore", "QingStor Backups:bucket-one/nothing", tmp_path / "out", "--json")
    _assert_failed(done, "path_not_found", 10)


def test_a_storage_that_is_not_saved(program: Program, tmp_path: Path) -> None:
    done = program.run("backup", tmp_path, TARGET, "--json")
    _assert_failed(done, "storage_not_found", 10)


@pytest.mark.parametrize("words", [["backup"], ["backup", "a", "b", "c"], ["backup", "x", "no-colon"]])
def test_wrong_usage_of_a_streaming_command_is_a_summary(program: Program, words: list[str]) -> None:
    _assert_failed(program.run(*words, "--json"), "usage", 2)


@pytest.mark.parametrize("words", [[], ["frobnicate"], ["storage"], ["storage", "show"], ["form", "--nope"]])
def test_wrong_usage_of_other_commands_is_one_object(program: Program, words: list[str]) -> None:
    _assert_failed(program.run(*words, "--json"), "usage", 2)


def test_one_503_is_retried(program: Program, server: QingStorServer, tmp_path: Path) -> None:
    server.add_bucket("bucket-one")
    program.save()
    source = tmp_path / "source"
    source.mkdir()
    for name in ("a", "b", "c"):
        (source / name).write_bytes(name.encode())
    server.add_fault(Fault(FaultKind.STATUS, operation="put_object", status=503, times=1))

    done = program.run("backup", source, TARGET, "--json")

    assert done.status == 0, done.stdout
    assert (done.summary["retries"], done.summary["files_new"], done.summary["files_failed"]) == (1, 3, 0)
    assert len(server.files("bucket-one")) == 3


def test_stray_rclone_variables_do_not_reach_rclone_and_are_named(
    program: Program, server: QingStorServer, tmp_path: Path
) -> None:
    server.add_bucket("bucket-one")
    program.save()
    (tmp_path / "file").write_bytes(b"x")
    stray = replace(program, variables={"RCLONE_DRY_RUN": "1", "RCLONE_QINGSTOR_ZONE": "sh1a"})

    done = stray.run("backup", tmp_path / "file", TARGET, "--json")

    assert done.status == 0, done.stdout
    assert list(server.files("bucket-one")) == ["srv/file"]
    (warning,) = [line for line in done.of_type("warning") if line["code"] == "environment_ignored"]
    assert "RCLONE_DRY_RUN" in str(warning["message"])
    assert "RCLONE_QINGSTOR_ZONE" in str(warning["message"])


def test_restored_files_are_whole_after_an_interrupted_restore(
    program: Program, server: QingStorServer, tmp_path: Path
) -> None:
    server.add_bucket("bucket-one")
    server.put_object("bucket-one", "srv/file", bytes(200_000))
    program.save()
    server.add_fault(Fault(FaultKind.TRUNCATE, operation="get_object", times=1))

    done = program.run("restore", TARGET, tmp_path / "out", "--json")

    assert done.status == 0, done.stdout
    assert (tmp_path / "out" / "file").stat().st_size == 200_000
    assert list(digest(tmp_path / "out")) == ["file"]


def test_a_server_that_insists_on_a_length_gets_empty_files_too(
    program: Program, server: QingStorServer, tmp_path: Path
) -> None:
    server.add_bucket("bucket-one")
    server.configure(require_content_length=True)
    program.save()
    source = tmp_path / "source"
    source.mkdir()
    for name in ("empty", "also empty", "full"):
        (source / name).write_bytes(b"x" if name == "full" else b"")

    done = program.run("backup", source, TARGET, "--json")

    assert done.status == 0, done.stdout[-2000:]
    assert done.summary["files_new"] == 3
    assert sorted(server.files("bucket-one")) == ["srv/also empty", "srv/empty", "srv/full"]
    again = program.run("backup", source, TARGET, "--json")
    assert again.summary["files_unmodified"] == 3


def test_a_job_document_that_asks_for_a_dry_run_sends_nothing(
    program: Program, server: QingStorServer, tmp_path: Path
) -> None:
    server.add_bucket("bucket-one")
    program.save()
    (tmp_path / "file").write_bytes(b"content")
    job = {"source": str(tmp_path / "file"), "target": "QingStor Backups:bucket-one/srv", "dryRun": True}
    done = program.run("backup", "--job", "-", "--json", document=job)
    assert (done.status, done.summary["dry_run"], done.summary["files_new"]) == (0, True, 1)
    assert server.files("bucket-one") == {}
