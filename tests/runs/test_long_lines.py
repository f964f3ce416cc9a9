"""Lines that a reader takes in one piece, however much failed, is on its way or has to be told."""

import json
from dataclasses import replace

from tests.program import Json, as_object
from tests.qingstor_server import Fault, FaultKind
from tests.runs.scene import TARGET, Scene

_LONGEST = 32 << 10


def _items(files: Json) -> list[str]:
    assert isinstance(files, list)
    return [str(as_object(file)["item"]) for file in files]


def test_a_summary_of_many_failed_files_is_cut_and_the_record_has_them_all(scene: Scene) -> None:
    long = scene.source / ("d" * 240) / ("e" * 240)
    long.mkdir(parents=True)
    names = {f"{number:03}-{'n' * 200}" for number in range(120)}
    for name in names:
        (long / name).write_bytes(b"x")
    scene.server.add_fault(
        Fault(FaultKind.STATUS, status=403, code="permission_denied", operation="put_object")
    )

    done = scene.program.run("backup", scene.source, TARGET, "--json")

    assert all(len(line.encode()) + 1 < _LONGEST for line in done.stdout.splitlines())
    summary = done.summary
    shown = _items(summary["failed_files"])
    assert summary["files_failed"] == len(names) + 2
    assert 0 < len(shown) == len(names) + 2 - int(str(summary["failed_files_omitted"]))
    assert len(done.stdout.splitlines()[-1].encode()) > _LONGEST - 2000, "there was room for more"
    run_id = str(summary["run_id"])
    kept = scene.program.run("runs", "show", run_id, "--failed", "--json").answer
    files = _items(as_object(as_object(kept["data"])["run"])["failed_files"])
    assert {name.rpartition("/")[2] for name in files} == {*names, "one", "two"}
    told = scene.program.run("runs", "show", run_id, "--failed").stdout.splitlines()
    assert len(told) == 1 + len(names) + 2
    watched = scene.program.run("runs", "watch", run_id).stdout
    assert watched.count("error: ") == len(names) + 2
    assert "missing: " not in watched


def test_many_stray_variables_and_many_wrong_fields_fit_too(scene: Scene) -> None:
    stray = {f"RCLONE_{'X' * 100}_{number}": "1" for number in range(500)}
    program = replace(scene.program, variables=stray)
    done = program.run("backup", scene.source, TARGET, "--json")
    assert done.status == 0
    told = {warning["code"]: str(warning["message"]) for warning in done.of_type("warning")}
    assert told["environment_ignored"].endswith("…")

    wrong: dict[str, object] = {f"field{number}{'y' * 30}": 1 for number in range(2000)}
    refused = program.run("backup", "--job", "-", "--json", document=wrong)
    assert refused.status == 2
    assert as_object(refused.summary["error"])["code"] == "invalid_form"
    for line in (*done.stdout.splitlines(), *refused.stdout.splitlines()):
        assert len(line.encode()) + 1 < _LONGEST
        json.loads(line)


def test_the_record_of_failed_files_goes_with_its_run(scene: Scene) -> None:
    scene.server.add_fault(
        Fault(FaultKind.STATUS, status=403, code="permission_denied", operation="put_object")
    )
    scene.program.run("backup", scene.source, TARGET)
    (kept,) = (scene.program.state_dir / "runs").glob("*.failed")
    assert kept.stat().st_mode & 0o777 == 0o600
    kept.with_suffix(".json").unlink()
    scene.program.run("backup", scene.source, TARGET)
    assert not kept.exists()
