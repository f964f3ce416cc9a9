"""The files of --filter-from and --files-from, read as rclone reads its own."""

from functools import partial
from pathlib import Path

import pytest

from adapter.contract.errors import AdapterError, ErrorCode
from adapter.files.pattern_groups import Subject
from adapter.transfer.selection import Selection


def _keeps(selection: Selection, *names: str) -> list[str]:
    patterns = selection.patterns()
    return [name for name in names if patterns.keeps_file(Subject(name, name, f"/{name}"))]


def test_lines_end_where_rclones_end(tmp_path: Path) -> None:
    rules = tmp_path / "rules"
    rules.write_bytes("# mine\r\n+ a\u2028b\r\n\n; other\n- c\x0bd\x85e\n- *".encode())
    patterns = Selection(filter_from=rules).patterns()
    assert patterns.unused == ("a\u2028b", "c\x0bd\x85e", "*")


def test_an_exclamation_mark_forgets_what_stands_before(tmp_path: Path) -> None:
    rules = tmp_path / "rules"
    rules.write_bytes(b"- a\n!\n+ b\n")
    selection = Selection(includes=("c",), excludes=("d",), filter_from=rules)
    assert _keeps(selection, "a", "b", "c", "d") == ["a", "b", "c", "d"]


def test_excludes_come_before_includes_and_both_before_the_file(tmp_path: Path) -> None:
    rules = tmp_path / "rules"
    rules.write_bytes(b"+ both.bin\n- in.txt\n")
    selection = Selection(includes=("*.txt",), excludes=("/tmp/**",), filter_from=rules)
    names = ("in.txt", "tmp/out.txt", "both.bin", "other.bin")
    assert _keeps(selection, *names) == ["in.txt", "both.bin"]


@pytest.mark.parametrize("option", ["filter_from", "files_from"])
def test_one_that_cannot_be_read_is_wrong_usage(tmp_path: Path, option: str) -> None:
    selection = Selection(**{option: tmp_path / "absent"})  # type: ignore[arg-type]
    read = selection.patterns if option == "filter_from" else partial(selection.places_below, b"/srv")
    with pytest.raises(AdapterError, match="Cannot read the file") as caught:
        read()
    assert caught.value.failure.code is ErrorCode.USAGE


def test_a_line_that_is_no_rule_is_wrong_usage(tmp_path: Path) -> None:
    (tmp_path / "rules").write_text("*.tmp\n")
    with pytest.raises(AdapterError, match="not a rule") as caught:
        Selection(filter_from=tmp_path / "rules").patterns()
    assert caught.value.failure.code is ErrorCode.USAGE
