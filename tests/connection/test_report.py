"""The data of a report: buckets, the configured zone, and the buckets of other zones."""

from collections.abc import Callable

import pytest

from adapter.connection.bucket_list import MOST_LISTED
from tests.connection import causes
from tests.connection.scene import Asked, Scene
from tests.program import as_object
from tests.qingstor_server import Fault, FaultKind


def two_buckets(scene: Scene) -> Asked:
    scene.server.add_bucket("bucket-one")
    scene.server.add_bucket("bucket-two")
    return scene.form()


@pytest.mark.parametrize(
    ("build", "buckets", "other_zones"),
    [
        (two_buckets, ["bucket-one", "bucket-two"], {}),
        (causes.empty_account, [], {}),
        (causes.missing_bucket, ["bucket-one"], {"sh1a": ["photographs"]}),
        (causes.bucket_in_another_zone, ["bucket-two"], {"sh1a": ["bucket-one"]}),
        (causes.bucket_in_another_zone_with_a_key_for_it_alone, [], {"sh1a": ["bucket-one"]}),
        (causes.empty_zone_with_buckets_elsewhere, [], {"sh1a": ["bucket-one", "bucket-two"]}),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_the_buckets_of_the_zone_and_of_other_zones(
    scene: Scene, build: Callable[[Scene], Asked], buckets: list[str], other_zones: dict[str, list[str]]
) -> None:
    data = as_object(scene.run(build(scene), 20).answer["data"])
    assert (data["buckets"], data["other_zones"], data["zone"]) == (buckets, other_zones, "pek3a")


@pytest.mark.parametrize(
    "fault",
    [
        Fault(FaultKind.STATUS, status=503, operation="list_buckets", skip=1),
        Fault(FaultKind.HANG, operation="list_buckets", skip=1),
    ],
    ids=["fail", "hang"],
)
def test_an_empty_zone_is_not_called_an_empty_account_if_other_zones_do_not_answer(
    scene: Scene, fault: Fault
) -> None:
    scene.server.add_bucket("bucket-one", "sh1a")
    scene.server.add_fault(fault)

    done = scene.run(scene.form(), 12)

    assert done.status == 0, done.stdout
    assert "empty_zone" not in done.stdout
    assert "not all of the other zones answered" in done.stdout


def test_the_field_of_a_server_that_cannot_be_reached_is_the_endpoint(scene: Scene) -> None:
    done = scene.run(causes.refused_port(scene), 20)
    assert as_object(done.answer["error"])["field"] == "endpoint"


@pytest.mark.parametrize(
    ("count", "says"), [(MOST_LISTED - 1, "has 199 buckets"), (MOST_LISTED, "at least 200")]
)
def test_a_list_that_may_be_cut_is_told(scene: Scene, count: int, says: str) -> None:
    for number in range(count):
        scene.server.add_bucket(f"bucket-{number:03}")

    assert says in scene.run(scene.form(), 20).stdout
