"""The page about the package: its examples run, and it names everything public."""

import doctest
import re
from pathlib import Path

import pytest

import rclone_conf
from tests.rclone_conf.test_problems import MESSY

PAGE = Path(__file__).parents[2] / "docs" / "rclone_conf.md"


def test_the_examples_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    blocks = re.findall(r"```pycon\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) >= 6
    examples = doctest.DocTestParser().get_doctest("\n".join(blocks), {}, PAGE.name, str(PAGE), 0)
    report: list[str] = []
    results = doctest.DocTestRunner(verbose=False).run(examples, out=report.append)
    assert results.attempted > 30
    assert results.failed == 0, "".join(report)


def test_every_public_name_is_explained() -> None:
    text = PAGE.read_text(encoding="utf-8")
    hidden = {"ConfError", "Loaded", "Problem"}  # the base class, and two that are only returned
    assert [name for name in rclone_conf.__all__ if name not in hidden and name not in text] == []


def test_every_kind_of_problem_is_explained() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert all(f"`{problem.code}`" in text for problem in rclone_conf.problems(MESSY))
