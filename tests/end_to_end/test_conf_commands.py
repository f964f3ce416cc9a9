"""The `conf` commands: what an administrator sees, checks and mends; no secret in any of it."""

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

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


def test_check_tells_repair_mends_and_the_old_file_is_kept(program: Program, rclone: Path) -> None:
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


def test_an_unreadable_file_is_mended(program: Program, rclone: Path) -> None:
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
