"""Ctrl-D and Ctrl-C at the prompt for a password end the program soon."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.cli.test_password_prompt import asked, encrypted, end_of
from tests.program import Program
from tests.terminal import on_terminal

__all__ = ["encrypted"]

# Python 3.12 and later warn of any fork in a process with threads, as test runners have them.
pytestmark = pytest.mark.filterwarnings("ignore:.*forkpty:DeprecationWarning")


@pytest.mark.parametrize("words", [["storage", "list"], ["conf", "show"], ["storage", "delete", "x"]])
def test_ctrl_d_is_no_password(encrypted: Program, words: list[str]) -> None:
    terminal = on_terminal(encrypted, *words)
    asked(terminal)
    terminal.sendeof()

    status, text = end_of(terminal)

    assert (status, "[conf_password_missing]" in text) == (12, True), text
    assert "Traceback" not in text


@pytest.mark.parametrize("words", [["storage", "list"], ["conf", "show"], ["conf", "decrypt"]])
def test_ctrl_c_ends_the_program(encrypted: Program, words: list[str]) -> None:
    before = encrypted.conf.read_bytes()
    terminal = on_terminal(encrypted, *words)
    asked(terminal)
    terminal.sendintr()

    status, text = end_of(terminal)

    assert status == 130, text
    assert "Cancelled before it was complete. Run it again. [cancelled]" in text
    assert encrypted.conf.read_bytes() == before


def test_ctrl_c_at_the_prompt_of_a_run(encrypted: Program, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    terminal = on_terminal(encrypted, "backup", str(tmp_path / "file"), "QingStor Backups:bucket-one/srv")
    asked(terminal)
    terminal.sendintr()

    status, text = end_of(terminal)

    assert status == 130, text
    assert (
        "BACKUP_CANCELLED: the backup was cancelled before it was complete. Run it again. [cancelled]" in text
    )


def test_ctrl_c_at_the_prompt_for_a_new_password(program: Program) -> None:
    program.save()
    before = program.conf.read_bytes()
    terminal = on_terminal(program, "conf", "encrypt")
    terminal.expect_exact("New password of rclone.conf: ")
    terminal.waitnoecho(10)
    terminal.sendintr()

    status, text = end_of(terminal)

    assert status == 130, text
    assert program.conf.read_bytes() == before


def test_two_different_new_passwords_are_asked_for_again(program: Program) -> None:
    program.save()
    terminal = on_terminal(program, "conf", "encrypt")
    for first, second in (("one", "another"), ("right", "right")):
        for prompt, password in (("New password of rclone.conf: ", first), ("Once more: ", second)):
            terminal.expect_exact(prompt)
            terminal.waitnoecho(10)
            terminal.sendline(password)

    status, text = end_of(terminal)

    assert status == 0, text
    opened = replace(program, variables={"RCLONE_CONFIG_PASS": "right"})
    assert opened.run("storage", "show", "QingStor Backups").status == 0
