"""`--write`: if it passes a backup works, if it fails it names the missing right."""

from itertools import chain, combinations
from pathlib import Path

import pytest

from adapter.connection.missing_right import Right as Named
from adapter.connection.report import Report
from adapter.connection.stages import try_connection
from adapter.connection.write_check import PREFIX
from adapter.contract.errors import ErrorCode
from adapter.machine.cancellation import Cancellation
from adapter.storage.form import storage_form
from tests.connection.scene import Scene
from tests.program import as_object, document
from tests.qingstor_server import (
    ALL_RIGHTS,
    DEFAULT_KEY,
    AccessKey,
    Fault,
    FaultKind,
    KeyState,
    Moment,
    Right,
)

_BUCKET = "bucket-one"
_IN_BUCKET = (Right.LIST, Right.READ, Right.WRITE, Right.DELETE)
_SUBSETS = tuple(chain.from_iterable(combinations(_IN_BUCKET, size) for size in range(5)))


def _prove(scene: Scene, key: AccessKey = DEFAULT_KEY, timeout_s: float = 20) -> Report:
    form = storage_form(document(access_key_id=key.id, secret_access_key=key.secret))
    with Cancellation() as cancel:
        return try_connection(form, scene.machine, cancel, bucket=_BUCKET, write=True, timeout_s=timeout_s)


def _backs_up(scene: Scene, key: AccessKey) -> bool:
    saved = document(access_key_id=key.id, secret_access_key=key.secret)
    assert scene.program.run("storage", "save", "--no-test", "--replace", document=saved).status == 0
    source = scene.directory / "source"
    (source / "deeper").mkdir(parents=True, exist_ok=True)
    for name in ("one", "two", "deeper/three"):
        (source / name).write_bytes(name.encode())
    done = scene.program.run("backup", source, f"QingStor Backups:{_BUCKET}/srv", "--json")
    return done.status == 0


@pytest.mark.parametrize(
    "rights",
    [
        # Without the right to list nothing else is tried, and without that to write no more than a PUT:
        # two of each of these are enough.
        rights
        if {Right.LIST, Right.WRITE} <= set(rights) or rights == (Right.LIST,) or len(rights) in {0, 3}
        else pytest.param(rights, marks=pytest.mark.deep)
        for rights in _SUBSETS
    ],
    ids=lambda rights: "+".join(rights) or "none",
)
def test_a_key_that_passes_can_back_up(scene: Scene, rights: tuple[Right, ...]) -> None:
    """A key without the right to delete can back up too; it fails the test, which could not clean up."""
    scene.server.add_bucket(_BUCKET)
    key = scene.server.add_key("AKTESTsubset", "SKTESTcanarysubset", rights=set(rights), buckets={_BUCKET})

    report = _prove(scene, key)

    lacking = [right for right in _IN_BUCKET if right not in rights]
    assert (report.failure is None) == (not lacking)
    if report.failure:
        assert report.failure.code is ErrorCode.PERMISSION_DENIED
        assert f"right to {_first_missed(lacking)}" in report.failure.hint
    assert scene.server.requests("create_bucket") == []
    left = [key for key in scene.server.files(_BUCKET) if key.startswith(PREFIX)]
    can_leave = Right.DELETE in lacking and {Right.LIST, Right.WRITE} <= set(rights)
    assert len(left) == can_leave
    assert all(f"{name} may be left" in (report.failure.hint if report.failure else "") for name in left)
    assert _backs_up(scene, key) == (lacking in ([], [Right.DELETE]))


def _first_missed(lacking: list[Right]) -> Named:
    """Return the missing right that fails first: list, write, read, delete."""
    order = (Right.LIST, Right.WRITE, Right.READ, Right.DELETE)
    return Named(next(right for right in order if right in lacking))


@pytest.mark.parametrize("state", [KeyState.DISABLED, KeyState.DELINQUENT, KeyState.ACCOUNT_PROBLEM])
def test_a_key_that_is_not_served_passes_neither(scene: Scene, state: KeyState) -> None:
    scene.server.add_bucket(_BUCKET)
    key = scene.server.add_key("AKTESTstate", "SKTESTcanarystate", state=state)
    assert _prove(scene, key).failure is not None
    assert not _backs_up(scene, key)


@pytest.mark.parametrize("rights", [ALL_RIGHTS, ALL_RIGHTS - {Right.LIST_BUCKETS}])
def test_a_key_for_another_bucket_passes_neither(scene: Scene, rights: frozenset[Right]) -> None:
    scene.server.add_bucket(_BUCKET)
    scene.server.add_bucket("bucket-two")
    key = scene.server.add_key("AKTESTother", "SKTESTcanaryother", rights=rights, buckets={"bucket-two"})
    assert _prove(scene, key).failure is not None
    assert not _backs_up(scene, key)


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (Fault(FaultKind.FLIP_UPLOAD, operation="put_object"), ErrorCode.INTEGRITY_MISMATCH),
        (Fault(FaultKind.FLIP_DOWNLOAD, operation="get_object"), ErrorCode.INTEGRITY_MISMATCH),
        (Fault(FaultKind.STATUS, operation="put_object", status=500), ErrorCode.SERVER_ERROR),
        (Fault(FaultKind.STATUS, operation="get_object", status=500), ErrorCode.SERVER_ERROR),
        (Fault(FaultKind.STATUS, operation="delete_object", status=500, times=1), ErrorCode.SERVER_ERROR),
        (
            Fault(FaultKind.RESET, operation="put_object", moment=Moment.ANSWER),
            ErrorCode.ENDPOINT_UNREACHABLE,
        ),
        (Fault(FaultKind.HANG, operation="get_object"), ErrorCode.TIMEOUT),
        (Fault(FaultKind.HANG, operation="put_object", moment=Moment.ANSWER), ErrorCode.TIMEOUT),
    ],
    ids=lambda value: f"{value.kind}-{value.operation}" if isinstance(value, Fault) else value,
)
def test_the_object_is_removed_whatever_fails(scene: Scene, fault: Fault, code: ErrorCode) -> None:
    scene.server.add_bucket(_BUCKET)
    handle = scene.server.add_fault(fault)

    report = _prove(scene, timeout_s=4)

    assert handle.fired >= 1
    assert report.failure is not None
    assert report.failure.code is code
    assert report.stages[-1].name == "write"
    assert "may be left" not in report.failure.hint
    assert scene.server.files(_BUCKET) == {}


def test_an_object_that_cannot_be_deleted_is_named(scene: Scene) -> None:
    scene.server.add_bucket(_BUCKET)
    scene.server.add_fault(Fault(FaultKind.STATUS, operation="delete_object", status=500))

    report = _prove(scene)

    (left,) = scene.server.files(_BUCKET)
    assert report.failure is not None
    assert report.failure.code is ErrorCode.SERVER_ERROR
    assert left in report.failure.hint


def test_an_object_that_vanishes_is_not_a_success(scene: Scene) -> None:
    """The object is gone after the PUT: for rclone the download of nothing is a success."""
    scene.server.add_bucket(_BUCKET)
    # HEAD answers 404 from the second one after the PUT on, as if a rule had taken the object away.
    scene.server.add_fault(
        Fault(FaultKind.STATUS, operation="head_object", status=404, skip=3, code="object_not_exists")
    )
    report = _prove(scene)
    assert report.failure is not None
    assert report.failure.code is ErrorCode.INTEGRITY_MISMATCH
    assert scene.server.files(_BUCKET) == {}


def test_an_rclone_that_hands_out_other_bytes_is_not_a_success(scene: Scene, rclone: Path) -> None:
    """A fake for this alone: what the server alters rclone finds itself, by the checksum."""
    scene.server.add_bucket(_BUCKET)
    script = scene.script(
        "import pathlib, subprocess, sys\n"
        f"status = subprocess.call([{str(rclone)!r}, *sys.argv[1:]])\n"
        "if 'move' in sys.argv:\n"
        "    where = sys.argv[sys.argv.index('move') + 2]\n"
        "    pathlib.Path(where, 'proof').write_bytes(b'other')\n"
        "sys.exit(status)"
    )
    asked = scene.form("--bucket", _BUCKET, "--write", "--rclone", script)

    done = scene.run(asked, 20)

    assert as_object(done.answer["error"])["code"] == "integrity_mismatch", done.stdout
    assert scene.server.files(_BUCKET) == {}


def test_a_request_to_stop_in_the_middle_leaves_nothing(scene: Scene) -> None:
    scene.server.add_bucket(_BUCKET)
    scene.server.add_fault(Fault(FaultKind.HANG, operation="get_object"))
    scene.program.save()
    running = scene.program.start(
        "storage", "test", "QingStor Backups", "--bucket", _BUCKET, "--write", "--json"
    )
    with running:
        scene.server.wait_for("get_object")
        running.terminate()
        output, _ = running.communicate(timeout=30)
    assert running.returncode == 130
    assert b'"code": "cancelled"' in output
    assert scene.server.files(_BUCKET) == {}


def test_no_place_for_a_temporary_file(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.server.add_bucket(_BUCKET)
    monkeypatch.setattr("tempfile.tempdir", str(scene.directory / "nowhere"))
    report = _prove(scene)
    assert report.failure is not None
    assert report.failure.code is ErrorCode.DESTINATION_UNWRITABLE
    assert "TMPDIR" in report.failure.hint
