"""The `form` commands: the form's fields, its JSON Schema, the check of a document."""

from adapter.cli.advice_lines import advice_lines
from adapter.cli.context import Command, Context
from adapter.cli.prompt import read_stdin
from adapter.contract.json_lines import Answer
from adapter.storage.advice import advise
from adapter.storage.form import json_schema, parse_storage_document
from adapter.storage.form_fields import FIELDS


def _form_fields(_context: Context) -> Answer:
    width = max(len(field.label) for field in FIELDS)
    lines = [f"{field.label:<{width}}  {field.description}" for field in FIELDS]
    fields = [field.as_dict() for field in FIELDS]
    return Answer(f"The QingStor form has {len(fields)} fields.", {"fields": fields}, lines)


def _form_schema(_context: Context) -> Answer:
    return Answer("Use --json to get the JSON Schema of the storage document.", {"schema": json_schema()})


def _form_check(_context: Context) -> Answer:
    form = parse_storage_document(read_stdin("the storage document"))
    advice = advise(form)
    return Answer(
        f"The document of {form.name!r} is valid.",
        {"advice": [one.as_dict() for one in advice], "storage": form.redacted()},
        advice_lines(advice),
    )


COMMANDS: dict[str, Command] = {"fields": _form_fields, "schema": _form_schema, "check": _form_check}
