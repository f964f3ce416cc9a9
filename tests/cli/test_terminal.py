"""Output for people: a bar on a terminal, plain lines elsewhere, and no control characters."""

import io
import re
from pathlib import Path

import pexpect
import pytest
from rich.console import Console

from adapter.cli.terminal import Screen
from adapter.contract.errors import ErrorCode, Failure
from adapter.contract.events import ErrorEvent, FailedFile, Outcome, Summary
from tests.program import Program, document
from tests.qingstor_server import Fault, FaultKind, QingStorServer
from tests.terminal import on_terminal

TARGET = "QingStor Backups:bucket-one/srv"


@pytest.fixture
def saved(program: Program, server: QingStorServer) -> Program:
    """A program with a saved storage and a bucket `bucket-one`."""
    server.add_bucket("bucket-one")
    program.save()
    return program


def test_a_bar_with_rate_time_left_and_current_files(
    saved: Program, server: QingStorServer, tmp_path: Path
) -> None:
    (tmp_path / "slow one.bin").write_bytes(bytes(3 << 20))
    server.add_fault(Fault(FaultKind.BANDWIDTH, operation="put_object", bytes_per_second=1 << 20))

    terminal = on_terminal(saved, "backup", str(tmp_path / "slow one.bin"), TARGET)

    terminal.expect(r"transferring.*\d+%.*MB of 3\.1 MB.*/s.*left")
    terminal.expect("slow one.bin")
    terminal.expect("success: 1 new")
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == 0


def test_ctrl_c_on_the_terminal_ends_the_run_in_good_order(
    saved: Program, server: QingStorServer, tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(b"x")
    server.add_fault(Fault(FaultKind.HANG, operation="put_object"))
    terminal = on_terminal(saved, "backup", str(tmp_path / "file"), TARGET)
    server.wait_for("put_object")

    terminal.sendintr()

    terminal.expect("BACKUP_CANCELLED")
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == 130


def test_without_a_terminal_there_is_no_bar_and_no_escape(saved: Program, tmp_path: Path) -> None:
    hostile = tmp_path / "source"
    hostile.mkdir()
    (hostile / "\x1b[31mred [bold]name").write_bytes(b"x")

    done = saved.run("backup", hostile, TARGET, "--verbose-files")

    assert done.status == 0, done.stderr
    assert "success: 1 new" in done.stdout
    assert re.search(r"[\x00-\x09\x0b-\x1f]", done.stdout) is None
    assert "[bold]name" in done.stdout


def test_a_file_whose_error_was_not_final_is_named_at_the_end() -> None:
    """A run that is cancelled before the next pass: nobody has been told of the file yet."""
    written = io.StringIO()
    failure = Failure(ErrorCode.SERVER_ERROR, "What.", "Next.")
    with Screen(Console(file=written), bar=False) as screen:
        screen.show(ErrorEvent(failure, "backup", "tried again", will_retry=True))
        screen.show(ErrorEvent(failure, "backup", "final"))
        files = tuple(FailedFile(item, failure) for item in ("tried again", "final"))
        screen.show(Summary(Outcome.CANCELLED, failure, files_failed=2, failed_files=files))
    text = written.getvalue()
    assert text.count("tried again") == 1
    assert "  missing: tried again: What. [server_error]" in text
    assert text.count("final") == 1
    assert "error: final: What. [server_error]" in text


def test_every_command_has_help(program: Program) -> None:
    for words in ([], ["storage"], ["storage", "save"], ["backup"], ["restore"], ["form", "check"]):
        done = program.run(*words, "--help")
        assert done.status == 0
        assert "usage: pluton-qingstor" in done.stdout
    assert "examples:" in program.run("--help").stdout


def test_errors_for_people_have_the_label_and_the_hint(program: Program) -> None:
    done = program.run("form", "check", document=document(settings={"zone": "", "chunk_size": "1mi"}))

    assert done.status == 2
    assert done.stdout == ""
    assert done.stderr.startswith("Chunk Size: it is less than 4 MiB")
    assert "chunk_size" not in done.stderr
    assert "[invalid_form]" in done.stderr
