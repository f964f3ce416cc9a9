"""`rclone config create NAME qingstor k v …` and `config update NAME k v …`: our form, our writer.

What rclone writes unseen it reports only when the remote is used; and it takes the word `undefined`, which
Pluton sends for what is not filled in, for a value.
"""

import json
from collections.abc import Mapping, Sequence

from adapter.connection.stages import try_connection
from adapter.contract.errors import AdapterError, ErrorCode
from adapter.machine.cancellation import Cancellation
from adapter.machine.settings import Settings
from adapter.stand_in.call import Outcome
from adapter.stand_in.command_line import CommandLine
from adapter.stand_in.explain import TIMEOUT_S
from adapter.stand_in.refusal import refusal
from adapter.storage.change import parse_change
from adapter.storage.form import StorageForm, storage_form
from adapter.storage.json_document import is_blank, is_undefined
from adapter.storage.saved import Storages
from adapter.storage.storage_document import CREDENTIALS
from rclone_conf.qingstor import OPTIONS, TYPE

_UNDERSTOOD = frozenset(
    {
        *(
            "ask-password",
            "config",
            "password-command",
            "no-obscure",
            "no-output",
            "non-interactive",
            "obscure",
        ),
        *("q", "quiet", "v", "verbose"),
    }
)
_QUESTION_DONE = '{\n\t"State": "",\n\t"Option": null,\n\t"Error": "",\n\t"Result": ""\n}\n'
"""What rclone prints with --non-interactive when it has no question (fs/config.go, 1.75.2)."""
_SECRET = {option.name for option in OPTIONS if option.secret}
_USAGE = 2


def configure(line: CommandLine, settings: Settings, endpoint: str) -> Outcome | None:
    """Do a `config create` or `config update` of a QingStor storage; None if it is another's, or a dialogue.

    Only flags that ask for no dialogue of questions and answers are understood. `endpoint` is that of a new
    storage that names none.
    """
    if not all(flag.name in _UNDERSTOOD for flag in line.flags):
        return None
    if line.command == "config create":
        return _create(line, settings, endpoint) if line.argument(1) == TYPE else None
    try:
        return _update(line, settings) if _is_saved(line.argument(0), settings) else None
    except AdapterError as error:
        return refusal(error)


def _create(line: CommandLine, settings: Settings, endpoint: str) -> Outcome:
    """Write a new section.

    One that is there is replaced, as rclone does, but only by a storage whose connection works: Pluton
    deletes a storage that it could not test.
    """
    try:
        values = _pairs(line, 2)
        if is_blank(values.get("endpoint")) and endpoint:
            values["endpoint"] = endpoint
        form = storage_form(_document(line.argument(0), values))
        storages = Storages(settings)
        storages.check_replaceable(form)
        saved = {one.name: one.form for one in storages.all()}
        if form.name in saved and saved[form.name] != form:
            _require_working(form, settings)
        storages.save(form, replace=True)
    except _NoValue as error:
        return Outcome(_USAGE, message=str(error))
    except AdapterError as error:
        return refusal(error)
    return _done(line, form)


def _update(line: CommandLine, settings: Settings) -> Outcome:
    """Change the options that have a value; blank ones and `undefined` stay as they are."""
    name = line.argument(0)
    try:
        values = {key: value for key, value in _pairs(line, 1).items() if not is_blank(value)}
        storages = Storages(settings)
        if values:
            storages.update(parse_change(json.dumps(_document(name, values)).encode(), name))
        return _done(line, storages.get(name))
    except _NoValue as error:
        return Outcome(_USAGE, message=str(error))
    except AdapterError as error:
        return refusal(error)


def _is_saved(name: str, settings: Settings) -> bool:
    """Return whether the conf has such a QingStor storage. Raises AdapterError if it cannot be read."""
    return any(saved.name == name for saved in Storages(settings).all())


class _NoValue(Exception):
    """An option is named without a value."""


def _pairs(line: CommandLine, after: int) -> dict[str, str]:
    """Return the options: `key value` or `key=value`, as rclone takes both (cmd/config/config.go, 1.75.2)."""
    pairs: dict[str, str] = {}
    words = iter(line.words[index] for index in line.arguments[after:])
    for word in words:
        key, equals, value = word.partition("=")
        if not equals:
            given = next(words, None)
            if given is None:
                raise _NoValue(f"Option {key} has no value. Write {key} VALUE or {key}=VALUE. [usage]")
            value = given
        pairs[key] = value
    return pairs


def _document(name: str, values: Mapping[str, str]) -> dict[str, object]:
    """Return the storage document for rclone's options."""
    given = {key: "" if is_undefined(value) else value for key, value in values.items() if key != "type"}
    credentials = {key: value for key, value in given.items() if key in CREDENTIALS}
    settings = {key: value for key, value in given.items() if key not in CREDENTIALS}
    kind = values.get("type", TYPE)
    return {"name": name, "type": kind, "credentials": credentials, "settings": settings}


def _require_working(form: StorageForm, settings: Settings) -> None:
    """Raise AdapterError if Test Connection fails, unless for the list of buckets that a key may not have."""
    with Cancellation() as cancel:
        report = try_connection(form, settings, cancel, timeout_s=TIMEOUT_S)
    if report.failure is not None and report.failure.code is not ErrorCode.PERMISSION_DENIED:
        raise AdapterError(report.failure)


def _done(line: CommandLine, form: StorageForm) -> Outcome:
    """Return what rclone prints: with --non-interactive that there is no question, else the section."""
    if line.has("no-output"):
        return Outcome(0)
    if line.has("non-interactive"):
        return Outcome(0, _QUESTION_DONE.encode())
    return Outcome(0, "\n".join((f"[{form.name}]", *_lines(form), "", "")).encode())


def _lines(form: StorageForm) -> Sequence[str]:
    """Return the options of a section; keys as `rclone config redacted` shows them."""
    return [f"{key} = {'XXX' if key in _SECRET else value}" for key, value in form.options().items()]
