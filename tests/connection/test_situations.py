"""Every situation in which a connection fails: code, status, message, hint, time, nothing left behind."""

import os
from pathlib import Path

import psutil
import pytest

from tests.connection.scene import Scene
from tests.connection.situations import FAILURES, WORKING, Situation, Works
from tests.program import Finished, Json, as_object, number

_TIMEOUT_S = 20
_SHORT_S = 2
"""The limit of a test whose stage waits until then; more than enough for the stages before it."""
_JARGON = (
    *("dial", "tcp", "x509", "net/http", "eof", "goroutine", "panic", "i/o", "statuscode", "errno", "nil"),
    *("lookup", "handshake", "no such host", "status code", "traceback", "exit status", "stderr", "null"),
)


@pytest.mark.parametrize("situation", FAILURES, ids=lambda situation: situation.name)
def test_a_connection_that_fails_says_why(scene: Scene, situation: Situation) -> None:
    asked = situation.build(scene)
    home = scene.program.environment["HOME"]
    buckets = set(scene.server.buckets())
    files = _files(scene.program.directory)
    timeout_s = _SHORT_S if situation.waits else _TIMEOUT_S

    done = scene.run(asked, timeout_s)

    error = as_object(done.answer["error"])
    assert (error["code"], done.status) == (situation.code, situation.status), done.stdout
    message, hint = str(error["message"]), str(error["hint"])
    assert all(words in message for words in situation.says), message
    assert all(words in hint for words in situation.advises), hint
    _assert_for_people(message, hint)
    _assert_stages(done, situation.stage, timeout_s)
    assert set(scene.server.buckets()) == buckets
    assert all(scene.server.files(bucket) == {} for bucket in buckets)
    assert _files(scene.program.directory) == files
    assert _processes_of(home) == []
    assert "canary" not in done.stdout + done.stderr


@pytest.mark.parametrize("works", WORKING, ids=lambda works: works.name)
def test_a_connection_that_works_is_not_refused(scene: Scene, works: Works) -> None:
    asked = works.build(scene)

    done = scene.run(asked, _TIMEOUT_S)

    assert done.status == 0, done.stdout
    data = as_object(done.answer["data"])
    advice = data["advice"]
    assert isinstance(advice, list)
    assert works.advice <= {as_object(one)["code"] for one in advice}
    assert all(stage["ok"] for stage in _stages(data))
    assert all(scene.server.files(bucket) == {} for bucket in scene.server.buckets())


@pytest.mark.parametrize("build", ["wrong_secret", "missing_bucket", "endpoint_with_a_hyphen"])
def test_a_save_after_a_failed_test_leaves_the_conf_as_it_was(scene: Scene, build: str) -> None:
    asked = next(one for one in FAILURES if one.build.__name__ == build).build(scene)
    conf = scene.program.conf
    conf.write_bytes(b"# mine\n[other]\ntype = local")
    before = (conf.read_bytes(), conf.stat().st_ino, conf.stat().st_mtime_ns)

    done = scene.program.run("storage", "save", *asked.words, "--json", document=asked.document)

    assert done.answer["success"] is False
    assert (conf.read_bytes(), conf.stat().st_ino, conf.stat().st_mtime_ns) == before


def _assert_for_people(message: str, hint: str) -> None:
    for text in (message, hint):
        assert text.endswith((".", "?")), text
        assert "\n" not in text
        assert text[0].isupper() or text.startswith(("http", "rclone", "/", "--", "$")), text
        words = text.lower()
        assert not [word for word in _JARGON if f" {word}" in words or f"{word}:" in words], text


def _assert_stages(done: Finished, failing: str, timeout_s: float) -> None:
    """All stages before the failed one are ok, none follows it, and the time limit is kept."""
    if not failing:
        assert "data" not in done.answer
        return
    stages = _stages(as_object(done.answer["data"]))
    order = ["rclone", "credentials", "connect", "zone", "bucket", "write"]
    assert [stage["name"] for stage in stages] == order[: order.index(failing) + 1]
    assert [stage["ok"] for stage in stages] == [True] * (len(stages) - 1) + [False]
    assert stages[-1]["message"] == as_object(done.answer["error"])["message"]
    assert sum(number(stage["elapsed_ms"]) for stage in stages) <= (timeout_s + 1) * 1000


def _stages(data: dict[str, Json]) -> list[dict[str, Json]]:
    stages = data["stages"]
    assert isinstance(stages, list)
    return [as_object(stage) for stage in stages]


def _files(directory: Path) -> set[Path]:
    """All files but those in the state directory, which remembers the version of rclone."""
    return {path for path in directory.rglob("*") if ".local" not in path.parts}


def _processes_of(home: str) -> list[str]:
    """The names of processes with this home, such as children that outlive the program."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("HOME") == home and process.pid != os.getpid():
                found.append(process.name())
        except psutil.Error:
            continue
    return found
