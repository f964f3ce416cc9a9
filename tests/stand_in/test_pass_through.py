"""What involves no QingStor remote goes to the real rclone: same words, environment, descriptors, end."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from adapter.stand_in import program
from adapter.stand_in.call import Installed
from adapter.stand_in.command_line import parse
from adapter.stand_in.front import may_involve_qingstor
from adapter.stand_in.rclone_flags import OPENS_LATER
from tests.stand_in.rclone_help import Help
from tests.stand_in.standing_in import start_argv

_TELLS = """\
#!{python} -IS
import os, sys
open({out!r}, "wb").write(b"\\n".join([
    open("/proc/self/cmdline", "rb").read(),
    open("/proc/self/environ", "rb").read(),
    " ".join(sorted(os.listdir("/proc/self/fd"), key=int)).encode(),
    next(l for l in open("/proc/self/status") if l.startswith("SigIgn")).encode(),
    os.getcwdb(),
]))
sys.exit(7)
"""


class _StandIn:
    """A directory whose `rclone.real` is any program, and the stand-in in front of it."""

    def __init__(self, directory: Path, conf: str) -> None:
        self.directory = directory
        self.conf = directory / "rclone.conf"
        self.conf.write_text(conf)

    def argv(self, *words: str) -> list[str]:
        """A command line of the stand-in."""
        return start_argv(self.directory, *words)

    def real(self, text: str) -> None:
        """Put a program in the place of the real rclone."""
        path = self.directory / "rclone.real"
        path.write_text(text)
        path.chmod(0o755)


@pytest.fixture
def stand_in(tmp_path: Path) -> _StandIn:
    """A stand-in with a conf that has a QingStor remote, which none of the calls here involves."""
    return _StandIn(tmp_path, "[q]\ntype = qingstor\n[s3]\ntype = s3\n[crypt]\ntype = crypt\nremote = s3:x\n")


@pytest.fixture
def replaced(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[str], Mapping[bytes, bytes]]]:
    """What this process would have become."""
    became: list[tuple[list[str], Mapping[bytes, bytes]]] = []

    def become(_program: str, argv: list[str], environment: Mapping[bytes, bytes]) -> None:
        became.append((argv, environment))

    monkeypatch.setattr(program, "become", become)
    return became


def test_every_command_with_every_flag_is_passed_on_as_it_is(
    stand_in: _StandIn,
    rclone_help: Help,
    replaced: list[tuple[list[str], Mapping[bytes, bytes]]],
) -> None:
    """Generated from rclone's own help: flags in front, behind, and joined; also after the closer look."""
    environ = {"RCLONE_CONFIG": str(stand_in.conf), "RCLONE_VERBOSE": "1", "ODD": "\udcff"}
    installed = Installed("/bin/rclone.real")
    lines: list[list[str]] = []
    for command, own in rclone_help.commands.items():
        words = command.split()
        lines += [[*words], [*words, "s3:b", "/local"], ["--transfers", "4", *words, "s3:b", "crypt:x"]]
        lines += [[*words, f"--{flag.name}", *(["x"] if flag.takes_value else []), "s3:b"] for flag in own]
    for flag in rclone_help.everywhere:
        if flag.takes_value:
            lines += [["ls", f"--{flag.name}=s3:x", "s3:"], [f"--{flag.name}", "x", "ls", "s3:"]]
        else:
            lines += [["ls", "s3:", f"--{flag.name}"], [f"--{flag.name}=true", "ls", "s3:"]]
    lines = [
        line for line in lines if not any(word.startswith(("--config", "--password-c")) for word in line)
    ]
    assert len(lines) > 2_500
    for words in lines:
        if may_involve_qingstor(words, {b"RCLONE_CONFIG": bytes(stand_in.conf)}, installed.real):
            program.run(installed, words, environ, lambda _: None, pytest.fail)
            argv, given = replaced.pop()
            assert argv == [installed.real, *words]
            if parse(words).command not in OPENS_LATER:  # these may be told to open the QingStor remote
                assert given == {os.fsencode(name): os.fsencode(value) for name, value in environ.items()}


@pytest.mark.parametrize("words", [("version",), ("ls", "s3:b", "--flag=\udcff", "", "--", "a b\n")])
def test_the_process_is_the_same(stand_in: _StandIn, words: tuple[str, ...], tmp_path: Path) -> None:
    """Words, environment (also without a locale), descriptors, ignored signals, directory, exit status."""
    out = tmp_path / "told"
    stand_in.real(_TELLS.format(python=os.path.realpath(sys.executable), out=str(out)))
    read, write = os.pipe()
    environ = {"RCLONE_CONFIG": str(stand_in.conf), "ODD": "\udcff", "EMPTY": "", "LC_ALL": "C"}
    told = []
    for argv in ([str(stand_in.directory / "rclone.real"), *words], stand_in.argv(*words)):
        done = subprocess.run(
            argv, env=environ, pass_fds=(write,), cwd=tmp_path, stdin=subprocess.DEVNULL, check=False
        )
        assert done.returncode == 7
        told.append(out.read_bytes())
    os.close(read)
    os.close(write)
    assert told[1] == told[0]


def test_pipes_byte_for_byte(stand_in: _StandIn) -> None:
    stand_in.real("#!/bin/sh\ncat; cat >&2 </dev/null; echo end >&2; exit 3\n")
    data = bytes(range(256)) * 4096
    done = subprocess.run(stand_in.argv("rcat", "s3:b/f"), input=data, capture_output=True, check=False)
    assert (done.stdout, done.stderr, done.returncode) == (data, b"end\n", 3)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL, signal.SIGHUP])
def test_signals_reach_it_and_its_end_comes_back(stand_in: _StandIn, number: signal.Signals) -> None:
    stand_in.real("#!/bin/sh\ntrap 'exit 41' TERM\necho up\nwhile :; do sleep 0.05; done\n")
    # The tests run with none of these ignored.
    process = subprocess.Popen(
        stand_in.argv("mount", "s3:b", "/mnt"),
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    with process.stdout:
        assert process.stdout.readline() == b"up\n"
        process.send_signal(number)
        assert process.wait(30) == (41 if number is signal.SIGTERM else -number)


def test_a_real_rclone_that_is_gone_is_told(stand_in: _StandIn) -> None:
    done = subprocess.run(stand_in.argv("version"), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (127, "")
    assert done.stderr == f"{stand_in.directory}/rclone.real cannot be started: No such file or directory.\n"


def test_a_conf_that_cannot_be_read_is_left_to_rclone(
    stand_in: _StandIn, replaced: list[tuple[list[str], Mapping[bytes, bytes]]]
) -> None:
    """Its uploads are protected all the same, whatever the file says."""
    stand_in.conf.write_text("[q\ntype = qingstor")
    program.run(
        Installed("/r"), ["ls", "q:b"], {"RCLONE_CONFIG": str(stand_in.conf)}, lambda _: None, pytest.fail
    )
    (argv, environ) = replaced.pop()
    assert (argv, environ[b"RCLONE_QINGSTOR_UPLOAD_CONCURRENCY"]) == (["/r", "ls", "q:b"], b"1")
