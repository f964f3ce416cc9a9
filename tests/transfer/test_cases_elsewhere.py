"""Cases 12 and 15: machines that know nothing but the form, and several sources at one target."""

import os
from pathlib import Path

import pytest

from adapter.contract.errors import ErrorCode
from adapter.contract.events import Node, WarningEvent
from tests.qingstor_server import QingStorServer
from tests.transfer.cases import ALL_WAYS, below, elsewhere, manifest_ids
from tests.transfer.in_process import InProcess
from tests.transfer.kept import content, options_for, stored_in
from tests.transfer.there_and_back import there_and_back
from tests.transfer.whole_tree import whole_tree

pytestmark = [pytest.mark.usefixtures("small_chunks"), pytest.mark.deep]

WAYS = pytest.mark.parametrize("way", ALL_WAYS)


@WAYS
def test_with_the_form_alone_everything_is_listed_and_comes_back(
    machine: InProcess, server: QingStorServer, source: Path, tmp_path: Path, way: str
) -> None:
    both = there_and_back(machine, source, tmp_path, way)
    both.write("deep/large", "large")
    (source / "deep" / "small").write_bytes(b"small")
    (source / "empty").mkdir(mode=0o711)
    (source / "link").symlink_to("deep/large")
    (source / "a\udcff\n\u240a").write_bytes(b"odd")
    os.utime(source / "deep", ns=(1, 123_456_789_012_345_678))
    both.backup().good()
    both.write("deep/large", "edited")
    (source / "deep" / "small").unlink()
    both.backup().good()
    wanted = whole_tree(source)
    another = elsewhere(both.machine, tmp_path)
    listed = another.ls()
    listed.good()
    nodes = {event.path: event.type for event in listed.events if isinstance(event, Node)}
    kinds = {"file": "file", "dir": "dir", "link": "symlink"}
    assert sorted(nodes.values()) == sorted(kinds[seen[0]] for path, seen in wanted.items() if path != b".")
    assert (nodes["deep/large"], nodes["link"], nodes["empty"]) == ("file", "symlink", "dir")
    another.restore(tmp_path / "out", options=both.options, owner=True).good()
    assert whole_tree(tmp_path / "out") == wanted
    # It may go on with the backups, too, and sends nothing that is there.
    again = another.backup(source, options=both.options).good()
    assert again.files_new == 0
    assert way == "parallel parts" or again.files_changed == 0
    third = elsewhere(both.machine, tmp_path / "third")
    third.restore(tmp_path / "out", options=both.options, owner=True).good()
    assert whole_tree(tmp_path / "out") == wanted


def test_two_sources_with_files_of_the_same_names_at_one_target(
    machine: InProcess, server: QingStorServer, source: Path, tmp_path: Path
) -> None:
    """What the other one replaced is named; each has its own again after its next backup."""
    storing, options = stored_in("chunks", machine), options_for("chunks")
    other = tmp_path / "other"
    other.mkdir()
    for root in (source, other):
        (root / "large").write_bytes(content(str(root), "chunks"))
        (root / "same name").write_bytes(root.name.encode())
        (root / root.name).write_bytes(b"only here")
    storing.backup(source, options=options).good()
    server.clear_requests()
    refused = storing.backup(other, options=options)
    assert (refused.code, refused.summary.exit_status) == (ErrorCode.TARGET_IN_USE, 11)
    assert not any(entry.operation.startswith("put") for entry in server.requests())
    storing.backup(other, options=options, share=True).good()
    mine, theirs = manifest_ids(server)
    for done in (storing.restore(tmp_path / "which", options=options), storing.ls()):
        assert (done.code, done.summary.exit_status) == (ErrorCode.USAGE, 2)
        assert all(one in str(done.summary.error) for one in (mine, theirs, str(source), str(other)))
    assert not (tmp_path / "which").exists()
    storing.restore(tmp_path / "theirs", options=options, at="latest", owner=True).good()
    assert whole_tree(tmp_path / "theirs") == whole_tree(other)
    replaced = storing.restore(tmp_path / "mine", options=options, at=mine)
    assert replaced.failed == dict.fromkeys(("large", "same name"), ErrorCode.PARTIAL)
    assert (tmp_path / "mine" / source.name).read_bytes() == b"only here"

    assert storing.backup(source, options=options, share=True).good().files_changed == 2
    *_, mine = (one for one in manifest_ids(server) if one != theirs)
    storing.restore(tmp_path / "mine", options=options, at=mine, owner=True).good()
    assert below(tmp_path / "mine") == below(source)
    replaced = storing.restore(tmp_path / "again", options=options, at=theirs)
    assert replaced.failed == dict.fromkeys(("large", "same name"), ErrorCode.PARTIAL)
    assert storing.ls(at=theirs).good().total_files == 3


def test_two_plans_and_two_hosts_at_one_target(
    machine: InProcess, server: QingStorServer, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (source / "file").write_bytes(b"x")
    machine.backup(source, series="plan-1").good()
    for series in ("plan-2", ""):
        refused = machine.backup(source, series=series)
        assert (refused.code, refused.summary.exit_status) == (ErrorCode.TARGET_IN_USE, 11)
        assert "plan-1" in str(refused.summary.error)
    (source / "file").write_bytes(b"y")
    real = os.uname()
    with monkeypatch.context() as patch:
        patch.setattr(os, "uname", lambda: os.uname_result((real[0], "another-host", *real[2:])))
        other = elsewhere(machine, tmp_path).backup(source, series="plan-1")
        other.good()
        assert other.warnings.count("other_host") == 1
        warnings = [event for event in other.events if isinstance(event, WarningEvent)]
        assert any(real[1] in warning.message for warning in warnings if warning.code == "other_host")
    back = machine.backup(source, series="plan-1")
    back.good()
    assert "other_host" in back.warnings
    machine.restore(tmp_path / "out", owner=True).good()
    assert whole_tree(tmp_path / "out") == whole_tree(source)


def test_snapshots_of_each_day_and_containers_of_each_day(
    machine: InProcess, server: QingStorServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The path changes and the host's name, the series is `photos`; an edit and a deletion each day."""
    real = os.uname()
    for day in range(3):
        snapshot = tmp_path / f"snapshot {day}"
        (snapshot / "deep").mkdir(parents=True)
        (snapshot / "same").write_bytes(b"same")
        (snapshot / "deep" / "edited").write_bytes(b"%d" % day)
        (snapshot / f"of day {day}").write_bytes(b"x")
        named = os.uname_result((real[0], f"container-{day}", *real[2:]))
        with monkeypatch.context() as patch:
            patch.setattr(os, "uname", lambda named=named: named)
            done = elsewhere(machine, tmp_path / f"{day}").backup(snapshot, series="photos")
        assert done.good().files_unmodified == (1 if day else 0)
        assert ("other_host" in done.warnings) == (day > 0)
        machine.restore(tmp_path / "out", owner=True).good()
        there = below(tmp_path / "out")
        assert {path: there[path] for path in below(snapshot)} == below(snapshot)
        machine.restore(tmp_path / f"fresh {day}", owner=True).good()
        assert whole_tree(tmp_path / f"fresh {day}") == whole_tree(snapshot)
    assert len(manifest_ids(server)) == 3
