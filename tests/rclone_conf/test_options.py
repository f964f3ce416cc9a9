"""The table of options against what rclone says of its own backend."""

import json
import subprocess
from pathlib import Path

import pytest

from rclone_conf.qingstor import MAX_UPLOAD_CUTOFF, MIN_CHUNK_SIZE, OPTIONS, Option
from rclone_conf.values import render_size
from tests.rclone_conf.rclone import Daemon


def test_names_types_and_defaults_are_those_of_rclone(rclone: Path) -> None:
    ran = subprocess.run([rclone, "config", "providers"], capture_output=True, check=True, env={"HOME": "/"})
    backend = next(one for one in json.loads(ran.stdout) if one["Name"] == "qingstor")
    theirs = {one["Name"]: (one["Type"], one["DefaultStr"], one["Sensitive"]) for one in backend["Options"]}
    blank_means = {"endpoint": "https://qingstor.com:443", "zone": "pek3a"}
    ours = {
        option.name: (
            option.rclone_type,
            "" if option.name in blank_means else option.default,
            option.secret,
        )
        for option in OPTIONS
        if option.name != "type"
    }
    assert list(ours) == list(theirs)
    assert ours == theirs
    help_texts = {one["Name"]: one["Help"] for one in backend["Options"]}
    for name, default in blank_means.items():
        assert f'"{default}"' in help_texts[name]


def test_flags_are_those_of_rclone(rclone: Path) -> None:
    shown = subprocess.run(
        [rclone, "help", "flags", "qingstor"], capture_output=True, text=True, check=True, env={"HOME": "/"}
    ).stdout
    for option in OPTIONS:
        assert option.name == "type" or option.flag in shown


@pytest.mark.parametrize("option", [option for option in OPTIONS if option.default], ids=lambda o: o.name)
def test_a_default_is_a_value_that_rclone_takes(daemon: Daemon, option: Option) -> None:
    assert not daemon.opens(**{option.name: option.default})


def test_the_limits_are_those_of_rclone(daemon: Daemon) -> None:
    assert not daemon.opens(chunk_size=render_size(MIN_CHUNK_SIZE))
    assert "less than" in daemon.opens(chunk_size=render_size(MIN_CHUNK_SIZE - 1))
    assert not daemon.opens(upload_cutoff=render_size(MAX_UPLOAD_CUTOFF))
    assert "greater than" in daemon.opens(upload_cutoff=render_size(MAX_UPLOAD_CUTOFF + 1))


def test_rclone_has_no_upper_limit_for_a_chunk(daemon: Daemon) -> None:
    """The reason for ours. Should rclone get one, ours may follow it."""
    assert not daemon.opens(chunk_size="1Pi")
