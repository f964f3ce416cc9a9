"""rclone.conf for administrators: shown, checked, repaired. Secrets are masked everywhere."""

import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from glob import escape
from pathlib import Path

from adapter.contract.errors import AdapterError
from adapter.contract.redact import Redactor
from adapter.storage.advice import Advice, advise
from adapter.storage.form import from_section
from adapter.storage.form_fields import FIELDS
from adapter.storage.section_values import is_quoted
from rclone_conf import (
    ConfFile,
    ConfNameError,
    ConfReadError,
    ConfValueError,
    Document,
    Problem,
    Stored,
    is_encrypted,
    option_name,
    problems,
    repaired,
)
from rclone_conf.masked_diff import masked_diff
from rclone_conf.qingstor import DEFAULT_ZONE, OPTIONS, TYPE
from rclone_conf.redaction import MASK, option_value

_UNSET_WORDS = frozenset({"undefined", "null", "NaN"})
"""What a form in a browser writes for a blank field. Not `none`: that is an encoding."""
_ANY_TEXT = frozenset({"encoding", "description"})
"""Options of which such a word may be the value."""

_KNOWN = {option.name: option for option in OPTIONS}
_EFFECTS = {field.name: field.description for field in FIELDS}

_HARMLESS = frozenset({"secret_in_clear_text", "option_ignored"})
"""Problems that break nothing: if there are no others, `conf check` exits with 0."""

_COPY = ".before-repair-"


@dataclass(frozen=True, slots=True)
class ShownOption:
    """An option of a section: its value (masked if secret), whether it is set, what it does."""

    name: str
    value: str
    is_set: bool
    effect: str

    def as_dict(self) -> dict[str, object]:
        """Return an entry of `options` in `conf show`."""
        return {"name": self.name, "value": self.value, "is_set": self.is_set, "effect": self.effect}


@dataclass(frozen=True, slots=True)
class ShownSection:
    """A section: explained if it is a QingStor storage, otherwise masked."""

    name: str
    type: str
    options: tuple[ShownOption, ...]
    advice: tuple[Advice, ...]
    error: str | None

    def as_dict(self) -> dict[str, object]:
        """Return an entry of `sections` in `conf show`."""
        return {
            "name": self.name,
            "type": self.type,
            "options": [option.as_dict() for option in self.options],
            "advice": [advice.as_dict() for advice in self.advice],
            "error": self.error,
        }


def show(document: Document, *, encrypted: bool) -> tuple[ShownSection, ...]:
    """Return every section in file order; `encrypted` says whether the file is."""
    return tuple(_shown(document, name, encrypted=encrypted) for name in document.names)


def _shown(document: Document, name: str, *, encrypted: bool) -> ShownSection:
    kind = option_value("type", document.type_of(name))
    try:
        options = document.get(name) or {}
    except ConfValueError as error:
        return ShownSection(name, kind, (), (), error.message)
    if kind != TYPE:
        others = tuple(
            ShownOption(option_name(option), kind if option == "type" else MASK, is_set=True, effect="")
            for option in options
        )
        return ShownSection(name, kind, others, (), None)
    redact = Redactor(options.get(option.name, "") for option in OPTIONS if option.secret)
    known = tuple(
        ShownOption(
            option.name,
            redact(option_value(option.name, options[option.name]))
            if options.get(option.name)
            else option.default,
            is_set=bool(options.get(option.name)),
            effect=_EFFECTS.get(option.name, option.effect),
        )
        for option in OPTIONS
    )
    effect = "rclone's qingstor backend does not know this option."
    unknown = tuple(
        ShownOption(option_name(option), MASK, is_set=True, effect=effect)
        for option in options
        if option not in _KNOWN
    )
    try:
        advice, refusal = advise(from_section(name, options), encrypted=encrypted), None
    except AdapterError as refused:
        advice, refusal = (), refused.failure.message
    return ShownSection(name, kind, (*known, *unknown), advice, refusal)


def find_problems(conf: ConfFile, stored: Stored) -> list[Problem]:
    """Return all problems of a file, its mode included; raises ConfError if it cannot be read at all."""
    data = conf.clear_text(stored)
    found = [*problems(data)]
    if stored.mode & 0o077:
        message = f"others may read the file (mode {stored.mode:04o})"
        found.append(Problem("", 0, "loose_mode", message, repairable=True))
    encrypted = is_encrypted(stored.data or b"")
    if encrypted:
        for copy in clear_text_copies(conf):
            message = f"{copy.name} beside it holds an older version in clear text; remove it"
            found.append(Problem("", 0, "clear_text_copy", message))
    document = Document.parse(repaired(data))
    fixed = _repaired(document)
    for name in document.names:
        # A section that cannot be read is among the problems already.
        with suppress(ConfValueError):
            found += _of_storage(name, document.get(name) or {}, fixed.get(name) or {}, encrypted=encrypted)
    return found


def _of_storage(
    name: str, options: Mapping[str, str], fixed: Mapping[str, str], *, encrypted: bool
) -> Iterator[Problem]:
    if _bare(options.get("type", "")) != TYPE:
        return
    for option, value in options.items():
        shown = option_name(option)
        if _is_unset(option, value):
            message = f"{shown} holds a word that means a blank field, but rclone uses it as the value"
            yield Problem(
                name, 0, "unset_word", message, repairable=option not in fixed or fixed[option] != value
            )
        elif _is_quoted(option, value):
            message = f"{shown} is in quotation marks, which rclone takes as a part of the value; remove them"
            yield Problem(
                name, 0, "quoted_value", message, repairable=option not in fixed or fixed[option] != value
            )
        elif option not in _KNOWN:
            message = f"rclone's qingstor backend does not know {shown} and ignores it"
            yield Problem(name, 0, "option_ignored", message)
    try:
        from_section(name, _without_mistakes(options))
    except AdapterError as error:
        yield Problem(name, 0, "unusable_storage", error.failure.message)
    if options.get("secret_access_key") and not encrypted:
        message = "the Secret Access Key is stored in clear text; `conf encrypt` encrypts the file"
        yield Problem(name, 0, "secret_in_clear_text", message)


def _is_unset(option: str, value: str) -> bool:
    return option not in _ANY_TEXT and value.strip() in _UNSET_WORDS


def _is_quoted(option: str, value: str) -> bool:
    # A description may be in quotation marks.
    return option in _KNOWN and option != "description" and is_quoted(value)


def _without_mistakes(options: Mapping[str, str]) -> dict[str, str]:
    """Return the options of a section without words for a blank field and without quotation marks."""
    kept = {option: value for option, value in options.items() if not _is_unset(option, value)}
    bare = {option: _bare(value) if _is_quoted(option, value) else value for option, value in kept.items()}
    return {option: value for option, value in bare.items() if value or not kept[option]}


def _bare(value: str) -> str:
    """Return a value without the quotation marks around it, however many."""
    while is_quoted(value):
        value = value.strip()[1:-1]
    return value


def is_serious(problem: Problem) -> bool:
    """Return whether a problem breaks or endangers something."""
    return problem.code not in _HARMLESS


def clear_text_copies(conf: ConfFile) -> list[Path]:
    """Return the copies beside the file that `repair` made and that are not encrypted."""
    found = []
    for path in sorted(conf.path.parent.glob(f"{escape(conf.path.name)}{_COPY}*")):
        with suppress(ConfReadError):
            if not is_encrypted(ConfFile(path).stored().data or b""):
                found.append(path)
    return found


def plan_repair(data: bytes) -> str:
    """Return what `repair` would change in the clear text, as a unified diff; values that may be secrets are
    masked."""
    return "\n".join(masked_diff(data, _repaired(Document.parse(repaired(data)))))


def repair(conf: ConfFile) -> Path:
    """Copy the file, then repair it in one step; return the path of the copy."""
    moment = time.time_ns()
    stamp = time.strftime("%Y%m%d-%H%M%S", time.localtime(moment // 10**9))
    copy = conf.path.with_name(f"{conf.path.name}{_COPY}{stamp}-{moment % 10**9:09}")
    conf.copy_to(copy)
    conf.repair(_repaired)
    return copy


def _repaired(document: Document) -> Document:
    """Return the document without the words that Pluton writes for blank fields, without quotes, with a zone.

    A section that cannot be written, because of its name or a `%(…)s` loop, is left unchanged.
    """
    for name in document.names:
        with suppress(ConfNameError, ConfValueError):
            options = document.get(name) or {}
            kept = _without_mistakes(options) if _bare(options.get("type", "")) == TYPE else dict(options)
            if kept.get("type") == TYPE and kept != options:
                document = document.with_section(name, {**kept, "zone": kept.get("zone", DEFAULT_ZONE)})
    return document
