"""The `doctor` command."""

from collections.abc import Sequence
from dataclasses import replace

from adapter.cli.context import Command, Context
from adapter.connection.doctor import examine
from adapter.connection.report import Check
from adapter.contract.json_lines import Answer, FailedWithData


def _doctor(context: Context) -> Answer:
    checks = examine(context.settings, context.cancel)
    data = {"checks": [check.as_dict() for check in checks]}
    lines = _checks_lines(checks)
    wrong = [(check.name, check.failure) for check in checks if check.failure]
    if not wrong:
        return Answer(f"Everything is fine ({len(checks)} checks).", data, lines)
    name, failure = wrong[0]
    begin = f"{len(wrong)} of {len(checks)} checks failed; the first is {name}: "
    raise FailedWithData(replace(failure, message=begin + failure.message), data, lines)


def _checks_lines(checks: Sequence[Check]) -> list[str]:
    width = max(len(check.name) for check in checks)
    lines: list[str] = []
    for check in checks:
        code = f" [{check.failure.code}]" if check.failure else ""
        lines.append(f"{'ok' if check.ok else 'FAILED':<6}  {check.name:<{width}}  {check.message}{code}")
        if check.hint:
            lines.append(f"{'':<6}  {'':<{width}}  {check.hint}")
    return lines


COMMANDS: dict[str, Command] = {"": _doctor}
