"""The program behind `make test-live`, run against the local QingStor; restic is in tests/system."""

import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.live.account import BUCKET, ENDPOINT, KEY_ID, SECRET, ZONE
from tests.program import Finished
from tests.qingstor_server import AccessKey, Fault, FaultKind, QingStorServer, Right

_KEY_ID = "AKTESTLIVE0000000001"
_SECRET = "SKTESTlivecanarythatmustnotshowanywhere1"
_RIGHTS = frozenset({Right.LIST, Right.READ, Right.WRITE, Right.DELETE})
_KEPT = {"other/file", "pluton-qingstor-live-of-another/file"}


@pytest.fixture
def key(server: QingStorServer) -> AccessKey:
    """A key for one bucket, in which other objects are already."""
    server.add_bucket("live-bucket")
    for kept in _KEPT:
        server.put_object("live-bucket", kept, b"kept")
    return server.add_key(_KEY_ID, _SECRET, rights=_RIGHTS, buckets={"live-bucket"})


def _live(server: QingStorServer, directory: Path, variables: Mapping[str, str]) -> Finished:
    done = subprocess.run(
        [sys.executable, "-m", "tests.live"],
        env={"PATH": str(directory), "TMPDIR": str(directory), **server.environment(), **variables},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return Finished(done.returncode, done.stdout, done.stderr)


def _variables(server: QingStorServer, key: AccessKey) -> dict[str, str]:
    given = {KEY_ID: key.id, SECRET: key.secret, BUCKET: "live-bucket", ZONE: "pek3a"}
    return {**given, ENDPOINT: server.endpoint}


@pytest.mark.deep  # with restic besides it is in tests/system
def test_every_step_is_done_and_what_was_created_is_removed(
    server: QingStorServer, key: AccessKey, tmp_path: Path
) -> None:
    done = _live(server, tmp_path, _variables(server, key))

    assert (done.status, done.stderr) == (0, ""), done.stdout
    assert done.stdout.count("\nok      ") == 11
    assert "restic is not installed" in done.stdout, "it is not on that PATH"
    created = {entry.key.partition("/")[0] for entry in server.requests("put_object")}
    (prefix,) = {one for one in created if not one.startswith(".pluton-qingstor-write-test-")}
    assert done.stdout.index(f"creates objects below {prefix}/") < done.stdout.index("ok ")
    assert set(server.objects("live-bucket")) == _KEPT
    assert set(server.buckets()) == {"live-bucket"}
    assert not server.requests("create_bucket")
    assert list(tmp_path.iterdir()) == []
    assert _SECRET not in done.stdout


def test_what_was_created_is_removed_after_a_failure(
    server: QingStorServer, key: AccessKey, tmp_path: Path
) -> None:
    server.add_fault(
        Fault(
            kind=FaultKind.STATUS, status=403, code="permission_denied", operation="put_object", key="*/big"
        )
    )

    done = _live(server, tmp_path, _variables(server, key))

    assert done.status == 1
    assert re.search(r"^FAILED .* backup: ", done.stdout, re.MULTILINE)
    assert "\nremoved pluton-qingstor-live-" in done.stdout
    assert len(server.requests("put_object")) > 30
    assert set(server.objects("live-bucket")) == _KEPT


def test_what_cannot_be_removed_is_told(server: QingStorServer, key: AccessKey, tmp_path: Path) -> None:
    for name in ("*/backup/*", "*/.pluton/*"):
        server.add_fault(
            Fault(
                kind=FaultKind.STATUS,
                status=403,
                code="permission_denied",
                operation="delete_object",
                key=name,
            )
        )
    server.add_fault(
        Fault(
            kind=FaultKind.STATUS, status=403, code="permission_denied", operation="put_object", key="*/big"
        )
    )

    done = _live(server, tmp_path, _variables(server, key))

    assert done.status == 1
    assert "\nNOT REMOVED: pluton-qingstor-live-" in done.stdout
    assert _SECRET not in done.stdout


def test_without_keys_it_says_what_is_missing(server: QingStorServer, key: AccessKey, tmp_path: Path) -> None:
    given = {name: value for name, value in _variables(server, key).items() if name not in {SECRET, ZONE}}

    done = _live(server, tmp_path, given)

    assert done.status == 2
    assert done.stdout.startswith(f"Nothing was tested: {SECRET} {ZONE} not set.")
    assert not server.requests()
