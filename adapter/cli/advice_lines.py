"""Advice as lines for people."""

from collections.abc import Sequence

from adapter.cli.labels import with_label
from adapter.storage.advice import Advice


def advice_lines(advice: Sequence[Advice]) -> list[str]:
    return [f"advice  {with_label(one.message, one.field)} [{one.code}]" for one in advice]
