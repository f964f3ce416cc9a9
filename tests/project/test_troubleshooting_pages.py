"""The troubleshooting and least-privilege pages are complete: a code without an entry fails here."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapter.connection.missing_right import Right
from adapter.contract.errors import ErrorCode
from adapter.diagnosis.log_warnings import NOTICES
from adapter.storage.advice import AdviceCode

_ROOT = Path(__file__).resolve().parents[2]
_TROUBLES = (_ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
_PRIVILEGE = (_ROOT / "docs" / "least-privilege.md").read_text(encoding="utf-8")
_ENTRY = re.compile(r"^### `(\w+)`\n(.*?)(?=^##|\Z)", re.MULTILINE | re.DOTALL)
_FAMILY = re.compile(r"^## .*\n", re.MULTILINE)
_ENTRIES = dict(_ENTRY.findall(_TROUBLES))


def _warnings() -> Iterator[str]:
    """The code of every warning that the adapter can give."""
    yield from (code for _, code, _ in NOTICES)
    texts = (path.read_text(encoding="utf-8") for path in (_ROOT / "adapter").rglob("*.py"))
    for text in texts:
        for node in ast.walk(ast.parse(text)) if "WarningEvent" in text else ():
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args:
                first = node.args[0]
                if node.func.id == "WarningEvent" and isinstance(first, ast.Constant):
                    yield str(first.value)


@pytest.mark.parametrize("code", list(ErrorCode))
def test_every_error_code_has_an_entry(code: ErrorCode) -> None:
    entry = _ENTRIES[code]
    parts = re.findall(r"^- \*\*(.+?):\*\* (.+?)(?=^- |\Z)", entry, re.MULTILINE | re.DOTALL)
    assert [name for name, _ in parts] == ["Means", "How we know", "Do"]
    assert all(text.strip().endswith(".") for _, text in parts), entry


def test_no_entry_is_of_a_code_that_does_not_exist() -> None:
    assert set(_ENTRIES) == {code.value for code in ErrorCode}


@pytest.mark.parametrize("code", list(ErrorCode))
def test_an_entry_stands_below_its_exit_status(code: ErrorCode) -> None:
    before = _TROUBLES[: _TROUBLES.index(f"### `{code}`")]
    heading = _FAMILY.findall(before)[-1]
    stated = re.findall(r"\d+", heading) or re.findall(r"exit status (\d+)", _ENTRIES[code])
    assert str(int(code.exit_status)) in stated


@pytest.mark.parametrize("code", sorted({code.value for code in AdviceCode} | set(_warnings())))
def test_every_advice_and_warning_has_a_row(code: str) -> None:
    assert f"\n| `{code}` | " in _TROUBLES


@pytest.mark.parametrize("right", [right for right in Right if right is not Right.LIST_BUCKETS])
def test_every_right_that_can_be_missing_is_explained(right: Right) -> None:
    row = next(line for line in _PRIVILEGE.splitlines() if line.startswith(f"| {right} | "))
    actions = set(re.findall(r"`(\w+)`", row.split("|")[2]))
    policy = json.loads(_PRIVILEGE.partition("```json")[2].partition("```")[0])
    given = {action for statement in policy["statement"] for action in statement["action"]}
    assert actions
    assert actions <= given
