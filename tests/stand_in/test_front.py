"""The first look never lets a QingStor remote pass, and loads nothing for the others."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from adapter.stand_in.front import may_involve_qingstor

_QINGSTOR = "[q]\ntype = qingstor\n"
_OTHER = "[s3]\ntype = s3\n"


@pytest.mark.parametrize(
    ("words", "conf", "may"),
    [
        ("version", _QINGSTOR, False),
        ("listremotes", _QINGSTOR, False),
        ("config show q", _QINGSTOR, False),
        ("lsd s3:", _OTHER, False),
        ("lsd s3:", _QINGSTOR, True),
        ("lsd q:", _QINGSTOR, True),
        ("lsd s3:", "RCLONE_ENCRYPT_V0:\nxxxx", True),
        ("lsd :qingstor:", _OTHER, True),
        ("config create q qingstor zone x", _OTHER, True),
        ("config update q zone x", _QINGSTOR, True),
        ("config update s3 zone x", _OTHER, False),
        ("rcd", _QINGSTOR, True),
        ("rcd", _OTHER, False),
    ],
)
def test_what_needs_a_closer_look(words: str, conf: str, may: bool, tmp_path: Path) -> None:  # noqa: FBT001
    path = tmp_path / "rclone.conf"
    path.write_text(conf)
    real = str(tmp_path / "bin" / "rclone.real")
    for spelled, environ in (
        (words.split(), {b"RCLONE_CONFIG": str(path).encode()}),
        ([*words.split(), "--config", str(path)], {}),
        ([f"--config={path}", *words.split()], {b"RCLONE_CONFIG": b"/nowhere"}),
    ):
        assert may_involve_qingstor(spelled, environ, real) == may


def test_the_conf_is_found_where_rclone_finds_it(tmp_path: Path) -> None:
    words, real = ["lsd", "q:"], str(tmp_path / "bin" / "rclone.real")
    places = {
        tmp_path / "bin" / "rclone.conf": {},
        tmp_path / "xdg" / "rclone" / "rclone.conf": {b"XDG_CONFIG_HOME": bytes(tmp_path / "xdg")},
        tmp_path / "home" / ".config" / "rclone" / "rclone.conf": {b"HOME": bytes(tmp_path / "home")},
        tmp_path / "home" / ".rclone.conf": {b"HOME": bytes(tmp_path / "home")},
    }
    for path, environ in places.items():
        assert not may_involve_qingstor(words, environ, real)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_QINGSTOR)
        assert may_involve_qingstor(words, environ, real), path
        path.unlink()


def test_a_remote_in_a_variable_is_seen() -> None:
    for name in (b"RCLONE_CONFIG_NEW_TYPE", b"RCLONE_BACKUP_DIR"):
        assert may_involve_qingstor(["lsd", "new:"], {name: b":qingstor:b"}, "/nowhere/rclone.real")
    assert not may_involve_qingstor(["lsd", "new:"], {b"NOTE": b"qingstor"}, "/nowhere/rclone.real")


def test_a_conf_that_is_a_pipe_is_left_to_rclone(tmp_path: Path) -> None:
    """Reading it would take from rclone what it holds; the closer look protects without reading it."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert may_involve_qingstor(["lsd", "q:", "--config", str(pipe)], {}, "/nowhere/rclone.real")


def test_the_start_loads_next_to_nothing() -> None:
    """Each module takes its time before every rclone that Pluton starts."""
    code = "import sys, adapter.cli.rclone_start; print(*sorted(sys.modules))"
    root = str(Path(__file__).parents[2])
    argv = [sys.executable, "-ISc", f"import sys; sys.path.append({root!r}); {code}"]
    loaded = set(subprocess.run(argv, check=True, capture_output=True, text=True).stdout.split())
    heavy = {"re", "typing", "dataclasses", "pathlib", "json", "socket", "subprocess", "site", "contextlib"}
    assert not loaded & {*heavy, "msgspec", "pydantic", "psutil", "rclone_conf"}
