"""The index survives whatever happens to its process or its file, and never says more than was recorded."""

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from adapter.files.catalog import Catalog, Object, State, Work, open_catalog
from adapter.files.decision import How, Row
from adapter.files.entry import Entry
from adapter.files.index import index_path, known_md5s, open_index

_ROOT = Path(__file__).parents[2]


def _row(name: bytes, size: int = 1, *, how: How = How.OBJECT, md5: str = "a" * 32) -> Row:
    return Row(name, size, 1, 2, 3, 0o100644, 0, 0, "", b"", 4, md5, how.value, md5, "", "")


def _entry(name: bytes) -> Entry:
    return Entry(name, 1, 1, 2, 3, 0o100644, 0, 0, "", b"", 4)


def _rows(path: Path) -> dict[bytes, int]:
    with closing(sqlite3.connect(path)) as connection:
        return dict(connection.execute("SELECT name, size FROM files"))


def test_what_was_recorded_is_there_the_next_time(tmp_path: Path) -> None:
    path = tmp_path / "index" / "of.sqlite"
    with open_index(path) as index:
        assert index.is_new
        index.record([_row(b"a"), _row(b"bytes \xff")])
        index.record_mounts([b"disk"])
    with open_index(path) as index, closing(Catalog(index)) as catalog:
        assert (index.is_new, index.trouble, index.mounts()) == (False, "", frozenset({b"disk"}))
        catalog.add_entries([_entry(b"bytes \xff")])
        ((_, row, _),) = catalog.compared()
        assert row == _row(b"bytes \xff")
    assert path.stat().st_mode & 0o777 == 0o600


_WRITER = """
import sys
from pathlib import Path
from adapter.files import index as module
from tests.files.test_index import _row
module._COMMIT_EVERY_S = 0.0005
with module.open_index(Path(sys.argv[1])) as index:
    number = 0
    while True:
        index.record([_row(b"%d" % number, number)])
        number += 1
        print(number, flush=True)
"""


@pytest.mark.parametrize(
    "round_", [*range(3), *(pytest.param(n, marks=pytest.mark.deep) for n in range(3, 60))]
)
def test_a_kill_leaves_a_sound_file_without_a_row_that_was_not_written(tmp_path: Path, round_: int) -> None:
    path = tmp_path / "of.sqlite"
    writer = subprocess.Popen(
        [sys.executable, "-c", _WRITER, str(path)], stdout=subprocess.PIPE, cwd=_ROOT, env=dict(os.environ)
    )
    assert writer.stdout is not None
    for _ in range(50 + 37 * round_):
        last = writer.stdout.readline()
    writer.send_signal(signal.SIGKILL)
    written = int((writer.stdout.read().split() or [last])[-1])
    writer.stdout.close()
    writer.wait()

    with open_index(path) as index:
        assert index.trouble == ""
    rows = _rows(path)
    assert all(rows[name] == int(name) for name in rows)
    assert set(rows) == {b"%d" % number for number in range(len(rows))}
    assert len(rows) <= written + 1


def test_a_write_that_fails_takes_nothing_else_with_it(tmp_path: Path) -> None:
    path = tmp_path / "of.sqlite"
    with open_index(path) as index, closing(Catalog(index)) as catalog:
        catalog.add_work([Work(b"a", 0, "a", 1, is_new=True, state=State.WAITING)])
        index.record([_row(b"a")])
        index.commit()
        index.connection.execute("PRAGMA max_page_count = 1")
        index.record(_row(b"name %d" % number) for number in range(5000))
        catalog.settle([b"a"], State.DONE)
        assert "cannot be written" in index.trouble
        index.record([_row(b"b")])
        index.commit()
        assert [work.name for work in catalog.work(State.DONE)] == [b"a"]
    assert set(_rows(path)) == {b"a"}


def test_the_md5s_of_files_in_parts_are_known_whoever_sent_them(tmp_path: Path) -> None:
    for series in ("one", "two"):
        with open_index(index_path(tmp_path, "target", series)) as index:
            index.record([_row(series.encode(), how=How.PARTS), _row(b"plain")])
    with open_index(index_path(tmp_path, "another target", "one")) as index:
        index.record([_row(b"elsewhere", how=How.PARTS)])
    assert set(known_md5s(tmp_path, "target")) == {b"one", b"two"}
    assert known_md5s(tmp_path, "nowhere") == {}


def test_names_that_several_objects_want_are_found() -> None:
    with open_catalog(None) as catalog:
        names = (b"a", b"a/b", b"a-b", b"c/d", b"c/d/e", b"f", b"f.txt/g", b"bytes \xff", b"bytes \xff/x")
        assert catalog.add_objects(Object(name, 1, "") for name in names) == len(names)
        assert catalog.add_objects([Object(b"a", 1, "")]) == 0
        assert set(catalog.contested_names(b".link")) == {b"a", b"bytes \xff", b"c/d"}
        catalog.add_objects([Object(b"f.link", 1, ""), Object(b"x.link", 1, ""), Object(b".link", 1, "")])
        assert set(catalog.contested_names(b".link")) == {b"a", b"bytes \xff", b"c/d", b"f"}


def test_what_we_keep_at_the_target_is_no_object_of_the_backup() -> None:
    with open_catalog(None) as catalog:
        assert catalog.add_objects([Object(b".pluton/manifests/x", 1, "")]) == 1
        assert not catalog.has_objects()
        assert list(catalog.own_objects()) == [b".pluton/manifests/x"]


def test_an_index_knows_whether_it_says_what_its_manifest_says(tmp_path: Path) -> None:
    path = tmp_path / "of.sqlite"
    with open_index(path) as index:
        index.record([_row(b"a")])
        index.note_manifest("run", "digest")
        assert (index.manifest, index.digest, index.is_as_written) == ("run", "digest", True)
        index.record_mounts([b"disk"])
        index.change("DELETE FROM files WHERE name = x'00'")
        assert index.is_as_written
        first = index.id
    with open_index(path) as index:
        assert (index.id, index.is_as_written) == (first, True)
        index.record([_row(b"b")])
    with open_index(path) as index:
        assert (index.manifest, index.is_as_written) == ("run", False)
