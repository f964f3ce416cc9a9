"""A typing error creates nothing and is found before the first byte."""

from dataclasses import replace
from pathlib import Path

import pytest

from adapter.contract.errors import ErrorCode
from tests.qingstor_server import QingStorServer
from tests.transfer.in_process import STORAGE, InProcess

CHANGING = ("create_bucket", "put_object", "initiate_upload", "delete_object")


@pytest.mark.parametrize(
    ("bucket", "zone", "expected"),
    [
        ("bucket-oen", "pek3a", ErrorCode.BUCKET_NOT_FOUND),
        ("bucket-one", "sh1a", ErrorCode.ZONE_MISMATCH),
        ("bucket-oen", "sh1a", ErrorCode.BUCKET_NOT_FOUND),
        ("bucket-one", "pek9z", ErrorCode.ZONE_MISMATCH),
    ],
)
def test_a_typing_error_in_bucket_or_zone(
    machine: InProcess,
    server: QingStorServer,
    source: Path,
    tmp_path: Path,
    quick: None,
    bucket: str,
    zone: str,
    expected: ErrorCode,
) -> None:
    (source / "file").write_bytes(b"x")
    wrong = replace(machine, settings={"zone": zone})
    target = f"{STORAGE}:{bucket}/srv"

    for run in (wrong.backup(source, target), wrong.restore(tmp_path / "out", target)):
        assert (run.code, run.summary.exit_status) == (expected, 10)

    assert list(server.buckets()) == ["bucket-one"]
    assert not any(server.load().counts.get(operation) for operation in CHANGING)
    assert not (tmp_path / "out").exists()
