"""Parts in parallel, again and again: rclone alone deletes such objects or stores a wrong checksum."""

import random
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from adapter.rclone.options import TransferOptions
from tests.qingstor_server import QingStorServer
from tests.transfer.in_process import InProcess
from tests.trees import digest, make_big

MIB = 1 << 20
SENDING = ("put_object", "upload_part", "initiate_upload")


@pytest.mark.deep
@pytest.mark.parametrize("budget", [512 * MIB, 2048 * MIB], ids=["512Mi", "2Gi"])
@pytest.mark.parametrize("concurrency", [4, 8])
def test_twenty_times_everything_arrives_and_one_byte_is_found(
    machine: InProcess,
    server: QingStorServer,
    source: Path,
    tmp_path: Path,
    concurrency: int,
    budget: int,
) -> None:
    dice = random.Random(concurrency)
    options = TransferOptions(memory_budget=budget)
    parallel = replace(machine, settings={"upload_cutoff": "200mi", "upload_concurrency": concurrency})
    for number in range(20):
        target = f"QingStor Backups:bucket-one/{number}"
        file = source / "large"
        size = 210 * MIB if number == 0 else 1024 * MIB if number == 1 else dice.randrange(210, 1024) * MIB
        make_big(file, size + number, seed=number)

        assert parallel.backup(source, target, options).good().files_new == 1
        server.clear_requests()
        assert parallel.backup(source, target, options).good().files_unmodified == 1
        assert not any(server.load().counts.get(operation) for operation in SENDING)
        with file.open("r+b") as opened:
            opened.seek(dice.randrange(size))
            byte = opened.read(1)
            opened.seek(-1, 1)
            opened.write(bytes([byte[0] ^ 1]))
        assert parallel.backup(source, target, options).good().files_changed == 1
        parallel.restore(tmp_path / "out", target).good()
        assert digest(tmp_path / "out") == digest(source)
        shutil.rmtree(tmp_path / "out")
        for key in server.files("bucket-one"):
            server.remove_object("bucket-one", key)
