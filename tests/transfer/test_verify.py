"""Verification: what was compared how, and what is different."""

from dataclasses import replace
from pathlib import Path

import pytest

from adapter.contract.errors import ErrorCode
from adapter.contract.events import ErrorEvent, Verification
from adapter.transfer.selection import Selection
from tests.program import Program, as_object
from tests.qingstor_server import Fault, FaultKind, QingStorServer
from tests.transfer.cases import MANIFESTS, elsewhere, manifest_ids, refuse_manifests
from tests.transfer.in_process import TARGET, InProcess, Ran
from tests.transfer.three_ways import OPTIONS, WAYS, content, in_three_ways

DIFFERENT = ErrorCode.INTEGRITY_MISMATCH


def _said(done: Ran) -> tuple[int, int, int, int]:
    said = done.summary.verification
    return said.by_hash, said.by_size, said.by_download, said.unverified


@pytest.fixture
def stored(machine: InProcess, source: Path, small_chunks: None) -> InProcess:
    """The machine after a backup of a file in each way, a link and an empty directory."""
    for way in WAYS:
        (source / way).write_bytes(content(way, way))
    (source / "link").symlink_to("put")
    (source / "empty").mkdir()
    machine = in_three_ways(machine)
    done = machine.backup(source, options=OPTIONS)
    done.good()
    assert _said(done) == (3, 1, 0, 0), "with the link; in parts the server computes nothing"
    return machine


@pytest.mark.parametrize("end", ["source", "manifest"])
def test_each_file_is_counted_once_by_how_it_was_compared(stored: InProcess, source: Path, end: str) -> None:
    from_source = source if end == "source" else None

    done = stored.verify(from_source, options=OPTIONS)
    assert done.good().files_unmodified == 4
    assert _said(done) == (2, 1, 0, 0)
    assert done.summary.bytes_downloaded == 0
    assert done.summary.dirs_unmodified == 2

    full = stored.verify(from_source, options=OPTIONS, download=True)
    full.good()
    assert _said(full) == (0, 0, 3, 0)
    assert full.summary.bytes_downloaded == sum((source / way).stat().st_size for way in WAYS)

    sample = stored.verify(from_source, options=OPTIONS, sample_percent=40)
    sample.good()
    assert sample.summary.verification.by_download == 2, "40 % of three files, rounded up"
    assert sum(_said(sample)) == 3


def test_nothing_is_written_to_the_index(stored: InProcess, source: Path) -> None:
    (index,) = (stored.machine.state_dir / "index").rglob("*.sqlite")
    before = index.read_bytes()
    (source / "put").touch()
    (source / "new").write_bytes(b"new")

    done = stored.verify(source, options=OPTIONS)

    assert done.failed == {"new": DIFFERENT}
    assert index.read_bytes() == before


def test_what_is_missing_or_different_is_named(
    stored: InProcess, server: QingStorServer, source: Path
) -> None:
    server.remove_object("bucket-one", "srv/put")
    with (source / "parts").open("r+b") as file:
        file.write(b"another")
    (source / "link").unlink()
    (source / "link").symlink_to("parts")
    (source / "empty").rmdir()
    (source / "empty").write_bytes(b"a file now")
    (source / "unreadable directory").mkdir()

    done = stored.verify(source, options=OPTIONS)

    assert done.summary.exit_status == 23
    assert done.failed == dict.fromkeys(("put", "parts", "link", "empty", "unreadable directory"), DIFFERENT)
    assert _said(done) == (1, 0, 0, 5)

    alone = stored.verify(None, options=OPTIONS)
    assert alone.summary.exit_status == 23
    assert alone.failed == {"put": DIFFERENT}
    assert _said(alone) == (1, 1, 0, 1)


def test_what_a_sample_finds_is_named_once(machine: InProcess, source: Path) -> None:
    (source / "same").write_bytes(b"the same")
    (source / "changed").write_bytes(b"before")
    machine.backup(source).good()
    (source / "changed").write_bytes(b"after!")
    (source / "new").write_bytes(b"new")

    done = machine.verify(source, sample_percent=100)

    assert done.code is DIFFERENT
    assert done.failed == dict.fromkeys(("changed", "new"), DIFFERENT)
    named = [event.item for event in done.events if isinstance(event, ErrorEvent)]
    assert sorted(map(str, named)) == ["changed", "new"]
    assert done.summary.files_unmodified == 1


def test_a_restore_would_not_bring_what_no_manifest_names(
    machine: InProcess, server: QingStorServer, source: Path, quick: None
) -> None:
    """All objects are right, but the manifest of the run that sent one could not be written."""
    (source / "old").write_bytes(b"old")
    machine.backup(source).good()
    (source / "new").write_bytes(b"new")
    refuse_manifests(server)
    assert machine.backup(source).code is ErrorCode.MANIFEST_UNWRITTEN
    server.clear_faults()

    done = machine.verify(source)

    assert done.failed == {"new": DIFFERENT}
    machine.backup(source).good()
    machine.verify(source).good()


def test_without_a_manifest_files_are_compared_with_what_lies_there(
    machine: InProcess, server: QingStorServer, source: Path
) -> None:
    for name in ("right", "other"):
        (source / name).write_bytes(name.encode())
    server.put_object("bucket-one", "srv/right", b"right")
    server.put_object("bucket-one", "srv/other", b"OTHER")

    done = machine.verify(source)

    assert "no_manifest" in done.warnings
    assert done.failed == {"other": DIFFERENT}
    assert machine.verify(None).code is ErrorCode.PATH_NOT_FOUND


def test_where_nothing_was_ever_backed_up_everything_is_missing(machine: InProcess, source: Path) -> None:
    (source / "file").write_bytes(b"content")

    done = machine.verify(source)

    assert done.summary.exit_status == 23
    assert done.failed == {"file": DIFFERENT}


def test_a_damaged_manifest_is_a_failure_and_not_passed_over(
    machine: InProcess, server: QingStorServer, source: Path, quick: None
) -> None:
    (source / "file").write_bytes(b"first")
    machine.backup(source).good()
    (source / "file").write_bytes(b"second")
    machine.backup(source).good()
    newest = manifest_ids(server)[-1]
    server.flip_at_rest("bucket-one", f"{MANIFESTS}{newest}.jsonl.gz", 200)

    for done in (machine.verify(None), machine.verify(source)):
        assert done.code is ErrorCode.MANIFEST_INVALID
        assert done.summary.error is not None
        assert newest in done.summary.error.message


def test_an_older_backup_can_be_compared(machine: InProcess, server: QingStorServer, source: Path) -> None:
    (source / "kept").write_bytes(b"kept")
    (source / "file").write_bytes(b"first")
    machine.backup(source).good()
    (source / "file").write_bytes(b"second")
    machine.backup(source).good()

    older = machine.verify(None, at=manifest_ids(server)[0])

    assert older.failed == {"file": DIFFERENT}
    machine.verify(None, at="latest").good()
    assert machine.verify(None, at="bucket").code is ErrorCode.USAGE
    assert machine.verify(source, at="latest").code is ErrorCode.USAGE


def test_the_newest_backup_of_each_source_is_compared(
    machine: InProcess, server: QingStorServer, tmp_path: Path
) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).write_bytes(name.encode())
        (tmp_path / name / "both").write_bytes(name.encode())
        machine.backup(tmp_path / name, series=name, share=True).good()
    first, second = manifest_ids(server)
    server.remove_object("bucket-one", "srv/two")

    done = machine.verify(None)

    assert done.failed == {f"both (backup {first})": DIFFERENT, f"two (backup {second})": DIFFERENT}
    assert _said(done) == (2, 0, 0, 2)


def test_a_directory_of_a_backup_and_patterns_choose(
    machine: InProcess, server: QingStorServer, source: Path
) -> None:
    for name in ("a/one", "a/two.tmp", "b/three"):
        (source / name).parent.mkdir(exist_ok=True)
        (source / name).write_bytes(name.encode())
    machine.backup(source).good()
    server.remove_object("bucket-one", "srv/b/three")
    server.remove_object("bucket-one", "srv/a/two.tmp")

    assert machine.verify(None, f"{TARGET}/a").failed == {"a/two.tmp": DIFFERENT}
    machine.verify(None, f"{TARGET}/a/one", download=True).good()
    machine.verify(None, f"{TARGET}/a", selection=Selection(excludes=("*.tmp",))).good()
    assert set(machine.verify(None).failed) == {"a/two.tmp", "b/three"}


def test_names_of_any_kind_are_read_back(machine: InProcess, source: Path) -> None:
    for name in (
        b"line\nend",
        b"b\xffd",
        b"semi;colon",
        b" blank ",
        b"\xe2\x80\x9b\xe2\x80\x9b\x01",
        b"[a]*",
    ):
        (source / "deep").mkdir(exist_ok=True)
        (Path(f"{source}/deep") / name.decode("utf-8", "surrogateescape")).write_bytes(name)
    machine.backup(source).good()

    assert _said(machine.verify(None, download=True)) == (0, 0, 6, 0)
    assert _said(machine.verify(source, download=True)) == (0, 0, 6, 0)


def test_an_object_without_an_etag_is_told_by_its_time(
    machine: InProcess, server: QingStorServer, source: Path
) -> None:
    (source / "file").write_bytes(b"content")
    machine.backup(source).good()
    opaque = '"not an MD5"'
    server.put_object("bucket-one", "srv/file", b"content", etag=opaque, modified=1_700_000_000)
    assert machine.verify(None).failed == {"file": DIFFERENT}
    machine.verify(None, download=True).good()


def test_a_download_that_fails_is_tried_again(
    machine: InProcess, server: QingStorServer, source: Path, quick: None
) -> None:
    for name in ("cut", "refused", "right"):
        (source / name).write_bytes(name.encode() * 1000)
    machine.backup(source).good()
    server.add_fault(
        Fault(FaultKind.TRUNCATE, operation="get_object", key="srv/cut", after_bytes=100, times=1)
    )
    server.add_fault(Fault(FaultKind.STATUS, operation="get_object", key="srv/refused", status=503, times=2))

    done = replace(machine, settings={"connection_retries": 3}).verify(None, download=True)

    assert _said(done) == (0, 0, 3, 0)
    assert done.good().retries > 0


def test_what_cannot_be_downloaded_is_not_called_different(
    machine: InProcess, server: QingStorServer, source: Path, quick: None
) -> None:
    for name in ("refused", "right"):
        (source / name).write_bytes(name.encode() * 1000)
    machine.backup(source).good()
    server.add_fault(
        Fault(
            FaultKind.STATUS, operation="get_object", key="srv/refused", status=403, code="permission_denied"
        )
    )

    done = machine.verify(None, download=True)

    assert done.summary.exit_status == 3
    assert done.failed == {"refused": ErrorCode.PERMISSION_DENIED}
    assert _said(done) == (0, 0, 1, 1)


def test_another_machine_needs_the_storage_alone(stored: InProcess, source: Path, tmp_path: Path) -> None:
    other = elsewhere(stored, tmp_path)

    assert _said(other.verify(None, options=OPTIONS)) == (2, 1, 0, 0)
    assert _said(other.verify(source, options=OPTIONS)) == (2, 1, 0, 0)


def test_a_byte_flipped_in_transit_is_found_by_the_backup_itself(
    machine: InProcess, server: QingStorServer, source: Path, quick: None
) -> None:
    (source / "file").write_bytes(b"content" * 1000)
    server.add_fault(Fault(FaultKind.FLIP_UPLOAD, operation="put_object", times=1, offset=50))

    done = machine.backup(source)

    assert done.good().retries == 1
    assert done.errors == {"file": DIFFERENT}
    assert server.read_object("bucket-one", "srv/file") == (source / "file").read_bytes()


def test_a_backup_can_verify_at_its_end(
    stored: InProcess, server: QingStorServer, source: Path, quick: None
) -> None:
    (source / "new").write_bytes(b"new")

    done = stored.backup(source, options=OPTIONS, verify_too=True)

    assert done.good().verification == Verification(by_hash=3, by_size=1)
    # What the manifest that this run has written says is looked for in the bucket.
    refuse_manifests(server, "get_object")
    (source / "new").write_bytes(b"newer")
    assert stored.backup(source, options=OPTIONS, verify_too=True).code is ErrorCode.PERMISSION_DENIED


def test_a_backup_that_is_not_whole_says_that_it_verified_nothing(
    machine: InProcess, server: QingStorServer, source: Path, quick: None
) -> None:
    for name in ("good", "refused"):
        (source / name).write_bytes(b"x")
    server.add_fault(
        Fault(
            FaultKind.STATUS, operation="put_object", key="srv/refused", status=403, code="permission_denied"
        )
    )

    done = machine.backup(source, verify_too=True)

    assert done.summary.exit_status == 3
    assert "not_verified" in done.warnings


def test_for_people_a_size_alone_is_not_called_verified(
    program: Program, server: QingStorServer, source: Path
) -> None:
    server.add_bucket("bucket-one")
    program.save(upload_cutoff="4mi", chunk_size="4mi")
    (source / "file").write_bytes(b"x" * 1000)
    (source / "parts").write_bytes(content("parts", "parts"))
    assert program.run("backup", source, TARGET, "--json").status == 0

    told = program.run("verify", TARGET)
    assert told.status == 0, told.stderr
    assert "1 by checksum verified, 1 compared by size and stored checksum only" in told.stdout
    read = program.run("verify", TARGET, "--sample", "50")
    assert "1 by download" in read.stdout
    assert "downloaded: " in read.stdout
    as_json = program.run("verify", source, TARGET, "--download", "--json").summary
    assert as_object(as_json["verification"])["by_download"] == 2
    assert as_json["total_files"] == 2
    assert as_json["bytes_downloaded"] == as_json["total_bytes"]
