"""The events of a restore have restic's fields, and an error says whether another pass follows."""

from pathlib import Path

from tests.qingstor_server import Fault, FaultKind
from tests.runs.scene import TARGET, Scene


def test_a_restore_has_the_fields_that_pluton_reads(scene: Scene, tmp_path: Path) -> None:
    (scene.source / "big").write_bytes(bytes(3 << 20))
    assert scene.program.run("backup", scene.source, TARGET).status == 0
    back = tmp_path / "back"
    back.mkdir()
    (back / "one").write_bytes((scene.source / "one").read_bytes())
    (back / "two").write_bytes(b"another")
    scene.server.add_fault(Fault(FaultKind.BANDWIDTH, operation="get_object", bytes_per_second=2 << 20))

    done = scene.program.run(
        "restore", TARGET, back, "--json", "--verbose-files", "--progress-interval", "0.2"
    )

    summary = done.summary
    sizes = {name: (scene.source / name).stat().st_size for name in ("one", "two", "big")}
    assert done.status == 0, done.stderr
    assert (summary["files_restored"], summary["files_skipped"], summary["files_deleted"]) == (2, 1, 0)
    assert summary["bytes_restored"] == sizes["two"] + sizes["big"]
    assert summary["bytes_skipped"] == sizes["one"]
    assert (summary["total_files"], summary["total_bytes"]) == (3, sum(sizes.values()))
    files = {line["item"]: line for line in done.of_type("verbose_status")}
    assert {item: line["action"] for item, line in files.items()} == {
        "one": "unchanged",
        "two": "updated",
        "big": "restored",
    }
    assert {item: line["size"] for item, line in files.items()} == sizes
    statuses = done.of_type("status")
    restored = [int(str(status["bytes_restored"])) for status in statuses]
    assert restored == sorted(restored)
    assert 0 < restored[-1] <= sizes["two"] + sizes["big"]
    assert all(int(str(status["files_restored"])) <= 2 for status in statuses)


def test_a_backup_has_none_of_them(scene: Scene) -> None:
    done = scene.program.run("backup", scene.source, TARGET, "--json", "--verbose-files")
    names = {name for line in done.lines for name in line}
    assert not {"files_restored", "bytes_restored", "size"} & names
    assert {line["action"] for line in done.of_type("verbose_status")} == {"new"}


def test_a_restore_that_failed_before_its_list_does_not_know_the_totals(scene: Scene, tmp_path: Path) -> None:
    done = scene.program.run("restore", "QingStor Backups:bucket-oen", tmp_path / "back", "--json")
    assert (done.summary["total_files"], done.summary["total_bytes"]) == (None, None)
    assert (done.summary["files_restored"], done.summary["bytes_restored"]) == (0, 0)


def test_an_error_says_whether_another_pass_follows(scene: Scene) -> None:
    scene.program.save(connection_retries=1)
    scene.server.add_fault(Fault(FaultKind.STATUS, status=503, operation="put_object"))
    done = scene.program.run("backup", scene.source, TARGET, "--json")
    errors = done.of_type("error")
    assert done.status == 1
    by_item = {item: [e["will_retry"] for e in errors if e["item"] == item] for item in ("one", "two")}
    assert by_item == {"one": [True, False], "two": [True, False]}


def test_what_cannot_be_tried_again_is_final_at_once(scene: Scene) -> None:
    scene.program.save(connection_retries=3)
    scene.server.add_fault(
        Fault(FaultKind.STATUS, status=403, code="permission_denied", operation="put_object")
    )
    errors = scene.program.run("backup", scene.source, TARGET, "--json").of_type("error")
    assert [error["will_retry"] for error in errors] == [False, False]


def test_people_see_an_error_once_when_it_is_final(scene: Scene) -> None:
    scene.program.save(connection_retries=1)
    fault = scene.server.add_fault(Fault(FaultKind.STATUS, status=503, operation="put_object"))
    failed = scene.program.run("backup", scene.source, TARGET)
    assert failed.status == 1
    assert sorted(
        line.split(": ")[1] for line in failed.stdout.splitlines() if line.startswith("error: ")
    ) == [
        "one",
        "two",
    ]
    assert "missing: " not in failed.stdout, "told already"
    fault.remove()
    scene.server.add_fault(Fault(FaultKind.STATUS, status=503, operation="put_object", times=1))
    passed = scene.program.run("backup", scene.source, TARGET)
    assert passed.status == 0
    assert "error" not in passed.stdout + passed.stderr
