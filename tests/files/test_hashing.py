"""An MD5 is of one version of a file, or there is none."""

import hashlib
import os
from pathlib import Path

import pytest

from adapter.contract.errors import AdapterError, ErrorCode
from adapter.files import hashing
from adapter.files.entry import entry_of
from adapter.files.hashing import ToHash, hash_files
from adapter.machine.cancellation import Cancellation
from adapter.runs.run import Run


def _listed(path: Path) -> ToHash:
    return ToHash(os.fsencode(path), entry_of(os.fsencode(path.name), path.lstat(), 0))


def _hashed(files: list[ToHash], run: Run) -> dict[str, str | OSError | None]:
    reading = hash_files(files, run)
    while True:
        try:
            next(reading)
        except StopIteration as end:
            return {name.decode(): md5 for name, md5 in end.value.items()}


def test_many_files_are_read_and_each_has_its_own_md5(tmp_path: Path, cancel: Cancellation) -> None:
    for number in range(50):
        (tmp_path / f"{number}").write_bytes(b"%d" % number * (number * 70_000))
    found = _hashed([_listed(path) for path in tmp_path.iterdir()], Run(cancel))
    assert found == {
        path.name: hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
        for path in tmp_path.iterdir()
    }


def test_a_file_that_is_not_what_was_listed_has_none(tmp_path: Path, cancel: Cancellation) -> None:
    for name in ("edited", "replaced by a pipe", "gone", "a link"):
        (tmp_path / name).write_bytes(b"listed")
    files = [_listed(path) for path in tmp_path.iterdir()]
    (tmp_path / "edited").write_bytes(b"edited")
    (tmp_path / "gone").unlink()
    (tmp_path / "replaced by a pipe").unlink()
    os.mkfifo(tmp_path / "replaced by a pipe")
    (tmp_path / "a link").rename(tmp_path / "moved")
    (tmp_path / "a link").symlink_to("moved")
    found = _hashed(files, Run(cancel))
    assert (found["edited"], found["replaced by a pipe"]) == (None, None)
    assert isinstance(found["gone"], FileNotFoundError)
    assert isinstance(found["a link"], OSError)


def test_a_file_that_changes_while_it_is_read_has_none(
    tmp_path: Path, cancel: Cancellation, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old" * 1_000_000)
    monkeypatch.setattr(hashing, "_BLOCK", 1_000_000)
    real = hashlib.md5

    class Editing:
        """An MD5 during which the file is edited."""

        def __init__(self, **_: object) -> None:
            self._md5 = real(usedforsecurity=False)

        def update(self, data: bytes) -> None:
            """Edit the file after its first block."""
            self._md5.update(data)
            with path.open("r+b") as file:
                file.seek(-3, os.SEEK_END)
                file.write(b"new")

        def hexdigest(self) -> str:
            """Return an MD5 of no version of the file."""
            return self._md5.hexdigest()

    monkeypatch.setattr(hashlib, "md5", Editing)
    assert _hashed([_listed(path)], Run(cancel)) == {"file": None}


def test_a_run_that_is_cancelled_reads_no_further(tmp_path: Path, cancel: Cancellation) -> None:
    (tmp_path / "file").write_bytes(b"x")
    cancel.request()
    with pytest.raises(AdapterError) as caught:
        _hashed([_listed(tmp_path / "file")], Run(cancel))
    assert caught.value.failure.code is ErrorCode.CANCELLED
