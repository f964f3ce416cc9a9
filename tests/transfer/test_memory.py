"""Memory: bounded whatever the size of the files, and a huge file comes back, also without us."""

import hashlib
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.qingstor_server import QingStorServer
from tests.transfer.cases import only_long
from tests.transfer.in_process import InProcess
from tests.transfer.watching import Watch
from tests.trees import make_big

MIB = 1 << 20
GIB = 1 << 30
MOST = 900 * MIB
"""rclone and this process together."""


@pytest.fixture
def _no_garbage_collection() -> None:
    """Here there is, as everywhere else."""


def _own_rss() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _sparse(path: Path, size: int) -> None:
    """Mostly holes, with something of its own in every GiB and at its end."""
    with path.open("wb") as file:
        for start in range(0, size, GIB):
            file.seek(start)
            file.write(b"%d of %d" % (start, size))
        file.seek(size - 1)
        file.write(b"!")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def test_a_large_file_in_one_piece_takes_little_memory(machine: InProcess, source: Path) -> None:
    make_big(source / "large", 300 * MIB)
    with Watch() as watch:
        machine.backup(source).good()
    # In parts rclone 1.75.2 would hold the file whole: 380 MiB.
    assert watch.peak_rss < 200 * MIB


@pytest.mark.parametrize("step", ["verify", *only_long("backup", "ls", "restore")])
@pytest.mark.parametrize("files", [20_000, pytest.param(1_000_000, marks=pytest.mark.deep)])
def test_many_files_take_little_memory(files: int, step: str) -> None:
    told = subprocess.run(
        [sys.executable, "-m", "tests.transfer.many_files", step, str(files)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        check=True,
    )
    right, other, peak_kib, _ = map(float, told.stdout.split())
    wrong = 0 if step == "ls" else files // 10
    assert (right, other) == (files - wrong, wrong)
    assert peak_kib < 120 * 1024


@pytest.mark.deep
@pytest.mark.parametrize(
    ("count", "size"), [(1, 3 * GIB), (4, GIB), (1, 6 * GIB)], ids=["3Gi", "4x1Gi", "6Gi"]
)
def test_huge_files_stay_within_the_bound_and_come_back(
    machine: InProcess,
    server: QingStorServer,
    source: Path,
    tmp_path: Path,
    rclone: Path,
    count: int,
    size: int,
) -> None:
    assert shutil.disk_usage(tmp_path).free > 3 * count * size + 5 * GIB, "not enough disk for this test"
    for number in range(count):
        _sparse(source / f"huge {number}", size)
    with Watch() as watch:
        machine.backup(source).good()
    assert watch.peak_rss + _own_rss() < MOST
    with Watch() as watch:
        assert machine.backup(source).good().files_unmodified == count
        machine.restore(tmp_path / "out").good()
    assert watch.peak_rss + _own_rss() < MOST
    for number in range(count):
        name = f"huge {number}"
        assert _sha256(tmp_path / "out" / name) == _sha256(source / name)
    shutil.rmtree(tmp_path / "out")
    if size > 5 * GIB:
        assert [name for name in server.files("bucket-one") if ".pluton_chunk.006_" in name]
        _restore_bare(server, rclone, tmp_path)
        assert _sha256(tmp_path / "bare" / "huge 0") == _sha256(source / "huge 0")
    shutil.rmtree(source)


def _restore_bare(server: QingStorServer, rclone: Path, directory: Path) -> None:
    """As docs/large-files.md tells."""
    conf = directory / "bare.conf"
    storage = server.rclone_environment("storage")
    conf.write_text(
        "[whole]\ntype = chunker\nremote = storage:bucket-one/srv\nhash_type = md5\n"
        "name_format = *.pluton_chunk.###\ntransactions = norename\n"
    )
    subprocess.run(
        [rclone, "--config", conf, "copy", "whole:", directory / "bare"],
        env={"PATH": "", "HOME": str(directory), **storage},
        check=True,
    )
