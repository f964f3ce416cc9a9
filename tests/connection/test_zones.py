"""The search for buckets in all zones, and `zone_mismatch` before a backup or restore copies a byte."""

from pathlib import Path

import pytest

from adapter.connection.bucket_list import MOST_LISTED
from adapter.connection.zones import NOTHING, Found, find_bucket, find_buckets, search
from adapter.machine.cancellation import Cancellation
from adapter.rclone.binary import OLDEST, Rclone
from adapter.rclone.open_storage import open_storage
from adapter.rclone.query import Query
from adapter.storage.form import storage_form
from tests.connection.causes import EMPTY_LIST
from tests.connection.scene import Scene
from tests.connection.sockets import answering
from tests.program import Finished, as_object, document
from tests.qingstor_server import ALL_RIGHTS, Fault, FaultKind, Right

_ZONES = ("pek3a", "sh1a", "gd2")
_UNKNOWN = Found({}, complete=False)


@pytest.fixture
def query(scene: Scene, rclone: Path) -> Query:
    """Queries of the real rclone about the default key's account."""
    return _query(scene, rclone, document())


def _query(scene: Scene, rclone: Path, given: dict[str, object]) -> Query:
    access = open_storage(storage_form(given), scene.machine)
    cancel = scene.stack.enter_context(Cancellation())
    return Query(Rclone(rclone, OLDEST), access.env, access.redactor, cancel)


def test_buckets_of_all_zones_are_found_in_one_call(scene: Scene, query: Query) -> None:
    scene.server.configure(zones=_ZONES)
    scene.server.add_bucket("bucket-one")
    scene.server.add_bucket("bucket-two", "gd2")
    scene.server.add_bucket("bucket-three", "gd2")
    # Objects in a bucket must not be listed.
    scene.server.put_object("bucket-two", "directory/file", b"x")

    found = find_buckets(query, _ZONES, 20)
    assert found == Found({"pek3a": ("bucket-one",), "gd2": ("bucket-three", "bucket-two")}, complete=True)
    assert scene.server.load().counts == {"list_buckets": 3}


def test_zones_that_do_not_answer_are_left_out(scene: Scene, query: Query) -> None:
    scene.server.add_bucket("bucket-one")
    scene.server.add_fault(Fault(FaultKind.STATUS, operation="list_buckets", times=2))
    found = find_buckets(query, _ZONES, 20)
    assert set(found.zones) <= {"pek3a"}
    assert not found.complete


def test_a_list_of_as_many_buckets_as_qingstor_lists_is_not_complete(scene: Scene, query: Query) -> None:
    for number in range(MOST_LISTED + 1):
        scene.server.add_bucket(f"bucket-{number:03}", "sh1a")
    last = f"bucket-{MOST_LISTED:03}"
    assert not find_buckets(query, _ZONES, 20).complete
    assert search(query, last, _ZONES, 20) == Found({"sh1a": (last,)}, complete=True)
    assert search(query, "bucket-999", ("pek3a", "sh1a"), 20) == NOTHING


def test_a_page_of_a_proxy_is_not_a_list_of_buckets(scene: Scene, query: Query) -> None:
    scene.server.add_fault(Fault(FaultKind.HTML, status=200))
    assert find_buckets(query, _ZONES, 20) == _UNKNOWN
    assert find_bucket(query, "bucket-one", _ZONES, 20) == _UNKNOWN


def test_a_server_that_hangs_takes_no_longer_than_the_time_limit(scene: Scene, query: Query) -> None:
    scene.server.add_bucket("bucket-one", "sh1a")
    scene.server.add_fault(Fault(FaultKind.HANG))
    assert find_buckets(query, _ZONES, 0.5) == _UNKNOWN
    assert find_bucket(query, "bucket-one", _ZONES, 0.5) == _UNKNOWN


def test_a_key_for_one_bucket_finds_it_without_a_list(scene: Scene, rclone: Path) -> None:
    scene.server.configure(zones=_ZONES)
    scene.server.add_bucket("bucket-one", "sh1a")
    rights = ALL_RIGHTS - {Right.LIST_BUCKETS}
    key = scene.server.add_key("AKTESTlimited", "SKTESTcanarylimited", rights=rights, buckets={"bucket-one"})
    query = _query(scene, rclone, document(access_key_id=key.id, secret_access_key=key.secret))
    assert find_buckets(query, _ZONES, 20) == _UNKNOWN
    assert find_bucket(query, "bucket-one", _ZONES, 20) == Found({"sh1a": ("bucket-one",)}, complete=True)
    assert find_bucket(query, "bucket-two", _ZONES, 20) == NOTHING


@pytest.mark.parametrize("rights", [ALL_RIGHTS, ALL_RIGHTS - {Right.LIST_BUCKETS}])
@pytest.mark.parametrize("command", ["backup", "restore", "backup --create-bucket"])
def test_a_run_names_the_right_zone_before_it_copies_a_byte(
    scene: Scene, command: str, rights: frozenset[Right]
) -> None:
    scene.server.add_bucket("bucket-one", "sh1a")
    key = scene.server.add_key("AKTESTcanary", "SKTESTcanarykey", rights=rights)

    done = _run(scene, command, document(access_key_id=key.id, secret_access_key=key.secret))

    error = as_object(done.summary["error"])
    assert (error["code"], done.status) == ("zone_mismatch", 10)
    assert "sh1a" in str(error["message"])
    operations = {entry.operation for entry in scene.server.requests()}
    assert operations <= {"list_buckets", "list_objects", "head_object"}


@pytest.mark.parametrize("command", ["backup", "restore"])
def test_a_run_suggests_the_nearest_bucket(scene: Scene, command: str) -> None:
    scene.server.add_bucket("bucket-eno")
    done = _run(scene, command, document())
    error = as_object(done.summary["error"])
    assert (error["code"], done.status) == ("bucket_not_found", 10)
    assert "bucket-eno?" in str(error["hint"])


def test_a_run_tells_a_zone_without_a_host_from_a_network_that_is_down(scene: Scene) -> None:
    listener = scene.listener(answering(EMPTY_LIST))
    codes = {}
    for name, endpoint in (("zone", f"http://127.0.0.1:{listener}"), ("network", "http://nowhere.test:80")):
        asked = scene.at(endpoint)
        variables = {"NO_PROXY": "pek3a.127.0.0.1,nowhere.test,pek3a.nowhere.test"}
        program = type(scene.program)(scene.program.directory, scene.server, variables)
        done = program.run("backup", scene.directory, f"{asked.words[0]}:bucket-one", "--json")
        codes[name] = as_object(done.summary["error"])["code"]
    assert codes == {"zone": "zone_mismatch", "network": "endpoint_unreachable"}


def _run(scene: Scene, command: str, storage: dict[str, object]) -> Finished:
    assert scene.program.run("storage", "save", "--no-test", document=storage).status == 0
    source = scene.directory / "source"
    source.mkdir()
    (source / "file").write_bytes(b"x")
    target = "QingStor Backups:bucket-one/srv"
    name, *options = command.split()
    places = (source, target) if name == "backup" else (target, scene.directory / "restored")
    return scene.program.run(name, *places, *options, "--json")
