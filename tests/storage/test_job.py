"""The job document of a backup."""

import json
from pathlib import Path

import pytest

from adapter.contract.errors import Failure, FormInvalid
from adapter.storage.job import Job, parse_job
from adapter.storage.job_values import JobInvalid
from adapter.storage.target import Target
from tests.storage.documents import SECRET_ACCESS_KEY, document

_JOB: dict[str, object] = {
    "storage": document({"zone": "sh1a"}),
    "source": "/srv/data",
    "target": "QingStor Backups:my-bucket/srv-data",
    "planId": "p1",
    "backupId": "b1",
    "includes": [],
    "excludes": ["*.tmp", " spaced "],
    "performance": {
        "transfers": 8,
        "bufferSize": "16M",
        "maxDuration": "6h",
        "bwlimit": "08:00,1M 20:00,off",
    },
    "dryRun": False,
}


def _parse(value: object) -> Job:
    return parse_job(json.dumps(value).encode())


def _errors(value: object) -> tuple[Failure, ...]:
    with pytest.raises(FormInvalid) as caught:
        _parse(value)
    return caught.value.errors


def test_a_full_job() -> None:
    job = _parse(_JOB)
    assert job.storage is not None
    assert job.storage.zone == "sh1a"
    assert (job.source, job.target) == ("/srv/data", Target("QingStor Backups", "my-bucket", "srv-data"))
    assert (job.plan_id, job.backup_id, job.dry_run) == ("p1", "b1", False)
    assert (job.includes, job.excludes) == ((), ("*.tmp", " spaced "))
    speed = job.performance
    assert (speed.transfers, speed.buffer_size, speed.max_duration_s) == (8, "16Mi", 21600.0)
    assert speed.bwlimit == "08:00,1M 20:00,off"
    assert SECRET_ACCESS_KEY not in repr(job)


def test_places_and_names_among_the_includes_are_told_apart() -> None:
    job = _parse({**_JOB, "includes": ["*.txt", "/srv/data/docs"], "filters": ["- *.bak", "!"]})
    assert (job.names, job.places, job.filters) == (("*.txt",), ("/srv/data/docs",), ("- *.bak", "!"))
    alone = _parse({**_JOB, "source": None, "includes": ["/srv/data", "/etc"], "sourceName": "host"})
    assert (alone.source, alone.places, alone.source_name) == (None, ("/srv/data", "/etc"), "host")
    several = _parse({**_JOB, "source": "", "sources": ["/srv/a", "/srv/b"], "ignoreInode": True})
    assert (several.sources, several.ignore_inode) == (("/srv/a", "/srv/b"), True)


def test_the_least_job() -> None:
    job = _parse({"source": "/srv", "target": "q:my-bucket"})
    assert (job.storage, job.plan_id, job.includes, job.dry_run) == (None, None, (), False)
    assert job.performance.transfers is None


@pytest.mark.parametrize("blank", ["", None, "undefined"])
def test_blank_fields_mean_the_default(blank: object) -> None:
    job = _parse(
        {
            **dict.fromkeys(["storage", "planId", "backupId", "includes", "excludes", "dryRun"], blank),
            "performance": dict.fromkeys(["transfers", "bufferSize", "maxDuration", "bwlimit"], blank),
            "source": "/srv",
            "target": "q:my-bucket",
        }
    )
    assert job == _parse({"source": "/srv", "target": "q:my-bucket"})


@pytest.mark.parametrize(
    ("performance", "attribute", "value"),
    [
        ({"transfers": "16"}, "transfers", 16),
        ({"bufferSize": 0}, "buffer_size", None),
        ({"bufferSize": "0"}, "buffer_size", None),
        ({"transfers": 0}, "transfers", None),
        ({"checkers": "8"}, "checkers", 8),
        ({"multiThreadStream": 4}, "multi_thread_streams", 4),
        ({"multiThreadCutoff": "256M"}, "multi_thread_cutoff", "256Mi"),
        ({"multiThreadChunkSize": "64mi"}, "multi_thread_chunk_size", "64Mi"),
        ({"maxTransfer": "10G"}, "max_transfer", 10 << 30),
        ({"maxTransfer": "off"}, "max_transfer", None),
        ({"maxTransfer": 0}, "max_transfer", None),
        ({"multiThreadCutoff": 0.0}, "multi_thread_cutoff", None),
        ({"bufferSize": "1g"}, "buffer_size", "1Gi"),
        ({"maxDuration": "1h30m"}, "max_duration_s", 5400.0),
        ({"maxDuration": "1d"}, "max_duration_s", 86400.0),
        ({"maxDuration": "0"}, "max_duration_s", None),
        ({"maxDuration": "off"}, "max_duration_s", None),
        ({"bwlimit": "10M:1M"}, "bwlimit", "10M:1M"),
    ],
)
def test_performance(performance: dict[str, object], attribute: str, value: object) -> None:
    job = _parse({"source": "/srv", "target": "q:my-bucket", "performance": performance})
    assert getattr(job.performance, attribute) == value


@pytest.mark.parametrize(
    ("change", "field", "says"),
    [
        ({"source": ""}, "source", "missing"),
        ({"source": 5}, "source", "not a path"),
        ({"source": "/srv/\0"}, "source", "NUL"),
        ({"source": "x" * 5000}, "source", "4096"),
        ({"target": "q"}, "target", "no storage"),
        ({"target": ["q:bucket-1"]}, "target", "not a text"),
        ({"target": "other:bucket-1"}, "target", "another storage"),
        ({"includes": "*.tmp"}, "includes", "list of patterns"),
        ({"includes": [1]}, "includes", "list of patterns"),
        ({"excludes": [""]}, "excludes", "empty"),
        ({"excludes": ["a\nb"]}, "excludes", "line break"),
        ({"dryRun": "perhaps"}, "dryRun", "true nor false"),
        ({"planId": ["p"]}, "planId", "not a text"),
        ({"performance": 5}, "performance", "not an object"),
        ({"performance": {"transfers": -1}}, "performance.transfers", "less than 1"),
        ({"performance": {"checkers": "many"}}, "performance.checkers", "not a whole number"),
        ({"performance": {"maxTransfer": "10"}}, "performance.maxTransfer", "no unit"),
        ({"ignored": ["x"]}, "ignored", "not a field"),
        ({"includes": ["*.txt", "/srv/other"]}, "includes", "not inside the source"),
        ({"sources": ["/srv"]}, "sources", "stands beside source"),
        ({"source": "", "sources": ["srv"]}, "sources", "not absolute"),
        ({"source": "", "sources": []}, "sources", "not a list"),
        ({"filters": ["*.tmp"]}, "filters", "not a rule"),
        ({"ignoreInode": "perhaps"}, "ignoreInode", ""),
        ({"performance": {"transfers": 257}}, "performance.transfers", "more than 256"),
        ({"performance": {"bufferSize": "16"}}, "performance.bufferSize", "no unit"),
        ({"performance": {"bufferSize": "2G"}}, "performance.bufferSize", "more than 1 GiB"),
        ({"performance": {"bufferSize": "off"}}, "performance.bufferSize", "off"),
        ({"performance": {"maxDuration": "6"}}, "performance.maxDuration", "no unit"),
        ({"performance": {"maxDuration": 6}}, "performance.maxDuration", "not a text"),
        ({"performance": {"maxDuration": "-6h"}}, "performance.maxDuration", "negative"),
        ({"performance": {"maxDuration": "soon"}}, "performance.maxDuration", "number"),
        ({"performance": {"bwlimit": "fast"}}, "performance.bwlimit", "unit"),
        ({"performance": {"bwlimit": "25:00,1M"}}, "performance.bwlimit", "timetable"),
        ({"plan": "p"}, "plan", "not a field"),
        ({"performance": {"buffersize": "1M"}}, "buffersize", "not a field"),
        ({"storage": 5}, "storage", "not an object"),
        ({"storage": document({"zone": "?"})}, "storage.zone", "host name"),
        ({"storage": document({}, {"endpoint": "localhost"})}, "storage.endpoint", "no dot"),
    ],
)
def test_values_that_are_refused(change: dict[str, object], field: str, says: str) -> None:
    (error,) = _errors({**_JOB, **change})
    assert error.field == field
    assert says in error.message
    assert error.hint


def test_all_errors_at_once_the_storage_first() -> None:
    found = _errors(
        {"storage": {"name": "-"}, "target": "x", "excludes": 1, "performance": {"transfers": "x"}}
    )
    assert [error.field for error in found] == [
        *("storage.name", "storage.access_key_id", "source", "target", "excludes", "performance.transfers"),
    ]


@pytest.mark.parametrize(
    ("ids", "read"),
    [
        ({"planId": " p1 ", "backupId": 7}, ("p1", "7")),
        ({"planId": ["p1"], "backupId": "b1"}, (None, "b1")),
        ({"planId": "", "backupId": None}, (None, None)),
    ],
)
def test_the_ids_of_a_wrong_job_are_kept_if_they_can_be_read(
    ids: dict[str, object], read: tuple[str | None, str | None]
) -> None:
    with pytest.raises(JobInvalid) as caught:
        _parse({"source": "/srv", "target": "x", **ids})
    assert (caught.value.plan_id, caught.value.backup_id) == read


def test_a_relative_source_is_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert _parse({"source": "a/../b", "target": "q:my-bucket"}).source == str(tmp_path / "b")


def test_a_secret_of_the_storage_is_not_repeated_outside_of_it() -> None:
    found = _errors({**_JOB, "storage": document({}, {"secret_access_key": "SKcanary"}), "SKcanary": 1})
    assert "canary" not in "".join(error.message + error.hint for error in found)


def test_settings_of_pluton_that_mean_nothing_here_are_noted_whatever_they_hold() -> None:
    settings = {"maxProcessor": 4, "packSize": "x", "scan": True, "readConcurrency": 0, "syncStrategy": None}
    job = _parse({"source": "/srv", "target": "q:my-bucket", "performance": {**settings, "transfers": 2}})
    assert job.ignored == ("maxProcessor", "packSize", "scan")
    assert job.performance.transfers == 2


def test_a_job_may_ask_for_its_bucket() -> None:
    assert _parse({"source": "/srv", "target": "q:my-bucket", "createBucket": "true"}).create_bucket
