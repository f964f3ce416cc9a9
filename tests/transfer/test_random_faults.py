"""A service that fails at random: what a run says afterwards is what the bucket holds."""

from dataclasses import replace
from pathlib import Path

import pytest

from adapter.contract.errors import ErrorCode
from tests.qingstor_server import Fault, FaultKind, QingStorServer
from tests.transfer.in_process import InProcess
from tests.trees import digest, make_tree

SHARE = 0.05
"""Of all requests: listings, the look at the bucket and the HEAD after each PUT included."""


def _fail_at_random(server: QingStorServer, seed: int) -> None:
    kinds = (
        Fault(FaultKind.STATUS, status=500, code="internal_error"),
        Fault(FaultKind.STATUS, status=503),
        Fault(FaultKind.STATUS, status=429, code="max_requests_exceeded"),
        Fault(FaultKind.RESET),
        Fault(FaultKind.TRUNCATE),
    )
    for number, fault in enumerate(kinds):
        server.add_fault(replace(fault, probability=SHARE / len(kinds), seed=seed + number))


def _keys(server: QingStorServer) -> set[str]:
    return {key.removeprefix("srv/") for key in server.files("bucket-one")}


def _names(source: Path) -> set[str]:
    return {name.replace("\n", "\u240a") for name in digest(source)}  # as rclone spells it


@pytest.mark.parametrize(("files", "seed"), [(250, 1), pytest.param(2000, 20, marks=pytest.mark.deep)])
def test_everything_arrives_and_comes_back_with_five_retries(
    machine: InProcess,
    server: QingStorServer,
    source: Path,
    tmp_path: Path,
    quick: None,
    files: int,
    seed: int,
) -> None:
    make_tree(source, files, seed)
    patient = replace(machine, settings={"connection_retries": 5})
    _fail_at_random(server, seed)

    done = patient.backup(source).good()
    restored = patient.restore(tmp_path / "out").good()

    assert done.retries > 0
    assert done.files_failed == 0
    for summary in (done, restored):
        settled = summary.files_new + summary.files_changed + summary.files_unmodified
        assert settled == len(digest(source))
    assert digest(tmp_path / "out") == digest(source)
    # rclone takes a list that fails for an empty directory (see below) and then asks for the bucket.
    unlisted = [request for request in server.requests("list_objects") if request.status != 200]
    assert len(server.requests("create_bucket")) <= len(unlisted)
    assert list(server.buckets()) == ["bucket-one"]


@pytest.mark.parametrize(("files", "seed"), [(250, 30), pytest.param(2000, 40, marks=pytest.mark.deep)])
def test_without_retries_exactly_the_missing_files_are_named_and_a_second_run_completes_it(
    machine: InProcess,
    server: QingStorServer,
    source: Path,
    tmp_path: Path,
    quick: None,
    files: int,
    seed: int,
) -> None:
    """A PUT that arrived and whose HEAD failed counted as missing; an unlisted directory hid its files."""
    make_tree(source, files, seed)
    impatient = replace(machine, settings={"connection_retries": 0})
    # With these seeds the look before the first byte is spared: failing, it would end a run without retries.
    _fail_at_random(server, seed)

    first = impatient.backup(source)

    missing = _names(source) - _keys(server)
    assert 0 < len(missing) <= 100
    assert (first.summary.exit_status, first.summary.files_failed) == (3, len(missing))
    assert set(first.failed) == missing
    server.clear_faults()
    second = impatient.backup(source).good()
    assert second.files_new == len(missing)
    impatient.restore(tmp_path / "out").good()
    assert digest(tmp_path / "out") == digest(source)


@pytest.mark.parametrize(
    ("operation", "fault"),
    [
        *(("list_objects", 503), ("list_objects", None), ("head_object", 503), ("list_buckets", None)),
        *(
            pytest.param(operation, fault, marks=pytest.mark.deep)
            for operation, fault in (
                *(("list_objects", 429), ("head_object", 429), ("head_object", None)),
                *(("list_buckets", 503), ("list_buckets", 429)),
            )
        ),
    ],
)
def test_the_look_before_the_first_byte_is_repeated(
    machine: InProcess,
    server: QingStorServer,
    source: Path,
    tmp_path: Path,
    operation: str,
    fault: int | None,
) -> None:
    (source / "file").write_bytes(b"x")
    kind = FaultKind.RESET if fault is None else FaultKind.STATUS
    server.add_fault(Fault(kind, operation=operation, status=fault or 0, times=1))
    machine.backup(source).good()
    server.add_fault(Fault(kind, operation=operation, status=fault or 0, times=1))
    machine.restore(tmp_path / "out").good()
    assert digest(tmp_path / "out") == digest(source)


def test_without_retries_a_failing_look_ends_the_run(
    machine: InProcess, server: QingStorServer, source: Path
) -> None:
    (source / "file").write_bytes(b"x")
    server.add_fault(Fault(FaultKind.STATUS, operation="list_objects", times=1))

    ended = replace(machine, settings={"connection_retries": 0}).backup(source)

    assert ended.code is ErrorCode.SERVER_ERROR
    assert server.files("bucket-one") == {}


def test_retries_that_pluton_sets_are_ours_and_of_what_failed_only(
    machine: InProcess, server: QingStorServer, source: Path, quick: None
) -> None:
    for name in ("one", "two", "three"):
        (source / name).write_bytes(b"x")
    server.add_fault(Fault(FaultKind.STATUS, operation="put_object", status=500, times=1))
    alone = replace(machine, settings={"connection_retries": 0}, variables={"RCLONE_RETRIES": "3"})

    alone.backup(source).good()

    assert len([one for one in server.requests("put_object") if "/.pluton/" not in one.path]) == 4


def test_an_empty_file_is_sent_with_its_length_if_the_server_wants_it(
    machine: InProcess, server: QingStorServer, source: Path
) -> None:
    server.configure(require_content_length=True)
    (source / "empty").touch()

    machine.backup(source).good()

    assert server.read_object("bucket-one", "srv/empty") == b""


@pytest.mark.parametrize("retries", [0, 1])
def test_a_directory_that_is_not_listed_costs_no_file(
    machine: InProcess, server: QingStorServer, source: Path, quick: None, retries: int
) -> None:
    """rclone takes such a directory for empty and forgets the directories in it (fs/march, 1.75.2)."""
    for number in range(4):
        deep = source / "a" / "b" / f"c{number}"
        deep.mkdir(parents=True)
        (deep / "file").write_bytes(b"%d" % number)
    (source / "a" / "beside").write_bytes(b"x")
    trying = replace(machine, settings={"connection_retries": retries})
    trying.backup(source).good()
    (source / "a" / "b" / "c2" / "file").write_bytes(b"changed")
    server.add_fault(Fault(FaultKind.STATUS, operation="list_objects", skip=2, times=1))

    done = trying.backup(source)

    summary = done.summary
    if retries:
        assert summary.exit_status == 0
        assert summary.files_new + summary.files_changed + summary.files_unmodified == 5
        assert server.read_object("bucket-one", "srv/a/b/c2/file") == b"changed"
    else:
        assert summary.exit_status == 3
        assert "a/b/c2/file" in done.failed
        assert all((source / name).is_file() for name in done.failed)
