"""Case 8: runs that look at a part only, one after the other, and a full one at the end."""

from pathlib import Path

import pytest

from adapter.transfer.selection import Selection
from tests.transfer.cases import MIXED, below
from tests.transfer.in_process import InProcess
from tests.transfer.there_and_back import ThereAndBack, there_and_back
from tests.transfer.whole_tree import Seen

pytestmark = [pytest.mark.usefixtures("small_chunks"), pytest.mark.deep]


@pytest.fixture(params=MIXED)
def both(request: pytest.FixtureRequest, machine: InProcess, source: Path, tmp_path: Path) -> ThereAndBack:
    """Files that are stored in one PUT, in parts, in chunks."""
    return there_and_back(machine, source, tmp_path, request.param)


def _not_directories(tree: dict[bytes, Seen]) -> dict[bytes, Seen]:
    """Of those only what is in them is looked at here: a narrow run passes through them."""
    return {path: seen for path, seen in tree.items() if seen[0] != "dir"}


def _restored(both: ThereAndBack, name: str) -> dict[bytes, Seen]:
    both.restore(name).good()
    return _not_directories(below(both.place / name))


def test_deleted_and_renamed_files_stay_away_whatever_was_looked_at(
    both: ThereAndBack, tmp_path: Path
) -> None:
    source = both.source
    both.write("deep/large.txt", "large")
    for name in ("a.txt", "b.jpg", "deep/c.jpg", "gone/d.txt", "gone/e.jpg", "out/f.txt", "emptied/g.txt"):
        (source / name).parent.mkdir(exist_ok=True)
        (source / name).write_bytes(name.encode())
    (source / "link").symlink_to("b.jpg")
    both.backup().good()
    both.restore("old").good()
    first = below(source)

    # Includes: of texts what there is now, of all others what there was.
    (source / "a.txt").rename(source / "renamed.txt")
    (source / "b.jpg").unlink()
    (source / "gone" / "d.txt").unlink()
    (source / "gone" / "e.jpg").write_bytes(b"edited, not looked at")
    (source / "emptied" / "g.txt").unlink()
    both.write("deep/large.txt", "edited")
    (source / "deep" / "c.jpg").rename(source / "deep" / "moved.jpg")
    both.backup(Selection(includes=("*.txt",))).good()
    expected = {
        **{name: first[name] for name in (b"b.jpg", b"deep/c.jpg", b"gone/e.jpg", b"out/f.txt", b"link")},
        **{name: below(source)[name] for name in (b"renamed.txt", b"deep/large.txt")},
    }
    assert _restored(both, "included") == expected

    # A list: of what is named what there is now, a file that is not there any more is not.
    (tmp_path / "list").write_text("deep\nb.jpg\n")
    (source / "renamed.txt").write_bytes(b"edited, not looked at")
    both.backup(Selection(files_from=tmp_path / "list")).good()
    del expected[b"b.jpg"], expected[b"deep/c.jpg"]
    expected[b"deep/moved.jpg"] = below(source)[b"deep/moved.jpg"]
    assert _restored(both, "listed") == expected

    # An exclude hides what is there; all else is as it is.
    both.backup(Selection(excludes=("/out/**", "link"))).good()
    now = _not_directories(below(source))
    assert _restored(both, "excluded") == {
        name: seen for name, seen in now.items() if name not in {b"out/f.txt", b"link"}
    }
    both.backup().good()
    both.check()


def test_includes_and_an_exclude_together_and_a_list_of_what_is_not_there(
    machine: InProcess, source: Path, tmp_path: Path
) -> None:
    both = there_and_back(machine, source, tmp_path, "one PUT")
    for name in ("in/a.txt", "in/b.tmp", "out/c.txt"):
        (both.source / name).parent.mkdir(exist_ok=True)
        (both.source / name).write_bytes(name.encode())
    both.write("in/large.txt", "large")
    both.backup().good()
    both.restore("old").good()
    first = below(both.source)
    for path in list(both.source.rglob("*.*")):
        path.unlink()
    both.write("in/new.txt", "new")
    both.backup(Selection(includes=("/in/**",), excludes=("*.tmp",))).good()
    assert _restored(both, "chosen") == {
        b"in/new.txt": below(both.source)[b"in/new.txt"],
        b"out/c.txt": first[b"out/c.txt"],
    }
    (tmp_path / "list").write_text("out/c.txt\nnever there\n")
    listed = both.backup(Selection(files_from=tmp_path / "list"))
    assert listed.summary.exit_status == 0 or listed.code == "source_empty"
    both.backup().good()
    both.check()
