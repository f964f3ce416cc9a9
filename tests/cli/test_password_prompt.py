"""The prompt for the password of rclone.conf, and `--reveal`, on a real terminal."""

import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pexpect
import pytest

from tests.program import Program
from tests.qingstor_server import SECRET_ACCESS_KEY
from tests.terminal import on_terminal

# Python 3.12 and later warn of any fork in a process with threads, as test runners have them.
pytestmark = pytest.mark.filterwarnings("ignore:.*forkpty:DeprecationWarning")

PASSWORD = "passcanary"
QUESTION = "Password of rclone.conf: "
SOON = 10
"""Seconds to wait; a program that does not react would wait for ever."""


@pytest.fixture
def encrypted(program: Program) -> Program:
    """Return a program that lacks the password of its encrypted conf, which has one storage."""
    program.save()
    done = replace(program, variables={"RCLONE_CONFIG_PASS": PASSWORD}).run("conf", "encrypt")
    assert done.status == 0, done.stderr
    return program


def asked(terminal: "pexpect.spawn[str]") -> None:
    """Wait for the prompt, and until the terminal does not echo."""
    terminal.expect_exact(QUESTION)
    terminal.waitnoecho(SOON)


def end_of(terminal: "pexpect.spawn[str]") -> tuple[int | None, str]:
    """Return the exit status and the last output of a program that must end soon."""
    start = time.monotonic()
    try:
        terminal.expect(pexpect.EOF, timeout=SOON)
    finally:
        terminal.close(force=True)
    assert time.monotonic() - start < SOON
    return terminal.exitstatus, terminal.before or ""


def test_a_typed_password_opens_the_conf_and_is_not_shown(encrypted: Program) -> None:
    terminal = on_terminal(encrypted, "storage", "list")
    asked(terminal)
    terminal.sendline(PASSWORD)

    status, text = end_of(terminal)

    assert status == 0, text
    assert "QingStor Backups" in text
    assert PASSWORD not in text
    assert QUESTION not in text, "asked twice"


def test_a_wrong_password_is_asked_for_again(encrypted: Program) -> None:
    terminal = on_terminal(encrypted, "storage", "list")
    for typed in ("wrongcanary", "", PASSWORD):
        asked(terminal)
        terminal.sendline(typed)

    status, text = end_of(terminal)

    assert (status, "QingStor Backups" in text, "canary" in text) == (0, True, False), text


def test_after_three_wrong_passwords_the_program_ends(encrypted: Program) -> None:
    terminal = on_terminal(encrypted, "storage", "list")
    for number in range(3):
        asked(terminal)
        terminal.sendline(f"wrongcanary{number}")

    status, text = end_of(terminal)

    assert (status, "[conf_wrong_password]" in text, "canary" in text) == (12, True, False), text


def test_ctrl_d_after_a_wrong_password_tells_that_it_was_wrong(encrypted: Program) -> None:
    terminal = on_terminal(encrypted, "storage", "list")
    asked(terminal)
    terminal.sendline("wrongcanary")
    asked(terminal)
    terminal.sendeof()

    status, text = end_of(terminal)

    assert (status, "[conf_wrong_password]" in text) == (12, True), text


def test_a_wrong_password_of_the_environment_is_not_asked_for(encrypted: Program) -> None:
    wrong = replace(encrypted, variables={"RCLONE_CONFIG_PASS": "wrongcanary"})

    status, text = end_of(on_terminal(wrong, "storage", "list"))

    assert (status, QUESTION in text, "[conf_wrong_password]" in text) == (12, False, True), text


@pytest.mark.parametrize(
    ("words", "redirection", "variables", "status"),
    [
        (["storage", "list"], "2>&-", {}, 12),
        (["conf", "encrypt"], "2>&-", {"RCLONE_CONFIG_PASS": PASSWORD}, 2),
        (["storage", "show", "QingStor Backups", "--reveal"], ">&-", {"RCLONE_CONFIG_PASS": PASSWORD}, 2),
    ],
)
def test_closed_streams_are_no_terminal(
    encrypted: Program, words: list[str], redirection: str, variables: dict[str, str], status: int
) -> None:
    program = replace(encrypted, variables=variables)
    done = subprocess.run(
        ["/bin/sh", "-c", f'exec "$@" {redirection}', "sh", *program.argv(*words)],
        env=program.environment,
        cwd=Path(__file__).parents[2],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == status, done.stdout + done.stderr


def test_reveal_shows_keys_on_a_terminal(program: Program) -> None:
    program.save()

    status, text = end_of(on_terminal(program, "storage", "show", "QingStor Backups", "--reveal"))

    assert status == 0, text
    assert SECRET_ACCESS_KEY in text


@pytest.mark.parametrize("more", [[], ["--json"]])
def test_reveal_is_refused_without_a_terminal(program: Program, more: list[str]) -> None:
    program.save()

    done = program.run("storage", "show", "QingStor Backups", "--reveal", *more)

    assert done.status == 2
    assert "--reveal shows keys on a terminal only" in done.stdout + done.stderr
    assert SECRET_ACCESS_KEY not in done.stdout + done.stderr
