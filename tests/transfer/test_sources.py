"""What a source may be, and what of it cannot be stored: named, counted, and never dropped in silence."""

import os
from pathlib import Path

from adapter.contract.errors import ErrorCode
from tests.qingstor_server import Fault, FaultKind, QingStorServer
from tests.transfer.in_process import TARGET, InProcess
from tests.transfer.whole_tree import whole_tree
from tests.trees import digest


def test_a_link_as_the_source_is_followed_and_links_inside_are_kept(
    machine: InProcess, server: QingStorServer, source: Path, tmp_path: Path
) -> None:
    """A link to a file was a success without a file; a link to a directory was refused by rclone."""
    (source / "file").write_bytes(b"content")
    (source / "inside").symlink_to("file")
    (source / "dangling").symlink_to("nowhere")
    (tmp_path / "current").symlink_to(source)

    machine.backup(tmp_path / "current", TARGET).good()
    one = machine.backup(source / "inside", f"{TARGET}/alone").good()

    assert sorted(server.files("bucket-one")) == [
        "srv/alone/inside",
        "srv/file",
    ]
    machine.restore(tmp_path / "out").good()
    assert whole_tree(tmp_path / "out") == whole_tree(source)
    assert server.read_object("bucket-one", "srv/alone/inside") == b"content"
    assert (one.files_new, one.total_bytes_processed) == (1, 7)
    assert machine.verify(source / "inside", f"{TARGET}/alone").good().files_unmodified == 1


def test_ways_to_write_a_source_mean_the_same(
    machine: InProcess, server: QingStorServer, source: Path
) -> None:
    (source / "sub").mkdir()
    (source / "file").write_bytes(b"x")
    for number, spelled in enumerate((f"{source}/", f"{source}/sub/..", f"{source}/./")):
        machine.backup(Path(spelled), f"{TARGET}{number}").good()

    assert sorted(server.files("bucket-one")) == ["srv0/file", "srv1/file", "srv2/file"]


def test_an_empty_source_is_a_success_without_files(machine: InProcess, source: Path) -> None:
    summary = machine.backup(source).good()
    assert (summary.files_new, summary.total_bytes_processed) == (0, 0)


def test_a_target_that_is_an_object_is_refused_and_kept(
    machine: InProcess, server: QingStorServer, source: Path
) -> None:
    (source / "file").write_bytes(b"new")
    server.put_object("bucket-one", "srv", b"an object of another time")

    refused = machine.backup(source)

    assert refused.code is ErrorCode.DESTINATION_UNWRITABLE
    assert list(server.files("bucket-one")) == ["srv"]
    assert server.read_object("bucket-one", "srv") == b"an object of another time"


def test_names_that_are_not_utf8_come_back_even_after_a_retry(
    machine: InProcess, server: QingStorServer, source: Path, tmp_path: Path
) -> None:
    for number in range(5):
        (source / os.fsdecode(b"bytes \xff\xfe %d" % number)).write_bytes(b"%d" % number)
    server.add_fault(Fault(FaultKind.STATUS, operation="put_object", times=2))

    summary = machine.backup(source).good()

    assert summary.retries == 1
    assert (summary.files_new, summary.files_unmodified) == (5, 0)
    machine.restore(tmp_path / "out").good()
    assert digest(tmp_path / "out") == digest(source)
