"""Encrypted files, exchanged with the real rclone; its prompts are answered on a pty."""

import errno
import os
from pathlib import Path

import pexpect
import pytest

from rclone_conf import (
    ConfEncrypted,
    ConfFile,
    ConfSyntaxError,
    WrongPassword,
    decrypt,
    encrypt,
    is_encrypted,
)
from tests.rclone_conf import rclone
from tests.rclone_conf.files import InterruptedAdd, add, listing, mode_of

# Python 3.12 and later warn of a fork in a process with threads, such as a test runner.
pytestmark = pytest.mark.filterwarnings("ignore:.*forkpty:DeprecationWarning")

OLD = "[first]\ntype = local\nsecret = canary\n"
ENTER, NEW, CONFIRM = (
    "Enter configuration password:\r\npassword:",
    "Enter NEW configuration password:\r\npassword:",
    "Confirm NEW configuration password:\r\npassword:",
)


def answer(home: Path, conf: Path, command: str, *answers: tuple[str, str]) -> None:
    """Run `rclone config encryption COMMAND` on a pty and answer each prompt; it must succeed."""
    child = pexpect.spawn(
        str(rclone.PROGRAM),
        ["config", "encryption", command, "--config", str(conf)],
        env=rclone.environment(home),
        encoding="utf-8",
        timeout=30,
    )
    try:
        for prompt, text in answers:
            child.expect_exact(prompt)
            child.sendline(text)
        child.expect(pexpect.EOF)
    finally:
        child.close()
    assert child.exitstatus == 0, child.before


def create_with_rclone(home: Path, conf: Path, name: str, password: str) -> None:
    """Add a remote to the encrypted file with rclone."""
    arguments = ("config", "create", name, "local", "--non-interactive")
    ran = rclone.run(home, *arguments, conf=conf, RCLONE_CONFIG_PASS=password)
    assert ran.returncode == 0, ran.stderr


def test_rclone_sets_changes_and_removes_the_password(conf: Path, tmp_path: Path) -> None:
    conf.write_text(OLD)
    answer(tmp_path, conf, "set", (NEW, "one"), (CONFIRM, "one"))
    file = ConfFile(conf, lambda: "one")
    loaded = file.load()
    assert (loaded.encrypted, loaded.document.get("first")) == (True, {"type": "local", "secret": "canary"})

    edited = file.edit(add)
    assert (edited.encrypted, edited.changed) == (True, True)
    assert b"canary" not in conf.read_bytes()
    assert rclone.dump(tmp_path, conf, RCLONE_CONFIG_PASS="one").keys() == {"first", "new"}

    answer(tmp_path, conf, "set", (ENTER, "one"), (NEW, "two"), (CONFIRM, "two"))
    with pytest.raises(WrongPassword):
        file.load()
    file = ConfFile(conf, lambda: "two")
    file.edit(lambda document: document.without_section("first"))
    assert rclone.dump(tmp_path, conf, RCLONE_CONFIG_PASS="two").keys() == {"new"}

    answer(tmp_path, conf, "check", (ENTER, "two"))
    answer(tmp_path, conf, "remove", (ENTER, "two"))
    assert not ConfFile(conf).load().encrypted
    assert conf.read_text().startswith("[new]\n")


def test_we_set_change_and_remove_the_password(conf: Path, tmp_path: Path) -> None:
    conf.write_text(OLD)
    assert ConfFile(conf).encrypt("one").encrypted
    answer(tmp_path, conf, "check", (ENTER, "one"))
    assert rclone.dump(tmp_path, conf, RCLONE_CONFIG_PASS="one")["first"]["secret"] == "canary"
    create_with_rclone(tmp_path, conf, "theirs", "one")

    asked: list[int] = []

    def ask() -> str:
        asked.append(1)
        return "one"

    edited = ConfFile(conf, ask).encrypt("two")
    assert (edited.changed, edited.encrypted, len(asked)) == (True, True, 1)
    assert rclone.dump(tmp_path, conf, RCLONE_CONFIG_PASS="two").keys() == {"first", "theirs"}
    assert not ConfFile(conf, lambda: "two").encrypt("two").changed

    assert not ConfFile(conf, lambda: "two").decrypt().encrypted
    assert rclone.dump(tmp_path, conf).keys() == {"first", "theirs"}
    assert not ConfFile(conf).decrypt().changed
    assert mode_of(conf) == 0o600


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("\ufb00\u0041\u030a", "ff\xc5"),
        ("ff\xc5", "\ufb00\u0041\u030a"),
        (" blanks count\t", " blanks count\t"),
        ("\u6f22\u5b57 \U0001f511", "\u6f22\u5b57 \U0001f511"),
        ("\x85x", "\x85x"),
        ("\x1c", "\x1c"),
    ],
)
def test_passwords_are_normalised_as_rclone_does(ours: str, theirs: str, conf: Path, tmp_path: Path) -> None:
    conf.write_bytes(encrypt(OLD.encode(), ours))
    assert rclone.dump(tmp_path, conf, RCLONE_CONFIG_PASS=theirs).keys() == {"first"}
    create_with_rclone(tmp_path, conf, "b", theirs)
    assert ConfFile(conf, lambda: ours).load().document.names == ("first", "b")


@pytest.mark.parametrize("password", ["", " \t ", "\u2028", "\udcff"])
def test_passwords_that_rclone_refuses(password: str, conf: Path) -> None:
    conf.write_text(OLD)
    with pytest.raises(WrongPassword):
        ConfFile(conf).encrypt(password)
    assert conf.read_text() == OLD
    with pytest.raises(WrongPassword):
        decrypt(encrypt(b"", "x"), password)


def test_the_password_is_asked_for_only_when_it_is_needed_and_once(conf: Path) -> None:
    asked: list[list[str]] = []

    def ask() -> str:
        asked.append(listing(conf.parent))
        return "one"

    conf.write_text(OLD)
    ConfFile(conf, ask).edit(lambda document: document.without_section("other"))
    assert asked == []
    ConfFile(conf).encrypt("one")
    change = InterruptedAdd(lambda: conf.write_bytes(encrypt(f"{OLD}[theirs]\n".encode(), "one")))
    ConfFile(conf, ask).edit(change)
    assert len(change.seen) == 2
    assert asked == [["rclone.conf"]], "once, and before the lock is taken"
    assert ConfFile(conf, ask).load().document.names == ("first", "theirs", "new")


def test_no_password_and_wrong_password(conf: Path) -> None:
    data = encrypt(OLD.encode(), "right")
    conf.write_bytes(data)
    for act in (ConfFile(conf).load, lambda: ConfFile(conf).edit(add)):
        with pytest.raises(ConfEncrypted, match=r"rclone\.conf"):
            act()
    wrong = ConfFile(conf, lambda: "canary-wrong")
    for act in (wrong.load, lambda: wrong.edit(add), wrong.decrypt, lambda: wrong.encrypt("new")):
        with pytest.raises(WrongPassword) as caught:
            act()
        assert "canary" not in f"{caught.value!r}"
    assert conf.read_bytes() == data
    assert listing(conf.parent) == ["rclone.conf"]


def test_clear_text_is_never_written_to_disk(conf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    conf.write_bytes(encrypt(OLD.encode(), "one"))
    written: list[bytes] = []
    real = os.write

    def write(file: int, data: memoryview) -> int:
        written.append(bytes(data))
        return real(file, data)

    monkeypatch.setattr("os.write", write)
    ConfFile(conf, lambda: "one").edit(add)
    assert written
    assert all(b"canary" not in data and b"first" not in data for data in written)
    monkeypatch.setattr("os.fsync", lambda _file: (_ for _ in ()).throw(OSError(errno.ENOSPC, "")))
    with pytest.raises(Exception, match="no space left"):
        ConfFile(conf, lambda: "one").edit(lambda document: document.without_section("new"))
    assert all(b"canary" not in data and b"first" not in data for data in written)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"RCLONE_ENCRYPT_V1:\nAAAA\n", "Line 1: .* newer rclone"),
        (b"; note\n\nRCLONE_ENCRYPT_V0:\nAAAA\n", "Line 4: .* truncated"),
        (b"RCLONE_ENCRYPT_V0:", "Line 2: .* truncated"),
        (b"RCLONE_ENCRYPT_V0:\n" + b"A" * 71 + b"!\n", "Line 2: .* damaged"),
        (b"RCLONE_ENCRYPT_V0:\n" + b"A " * 60, "Line 2: .* damaged"),
    ],
)
def test_damaged_encrypted_files(data: bytes, message: str, conf: Path, tmp_path: Path) -> None:
    assert is_encrypted(data)
    with pytest.raises(ConfSyntaxError, match=message):
        decrypt(data, "one")
    conf.write_bytes(data)
    assert rclone.run(tmp_path, "config", "dump", conf=conf, RCLONE_CONFIG_PASS="one").returncode == 1


def test_a_changed_character_is_detected() -> None:
    data = encrypt(OLD.encode(), "one")
    assert decrypt(data, "one") == OLD.encode()
    assert decrypt(data.replace(b"\n", b"\r\n"), "one") == OLD.encode()
    assert encrypt(OLD.encode(), "one") != data, "a nonce is never used twice"
    for at in range(data.index(b":\n") + 2, len(data) - 1, 7):
        other = b"A" if data[at : at + 1] != b"A" else b"B"
        with pytest.raises((WrongPassword, ConfSyntaxError)):
            decrypt(data[:at] + other + data[at + 1 :], "one")


@pytest.mark.parametrize(
    ("data", "encrypted"),
    [
        (b"", False),
        (b"[a]\nx = RCLONE_ENCRYPT_V0:\n", False),
        (b"# c\n; c\n \t\n\xc2\xa0RCLONE_ENCRYPT_V0: \r\n", True),
        (b"\xef\xbb\xbfRCLONE_ENCRYPT_V0:\n", False),
        (b"#\n" * 5_000, False),
    ],
)
def test_what_rclone_treats_as_encrypted(data: bytes, encrypted: bool, conf: Path, tmp_path: Path) -> None:  # noqa: FBT001
    assert is_encrypted(data) == encrypted
    conf.write_bytes(data)
    ran = rclone.run(tmp_path, "config", "dump", "--ask-password=false", conf=conf)
    assert ("configuration" in ran.stderr and ran.returncode == 1) == encrypted
