"""The interface page is complete: an option, field or code that it does not name fails here."""

import argparse
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from adapter.cli.conf_commands import problem_as_dict
from adapter.cli.parser import STREAMING, WATCH, build_parser
from adapter.cli.storage_commands import storage_as_dict
from adapter.connection.report import Check, Report, Stage
from adapter.connection.stages import WAITS_FOR
from adapter.contract.errors import ErrorCode, ExitStatus, Failure, FormInvalid
from adapter.contract.event_reader import parse_event_line
from adapter.contract.events import (
    Action,
    ErrorEvent,
    Event,
    FailedFile,
    Node,
    Outcome,
    Phase,
    Status,
    Summary,
    VerboseStatus,
    WarningEvent,
)
from adapter.contract.json_lines import (
    SCHEMA_VERSION,
    Answer,
    Envelope,
    answer_line,
    event_line,
    failure_line,
)
from adapter.rclone.binary import Rclone
from adapter.rclone.stand_in_program import StandIn, State
from adapter.runs.record import RunState
from adapter.stand_in.remembered import Remembered
from adapter.stand_in.status import Status as StandInStatus
from adapter.storage.advice import Advice, AdviceCode
from adapter.storage.conf_admin import ShownOption, ShownSection
from adapter.storage.form import parse_storage_document
from adapter.storage.form_fields import FIELDS
from adapter.storage.job import Job, Performance, parse_job
from adapter.storage.saved import Saved
from adapter.transfer.usage import BucketUsage, Usage
from rclone_conf import Problem
from tests.records import NOW, begun
from tests.storage.documents import document, parse

_ROOT = Path(__file__).resolve().parents[2]
_PAGE = (_ROOT / "docs" / "interface.md").read_text(encoding="utf-8")
_README = (_ROOT / "README.md").read_text(encoding="utf-8")
_SECTION = re.compile(r"^#{2,3} ([^\n]+)\n(.*?)(?=^#{2,3} |\Z)", re.MULTILINE | re.DOTALL)
_SECTIONS = dict(_SECTION.findall(_PAGE))
_CODE = re.compile(r"`([^`]+)`")

_FAILURE = Failure(ErrorCode.SERVER_ERROR, "what", "next")
_ADVICE = Advice(AdviceCode.ZONE_DEFAULT, "zone", "what")
_SUMMARY = Summary(outcome=Outcome.PARTIAL, failed_files=(FailedFile("f", _FAILURE),), errors=(_FAILURE,))
_STATUS = Status(
    phase=Phase.SCANNING,
    seconds_elapsed=0.0,
    seconds_remaining=None,
    percent_done=None,
    total_files=None,
    files_done=0,
    total_bytes=None,
    bytes_done=0,
    bytes_per_second=None,
    current_files=(),
    error_count=0,
    attempt=1,
    stalled_seconds=0.0,
)
_EVENTS: tuple[Event, ...] = (
    _STATUS,
    VerboseStatus(Action.NEW, "f", 1),
    Node("f", "file", 1, "2026", 0o644, None),
    ErrorEvent(_FAILURE, "backup", "f"),
    WarningEvent("code", "sentence"),
    _SUMMARY,
)
_HEAD = frozenset(json.loads(event_line(WarningEvent("", ""), Envelope("r", "p", "b"), NOW))) - {
    "code",
    "message",
}


def _codes(text: str) -> set[str]:
    """What stands as code: whole, and word by word, so that `a b` names both."""
    found = _CODE.findall(text)
    return {*found, *(word.rstrip(",") for one in found for word in one.split())}


def _rows(text: str) -> set[str]:
    """What stands as code in the first column of a section's tables."""
    return {
        code for line in text.splitlines() if line.startswith("| ") for code in _codes(line.split("|")[1])
    }


def _paths(value: object, prefix: str = "", *, whole: frozenset[str] = frozenset()) -> Iterator[str]:
    """Where the values of an object stand: `error.code`, `failed_files[].item`. Those in `whole` are one."""
    if isinstance(value, Mapping) and value and prefix not in whole:
        for name, inner in value.items():
            yield from _paths(inner, f"{prefix}.{name}" if prefix else str(name), whole=whole)
    elif isinstance(value, list) and value and isinstance(value[0], Mapping) and prefix not in whole:
        yield from _paths(value[0], f"{prefix}[]", whole=whole)
    else:
        yield prefix


def _leaves(
    parser: argparse.ArgumentParser, words: str = ""
) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, child in action.choices.items():
                yield from _leaves(child, f"{words} {name}".strip())
            return
    yield words, parser


_COMMANDS = dict(_leaves(build_parser()))
_COMMON = {word for action in build_parser()._actions for word in action.option_strings}


def _about(command: str) -> str:
    """All sections with the command in their heading."""
    return "".join(text for heading, text in _SECTIONS.items() if command in _CODE.findall(heading))


def _long(parser: argparse.ArgumentParser) -> set[str]:
    words = {word for action in parser._actions for word in action.option_strings if word.startswith("--")}
    return words - _COMMON


def test_the_parser_was_walked() -> None:
    assert {"form check", "storage save", "runs watch", "conf repair", "doctor", "backup"} <= set(_COMMANDS)
    assert "--json" in _COMMON


@pytest.mark.parametrize("command", list(_COMMANDS))
def test_every_command_has_a_section_and_every_action_a_row(command: str) -> None:
    assert _about(command)
    assert " " not in command or any(f"{row} ".startswith(f"{command} ") for row in _rows(_about(command)))


@pytest.mark.parametrize("option", sorted(_COMMON))
def test_every_common_option_has_a_row(option: str) -> None:
    assert option in _rows(_SECTIONS["Every command"])


@pytest.mark.parametrize("command", list(_COMMANDS))
def test_every_option_of_a_command_has_a_row(command: str) -> None:
    assert _long(_COMMANDS[command]) - _rows(_about(command)) == set()


def test_no_row_is_of_an_option_that_does_not_exist() -> None:
    for command in _COMMANDS:
        headings = [heading for heading in _SECTIONS if command in _CODE.findall(heading)]
        for heading in headings:
            named = [_COMMANDS[name] for name in _CODE.findall(heading) if name in _COMMANDS]
            known = set().union(*map(_long, named))
            assert {row for row in _rows(_SECTIONS[heading]) if re.fullmatch("--[a-z-]+", row)} <= known, (
                heading
            )


@pytest.mark.parametrize("command", list(_COMMANDS))
def test_every_argument_and_choice_of_a_command_is_named(command: str) -> None:
    codes = " ".join(_CODE.findall(_about(command)))
    for action in _COMMANDS[command]._actions:
        assert action.option_strings or f"{action.metavar}" in codes
        for choice in action.choices or ():
            assert f"{choice}" in codes


def test_every_field_of_the_documents_has_a_row() -> None:
    storage = {*document(), *(field.name for field in FIELDS)}
    assert storage - _rows(_SECTIONS["Storage document"]) == set()
    fields = {name: field for name, field in Job.model_fields.items() if not field.exclude}
    job = {field.alias or name for name, field in fields.items() if name != "performance"}
    speed = {f"performance.{field.alias or name}" for name, field in Performance.model_fields.items()}
    assert (job | speed) - _rows(_SECTIONS["Job document"]) == set()


@pytest.mark.parametrize("event", _EVENTS, ids=lambda event: event.message_type)
def test_every_field_of_an_event_has_a_row(event: Event) -> None:
    line = json.loads(event_line(event, Envelope("r", "p", "b", "restore"), NOW))
    assert _rows(_SECTIONS["Every line"]) >= _HEAD
    fields = {path for path in _paths(line, whole=frozenset({"errors"})) if path not in _HEAD}
    assert fields
    assert fields - _rows(_SECTIONS[f"`{event.message_type}`"]) == set()


def test_every_event_type_was_looked_at() -> None:
    assert {type(event) for event in _EVENTS} == set(Event.__args__)


def test_every_field_of_an_answer_has_a_row() -> None:
    good = json.loads(answer_line(Answer("done")))
    bad = json.loads(failure_line(FormInvalid([_FAILURE]), {"x": 1}))
    assert {*good, *bad} - _rows(_SECTIONS["The answer"]) == set()
    assert set(_paths(_FAILURE.as_dict())) - _rows(_SECTIONS["The error object"]) == set()


def test_every_field_of_a_run_has_a_row() -> None:
    record = begun().ended_with(Summary(outcome=Outcome.FAILED, error=_FAILURE), NOW)
    rows = _rows(_SECTIONS["The `run` object"])
    assert {*_paths(record.as_dict()), *record.row(), "rclone_pids"} - rows == set()


def _row_of(command: str) -> str:
    """The row that tells what `data` holds."""
    lines = _SECTIONS["The `data` of each command"].splitlines()
    rows = [line for line in lines if line.startswith("| ")]
    return next((row for row in rows if command in _CODE.findall(row.split("|")[1])), "")


def _report() -> dict[str, object]:
    return Report(
        parse(document()), [Stage("rclone", ok=True, elapsed_ms=1, message="")], advice=[_ADVICE]
    ).data()


def _usage() -> dict[str, object]:
    return Usage("pek3a", (BucketUsage("bucket", None),), is_complete=True, advice=(_ADVICE,)).as_dict()


def _answers() -> Iterator[tuple[str, Mapping[str, object]]]:
    option = ShownOption("zone", "pek3a", is_set=True, effect="")
    yield "storage test", _report()
    yield "form fields", {"fields": [FIELDS[0].as_dict()]}
    yield "storage list", {"storages": [storage_as_dict(Saved("q", None, _FAILURE))]}
    yield "storage usage", _usage()
    yield "conf show", {"sections": [ShownSection("q", "qingstor", (option,), (), None).as_dict()]}
    yield "conf check", {"problems": [problem_as_dict(Problem("q", 1, "code", "what"))]}
    there = StandIn(Path("/d"), State.ABSENT)
    yield "stand-in status", StandInStatus(there, Rclone(Path("/r"), (1, 75, 2)), Remembered()).as_dict()
    yield "doctor", {"checks": [Check("conf", "what").as_dict()]}


@pytest.mark.parametrize(("command", "data"), list(_answers()))
def test_every_field_of_the_data_has_a_row(command: str, data: Mapping[str, object]) -> None:
    section = _SECTIONS["The `data` of each command"]
    whole = frozenset({"storage", "storages[].error"})
    assert {path for path in _paths(data, whole=whole) if path != "storage"} - _rows(section) == set()
    row = _row_of(command)
    assert {name for name in data if not {name, f"{name}[]"} & _codes(row)} == set()


@pytest.mark.parametrize(
    "command", [name for name in _COMMANDS if name not in STREAMING and name != " ".join(WATCH)]
)
def test_the_data_of_every_command_has_a_row(command: str) -> None:
    assert _row_of(command)


@pytest.mark.parametrize("status", list(ExitStatus))
def test_every_exit_status_has_a_row_with_its_codes(status: ExitStatus) -> None:
    (row,) = [
        line for line in _SECTIONS["Exit status"].splitlines() if line.startswith(f"| {int(status)} | ")
    ]
    assert set(_CODE.findall(row.split("|")[3])) == {
        code.value for code in ErrorCode if code.exit_status is status
    }


def test_the_codes_that_may_be_tried_again_are_told() -> None:
    last = next(line for line in _SECTIONS["Exit status"].splitlines() if line.startswith("`retryable`"))
    assert _codes(last) >= {code.value for code in ErrorCode if code.retryable}
    assert not _codes(last) & {code.value for code in ErrorCode if not code.retryable}


def test_every_word_of_a_phase_outcome_state_action_or_stage_is_told() -> None:
    assert _rows(_SECTIONS["Phases"]) == {phase.value for phase in Phase}
    assert _rows(_SECTIONS["Outcomes"]) == {outcome.value for outcome in Outcome}
    assert {state.value for state in RunState} <= _codes(_SECTIONS["The `run` object"])
    assert {action.value for action in Action} <= _codes(_SECTIONS["`verbose_status`"])
    assert set(WAITS_FOR) <= _codes(_SECTIONS["The `data` of each command"])
    assert {event.message_type for event in _EVENTS} <= _codes(_SECTIONS["Every line"])


def _examples() -> list[str]:
    return re.findall(r"```json\n(.*?)```", _PAGE + _README, re.DOTALL)


@pytest.mark.parametrize("example", _examples())
def test_every_example_is_what_the_program_reads_or_says(example: str) -> None:
    data = example.replace("…", "ANYKEY").encode()
    found = json.loads(data)
    if "message_type" in found:
        event = parse_event_line(example)
        assert event is not None
        said = json.loads(event_line(event, Envelope(found["run_id"]), NOW))
        assert {**said, "time": found["time"]} == found
    elif "success" in found:
        assert set(found) == {"success", "result", "schema_version", "data"}
        assert found["schema_version"] == SCHEMA_VERSION
    elif "target" in found:
        assert parse_job(data).storage is not None
    else:
        assert parse_storage_document(data).secret_access_key is not None


def test_there_is_an_example_of_each_document() -> None:
    found = [json.loads(example) for example in _examples()]
    assert any("target" in one for one in found)
    assert any("credentials" in one for one in found)


def test_every_link_leads_somewhere() -> None:
    headings = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in _SECTIONS}
    for page, anchor in re.findall(r"\]\(([^)#]*)#?([^)]*)\)", _PAGE):
        assert not page or (_ROOT / "docs" / page).is_file()
        assert page or anchor in headings
