"""What a restore wants of a backup: whole and in directories of its own, and then less as it is asked for."""

from collections.abc import Iterable, Iterator

import pytest

from adapter.files.catalog import Catalog, Object, open_catalog
from adapter.files.decision import How, Stored
from adapter.files.manifest import EntryState, Kind, ManifestInvalid, Saved
from adapter.files.patterns import Dialect, Patterns
from adapter.files.wanted import Wanted

_MD5 = "a" * 32


def _file(name: bytes, state: EntryState = EntryState.CURRENT, size: int = 1) -> Saved:
    return Saved(
        *(name, Kind.FILE, state, size, 5, 0o644, 0, 0, "", "", b"", ""),
        *(_MD5, How.OBJECT.value, _MD5, "", ""),
    )


def _directory(name: bytes) -> Saved:
    return _file(name, size=0)._replace(kind=Kind.DIRECTORY, md5="", how="", etag="", mode=0o755)


def _link(name: bytes) -> Saved:
    return _directory(name)._replace(kind=Kind.LINK, link=b"/etc")


_TREE = (
    *(_directory(b""), _file(b"a"), _directory(b"a b"), _file(b"a b/c"), _directory(b"deep")),
    *(_file(b"deep-file"), _directory(b"deep/er"), _file(b"deep/er/\xff", EntryState.STALE, 5)),
    *(_directory(b"deep/none"), _link(b"deep/\xffto"), _directory(b"deep0"), _file(b"deep0/z"), _link(b"x")),
)


@pytest.fixture
def catalog() -> Iterator[Catalog]:
    """Tables without a file."""
    with open_catalog(None) as catalog:
        yield catalog


@pytest.fixture
def wanted(catalog: Catalog) -> Wanted:
    """The tree, loaded."""
    wanted = Wanted(catalog)
    wanted.load(_TREE)
    return wanted


def _names(wanted: Wanted) -> set[bytes]:
    return {entry.name for entry in wanted.entries()}


def test_what_was_loaded_is_there_in_order(wanted: Wanted) -> None:
    assert list(wanted.entries()) == list(_TREE)
    assert list(wanted.entries(is_reversed=True)) == list(reversed(_TREE))
    for kind in Kind:
        assert list(wanted.entries(kind)) == [entry for entry in _TREE if entry.kind is kind]
    assert (wanted.get(b"x"), wanted.get(b"y")) == (_link(b"x"), None)
    assert [entry.name for entry in wanted.stale()] == [b"deep/er/\xff"]
    assert wanted.totals() == (7, 9)


def test_what_is_loaded_takes_the_place_of_what_was_there(wanted: Wanted) -> None:
    wanted.load([_file(b"other")])
    assert _names(wanted) == {b"other"}
    wanted.add([_file(b"other", size=7), _link(b"more")])
    assert {entry.name: entry.size for entry in wanted.entries()} == {b"other": 7, b"more": 0}


@pytest.mark.parametrize(
    "entries",
    [
        (_file(b"a"), _file(b"a/b")),
        (_link(b"a"), _file(b"a/b")),
        (_link(b"a"), _directory(b"a/b"), _file(b"a/b/c")),
        (_file(b"a/b"),),
        (_directory(b""), _link(b"a/b")),
        (_directory(b"a"), _file(b"a/b/c")),
        (_directory(b"a"), _file(b"b"), _directory(b"b/c")),
    ],
    ids=["file", "link", "link above", "none", "none but the root", "none between", "directory below a file"],
)
def test_what_is_not_in_a_directory_of_the_backup_is_refused(
    wanted: Wanted, entries: tuple[Saved, ...]
) -> None:
    with pytest.raises(ManifestInvalid, match="below something that is not a directory"):
        wanted.load(entries)
    assert _names(wanted) == set()


def test_sizes_that_no_bucket_can_hold_are_refused_or_counted(wanted: Wanted) -> None:
    try:
        wanted.load([_file(b"a", size=(1 << 63) - 1), _file(b"b", size=(1 << 63) - 1)])
    except ManifestInvalid:
        return
    assert wanted.totals()[0] == 2


def test_entries_that_cannot_be_read_to_their_end_leave_nothing(wanted: Wanted) -> None:
    def cut() -> Iterable[Saved]:
        yield from (_file(b"%d" % number) for number in range(2500))
        raise ManifestInvalid("as a test")

    with pytest.raises(ManifestInvalid, match="as a test"):
        wanted.load(cut())
    assert _names(wanted) == set()
    wanted.load(_TREE)
    assert len(_names(wanted)) == len(_TREE)


def test_a_directory_is_kept_with_what_is_in_it(wanted: Wanted) -> None:
    wanted.keep_below(b"deep")
    assert _names(wanted) == {b"deep", b"deep/er", b"deep/er/\xff", b"deep/none", b"deep/\xffto"}


def test_one_is_kept(wanted: Wanted) -> None:
    wanted.keep_one(b"deep/\xffto")
    assert list(wanted.entries()) == [_link(b"deep/\xffto")]


@pytest.mark.parametrize(
    ("patterns", "below", "names"),
    [
        ([], b"", {entry.name for entry in _TREE}),
        (["+ /deep/er/**", "- **"], b"", {b"", b"deep", b"deep/er", b"deep/er/\xff"}),
        (["- /deep/**", "- x"], b"", {b"", b"a", b"a b", b"a b/c", b"deep-file", b"deep0", b"deep0/z"}),
        (["+ c", "- *"], b"", {b"", b"a b", b"a b/c"}),
        (["+ *to", "- *"], b"", {b"", b"deep", b"deep/\xffto"}),
        (["- **"], b"", set()),
        (["+ /er/**", "- **"], b"deep/", {b"deep", b"deep/er", b"deep/er/\xff"}),
        (["- /deep/**", "- er/"], b"deep/", {b"deep", b"deep/\xffto"}),
    ],
)
def test_patterns_choose_files_and_links_and_keep_the_directories_that_these_need(
    wanted: Wanted, patterns: list[str], below: bytes, names: set[bytes]
) -> None:
    if below:
        wanted.keep_below(below.rstrip(b"/"))
    rules = Patterns()
    rules.add_rules(patterns)
    rules.finish()
    wanted.choose(rules, below)
    assert _names(wanted) == names


def test_an_include_leaves_everything_else_out(wanted: Wanted) -> None:
    patterns = Patterns()
    patterns.include(["deep-*"], Dialect.RCLONE)
    patterns.finish()
    wanted.choose(patterns)
    assert _names(wanted) == {b"", b"deep-file"}


def test_each_file_comes_with_its_object(catalog: Catalog, wanted: Wanted) -> None:
    catalog.add_objects([Object(b"a", 1, _MD5), Object(b"deep/er/\xff", 6, ""), Object(b"x", 4, _MD5)])
    found = {entry.name: stored for entry, stored in wanted.files()}
    assert found == {
        b"a": Stored(1, _MD5),
        b"a b/c": None,
        b"deep-file": None,
        b"deep/er/\xff": Stored(6, ""),
        b"deep0/z": None,
    }


def test_objects_that_are_no_file_of_the_backup_are_foreign(catalog: Catalog, wanted: Wanted) -> None:
    names = (
        b"a",
        b"deep/er/\xff",
        b"a b/c.pluton_chunk.001_x",
        b"deep",
        b"x",
        b"gone",
        b".pluton/manifests/y",
    )
    catalog.add_objects(Object(name, 1, "") for name in names)
    assert set(wanted.foreign_objects()) == {b"a b/c.pluton_chunk.001_x", b"deep", b"x", b"gone"}
