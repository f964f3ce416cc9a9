"""The problems found in a file, and their repair, which changes nothing else."""

from pathlib import Path

import pytest
from hypothesis import example, given, reject

from rclone_conf import (
    ConfEncrypted,
    ConfFile,
    ConfSyntaxError,
    ConfWriteError,
    Document,
    encrypt,
    problems,
    repaired,
)
from tests.rclone_conf import strategies
from tests.rclone_conf.files import listing, mode_of
from tests.rclone_conf.rclone import Daemon

MESSY = b"""\
early = 1
# Pluton wrote this
[a]
type = qingstor
zone = undefined
zone = canary-2
secret = `canary
[b/c]
x = %(type)s
[]
lost = canary
[a]
type = local

[a.x]
type = alias
quoted = ` canary `
[DEFAULT]
loop = %(loop)s
"""


def test_every_kind_of_problem() -> None:
    found = [(p.section, p.line, p.code, p.repairable) for p in problems(MESSY)]
    assert found == [
        ("a", 5, "repeated_option", True),
        ("a", 7, "unreadable_line", True),
        ("b/c", 8, "bad_name", False),
        ("b/c", 9, "reference", False),
        ("", 10, "nameless_section", False),
        ("", 11, "unreadable_line", True),
        ("a", 12, "repeated_section", True),
        ("a", 4, "repeated_option", True),
        ("a.x", 17, "fragile_value", False),
        ("DEFAULT", 18, "default_section", False),
        ("DEFAULT", 19, "reference", False),
        ("DEFAULT", 0, "endless_reference", False),
        ("a.x", 0, "borrowed_options", False),
    ]
    assert all("canary" not in p.message and p.message for p in problems(MESSY))


def test_repair_keeps_all_other_lines() -> None:
    assert repaired(MESSY).decode() == (
        "early = 1\n# Pluton wrote this\n[a]\nzone = canary-2\n# lost = canary\ntype = local\n"
        "# secret = `canary\n[b/c]\nx = %(type)s\n[]\n[a.x]\ntype = alias\nquoted = ` canary `\n"
        "[DEFAULT]\nloop = %(loop)s\n"
    )


@given(data=strategies.any_files)
@example(data=b"[x]\n- = 1\n[x]\n- = 2\n")
@example(data=b"[x]\na = 1\n[y]\nb = 1\n[x]\nc = 2")
@example(data=b"[]\n[]\n")
@example(data=b"\0\nRCLONE_ENCRYPT_V0:\n")
@example(data=b"\xef\xbb\xbfRCLONE_ENCRYPT_V0:\n")
def test_rclone_reads_a_repaired_file_as_before(data: bytes, daemon: Daemon, directory: Path) -> None:
    try:
        found = problems(data)
        fixed = repaired(data)
    except ConfEncrypted:
        reject()
    document = Document.parse(fixed)
    left = [p for p in problems(fixed) if p.repairable and p.code != "repeated_section"]
    assert not left or b"-" in data
    if any(p.code == "endless_reference" for p in found + problems(fixed)):
        return
    path = directory / "messy.conf"
    path.write_bytes(data)
    before = daemon.dump(path)
    assert (before is None) == any(p.code == "unreadable_line" for p in found)
    path.write_bytes(fixed)
    after = daemon.dump(path)
    assert after is not None
    assert before is None or after == before
    if not any(p.repairable for p in found):
        assert fixed == data
    assert document.merged().render() == fixed


@pytest.mark.parametrize("password", [None, "canary-password"])
def test_repair_of_the_file(password: str | None, conf: Path) -> None:
    conf.write_bytes(MESSY if password is None else encrypt(MESSY, password))
    before = conf.read_bytes()
    file = ConfFile(conf, lambda: password)
    with pytest.raises(ConfSyntaxError):
        file.load()
    assert file.clear_text() == MESSY
    backup = conf.with_name("rclone.conf.before")
    file.copy_to(backup)
    assert (backup.read_bytes(), mode_of(backup)) == (before, 0o600)
    with pytest.raises(ConfWriteError, match="exists"):
        file.copy_to(backup)
    edited = file.repair()
    assert (edited.changed, edited.encrypted) == (True, password is not None)
    assert file.clear_text() == repaired(MESSY)
    assert not file.repair().changed
    assert listing(conf.parent) == ["rclone.conf", "rclone.conf.before"]


def test_an_encrypted_file_must_be_decrypted_first() -> None:
    with pytest.raises(ConfEncrypted):
        problems(encrypt(MESSY, "one"))
    with pytest.raises(ConfEncrypted):
        repaired(encrypt(MESSY, "one"))
