"""rclone.conf for administrators: shown, checked, repaired. Secrets are masked everywhere."""

import difflib
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from adapter.advice import Advice, advise
from adapter.errors import AdapterError
from adapter.form import from_section
from adapter.form_fields import FIELDS
from adapter.redact import MASK
from rclone_conf import ConfFile, Document, Problem, problems, repaired
from rclone_conf.qingstor import DEFAULT_ZONE, OPTIONS, TYPE

_UNSET_WORDS = frozenset({"undefined", "null", "nan", "none"})
"""What a form in a browser writes for a field that nobody filled in."""

_KNOWN = {option.name: option for option in OPTIONS}
_EFFECTS = {field.name: field.description for field in FIELDS}
_NOT_SECRET = frozenset(option.name for option in OPTIONS if not option.secret)

_FOR_THE_RECORD = frozenset({"secret_in_clear_text", "option_ignored"})
"""Problems that are worth knowing and break nothing: with no others `conf check` is content."""


@dataclass(frozen=True, slots=True)
class ShownOption:
    """One option of a section: its value (masked if secret), whether it is the default, what it does."""

    name: str
    value: str
    is_set: bool
    effect: str

    def as_dict(self) -> dict[str, object]:
        """An entry of `options` in `conf show`."""
        return {"name": self.name, "value": self.value, "is_set": self.is_set, "effect": self.effect}


@dataclass(frozen=True, slots=True)
class ShownSection:
    """One section, explained if it is a QingStor storage, masked if it is another program's."""

    name: str
    type: str
    options: tuple[ShownOption, ...]
    advice: tuple[Advice, ...]
    error: str | None

    def as_dict(self) -> dict[str, object]:
        """An entry of `sections` in `conf show`."""
        return {
            "name": self.name,
            "type": self.type,
            "options": [option.as_dict() for option in self.options],
            "advice": [advice.as_dict() for advice in self.advice],
            "error": self.error,
        }


def show(document: Document, *, encrypted: bool) -> tuple[ShownSection, ...]:
    """Every section in file order; `encrypted` tells of the file."""
    return tuple(_shown(name, document.get(name) or {}, encrypted=encrypted) for name in document.names)


def _shown(name: str, options: Mapping[str, str], *, encrypted: bool) -> ShownSection:
    if options.get("type") != TYPE:
        others = tuple(
            ShownOption(option, value if option == "type" else MASK, is_set=True, effect="")
            for option, value in options.items()
        )
        return ShownSection(name, options.get("type", ""), others, (), None)
    known = tuple(
        ShownOption(
            option.name,
            (MASK if option.secret else options[option.name]) if options.get(option.name) else option.default,
            is_set=bool(options.get(option.name)),
            effect=_EFFECTS.get(option.name, option.effect),
        )
        for option in OPTIONS
    )
    unknown = tuple(
        ShownOption(option, MASK, is_set=True, effect="rclone's qingstor backend does not know this option.")
        for option in options
        if option not in _KNOWN
    )
    try:
        advice, error = advise(from_section(name, options), encrypted=encrypted), None
    except AdapterError as refused:
        advice, error = (), refused.failure.message
    return ShownSection(name, TYPE, (*known, *unknown), advice, error)


def find_problems(conf: ConfFile) -> list[Problem]:
    """Everything wrong with a file, its mode included; raises ConfError when it cannot be read at all."""
    data = conf.clear_text()
    found = [*problems(data)]
    loaded_mode = conf.path.stat().st_mode & 0o777 if conf.path.exists() else 0
    if loaded_mode & 0o077:
        found.append(
            Problem(
                "", 0, "loose_mode", f"others may read the file (mode {loaded_mode:04o})", repairable=True
            )
        )
    document = Document.parse(repaired(data))
    encrypted = conf.path.exists() and conf.path.read_bytes() != data
    for name in document.names:
        found += _of_storage(name, document.get(name) or {}, encrypted=encrypted)
    return found


def _of_storage(name: str, options: Mapping[str, str], *, encrypted: bool) -> Iterator[Problem]:
    if options.get("type") != TYPE:
        return
    for option, value in options.items():
        if value.strip().lower() in _UNSET_WORDS:
            message = f"{option} holds a word that stands for a blank field; rclone takes it as a value"
            yield Problem(name, 0, "unset_word", message, repairable=True)
        elif option not in _KNOWN:
            message = f"rclone's qingstor backend does not know {option} and ignores it"
            yield Problem(name, 0, "option_ignored", message)
    kept = {k: v for k, v in options.items() if v.strip().lower() not in _UNSET_WORDS}
    try:
        from_section(name, kept)
    except AdapterError as error:
        yield Problem(name, 0, "unusable_storage", error.failure.message)
    if options.get("secret_access_key") and not encrypted:
        message = "the Secret Access Key stands in clear text; `conf encrypt` hides it"
        yield Problem(name, 0, "secret_in_clear_text", message)


def is_serious(problem: Problem) -> bool:
    """Whether a problem breaks or endangers something."""
    return problem.code not in _FOR_THE_RECORD


@dataclass(frozen=True, slots=True)
class Repair:
    """What a repair would do: `diff` in unified form with every value that may be a secret masked."""

    diff: str
    document: Document


def plan_repair(data: bytes) -> Repair:
    """The repair of a file's clear text."""
    document = Document.parse(repaired(data))
    for name in document.names:
        options = dict(document.get(name) or {})
        if options.get("type") == TYPE:
            document = document.with_section(name, mend(options))
    return Repair(_masked_diff(data, document.render()), document)


def mend(options: Mapping[str, str]) -> dict[str, str]:
    """The options of a storage without the words that stand for blank fields; the zone is always written."""
    kept = {name: value for name, value in options.items() if value.strip().lower() not in _UNSET_WORDS}
    if len(kept) < len(options):
        kept.setdefault("zone", DEFAULT_ZONE)
    return kept


def repair(conf: ConfFile) -> Path | None:
    """Keep a copy of the file as it was, then mend it; its path, or None if nothing was to be done."""
    if not any(problem.repairable for problem in find_problems(conf)):
        return None
    copy = conf.path.with_name(f"{conf.path.name}.before-repair-{time.strftime('%Y%m%d-%H%M%S')}")
    conf.copy_to(copy)
    conf.repair()
    conf.edit(_mend_all)
    return copy


def _mend_all(document: Document) -> Document:
    for name in document.names:
        options = dict(document.get(name) or {})
        mended = mend(options)
        if options.get("type") == TYPE and mended != options:
            document = document.with_section(name, mended)
    return document


_OPTION_LINE = re.compile(r"^(\s*([^=:\s]+)\s*[=:]\s*)(.+)$")


def _masked_diff(before: bytes, after: bytes) -> str:
    old, new = (_masked_lines(data.decode("utf-8", "replace")) for data in (before, after))
    return "\n".join(difflib.unified_diff(old, new, "rclone.conf", "rclone.conf, repaired", lineterm="", n=1))


def _masked_lines(text: str) -> list[str]:
    lines = []
    for line in text.splitlines():
        found = _OPTION_LINE.match(line)
        if line.startswith("[") or not line.strip() or (found and found[2] in _NOT_SECRET):
            lines.append(line)
        elif found:
            lines.append(f"{found[1]}{MASK}")
        else:
            lines.append(MASK)
    return lines
