"""The `conf` commands: show, check, repair, encrypt and decrypt, without secrets in their output."""

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from adapter.storage.conf_admin import clear_text_copies, repair
from rclone_conf import ConfFile
from tests.program import Program, as_object, document
from tests.qingstor_server import SECRET_ACCESS_KEY

PLUTONS = (
    "# hand-written\n[other]\ntype = s3\nsecret_access_key = SKothercanary\n\n"
    "[QingStor Backups]\ntype = qingstor\nzone = undefined\nendpoint = undefined\n"
    "access_key_id = AKcanary\nsecret_access_key = SKcanary\nupload_cutoff = 200Mi\n\n"
    "[QingStor Backups]\nchunk_size = 8Mi\nsurprise = SKsurprisecanary\n"
)


def _problems(answer: dict[str, object]) -> list[tuple[object, object]]:
    found = as_object(answer["data"])["problems"]  # type: ignore[arg-type]
    assert isinstance(found, list)
    return [(as_object(one)["code"], as_object(one)["repairable"]) for one in found]


def test_path_is_where_rclone_looks(program: Program) -> None:
    assert program.run("conf", "path").stdout.strip() == str(program.conf)
    other = program.directory / "other.conf"
    assert program.run("conf", "path", "--config", other).stdout.strip() == str(other)


def test_show_explains_and_masks(program: Program) -> None:
    program.conf.write_text("[other]\ntype = s3\nsecret_access_key = SKothercanary\n")
    program.save(upload_concurrency=4)

    shown = program.run("conf", "show")
    assert shown.status == 0
    for canary in (SECRET_ACCESS_KEY, "SKothercanary"):
        assert canary not in shown.stdout
    assert "upload_concurrency" in shown.stdout
    assert "concurrency_breaks_checksums" in shown.stdout

    one = program.run("conf", "show", "QingStor Backups", "--json").answer
    sections = as_object(one["data"])["sections"]
    assert isinstance(sections, list)
    assert [as_object(section)["name"] for section in sections] == ["QingStor Backups"]
    assert program.run("conf", "show", "nobody", "--json").status == 10


def test_repair_fixes_what_check_finds_and_keeps_the_old_file(program: Program, rclone: Path) -> None:
    program.conf.write_text(PLUTONS)
    program.conf.chmod(0o644)

    checked = program.run("conf", "check", "--json")
    assert checked.status == 13
    codes = _problems(checked.answer)  # type: ignore[arg-type]
    assert ("unset_word", True) in codes
    assert ("repeated_section", True) in codes
    assert ("loose_mode", True) in codes
    assert ("option_ignored", False) in codes

    dry = program.run("conf", "repair", "--dry-run")
    assert "-zone = undefined" in dry.stdout
    assert "canary" not in dry.stdout
    assert program.conf.read_text() == PLUTONS

    done = program.run("conf", "repair", "--yes", "--json")
    assert done.status == 0, done.stdout
    copy = Path(str(as_object(done.answer["data"])["copy"]))
    assert copy.read_text() == PLUTONS
    assert copy.stat().st_mode & 0o777 == 0o600
    assert program.conf.stat().st_mode & 0o777 == 0o600
    assert program.conf.read_text().startswith("# hand-written\n[other]\ntype = s3\n")
    dump = subprocess.run(
        [rclone, "--config", program.conf, "config", "dump"], capture_output=True, text=True, check=True
    ).stdout
    assert '"zone": "pek3a"' in dump
    assert '"chunk_size": "8Mi"' in dump
    assert "undefined" not in dump

    assert program.run("conf", "check", "--json").status == 0
    assert program.run("conf", "repair", "--yes", "--json").status == 0


def test_an_unreadable_file_is_repaired(program: Program, rclone: Path) -> None:
    program.conf.write_text("[a]\ntype = local\nkey = `unclosed\n[b]\ntype = local\n")
    assert program.run("storage", "list", "--json").status == 13

    assert program.run("conf", "repair", "--yes", "--json").status == 0

    dump = subprocess.run(
        [rclone, "--config", program.conf, "config", "dump"], capture_output=True, text=True, check=False
    )
    assert dump.returncode == 0


def test_encrypt_and_decrypt_in_rclones_own_format(program: Program, rclone: Path) -> None:
    program.save()
    before = program.conf.read_bytes()
    with_password = replace(program, variables={"RCLONE_CONFIG_PASS": "passcanary"})

    assert with_password.run("conf", "encrypt", "--json").status == 0
    assert b"RCLONE_ENCRYPT_V0" in program.conf.read_bytes()
    listed = subprocess.run(
        [rclone, "--config", program.conf, "listremotes"],
        env={"PATH": "", "RCLONE_CONFIG_PASS": "passcanary"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert listed.stdout == "QingStor Backups:\n"

    missing = program.run("storage", "list", "--json")
    assert (missing.status, as_object(missing.answer["error"])["code"]) == (12, "conf_password_missing")
    wrong = replace(program, variables={"RCLONE_CONFIG_PASS": "wrongcanary"}).run("storage", "list", "--json")
    assert (wrong.status, as_object(wrong.answer["error"])["code"]) == (12, "conf_wrong_password")
    assert "canary" not in missing.stdout + wrong.stdout + wrong.stderr
    assert with_password.run("storage", "list", "--json").status == 0
    for words in (["storage", "list"], ["conf", "show"]):
        assert "secret_in_clear_text" not in with_password.run(*words, "--json").stdout
    saved = with_password.run("storage", "save", "--no-test", "--replace", "--json", document=document())
    assert (saved.status, "secret_in_clear_text" in saved.stdout) == (0, False)

    assert with_password.run("conf", "decrypt", "--json").status == 0
    assert program.conf.read_bytes() == before


@pytest.mark.parametrize("words", [["conf", "show"], ["conf", "check"], ["storage", "list"]])
def test_a_missing_file_is_an_empty_one(program: Program, words: list[str]) -> None:
    assert program.run(*words, "--json").status == 0
    assert not program.conf.exists()


def test_a_section_that_rclone_cannot_use_does_not_hide_the_others(program: Program) -> None:
    program.conf.write_text("[broken]\ntype = qingstor\nchunk_size = 1Mi\nzone = pek3a\n")
    program.save()

    listed = program.run("storage", "list", "--json")

    assert listed.status == 0
    storages = as_object(listed.answer["data"])["storages"]
    assert isinstance(storages, list)
    assert [as_object(one)["name"] for one in storages] == ["broken", "QingStor Backups"]
    assert as_object(as_object(storages[0])["error"])["field"] == "chunk_size"


def test_a_variable_that_means_no_file_is_an_error_with_a_sentence(program: Program) -> None:
    nowhere = replace(program, variables={"RCLONE_CONFIG": "/dev/null"})
    done = nowhere.run("storage", "list", "--json")
    assert (done.status, as_object(done.answer["error"])["code"]) == (13, "conf_unreadable")


def test_repair_keeps_words_that_are_valid_values(program: Program) -> None:
    text = (
        "[a]\ntype = qingstor\nzone = pek3a\nencoding = None\ndescription = none\n"
        "[b]\ntype = qingstor\nzone = pek3a\ndescription = undefined\n"
    )
    program.conf.write_text(text)
    program.conf.chmod(0o600)

    done = program.run("conf", "repair", "--yes", "--json")

    assert (done.status, as_object(done.answer["data"])["problems"]) == (0, [])
    assert program.conf.read_text() == text


LEAKY = (
    "[q]\ntype = qingstor\nzone = undefined\nendpoint = https://user:PWcanary@host\n"
    "description = old\rsecret_access_key = SKcanary\u2028tailcanary\naccess_key_id = %(secret_access_key)s\n"
    "encoding = %(secret_access_key)s\nsecret_access_key = SKone\u2028secondcanary\u0085thirdcanary\n"
    "SKpastedcanary==\n"
    "[other]\ntype = webdav\nendpoint = https://user:PWcanary@host\nzone = undefcanary\nencoding = x-canary\n"
)
BROKEN = "[brokencanary\nbarecanary\n"


def test_nothing_that_may_be_a_secret_is_shown(program: Program) -> None:
    program.conf.write_text(LEAKY)
    for words in (["conf", "show"], ["conf", "show", "--json"], ["conf", "check"]):
        assert "canary" not in program.run(*words).stdout, words
    program.conf.write_text(LEAKY + BROKEN)
    dry = program.run("conf", "repair", "--dry-run").stdout
    assert "-zone = undefined" in dry
    assert "+zone = pek3a" in dry
    assert "canary" not in dry
    checked = program.run("conf", "check")
    assert "canary" not in checked.stdout + checked.stderr
    assert "line 15, [other] rclone cannot read the file" in checked.stdout + checked.stderr


UNUSABLE = (
    "[DEFAULT]\nloop = %(loop)s\n[q]\ntype = qingstor\nzone = undefined\n"
    "[lost]\ntype = qingstor\nendpoint = %(loop)s\n[a/b]\ntype = qingstor\nzone = undefined\n"
)


def test_a_section_that_cannot_be_read_or_written_does_not_stop_the_rest(program: Program) -> None:
    program.conf.write_text(UNUSABLE)
    program.conf.chmod(0o600)

    shown = program.run("conf", "show", "--json")
    assert shown.status == 0
    assert "lead too far" in shown.stdout
    listed = program.run("storage", "list", "--json")
    assert listed.status == 0
    storages = as_object(listed.answer["data"])["storages"]
    assert isinstance(storages, list)
    assert [as_object(one)["name"] for one in storages] == ["q", "lost", "a/b"]
    error = as_object(as_object(storages[1])["error"])
    assert (error["code"], error["hint"]) == ("conf_unreadable", "Write the value out.")
    checked = program.run("conf", "check", "--json")
    assert checked.status == 13
    codes = _problems(checked.answer)  # type: ignore[arg-type]
    assert ("endless_reference", False) in codes
    assert [repairable for code, repairable in codes if code == "unset_word"] == [True, False]

    assert program.run("conf", "repair", "--yes", "--json").status == 0
    assert program.conf.read_text() == UNUSABLE.replace("zone = undefined", "zone = pek3a", 1)


def test_a_pipe_instead_of_the_file_does_not_block(program: Program) -> None:
    os.mkfifo(program.conf)
    done = program.run("doctor", "--json", timeout=60)
    assert "it is not a regular file" in done.stdout


def test_decrypting_nothing_is_an_error(program: Program) -> None:
    done = program.run("conf", "decrypt", "--json")
    assert (done.status, as_object(done.answer["error"])["code"]) == (13, "conf_unreadable")


def test_clear_text_copies_beside_an_encrypted_file_are_named(program: Program) -> None:
    conf = ConfFile(program.conf)
    for _ in range(2):  # within one second
        program.conf.write_text("[a]\ntype = qingstor\nzone = undefined\n")
        repair(conf)
    copies = clear_text_copies(conf)
    assert len(copies) == 2
    with_password = replace(program, variables={"RCLONE_CONFIG_PASS": "passcanary"})

    encrypted = with_password.run("conf", "encrypt", "--json")
    assert all(copy.name in str(encrypted.answer["result"]) for copy in copies)
    checked = with_password.run("conf", "check", "--json")
    assert checked.status == 13
    codes = _problems(checked.answer)  # type: ignore[arg-type]
    assert codes == [("clear_text_copy", False)] * 2


def test_control_characters_in_names_are_not_printed(program: Program) -> None:
    program.conf.write_text("[a\x1b[2J]\ntype = x\x1b[2J\nb\x1b[2J = 1\n")
    for command in ("show", "check"):
        done = program.run("conf", command)
        assert "\x1b" not in done.stdout + done.stderr


@pytest.mark.parametrize("mode", [0o640, 0o604])
def test_a_mode_that_lets_others_read_is_a_problem(mode: int, program: Program) -> None:
    program.save()
    program.conf.chmod(mode)
    checked = program.run("conf", "check", "--json")
    assert ("loose_mode", True) in _problems(checked.answer)  # type: ignore[arg-type]
