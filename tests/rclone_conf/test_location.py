"""The default path is the one that `rclone config file` shows."""

import os
import subprocess
from pathlib import Path

import pytest

from rclone_conf import ConfReadError, default_path
from tests.rclone_conf import rclone


def shown(environ: dict[str, str], program: Path, directory: Path) -> Path:
    ran = subprocess.run(
        [program, "config", "file"],
        env=environ,
        cwd=directory,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return Path(ran.stdout.splitlines()[-1])


PLACES = ["xdg/rclone/rclone.conf", "home/.config/rclone/rclone.conf", "home/.rclone.conf"]


@pytest.mark.parametrize("xdg", [True, False])
@pytest.mark.parametrize("existing", [PLACES[n:] for n in range(4)] + [[PLACES[0], PLACES[2]]])
def test_the_search_order(existing: list[str], xdg: bool, tmp_path: Path) -> None:  # noqa: FBT001
    for name in ("home", "xdg"):
        (tmp_path / name).mkdir()
    for name in existing:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    environ = {"HOME": str(tmp_path / "home")} | ({"XDG_CONFIG_HOME": str(tmp_path / "xdg")} if xdg else {})
    assert shown(environ, rclone.PROGRAM, tmp_path) == default_path(environ)


def test_a_configuration_directory_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / ".config").touch()
    environ = {"HOME": str(tmp_path)}
    assert shown(environ, rclone.PROGRAM, tmp_path) == default_path(environ) == tmp_path / ".rclone.conf"


@pytest.mark.parametrize("named", ["some.conf", "/elsewhere/rclone.conf", "~/x.conf", "../up.conf"])
def test_the_variable_takes_precedence(named: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".rclone.conf").touch()
    environ = {"HOME": str(tmp_path), "RCLONE_CONFIG": named}
    assert shown(environ, rclone.PROGRAM, tmp_path) == Path(os.path.normpath(default_path(environ)))


@pytest.mark.parametrize("named", ["", os.devnull, "/anywhere/notfound"])
def test_values_of_the_variable_that_mean_no_file(named: str, tmp_path: Path) -> None:
    environ = {"HOME": str(tmp_path), "RCLONE_CONFIG": named}
    assert shown(environ, rclone.PROGRAM, tmp_path) == Path("Configuration is in memory only")
    with pytest.raises(ConfReadError, match="RCLONE_CONFIG"):
        default_path(environ)


def test_without_home_the_user_database_is_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    entry = type("Entry", (), {"pw_dir": str(tmp_path)})
    monkeypatch.setattr("pwd.getpwuid", lambda _uid: entry)
    assert default_path({}) == tmp_path / ".config" / "rclone" / "rclone.conf"

    def unknown(_uid: int) -> object:
        raise KeyError

    monkeypatch.setattr("pwd.getpwuid", unknown)
    assert default_path({}) == tmp_path / ".rclone.conf"
