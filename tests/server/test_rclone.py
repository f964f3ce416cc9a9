"""The real rclone against the server: what it does, and that the server can tell."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.qingstor_server import DEFAULT_KEY, AccessKey, Fault, FaultKind, QingStorServer

RCLONE = Path(sys.executable).with_name("rclone")
DAY = 24 * 3600
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def rclone(server: QingStorServer, tmp_path: Path) -> Run:
    """Run rclone with the remote `q:` (zone pek3a)."""

    def run(
        *arguments: str | Path, zone: str = "pek3a", key: AccessKey = DEFAULT_KEY
    ) -> subprocess.CompletedProcess[str]:
        remote = server.rclone_environment(zone=zone, key=key)
        environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), **remote}
        argv = [str(RCLONE), "--config", "", *map(str, arguments)]
        return subprocess.run(argv, env=environment, capture_output=True, text=True, check=False, timeout=120)

    return run


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A directory of names that are hard to carry, an empty file, and one file of 9 MiB."""
    root = tmp_path / "tree"
    names = [
        b"empty",
        b"with space/and more ",
        "ünïcödé/中文 \U0001f600".encode(),
        b"controls/tab\there\x01",
        b"punctuation/+ & = % ? * : < > | \\ \" ' ~",
        b"bytes/\xff\xfe",
    ]
    for name in names:
        path = root / os.fsdecode(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"" if name == b"empty" else name)
    (root / "large").write_bytes(os.urandom(9 * 1024 * 1024))
    return root


def content(root: Path) -> dict[bytes, bytes]:
    """Every file below, by its name's bytes."""
    return {
        os.fsencode(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()
    }


def test_buckets_of_the_zone(server: QingStorServer, rclone: Run) -> None:
    server.add_bucket("second-bucket", "sh1a")
    assert rclone("lsf", "q:").stdout == "first-bucket/\n"
    assert rclone("lsf", "q:", zone="sh1a").stdout == "second-bucket/\n"
    missing = rclone("lsd", "q:second-bucket")
    assert (missing.returncode, "directory not found" in missing.stderr) == (3, True)


@pytest.mark.parametrize("cutoff", ["5Gi", "0"])
def test_there_and_back(server: QingStorServer, rclone: Run, tree: Path, tmp_path: Path, cutoff: str) -> None:
    assert rclone("copy", tree, "q:first-bucket/a b", "--qingstor-upload-cutoff", cutoff).returncode == 0
    objects = server.objects("first-bucket")
    assert len(objects) == len(content(tree))
    assert all(item.etag == item.md5 for item in objects.values())
    assert objects["a b/large"].multipart is (cutoff == "0")
    assert rclone("check", tree, "q:first-bucket/a b", "--download").returncode == 0
    back = tmp_path / "back"
    assert rclone("copy", "q:first-bucket/a b", back).returncode == 0
    assert content(back) == content(tree)
    server.clear_requests()
    assert rclone("copy", "--checksum", tree, "q:first-bucket/a b").returncode == 0
    assert "put_object" not in server.load().counts


def test_listing_in_many_pages(server: QingStorServer, rclone: Run) -> None:
    expected = sorted(f"dir{number % 3}/k{number}" for number in range(25))
    for key in expected:
        server.put_object("first-bucket", key, b"")
    server.configure(page_limit=4)
    for unordered in (False, True):
        server.configure(unordered=unordered)
        for option in ("--fast-list", "--fast-list=false"):
            listed = rclone("lsf", "-R", "--files-only", option, "q:first-bucket").stdout
            assert sorted(listed.split()) == expected


def test_a_mistyped_bucket_is_created(server: QingStorServer, rclone: Run, tree: Path) -> None:
    assert rclone("copy", tree, "q:frist-bucket").returncode == 0
    assert "frist-bucket" in server.buckets()
    assert server.load().counts["create_bucket"] == 1


def test_wrong_secret_and_its_words(rclone: Run) -> None:
    failed = rclone("lsd", "q:", key=AccessKey("AKTESTCANARY00000001", "SKTESTcanarywrong"))
    assert failed.returncode == 1
    assert 'StatusCode "401", Code "signature_not_matched"' in failed.stderr


def test_concurrency_breaks_the_claimed_md5(server: QingStorServer, rclone: Run, tmp_path: Path) -> None:
    """The server stores the ETag that rclone claims, right or wrong, as QingStor does."""
    (tmp_path / "file").write_bytes(os.urandom(40 * 1024 * 1024))
    # The first part ends last, and rclone hashes in the order of ending (backend/qingstor/upload.go).
    server.add_fault(Fault(FaultKind.LATENCY, operation="upload_part", seconds=0.5, times=1))
    options = ["--qingstor-upload-cutoff", "0", "--qingstor-upload-concurrency", "4", "--ignore-checksum"]
    assert rclone("copyto", tmp_path / "file", "q:first-bucket/file", *options).returncode == 0
    item = server.objects("first-bucket")["file"]
    assert item.md5 != item.etag


def test_a_byte_altered_on_the_way_is_noticed(server: QingStorServer, rclone: Run, tree: Path) -> None:
    fault = server.add_fault(Fault(FaultKind.FLIP_UPLOAD, key="*/large", offset=5_000_000, times=1))
    copied = rclone("copy", tree, "q:first-bucket/t")
    assert (copied.returncode, fault.fired) == (0, 1)
    assert "corrupted on transfer" in copied.stderr
    item = server.objects("first-bucket")["t/large"]
    assert item.md5 == item.etag
    assert server.load().counts["delete_object"] == 1


def test_a_byte_altered_at_rest_needs_a_download(server: QingStorServer, rclone: Run, tree: Path) -> None:
    rclone("copy", tree, "q:first-bucket/t")
    server.flip_at_rest("first-bucket", "t/large", 5_000_000)
    assert rclone("check", tree, "q:first-bucket/t").returncode == 0
    assert rclone("check", "--download", tree, "q:first-bucket/t").returncode == 1


def test_a_stopped_upload_is_aborted(server: QingStorServer, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(os.urandom(20 * 1024 * 1024))
    server.add_fault(Fault(FaultKind.HANG, operation="upload_part", skip=2))
    argv = [
        str(RCLONE),
        "--config",
        "",
        "copy",
        str(tmp_path / "file"),
        "q:first-bucket",
        "--qingstor-upload-cutoff",
    ]
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), **server.rclone_environment()}
    with subprocess.Popen([*argv, "0"], env=environment, stderr=subprocess.DEVNULL) as process:
        server.wait_for("upload_part", 3)
        assert len(server.uploads("first-bucket")) == 1
        process.terminate()
        assert process.wait(timeout=60) == 143
    assert server.uploads("first-bucket") == []
    assert server.objects("first-bucket") == {}


def test_cleanup_takes_uploads_older_than_a_day(server: QingStorServer, rclone: Run) -> None:
    server.add_upload("first-bucket", "old", age=DAY + 60)
    server.add_upload("first-bucket", "young", age=DAY - 60)
    assert rclone("cleanup", "q:first-bucket").returncode == 0
    assert [upload.key for upload in server.uploads("first-bucket")] == ["young"]


def test_an_empty_file_has_no_length(server: QingStorServer, rclone: Run, tree: Path) -> None:
    """rclone 1.75.2 sends empty files chunked; a service that insists on a length refuses them."""
    server.configure(require_content_length=True)
    failed = rclone("copy", tree, "q:first-bucket", "--retries", "1")
    assert (failed.returncode, 'StatusCode "411"' in failed.stderr) == (1, True)
    assert "empty" not in server.objects("first-bucket")
