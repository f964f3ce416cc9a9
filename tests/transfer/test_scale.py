"""200,000 real files through every command; the times are in docs/performance.md (`tests/bench/scale.py`)."""

from pathlib import Path

import pytest

from tests.bench.scale import rows

_MOST = 128 << 20
"""Bytes of this program's memory, whatever the number of files."""


@pytest.mark.deep
def test_very_many_files_are_backed_up_verified_and_restored(tmp_path: Path) -> None:
    files = 200_000
    found = {row.command: row for row in rows(files, 0, tmp_path)}

    assert found["backup, the first"].summary["files_new"] == files
    assert found["backup, unchanged"].summary["files_unmodified"] == files
    assert found["ls --recursive"].summary["total_files"] == files
    for command, means in (
        ("verify TARGET", "by_hash"),
        ("verify SOURCE TARGET", "by_hash"),
        ("verify TARGET --download", "by_download"),
    ):
        verification = found[command].summary["verification"]
        assert isinstance(verification, dict)
        assert verification[means] == files
    assert found["cleanup --unreferenced"].summary["total_files"] == 0
    assert found["restore"].summary["files_restored"] == files
    names = {path.relative_to(tmp_path / "source") for path in (tmp_path / "source").rglob("*")}
    assert {path.relative_to(tmp_path / "restored") for path in (tmp_path / "restored").rglob("*")} == names
    assert max(row.own_rss for row in found.values()) < _MOST
