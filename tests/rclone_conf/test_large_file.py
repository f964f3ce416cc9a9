"""A save parses even a large file once; `tests.bench.large_conf` measures how long it takes."""

from pathlib import Path

import pytest

from rclone_conf import ConfFile, encrypt
from rclone_conf.syntax import read_lines
from tests.bench.large_conf import change, large_file


@pytest.mark.parametrize("password", [None, "one"])
def test_a_save_parses_the_file_once(
    password: str | None, conf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = large_file(50, 2_000, 3)
    conf.write_bytes(data if password is None else encrypt(data, password))
    parsed: list[int] = []

    def counted(text: bytes) -> object:
        parsed.append(len(text))
        return read_lines(text)

    monkeypatch.setattr("rclone_conf.document.read_lines", counted)
    edited = ConfFile(conf, lambda: password).edit(change(1))

    assert edited.changed
    assert parsed == [len(data)]
