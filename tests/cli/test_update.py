"""`storage update`, and a replacement that would lose keys: what is not named stays."""

from collections.abc import Mapping

import pytest

from rclone_conf import Document
from tests.program import Finished, Json, Program, as_object, document
from tests.qingstor_server import ACCESS_KEY_ID, SECRET_ACCESS_KEY, QingStorServer

NAME = "QingStor Backups"


def _section(program: Program, name: str = NAME) -> Mapping[str, str]:
    section = Document.parse(program.conf.read_bytes()).get(name)
    assert section is not None
    return section


def _update(program: Program, changes: object, *more: str) -> Finished:
    return program.run("storage", "update", NAME, "--json", *more, document=changes)


def _fields(done: Finished) -> list[Json]:
    """Return the fields that are wrong."""
    answer = done.answer
    errors = answer.get("errors")
    assert isinstance(errors, list)
    return [as_object(error)["field"] for error in errors]


@pytest.fixture
def saved(program: Program, server: QingStorServer) -> Program:
    """Return a program with a saved storage that has something in every place."""
    server.add_bucket("bucket-one")
    program.save(connection_retries=5, description="For the office", encoding="Slash,Ctl")
    text = program.conf.read_text().replace("description", "# kept\nupload_wait = 5s\ndescription")
    program.conf.write_text("[other]\ntype = local\n\n" + text)
    return program


def test_only_the_fields_that_are_there_change(saved: Program) -> None:
    before = _section(saved)
    done = _update(saved, {"settings": {"chunk_size": "16mi", "description": "undefined"}})
    assert done.status == 0, done.stderr
    assert _section(saved) == {**before, "chunk_size": "16Mi"}
    assert "# kept" in saved.conf.read_text()
    assert saved.conf.read_text().startswith("[other]\ntype = local\n")
    assert "Updated" in str(done.answer["result"])


@pytest.mark.parametrize("blank", ["", None, "  "])
def test_a_blank_clears_a_field_and_the_word_undefined_leaves_it(saved: Program, blank: object) -> None:
    before = _section(saved)
    changes = {
        "name": NAME,
        "credentials": {"access_key_id": "undefined", "secret_access_key": "undefined"},
        "settings": {"connection_retries": blank, "encoding": blank, "zone": "undefined"},
    }
    assert _update(saved, changes).status == 0
    kept = {name: value for name, value in before.items() if name != "encoding"}
    assert _section(saved) == {**kept, "connection_retries": "3"}


def test_keys_change_alone_or_together(saved: Program, server: QingStorServer) -> None:
    done = _update(saved, {"credentials": {"secret_access_key": "SKcanarywrong"}})
    assert (done.status, as_object(done.answer["error"])["code"]) == (12, "secret_key_invalid")
    assert _section(saved)["secret_access_key"] == SECRET_ACCESS_KEY, "a failed test changes nothing"

    assert _update(saved, {"credentials": {"secret_access_key": "SKcanarynew"}}, "--no-test").status == 0
    section = _section(saved)
    assert (section["access_key_id"], section["secret_access_key"]) == (ACCESS_KEY_ID, "SKcanarynew")
    assert "canary" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"credentials": {"access_key_id": ""}}, ["access_key_id"]),
        ({"credentials": {"access_key_id": "", "secret_access_key": None}}, ["access_key_id"]),
        ({"name": "another"}, ["name"]),
        (
            {"settings": {"zone": "a b", "chunk_size": "1mi"}, "surprise": 1},
            ["zone", "chunk_size", "surprise"],
        ),
        ({"type": "s3"}, ["type"]),
        ({"credentials": {"endpoint": "localhost"}}, ["endpoint"]),
    ],
)
def test_what_is_wrong_changes_nothing(saved: Program, changes: object, fields: list[str]) -> None:
    before = saved.conf.read_bytes()
    done = _update(saved, changes, "--no-test")
    assert done.status == 2
    if len(fields) > 1:
        assert _fields(done) == fields
    else:
        assert as_object(done.answer["error"])["field"] == fields[0]
    assert saved.conf.read_bytes() == before


def test_both_keys_can_be_cleared_with_environment_auth(saved: Program) -> None:
    changes = {
        "credentials": {"access_key_id": "", "secret_access_key": ""},
        "settings": {"env_auth": True},
    }
    assert _update(saved, changes, "--no-test").status == 0
    section = _section(saved)
    assert section["env_auth"] == "true"
    assert not {"access_key_id", "secret_access_key"} & section.keys()


def test_the_endpoint_must_not_repeat_the_saved_zone(saved: Program) -> None:
    done = _update(saved, {"credentials": {"endpoint": "https://pek3a.qingstor.com"}}, "--no-test")
    assert (done.status, as_object(done.answer["error"])["code"]) == (2, "endpoint_invalid")


def test_a_storage_that_cannot_be_used_is_repaired(saved: Program) -> None:
    saved.conf.write_text(saved.conf.read_text().replace("upload_concurrency = 1", "upload_concurrency = -1"))
    assert saved.run("storage", "show", NAME).status == 2
    refused = _update(saved, {"settings": {"zone": "pek3a"}}, "--no-test")
    assert as_object(refused.answer["error"])["field"] == "upload_concurrency"
    assert _update(saved, {"settings": {"upload_concurrency": 0}}).status == 0
    assert _section(saved)["upload_concurrency"] == "1"


def test_another_name_is_not_found(saved: Program) -> None:
    done = saved.run("storage", "update", "QingStor Backup", "--json", document={})
    error = as_object(done.answer["error"])
    assert (done.status, error["code"]) == (10, "storage_not_found")
    assert NAME in str(error["hint"])
    other = saved.run("storage", "update", "other", "--json", document={})
    assert (other.status, as_object(other.answer["error"])["code"]) == (10, "storage_not_found")


def test_a_word_for_a_blank_field_does_not_stay(saved: Program) -> None:
    saved.conf.write_text(saved.conf.read_text().replace("zone = pek3a", "zone = undefined"))
    assert _update(saved, {"name": f" {NAME} ", "settings": {"chunk_size": "8mi"}}).status == 0
    assert _section(saved)["zone"] == "pek3a"


def test_the_section_of_an_older_version_gets_what_applies(saved: Program) -> None:
    saved.conf.write_text(
        f"[{NAME}]\ntype = qingstor\naccess_key_id = {ACCESS_KEY_ID}\n"
        f"secret_access_key = {SECRET_ACCESS_KEY}\n"
        "zone = pek3a\nupload_cutoff = 100M\n"
    )
    assert _update(saved, {"settings": {"chunk_size": "8mi"}}, "--no-test").status == 0
    section = _section(saved)
    assert section["upload_cutoff"] == "100M", "spelled as it was"
    assert (section["chunk_size"], section["upload_concurrency"]) == ("8Mi", "1")
    assert section["endpoint"] == "https://qingstor.com:443"


@pytest.mark.parametrize("more", [[], ["--no-test"]])
def test_a_replacement_without_keys_does_not_drop_the_saved_ones(saved: Program, more: list[str]) -> None:
    before = saved.conf.read_bytes()
    undefined = {"access_key_id": "undefined", "secret_access_key": "undefined"}
    for credentials in ({}, undefined, {"access_key_id": ""}):
        keyless = {"name": NAME, "credentials": credentials, "settings": {"env_auth": True}}
        done = saved.run("storage", "save", "--replace", "--json", *more, document=keyless)
        error = as_object(done.answer["error"])
        assert (done.status, error["code"], error["field"]) == (2, "invalid_form", "access_key_id"), (
            credentials
        )
        assert "storage update" in str(error["hint"])
        assert saved.conf.read_bytes() == before


def test_keys_in_a_section_that_cannot_be_read_are_not_dropped_either(saved: Program) -> None:
    text = saved.conf.read_text().replace("description = For", "description = %(loop)s")
    saved.conf.write_text(f"[DEFAULT]\nloop = %(again)s\nagain = %(loop)s\n{text}")
    before = saved.conf.read_bytes()
    keyless = {"name": NAME, "settings": {"env_auth": True}}
    done = saved.run("storage", "save", "--replace", "--no-test", "--json", document=keyless)
    assert done.status == 13
    assert saved.conf.read_bytes() == before


def test_keys_are_dropped_when_the_document_blanks_them_on_purpose(saved: Program) -> None:
    for blank in ("", None):
        saved.save()
        keyless = {
            "name": NAME,
            "credentials": {"access_key_id": blank, "secret_access_key": blank},
            "settings": {"env_auth": True},
        }
        done = saved.run("storage", "save", "--replace", "--no-test", "--json", document=keyless)
        assert done.status == 0, done.stderr
        assert "secret_access_key" not in _section(saved)


def test_a_new_storage_without_keys_and_a_replacement_of_one(program: Program) -> None:
    keyless = {"name": NAME, "settings": {"env_auth": True}}
    assert program.run("storage", "save", "--no-test", document=keyless).status == 0
    assert program.run("storage", "save", "--no-test", "--replace", document=keyless).status == 0
    assert program.run("storage", "save", "--no-test", "--replace", document=document()).status == 0


@pytest.mark.parametrize("option", [["--write"], ["--bucket", "b"]])
def test_no_test_and_a_test_exclude_each_other(saved: Program, option: list[str]) -> None:
    done = _update(saved, {}, "--no-test", *option)
    assert (done.status, as_object(done.answer["error"])["code"]) == (2, "usage")


def test_an_update_tests_the_bucket(saved: Program) -> None:
    done = _update(saved, {"settings": {"description": "x"}}, "--bucket", "bucket-one", "--write")
    assert done.status == 0, done.stderr
    stages = as_object(done.answer["data"])["stages"]
    assert isinstance(stages, list)
    assert [as_object(stage)["name"] for stage in stages][-2:] == ["bucket", "write"]


def test_every_section_says_what_applies(program: Program) -> None:
    program.save()
    text = program.conf.read_text()
    lines = [line.partition(" = ")[0] for line in text.splitlines()[1:] if line]
    assert lines == [
        *("type", "env_auth", "access_key_id", "secret_access_key", "endpoint", "zone"),
        *("connection_retries", "upload_cutoff", "chunk_size", "upload_concurrency"),
    ]
    assert "upload_cutoff = 200Mi\nchunk_size = 4Mi\nupload_concurrency = 1\n" in text


def test_quotation_marks_are_told_and_repaired(program: Program, server: QingStorServer) -> None:
    server.add_bucket("bucket-one")
    program.save(description='"the office"')
    text = program.conf.read_text()
    quoted = text.replace("zone = pek3a", 'zone = "pek3a"').replace(
        SECRET_ACCESS_KEY, f"'{SECRET_ACCESS_KEY}'"
    )
    program.conf.write_text(quoted)
    for words in (["storage", "test", NAME], ["storage", "show", NAME], ["doctor"]):
        done = program.run(*words)
        assert done.status != 0
        assert "in quotation marks" in done.stderr
        assert "emove" in done.stderr
        assert SECRET_ACCESS_KEY not in done.stdout + done.stderr
    shown = program.run("conf", "show")
    assert "in quotation marks" in shown.stdout
    checked = program.run("conf", "check", "--json")
    problems = as_object(checked.answer["data"])["problems"]
    assert isinstance(problems, list)
    found = [as_object(problem) for problem in problems]
    codes = [(problem["code"], problem["repairable"]) for problem in found]
    assert codes.count(("quoted_value", True)) == 2
    assert "unusable_storage" not in {code for code, _ in codes}
    assert checked.status == 13
    for option in ("--dry-run", "--yes"):
        repaired = program.run("conf", "repair", option)
        assert repaired.status == 0
        assert "+zone = pek3a" in repaired.stdout
        assert SECRET_ACCESS_KEY not in repaired.stdout + repaired.stderr
    assert program.conf.read_text() == text
    assert program.run("storage", "test", NAME).status == 0


def test_a_quoted_type_nested_quotes_and_quotes_around_nothing(program: Program) -> None:
    program.save()
    text = program.conf.read_text()
    quoted = text.replace("type = qingstor", 'type = "qingstor"').replace("zone = pek3a", "zone = ''")
    program.conf.write_text(quoted.replace("chunk_size = 4Mi", "chunk_size = \"'8Mi'\""))
    checked = program.run("conf", "check")
    assert checked.status == 13
    assert checked.stderr.count("[quoted_value]") >= 3
    assert program.run("conf", "repair", "--yes").status == 0
    section = _section(program)
    assert (section["type"], section["zone"], section["chunk_size"]) == ("qingstor", "pek3a", "8Mi")


@pytest.mark.parametrize("command", ["conf check", "conf show", "conf repair", "storage list"])
def test_a_file_that_is_not_there_is_told_as_that(program: Program, command: str) -> None:
    done = program.run(*command.split())
    assert (done.status, done.stdout) == (
        0,
        f"There is no {program.conf} yet; saving a storage creates it.\n",
    )


def test_a_wrong_storage_name_is_called_by_its_label(program: Program) -> None:
    done = program.run("storage", "save", "--no-test", document={**document(), "name": "a/b"})
    assert done.stderr.startswith("Storage Name: '/' is not allowed.")
    assert "emote" not in done.stderr
