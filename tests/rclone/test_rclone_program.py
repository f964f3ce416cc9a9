"""The adapter with a faked rclone, which gives answers that no real one gives, and the exact command lines.

pytest-subprocess replaces `subprocess.Popen`: nothing is started, and a command line that was not
registered exactly is an error. Its process ids (1, 2, 3, …) belong to other processes.
"""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, cast

import pytest
from pytest_subprocess import FakeProcess
from pytest_subprocess.fake_popen import FakePopen
from pytest_subprocess.process_recorder import ProcessRecorder

from adapter.contract.errors import AdapterError, ErrorCode, Failure
from adapter.machine import launch
from adapter.machine.cancellation import Cancellation
from adapter.machine.settings import Settings
from adapter.rclone.binary import OLDEST, Rclone, cached, probe
from adapter.rclone.environment import child_environment
from adapter.rclone.locate import find
from adapter.rclone.open_storage import OpenStorage, open_storage
from adapter.rclone.query import Query
from adapter.storage.form import storage_form
from tests.program import document
from tests.qingstor_server import ACCESS_KEY_ID, SECRET_ACCESS_KEY

_PIPE_HOLDS = 1 << 16
_VERSION = ("version", "--config", "")
_BACKENDS = ("help", "backends", "--config", "")
_GOOD_VERSION = b"rclone v1.75.2\n- os/version: debian 12.11 (64 bit)\n- go/tags: none\n"
_GOOD_BACKENDS = (
    b"All rclone backends:\n\n  local        Local Disk\n  qingstor     QingCloud Object Storage\n"
)


@dataclass(frozen=True, slots=True)
class Faked:
    """An rclone that exists as a file, is never run, and gives the answers that a test registers."""

    fp: FakeProcess
    path: Path

    def answer(
        self,
        words: tuple[str, ...],
        stdout: bytes = b"",
        stderr: bytes = b"",
        *,
        status: int = 0,
        callback: Callable[[FakePopen], None] | None = None,
    ) -> ProcessRecorder:
        """Register the answer to the next `rclone WORDS…`; any other command line is an error."""
        launcher = [sys.executable, "-I", "-S", "-X", "utf8", launch.__file__, str(os.getpid()), ""]
        return self.fp.register(
            [*launcher, str(self.path), *words], stdout, stderr, returncode=status, callback=callback
        )

    def answer_both(
        self, version: bytes = _GOOD_VERSION, backends: bytes = _GOOD_BACKENDS
    ) -> tuple[ProcessRecorder, ProcessRecorder]:
        """Register the answers to the two commands of a probe."""
        return self.answer(_VERSION, version), self.answer(_BACKENDS, backends)


@pytest.fixture
def faked(fp: FakeProcess, tmp_path: Path) -> Iterator[Faked]:
    """Yield a faked rclone. No process can be started, and none can be signalled by its id."""
    path = tmp_path / "bin" / "rclone"
    path.parent.mkdir()
    path.touch(0o755)
    start = cast("Callable[..., FakePopen]", subprocess.Popen)

    def popen(argv: list[str], **options: object) -> FakePopen:
        """Replace each faked stream, which has no descriptor, by a pipe with the same bytes."""
        process = start(argv, **options)
        for name in ("stdout", "stderr"):
            stream = getattr(process, name)
            if isinstance(stream, BytesIO):
                setattr(process, name, _pipe(stream.getvalue()))
        return process

    def forbidden(*_: object) -> None:
        pytest.fail("A faked process id was used as if it were real.")

    # In a context of its own, which is undone before `fp` puts the real Popen back.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(subprocess, "Popen", popen)
        for module, name in ((os, "kill"), (os, "killpg"), (os, "pidfd_open"), (signal, "pidfd_send_signal")):
            patch.setattr(module, name, forbidden)
        yield Faked(fp, path)


@pytest.fixture
def machine(tmp_path: Path) -> Settings:
    return Settings({}, tmp_path, tmp_path / "rclone.conf", tmp_path / "state", None, lambda: "", lambda: "")


def _short(value: object) -> str:
    """Return a short name for a case whose answer may be 64 KiB."""
    return ascii(value)[:40]


def _pipe(data: bytes) -> BinaryIO:
    """Return the reading end of a pipe that holds this and whose writer is closed."""
    assert len(data) <= _PIPE_HOLDS, "more than a pipe holds"
    reader, writer = os.pipe()
    os.write(writer, data)
    os.close(writer)
    return os.fdopen(reader, "rb")


def _refused(path: Path, cancel: Cancellation) -> Failure:
    """Return the failure with which `probe` refuses it."""
    with pytest.raises(AdapterError) as caught:
        probe(path, {}, cancel)
    return caught.value.failure


@pytest.mark.parametrize(
    ("said", "version"),
    [
        (_GOOD_VERSION, (1, 75, 2)),
        (b"rclone v1.65.0\n", OLDEST),
        (b"rclone v1.65\n", OLDEST),
        (b"rclone v1.70.0-beta.8000.abcdef012\n", (1, 70, 0)),
        (b"rclone v1.71.1-DEV\n", (1, 71, 1)),
        (b"rclone v1.71.1-DEV", (1, 71, 1)),
        (b"rclone v1.70.3\r\n- os/type: windows\r\n", (1, 70, 3)),
        # As numbers: compared as texts both would be older than 1.65.
        (b"rclone v1.100.0\n", (1, 100, 0)),
        (b"rclone v10.0.0\n", (10, 0, 0)),
        (b"2026/01/02 03:04:05 NOTICE: Config file not found\n\nrclone v1.70.3\n", (1, 70, 3)),
        (b"rclone v1.70.3\nrclone v1.50.0\n", (1, 70, 3)),
        (b"\xff\xfe\n\x80rclone v1.50.0\nrclone v1.70.3\n- os/version: caf\xe9\n", (1, 70, 3)),
    ],
    ids=_short,
)
def test_a_version_in_any_shape(
    faked: Faked, cancel: Cancellation, said: bytes, version: tuple[int, int, int]
) -> None:
    faked.answer_both(version=said)
    assert probe(faked.path, {}, cancel) == Rclone(faked.path, version)


@pytest.mark.parametrize(
    ("said", "version"),
    [
        (b"rclone v1.64.2\n", "1.64.2"),
        (b"rclone v1.64.99-beta.7500.abcdef012\n", "1.64.99"),
        (b"rclone v1.60.1-DEV\n", "1.60.1"),
        # As a text it would be newer than 1.65.
        (b"rclone v1.9.0\n", "1.9.0"),
        (b"rclone v0.99\n", "0.99.0"),
    ],
    ids=_short,
)
def test_an_old_rclone_is_refused_with_both_versions(
    faked: Faked, cancel: Cancellation, said: bytes, version: str
) -> None:
    faked.answer_both(version=said)
    failure = _refused(faked.path, cancel)
    assert failure.code is ErrorCode.RCLONE_UNSUPPORTED
    assert f" {version};" in failure.message
    assert " 1.65.0 " in failure.message


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (b"", ""),
        (b"\n\n", "\n\n"),
        (b"hello\n", "hello\n"),
        (b"rclone version unknown\n", "rclone version unknown\n"),
        (b"rclone 1.70.3\n", "rclone 1.70.3\n"),
        (b"rclone v1\n", "rclone v1\n"),
        (b"this is no rclone v1.70.3\n", "this is no rclone v1.70.3\n"),
        (b"r\0c\0l\0o\0n\0e\0 \0v\x001\0", "r\0c\0l\0o\0n\0e\0 \0v\x001\0"),
        (b"\xff\x80rclone", "\N{REPLACEMENT CHARACTER}" * 2 + "rclone"),
        # Cut to a readable length.
        (b"x" * _PIPE_HOLDS, "x" * 200),
    ],
    ids=_short,
)
def test_an_answer_without_a_version_is_shown(
    faked: Faked, cancel: Cancellation, said: bytes, shown: str
) -> None:
    faked.answer_both(version=said)
    failure = _refused(faked.path, cancel)
    assert failure.code is ErrorCode.RCLONE_UNSUPPORTED
    assert "does not report an rclone version" in failure.message
    assert failure.evidence is not None
    assert failure.evidence.log_tail == (shown,)


@pytest.mark.parametrize(
    "backends",
    [
        b"",
        b"All rclone backends:\n\n  local        Local Disk\n  s3           Amazon S3\n",
        b"  qingstor2    Another one\n",
        b"  qingstor-v2  Another one\n",
        b"  notqingstor  Another one\n",
        b"  QingStor     rclone's names have small letters\n",
        b"  s3           Alibaba, qingstor and others\n",
        b"qingstor     no backend: rclone indents them\n",
        b"  qingst\xffor  Another one\n",
        b"  s3           Amazon S3\n\nqingstor was left out of this build\n",
    ],
    ids=_short,
)
def test_without_the_backend(faked: Faked, cancel: Cancellation, backends: bytes) -> None:
    faked.answer_both(backends=backends)
    failure = _refused(faked.path, cancel)
    assert failure.code is ErrorCode.RCLONE_UNSUPPORTED
    assert "without rclone's qingstor backend" in failure.message


@pytest.mark.parametrize(
    "backends",
    [
        b"  qingstor     QingCloud Object Storage",
        b"  qingstor2    Another one\n  qingstor     QingCloud Object Storage\n",
        b"\tqingstor\tQingCloud Object Storage\r\n",
        b"  caf\xe9         Not UTF-8\n  qingstor     QingCloud Object Storage\n",
    ],
    ids=_short,
)
def test_with_the_backend(faked: Faked, cancel: Cancellation, backends: bytes) -> None:
    faked.answer_both(backends=backends)
    assert probe(faked.path, {}, cancel).version == (1, 75, 2)


@pytest.mark.parametrize(
    ("stderr", "reason"),
    [
        (b"Permission denied\n", "Permission denied."),
        (b"Exec format error\n", "Exec format error."),
        (b"a line of the loader\nNo such file or directory\n", "No such file or directory."),
        (b"caf\xe9\n", "caf\N{REPLACEMENT CHARACTER}."),
        (b"", "no reason given."),
    ],
    ids=_short,
)
@pytest.mark.parametrize("answered_before", [False, True])
def test_a_program_that_cannot_be_run(
    faked: Faked, cancel: Cancellation, stderr: bytes, reason: str, *, answered_before: bool
) -> None:
    """Also if it answered a moment ago: an upgrade may remove the file between two commands."""
    if answered_before:
        faked.answer(_VERSION, _GOOD_VERSION)
    faked.answer(_BACKENDS if answered_before else _VERSION, stderr=stderr, status=launch.NOT_STARTED)
    failure = _refused(faked.path, cancel)
    assert failure.code is ErrorCode.RCLONE_NOT_FOUND
    assert failure.message == f"{faked.path} cannot be started: {reason}"


@pytest.mark.parametrize("status", [1, 2, 126, 128, 255, -signal.SIGKILL, -signal.SIGSEGV])
@pytest.mark.parametrize(
    ("stdout", "stderr", "tail"),
    [
        (_GOOD_VERSION, b"1\n2\n3\n4\n5\n6\n", ("2", "3", "4", "5", "6")),
        (b"said on stdout\n", b"", ("said on stdout",)),
        (b"", b"panic: \xff\n", ("panic: \N{REPLACEMENT CHARACTER}",)),
        (b"", b"", ()),
    ],
    ids=["both", "stdout", "not UTF-8", "nothing"],
)
def test_the_output_of_a_failed_command_is_not_used(
    faked: Faked, cancel: Cancellation, status: int, stdout: bytes, stderr: bytes, tail: tuple[str, ...]
) -> None:
    """Nor is the second command run: it is not registered."""
    faked.answer(_VERSION, stdout, stderr, status=status)
    failure = _refused(faked.path, cancel)
    assert failure.code is ErrorCode.RCLONE_UNSUPPORTED
    assert f"`version` ended with status {status}." in failure.message
    assert failure.evidence is not None
    assert (failure.evidence.rclone_exit_code, failure.evidence.log_tail) == (status, tail)


def test_an_incomplete_list_of_backends_is_not_used(faked: Faked, cancel: Cancellation) -> None:
    faked.answer(_VERSION, _GOOD_VERSION)
    faked.answer(_BACKENDS, _GOOD_BACKENDS, b"panic\n", status=2)
    failure = _refused(faked.path, cancel)
    assert failure.code is ErrorCode.RCLONE_UNSUPPORTED
    assert "`help backends` ended with status 2." in failure.message


def test_stderr_is_not_an_answer(faked: Faked, cancel: Cancellation) -> None:
    faked.answer(_VERSION, stderr=_GOOD_VERSION)
    faked.answer(_BACKENDS, stderr=_GOOD_BACKENDS)
    assert "does not report an rclone version" in _refused(faked.path, cancel).message


def test_a_cancelled_probe_runs_no_further_command(faked: Faked, cancel: Cancellation) -> None:
    """Whatever the answer was: the failure is `cancelled`, not that the program is no rclone."""
    asked = faked.answer(_VERSION, b"hello\n", status=1)
    cancel.request()
    assert _refused(faked.path, cancel).code is ErrorCode.CANCELLED
    assert signal.SIGTERM in _only(asked).received_signals()


def test_a_probe_gets_the_built_environment_and_nothing_else(faked: Faked, cancel: Cancellation) -> None:
    kept = {"PATH": "/bin", "HOME": "/home/x", "LC_ALL": "C", "no_proxy": "a.test", "RCLONE_BWLIMIT": "1M"}
    stray = {
        "LD_PRELOAD": "/tmp/x.so",
        "QINGSTOR_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY,
        "RCLONE_CONFIG": "/home/x/rclone.conf",
        "RCLONE_CONFIG_PASS": SECRET_ACCESS_KEY,
        "RCLONE_DRY_RUN": "1",
        "RCLONE_CONFIG_STORAGE_ENDPOINT": "",
    }
    questions = faked.answer_both()
    probe(faked.path, {**kept, **stray}, cancel)
    for question in questions:
        assert _options(question) == {
            "env": kept,
            "stdin": subprocess.DEVNULL,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.PIPE,
            "start_new_session": True,
        }


@pytest.mark.parametrize("option", ["bin/rclone", "./bin/rclone", "bin/../bin/rclone"])
def test_a_relative_program_is_run_by_its_absolute_path(
    faked: Faked, cancel: Cancellation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, option: str
) -> None:
    """The launcher's `exec` would search its own directory for a bare name."""
    monkeypatch.chdir(tmp_path)
    found = find(option, {})
    questions = Faked(faked.fp, tmp_path / option).answer_both()
    assert probe(found, {}, cancel).path.is_absolute()
    assert [question.call_count() for question in questions] == [1, 1]


def test_relative_paths_in_the_environment_are_made_absolute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """rclone is started in the directory that it copies, where they would mean another file."""
    monkeypatch.chdir(tmp_path)
    given = {
        "RCLONE_CA_CERT": "ca.pem",
        "SSL_CERT_DIR": "/a:b:",
        "HOME": "",
        "TMPDIR": "/t/../u:v",
        "PATH": "bin",
    }
    assert child_environment(given).variables == {
        **given,
        "RCLONE_CA_CERT": f"{tmp_path}/ca.pem",
        "SSL_CERT_DIR": f"/a:{tmp_path}/b:",
    }


def test_a_refused_rclone_is_not_cached(faked: Faked, cancel: Cancellation, machine: Settings) -> None:
    """An accepted one is: a third probe would find no registered answer."""
    faked.answer_both(version=b"rclone v1.60.1-DEV\n")
    with pytest.raises(AdapterError):
        cached(faked.path, machine, cancel, 20)
    faked.answer_both()
    assert cached(faked.path, machine, cancel, 20).version == (1, 75, 2)
    assert cached(faked.path, machine, cancel, 20).version == (1, 75, 2)


def test_an_rclone_replaced_during_a_probe_is_probed_again(
    faked: Faked, cancel: Cancellation, machine: Settings
) -> None:
    """After an upgrade between the two commands the result is of neither binary."""
    replaced = threading.Event()

    def replace(_: FakePopen) -> None:
        os.utime(faked.path, ns=(0, 0))
        replaced.set()

    faked.answer(_VERSION, b"rclone v1.70.3\n")
    faked.answer(_BACKENDS, _GOOD_BACKENDS, callback=replace)
    assert cached(faked.path, machine, cancel, 20).version == (1, 70, 3)
    assert replaced.wait(30)
    faked.answer_both()
    assert cached(faked.path, machine, cancel, 20).version == (1, 75, 2)


_LIST = ("lsf", "storage:bucket-one/a b", "--max-depth", "1")
_LIST_IN_10_S = (
    *_LIST,
    *("--retries", "1", "--low-level-retries", "1", "--timeout", "9.5s", "--contimeout", "9.5s"),
    *("--config", "", "--use-json-log"),
)


@pytest.fixture
def access(machine: Settings) -> OpenStorage:
    return open_storage(storage_form(document()), machine)


@pytest.fixture
def query(faked: Faked, cancel: Cancellation, access: OpenStorage) -> Query:
    return Query(Rclone(faked.path, OLDEST), access.env, access.redactor, cancel)


def test_the_keys_are_in_the_environment_of_a_command_and_not_in_its_arguments(
    faked: Faked, query: Query, access: OpenStorage
) -> None:
    asked = faked.answer(_LIST_IN_10_S, b"name\xff\n")
    reply = query.run_or_raise(access.place("bucket-one"), 10, *_LIST)
    assert (reply.exit_status, reply.stdout, reply.records) == (0, b"name\xff\n", ())
    options = _options(asked)
    assert options["env"] == access.env
    assert access.env["RCLONE_CONFIG_STORAGE_SECRET_ACCESS_KEY"] == SECRET_ACCESS_KEY
    words = _only(asked).args
    assert not isinstance(words, str | bytes)
    assert not [word for word in words if SECRET_ACCESS_KEY in str(word) or ACCESS_KEY_ID in str(word)]
    assert "shell" not in options
    assert "executable" not in options


@pytest.mark.parametrize(
    ("status", "stderr", "code", "said"),
    [
        (launch.NOT_STARTED, b"Exec format error\n", ErrorCode.RCLONE_NOT_FOUND, "Exec format error"),
        (launch.NOT_STARTED, b"Text file busy\n", ErrorCode.RCLONE_NOT_FOUND, "Text file busy"),
        (launch.NOT_STARTED, b"Permission denied\n", ErrorCode.RCLONE_NOT_FOUND, "Permission denied"),
        (launch.NOT_STARTED, b"Connection timed out\n", ErrorCode.RCLONE_NOT_FOUND, "Connection timed out"),
        (launch.NOT_STARTED, b"", ErrorCode.RCLONE_NOT_FOUND, "exit status 127"),
        (-signal.SIGKILL, b"", ErrorCode.UNKNOWN, "exit status -9"),
        (1, b'{"level":"info","msg":"all is well"}\n', ErrorCode.UNKNOWN, "exit status 1"),
        (1, b"\xff\n", ErrorCode.UNKNOWN, r"\xff"),
        # The incomplete last line of a log is shown.
        (1, b'{"level":"error","msg":"cut o', ErrorCode.UNKNOWN, '{"level":"error","msg":"cut o'),
    ],
    ids=_short,
)
def test_a_failed_command_is_explained(
    faked: Faked, query: Query, access: OpenStorage, status: int, stderr: bytes, code: ErrorCode, said: str
) -> None:
    faked.answer(_LIST_IN_10_S, b"half a list\n", stderr, status=status)
    with pytest.raises(AdapterError) as caught:
        query.run_or_raise(access.place("bucket-one"), 10, *_LIST)
    failure = caught.value.failure
    assert failure.code is code
    assert said in failure.message
    assert failure.evidence is not None
    assert failure.evidence.rclone_exit_code == status


def _only(recorder: ProcessRecorder) -> FakePopen:
    """Return the only process that was started with this command line."""
    (process,) = recorder.calls
    return process


def _options(recorder: ProcessRecorder) -> Mapping[str, object]:
    """Return the arguments of Popen other than the command line."""
    options = _only(recorder).kwargs
    assert options is not None
    return options
