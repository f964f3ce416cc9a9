"""`cleanup --unreferenced`: what no backup needs is told and deleted, and in doubt nothing."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from adapter.contract.errors import ErrorCode
from adapter.contract.events import Event, Node, VerboseStatus
from adapter.runs.store import now_utc
from adapter.runs.target_lock import Holder, target_lock
from adapter.transfer.discarding import Discarding
from tests.program import Program
from tests.qingstor_server import Fault, FaultKind, QingStorServer
from tests.transfer.cases import MANIFESTS, elsewhere, manifest_ids, refuse_manifests
from tests.transfer.forged import forge
from tests.transfer.in_process import STORAGE, TARGET, InProcess, Ran
from tests.transfer.kept import content, options_for, stored_in

BUCKET = "bucket-one"


def _left(server: QingStorServer) -> set[str]:
    return {key.removeprefix("srv/") for key in server.files(BUCKET)}


def _told(done: Ran) -> dict[str, int | None]:
    return {event.path: event.size for event in done.events if isinstance(event, Node)}


def _deleted(done: Ran) -> set[str]:
    return {event.item for event in done.events if isinstance(event, VerboseStatus)}


def _forget_first(server: QingStorServer) -> None:
    """The oldest backup is not wanted any more."""
    server.remove_object(BUCKET, f"{MANIFESTS}{manifest_ids(server)[0]}.jsonl.gz")


@pytest.fixture
def renamed(machine: InProcess, server: QingStorServer, source: Path) -> InProcess:
    """Two backups, between which a file was renamed and one was deleted."""
    for name in ("kept", "old name", "deleted"):
        (source / name).write_bytes(name.encode() * 100)
    machine.backup(source).good()
    (source / "old name").rename(source / "new name")
    (source / "deleted").unlink()
    machine.backup(source).good()
    return machine


def test_what_the_last_manifest_that_needed_it_is_gone_is_told_and_then_deleted(
    renamed: InProcess, server: QingStorServer, tmp_path: Path
) -> None:
    assert _told(renamed.cleanup(yes=False)) == {}, "the older backup needs them"
    _forget_first(server)

    told = renamed.cleanup(yes=False)
    assert told.good().total_files == 2
    assert _told(told) == {"old name": 800, "deleted": 700}
    assert "cleanup_counts" in told.warnings
    assert _deleted(renamed.cleanup(dry_run=True)) == set()
    assert _left(server) == {"kept", "old name", "deleted", "new name"}

    done = renamed.cleanup()
    assert done.good().files_changed == 2
    assert _deleted(done) == {"old name", "deleted"}
    assert _left(server) == {"kept", "new name"}
    renamed.verify(None, download=True).good()
    assert _deleted(renamed.cleanup()) == set()


def test_an_object_that_is_younger_is_left_alone(renamed: InProcess, server: QingStorServer) -> None:
    _forget_first(server)
    server.put_object(BUCKET, "srv/long ago", b"x", modified=now_utc().timestamp() - 7200)

    done = renamed.cleanup(older_than_s=3600)

    assert _deleted(done) == {"long ago"}
    assert {"old name", "deleted"} <= _left(server)


def test_what_came_after_the_newest_manifest_may_be_of_a_backup_that_still_runs(
    renamed: InProcess, server: QingStorServer, source: Path
) -> None:
    _forget_first(server)
    server.put_object(BUCKET, "srv/elsewhere", b"x", modified=now_utc().timestamp() + 2)

    assert _deleted(renamed.cleanup()) == {"old name", "deleted"}
    assert "elsewhere" in _left(server)


def test_names_of_any_kind_are_deleted_as_they_are(
    machine: InProcess, server: QingStorServer, source: Path
) -> None:
    names = [b"line\nend", b"b\xffd", b"b\xfed", b" blank ", b"\xe2\x80\x9b\xe2\x80\x9b\x01", b"[a]*", b"a/b"]
    for name in names:
        path = Path(f"{source}/{name.decode('utf-8', 'surrogateescape')}")
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(name)
    machine.backup(source).good()
    (source / "kept").write_bytes(b"kept")
    for name in names[1:]:
        Path(f"{source}/{name.decode('utf-8', 'surrogateescape')}").unlink()
    machine.backup(source).good()
    _forget_first(server)

    assert machine.cleanup().good().files_changed == len(names) - 1

    assert len(_left(server)) == 2
    machine.verify(source).good()


def test_what_may_not_be_deleted_fails_and_the_rest_goes(
    renamed: InProcess, server: QingStorServer, quick: None
) -> None:
    _forget_first(server)
    server.add_fault(
        Fault(
            FaultKind.STATUS,
            operation="delete_object",
            key="srv/deleted",
            status=403,
            code="permission_denied",
        )
    )

    done = renamed.cleanup()

    assert done.code is ErrorCode.PERMISSION_DENIED
    assert done.failed == {"deleted": ErrorCode.PERMISSION_DENIED}
    assert _left(server) == {"kept", "new name", "deleted"}


def _damage_a_manifest(_: InProcess, server: QingStorServer, __: Path) -> None:
    server.flip_at_rest(BUCKET, f"{MANIFESTS}{manifest_ids(server)[0]}.jsonl.gz", 200)


def _cut_a_manifest(_: InProcess, server: QingStorServer, __: Path) -> None:
    key = f"{MANIFESTS}{manifest_ids(server)[1]}.jsonl.gz"
    server.put_object(BUCKET, key, server.read_object(BUCKET, key)[:-20])


def _remove_all(_: InProcess, server: QingStorServer, __: Path) -> None:
    for one in manifest_ids(server):
        server.remove_object(BUCKET, f"{MANIFESTS}{one}.jsonl.gz")


def _remove_newest(_: InProcess, server: QingStorServer, __: Path) -> None:
    server.remove_object(BUCKET, f"{MANIFESTS}{manifest_ids(server)[-1]}.jsonl.gz")


def _share(_: InProcess, server: QingStorServer, __: Path) -> None:
    forge(server, {"path": "evil"}, series="another")


def _nest_below(machine: InProcess, _: QingStorServer, place: Path) -> None:
    (place / "other").mkdir()
    (place / "other" / "file").write_bytes(b"of another backup")
    machine.backup(place / "other", f"{TARGET}/below").good()


def _nest_above(machine: InProcess, _: QingStorServer, place: Path) -> None:
    (place / "other" / "srv").mkdir(parents=True)
    (place / "other" / "srv" / "file").write_bytes(b"of another backup")
    machine.backup(place / "other", f"{STORAGE}:bucket-one").good()


def _cut_a_run_off(machine: InProcess, server: QingStorServer, place: Path) -> None:
    (place / "source" / "sent").write_bytes(b"sent, and in no manifest")
    refuse_manifests(server)
    assert machine.backup(place / "source").code is ErrorCode.MANIFEST_UNWRITTEN
    server.clear_faults()


@pytest.mark.parametrize(
    ("trouble", "code"),
    [
        (_damage_a_manifest, ErrorCode.MANIFEST_INVALID),
        pytest.param(_cut_a_manifest, ErrorCode.MANIFEST_INVALID, marks=pytest.mark.deep),
        (_remove_all, ErrorCode.PATH_NOT_FOUND),
        (_remove_newest, ErrorCode.MANIFEST_INVALID),
        (_share, ErrorCode.TARGET_IN_USE),
        (_nest_below, ErrorCode.TARGET_IN_USE),
        (_nest_above, ErrorCode.TARGET_IN_USE),
        (_cut_a_run_off, ErrorCode.MANIFEST_UNWRITTEN),
    ],
    ids=lambda value: getattr(value, "__name__", "").strip("_"),
)
def test_in_doubt_nothing_is_deleted(
    renamed: InProcess,
    server: QingStorServer,
    tmp_path: Path,
    quick: None,
    trouble: Callable[[InProcess, QingStorServer, Path], None],
    code: ErrorCode,
) -> None:
    server.put_object(BUCKET, "srv/nobody's", b"x", modified=1_700_000_000)
    trouble(renamed, server, tmp_path)
    before = set(server.objects(BUCKET))

    done = renamed.cleanup()

    assert done.code is code
    assert done.summary.error is not None
    assert done.summary.error.message.endswith("Nothing was deleted.")
    assert set(server.objects(BUCKET)) == before


def test_while_a_backup_runs_nothing_is_deleted(renamed: InProcess, server: QingStorServer) -> None:
    holder = Holder(
        place="http://qingstor.test:80/pek3a/bucket-one/srv",
        run_id="a-backup",
        source="/srv",
        started=now_utc(),
    )
    before = set(server.objects(BUCKET))
    _forget_first(server)
    with target_lock(renamed.machine.state_dir, holder):
        assert renamed.cleanup().code is ErrorCode.LOCKED
    assert len(set(server.objects(BUCKET))) == len(before) - 1
    renamed.cleanup().good()


def test_a_manifest_that_appears_meanwhile_stops_it(
    renamed: InProcess, server: QingStorServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    _forget_first(server)
    choose = Discarding.choose

    def and_a_backup_elsewhere(*arguments: object, **named: object) -> Iterator[Event]:
        yield from choose(*arguments, **named)  # type: ignore[arg-type]
        forge(server, {"path": "old name"})

    monkeypatch.setattr(Discarding, "choose", and_a_backup_elsewhere)
    done = renamed.cleanup()

    assert done.code is ErrorCode.LOCKED
    assert "old name" in _left(server)


def test_chunks_of_an_upload_that_was_cut_off_go_and_those_of_the_file_stay(
    machine: InProcess, server: QingStorServer, source: Path, small_chunks: None
) -> None:
    machine, options = stored_in("chunks", machine), options_for("chunks")
    (source / "large").write_bytes(content("large", "chunks"))
    (source / "replaced").write_bytes(content("replaced", "chunks"))
    machine.backup(source, options=options).good()
    whole = _left(server)
    long_ago = 1_700_000_000
    server.put_object(BUCKET, "srv/large.pluton_chunk.001_zzzz", b"x" * 100, modified=long_ago)
    server.put_object(BUCKET, "srv/gone.pluton_chunk.001_zzzz", b"x", modified=long_ago)
    # Not what any manifest has recorded, so that these may be the chunks of what is described there now.
    server.put_object(BUCKET, "srv/replaced", b'{"ver":1,"size":1,"nchunks":1,"txn":"zzzz"}')
    server.put_object(BUCKET, "srv/replaced.pluton_chunk.001_zzzz", b"x", modified=long_ago)

    done = machine.cleanup()

    assert _deleted(done) == {"large.pluton_chunk.001_zzzz", "gone.pluton_chunk.001_zzzz"}
    assert _left(server) == whole | {"replaced.pluton_chunk.001_zzzz"}
    assert machine.verify(None, options=options, download=True).failed == {
        "replaced": ErrorCode.INTEGRITY_MISMATCH
    }


def test_another_machine_can_do_it(renamed: InProcess, server: QingStorServer, tmp_path: Path) -> None:
    _forget_first(server)

    elsewhere(renamed, tmp_path).cleanup().good()

    assert _left(server) == {"kept", "new name"}


def test_people_see_names_sizes_and_what_to_do(
    program: Program, server: QingStorServer, source: Path
) -> None:
    server.add_bucket(BUCKET)
    program.save()
    (source / "file").write_bytes(b"x")
    assert program.run("backup", source, TARGET, "--json").status == 0
    server.put_object(BUCKET, "srv/nobody's", b"x" * 2500, modified=1_700_000_000)

    told = program.run("cleanup", TARGET, "--unreferenced")
    assert told.status == 0, told.stderr
    assert "2.5 kB" in told.stdout
    assert "nobody's" in told.stdout
    assert "--yes deletes them" in told.stdout
    assert program.run("cleanup", TARGET, "--yes").status == 2

    done = program.run("cleanup", TARGET, "--unreferenced", "--yes", "--json")
    assert done.status == 0, done.stdout
    assert [line["item"] for line in done.of_type("verbose_status")] == ["nobody's"]
    assert (done.summary["files_changed"], done.summary["total_bytes"]) == (1, 2500)
    assert "srv/nobody's" not in server.files(BUCKET)
