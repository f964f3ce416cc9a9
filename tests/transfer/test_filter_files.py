"""The file of --filter-from, read as rclone reads it, because a restore orders its rules among others."""

from pathlib import Path

import pytest

from adapter.contract.errors import AdapterError, ErrorCode
from adapter.rclone.options import TransferOptions


def test_lines_end_where_rclones_end(tmp_path: Path) -> None:
    rules = tmp_path / "rules"
    rules.write_bytes("# mine\r\n+ a\u2028b\r\n\n; other\n- c\x0bd\x85e\n- *".encode())
    assert TransferOptions(filter_from=rules).rules == ("+ a\u2028b", "- c\x0bd\x85e", "- *")


def test_an_exclamation_mark_forgets_what_stands_before(tmp_path: Path) -> None:
    rules = tmp_path / "rules"
    rules.write_bytes(b"- a\n!\n+ b\n")
    options = TransferOptions(includes=("c",), excludes=("d",), filter_from=rules)
    assert options.rules == ("+ b", "- **")


def test_one_that_cannot_be_read_is_wrong_usage(tmp_path: Path) -> None:
    with pytest.raises(AdapterError, match="Cannot read the filter file") as caught:
        _ = TransferOptions(filter_from=tmp_path / "absent").rules
    assert caught.value.failure.code is ErrorCode.USAGE
