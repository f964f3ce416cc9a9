"""What is in the index after a run, and so in its manifest: what was seen, what is kept, and what is gone."""

import stat
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from adapter.files.catalog import Catalog, State, Work, open_catalog
from adapter.files.decision import Decision, How, Row, Stored, decide
from adapter.files.entry import Entry, Root
from adapter.files.index import Index
from adapter.files.manifest import EntryState, Kind, ManifestInvalid, Saved
from adapter.files.manifest_rows import rebuild, saved_entries
from adapter.files.names import spelled
from adapter.files.outlook import Outlook
from adapter.files.patterns import Dialect, Patterns
from adapter.files.reconcile import reconcile
from adapter.files.walk import Choice, Walk
from adapter.files.wanted import Wanted

_S = 1_000_000_000
_MD5 = "a" * 32
_MODES = {Kind.FILE: 0o100644, Kind.DIRECTORY: 0o040750, Kind.LINK: 0o120777}
_STALE, _CARRIED, _CURRENT = EntryState.STALE, EntryState.CARRIED, EntryState.CURRENT


def _patterns(*rules: str, includes: Iterable[str] = (), excludes: Iterable[str] = ()) -> Patterns:
    patterns = Patterns()
    patterns.exclude(excludes, Dialect.RCLONE)
    patterns.include(includes, Dialect.RCLONE)
    patterns.add_rules(rules)
    patterns.finish()
    return patterns


def _walk(
    patterns: Patterns | None = None, *, places: tuple[bytes, ...] | None = None, prefix: bytes = b""
) -> Walk:
    return Walk(Root(b"/root/" + prefix, prefix), Choice(patterns or Patterns(), places))


_ALL = Outlook([_walk()], ())
_TEXTS = Outlook([_walk(_patterns(includes=["*.txt"]))], ())
_PLACES = Outlook([_walk(places=(b"in/deep", b"line\nend"))], ())


@pytest.mark.parametrize(
    ("outlook", "name", "state"),
    [
        (_ALL, "x", None),
        (_ALL, "d/x", None),
        # Out of reach.
        (Outlook([_walk()], {b"d"}), "d", _STALE),
        (Outlook([_walk()], {b"d"}), "d/e/x", _STALE),
        (Outlook([_walk()], {b"d"}), "d-x", None),
        (Outlook([_walk()], {b"d/e"}), "d", None),
        (Outlook([_walk(_patterns(includes=["*.txt"]))], {b"d"}), "d/x", _STALE),
        (Outlook([_walk(places=(b"other",))], {b"d"}), "d/x", _STALE),
        # Not included; included, looked for and not there.
        (_TEXTS, "x", _CARRIED),
        (_TEXTS, "d/x", _CARRIED),
        (_TEXTS, "x.txt", None),
        (_TEXTS, "d/x.txt", None),
        (Outlook([_walk(_patterns(includes=["/d/**"]))], ()), "d/e/x", None),
        (Outlook([_walk(_patterns(includes=["/d/**"]))], ()), "e/d/x", _CARRIED),
        (Outlook([_walk(_patterns("+ x", "- *"))], ()), "y", None),
        # Excluded, itself or with a directory above it.
        (Outlook([_walk(_patterns(excludes=["*.tmp"]))], ()), "d/x.tmp", None),
        (Outlook([_walk(_patterns(excludes=["/d/**"], includes=["*.txt"]))], ()), "d/x", None),
        (Outlook([_walk(_patterns(excludes=["/d/**"], includes=["*.txt"]))], ()), "d/x.txt", None),
        (Outlook([_walk(_patterns(excludes=["/d/**"], includes=["*.txt"]))], ()), "e/x", _CARRIED),
        # Beside the places; in one, or above one.
        (_PLACES, "x", _CARRIED),
        (_PLACES, "in/x", _CARRIED),
        (_PLACES, "in/deeper", _CARRIED),
        (_PLACES, "in", None),
        (_PLACES, "in/deep", None),
        (_PLACES, "in/deep/er/x", None),
        (_PLACES, "line\u240aend", None),
        (_PLACES, "line\u240aend/x", None),
        (_PLACES, "line", _CARRIED),
        (Outlook([_walk(_patterns(excludes=["x"]), places=(b"in",))], ()), "in/x", None),
        (Outlook([_walk(_patterns(excludes=["x"]), places=(b"in",))], ()), "x", _CARRIED),
        (Outlook([_walk(places=())], ()), "x", _CARRIED),
    ],
)
def test_what_was_not_seen_is_gone_or_out_of_reach_or_was_not_looked_for(
    outlook: Outlook, name: str, state: EntryState | None
) -> None:
    assert outlook.state_of(name.encode()) is state


def test_each_of_several_sources_has_a_view_of_its_own() -> None:
    texts = _patterns(includes=["*.txt"])
    outlook = Outlook([_walk(prefix=b"srv/"), _walk(texts, prefix=b"srv/deep/"), _walk(prefix=b"home/")], ())
    names = (b"srv/x", b"srv/deep/x", b"srv/deep/x.txt", b"srv/deeper/x", b"home/x", b"no source/x", b"srv")
    states = (None, _CARRIED, None, None, None, None, None)
    assert tuple(map(outlook.state_of, names)) == states


def _entry(name: str, kind: Kind, inode: int = 7) -> Entry:
    link = b"somewhere" if kind is Kind.LINK else b""
    size = 10 if kind is Kind.FILE else 0
    return Entry(name.encode(), size, 100 * _S + 1, 200 * _S, inode, _MODES[kind], 1, 2, "", link, 900 * _S)


def _row(name: str, kind: Kind) -> Row:
    stored = (_MD5, How.OBJECT.value, _MD5) if kind is Kind.FILE else ("", "", "")
    return Row(*_entry(name, kind), *stored, "", "")


Tree = Mapping[str, str]
"""Names, each with `file`, `dir` or `symlink`, and in what comes of it also with its state."""


def _told(index: Index) -> dict[str, str]:
    """What the index says; `current` is not written out."""
    return {
        entry.name.decode(): entry.kind + ("" if entry.state is _CURRENT else f" {entry.state}")
        for entry in saved_entries(index)
    }


def _run(
    catalog: Catalog,
    before: Tree,
    now: Tree,
    outlook: Outlook = _ALL,
    *,
    unsent: Mapping[str, State] | None = None,
    has_includes: bool = False,
) -> dict[str, str]:
    """What a run leaves that finds `before` in the index, `now` on the disk, and sends all but `unsent`."""
    index, failed = catalog.index, unsent or {}
    index.record(_row(name, Kind(kind)) for name, kind in before.items())
    index.note_manifest("before", "digest")
    catalog.add_entries(_entry(name, Kind(kind)) for name, kind in now.items())
    catalog.add_work(
        Work(name.encode(), 0, name, 10, is_new=False, state=state) for name, state in failed.items()
    )
    sent = (name for name, kind in now.items() if kind == "file" and before.get(name) != kind)
    index.record(_row(name, Kind.FILE) for name in sent if name not in failed)
    reconcile(catalog, outlook, has_includes=has_includes)
    return _told(index)


@pytest.fixture
def catalog() -> Iterator[Catalog]:
    """Tables beside an index that is new."""
    with open_catalog(None) as catalog:
        yield catalog


class _Case(NamedTuple):
    before: Tree
    now: Tree
    outlook: Outlook
    told: Tree


_CASES = {
    "all is seen": _Case(
        {"": "dir", "x": "file"},
        {"": "dir", "d": "dir", "d/l": "symlink", "x": "file", "y": "file"},
        _ALL,
        {"": "dir", "d": "dir", "d/l": "symlink", "x": "file", "y": "file"},
    ),
    "gone": _Case(
        {"d": "dir", "d/x": "file", "l": "symlink", "y": "file"}, {"y": "file"}, _ALL, {"y": "file"}
    ),
    "excluded": _Case(
        {"d": "dir", "d/x.tmp": "file", "d/y": "file"},
        {"d": "dir", "d/y": "file"},
        Outlook([_walk(_patterns(excludes=["*.tmp"]))], ()),
        {"d": "dir", "d/y": "file"},
    ),
    "an unreadable directory": _Case(
        {"d": "dir", "d/e": "dir", "d/e/x": "file", "d/l": "symlink", "y": "file"},
        {"d": "dir"},
        Outlook([_walk()], {b"d"}),
        {"d": "dir", "d/e": "dir stale", "d/e/x": "file stale", "d/l": "symlink stale"},
    ),
    "an unreadable directory that is not seen itself": _Case(
        {"d": "dir", "d/e": "dir", "d/e/x": "file"},
        {"d": "dir"},
        Outlook([_walk()], {b"d/e"}),
        {"d": "dir", "d/e": "dir stale", "d/e/x": "file stale"},
    ),
    "not included": _Case(
        {"d": "dir", "d/x": "file", "d/gone.txt": "file", "e": "dir", "e/x": "file", "l": "symlink"},
        {"d": "dir", "new.txt": "file"},
        _TEXTS,
        {
            "d": "dir",
            "d/x": "file carried",
            "e": "dir carried",
            "e/x": "file carried",
            "l": "symlink carried",
            "new.txt": "file",
        },
    ),
    "beside the places": _Case(
        {"in": "dir", "in/deep": "dir", "in/deep/x": "file", "in/y": "file", "z": "file"},
        {"in": "dir", "in/deep": "dir"},
        _PLACES,
        {"in": "dir", "in/deep": "dir", "in/y": "file carried", "z": "file carried"},
    ),
    "beside a place that is gone": _Case(
        {"in": "dir", "in/deep": "dir", "in/deep/x": "file", "in/y": "file"},
        {},
        _PLACES,
        {"in": "dir carried", "in/y": "file carried"},
    ),
    "a directory became a file": _Case({"d": "dir", "d/x": "file"}, {"d": "file"}, _ALL, {"d": "file"}),
    "a directory became a link": _Case({"d": "dir", "d/x": "file"}, {"d": "symlink"}, _ALL, {"d": "symlink"}),
    "a file became a directory": _Case(
        {"d": "file"}, {"d": "dir", "d/x": "file"}, _ALL, {"d": "dir", "d/x": "file"}
    ),
    "a link became a file": _Case({"d": "symlink"}, {"d": "file"}, _ALL, {"d": "file"}),
    "a file became a link": _Case({"d": "file"}, {"d": "symlink"}, _ALL, {"d": "symlink"}),
    "not included below what is a file now": _Case(
        {"d.txt": "dir", "d.txt/e": "dir", "d.txt/e/x": "file", "d.txt/l": "symlink", "y": "file"},
        {"d.txt": "file"},
        _TEXTS,
        {"d.txt": "file", "y": "file carried"},
    ),
    "not included below what is a link now": _Case(
        {"d.txt": "dir", "d.txt/e": "dir", "d.txt/e/x": "file"},
        {"d.txt": "symlink"},
        _TEXTS,
        {"d.txt": "symlink"},
    ),
    "out of reach below what is a link now": _Case(
        {"d": "dir", "d/x": "file"}, {"d": "symlink"}, Outlook([_walk()], {b"d"}), {"d": "symlink"}
    ),
    "directories that nobody knows, above what is kept": _Case(
        {"d/e/x": "file", "d/e-y": "file", "gone": "file"},
        {},
        Outlook([_walk(places=(b"gone",))], ()),
        {"d": "dir carried", "d/e": "dir carried", "d/e-y": "file carried", "d/e/x": "file carried"},
    ),
    "names that sort between a directory and what is in it": _Case(
        {"d": "dir", "d-x": "file", "d/x": "file", "d0": "file"},
        {"d": "dir"},
        Outlook([_walk()], {b"d"}),
        {"d": "dir", "d/x": "file stale"},
    ),
}


@pytest.mark.parametrize("case", _CASES.values(), ids=_CASES)
def test_the_index_says_what_was_seen_and_what_is_kept(catalog: Catalog, case: _Case) -> None:
    assert _run(catalog, case.before, case.now, case.outlook) == case.told
    assert not catalog.index.is_as_written


def test_a_directory_that_is_kept_for_what_is_in_it_keeps_what_is_known_of_it(catalog: Catalog) -> None:
    _run(catalog, {"d": "dir", "d/x": "file", "e/y": "file"}, {}, _TEXTS)
    modes = {entry.name: entry.mode for entry in saved_entries(catalog.index) if entry.kind is Kind.DIRECTORY}
    assert modes == {b"d": 0o750, b"e": 0o755}


@pytest.mark.parametrize(
    ("state", "told"),
    [
        (State.HASH, {"x": "file stale"}),
        (State.WAITING, {"x": "file stale"}),
        (State.FAILED, {"x": "file stale"}),
        (State.AGAIN, {"x": "file stale"}),
        (State.SUSPECT, {"x": "file stale"}),
        (State.UNKNOWN, {"x": "file stale"}),
        (State.DONE, {"x": "file"}),
        (State.GONE, {}),
    ],
)
def test_what_became_of_a_file_is_its_state(catalog: Catalog, state: State, told: Tree) -> None:
    unsent = {"x": state, "new": State.FAILED if state is State.DONE else state}
    assert _run(catalog, {"x": "file"}, {"x": "file", "new": "file"}, unsent=unsent) == told


def test_what_was_stale_and_could_be_sent_is_current_again(catalog: Catalog) -> None:
    assert _run(catalog, {"x": "file"}, {"x": "file"}, unsent={"x": State.FAILED}) == {"x": "file stale"}
    catalog.settle([b"x"], State.DONE)
    catalog.index.note_manifest("second", "digest")
    reconcile(catalog, _ALL, has_includes=False)
    assert (_told(catalog.index), catalog.index.is_as_written) == ({"x": "file"}, False)


@pytest.mark.parametrize("unsent", [State.FAILED, State.GONE])
def test_an_old_file_that_is_a_directory_now_is_no_file_of_the_backup(
    catalog: Catalog, unsent: State
) -> None:
    told = _run(catalog, {"d": "file"}, {"d": "dir", "d/x": "file"}, unsent={"d/x": unsent})
    assert told == {"d": "dir"}


@pytest.mark.parametrize(
    ("now", "told"),
    [
        ({"d": "dir"}, {}),
        ({"d": "dir", "d/e": "dir"}, {}),
        ({"d": "dir", "d/x.txt": "file"}, {"d": "dir", "d/x.txt": "file"}),
        (
            {"d": "dir", "d/e": "dir", "d/e/x.txt": "symlink"},
            {"d": "dir", "d/e": "dir", "d/e/x.txt": "symlink"},
        ),
        ({"d": "dir", "d/e": "dir", "d0": "dir", "d0/x.txt": "file"}, {"d0": "dir", "d0/x.txt": "file"}),
        ({"d": "dir", "d/e.txt": "dir"}, {"d": "dir", "d/e.txt": "dir"}),
        ({"": "dir"}, {"": "dir"}),
        ({"known": "dir"}, {"known": "dir"}),
    ],
)
def test_a_new_directory_that_was_only_passed_through_does_not_count(
    catalog: Catalog, now: Tree, told: Tree
) -> None:
    # One that was known and is not there any more is gone: its directory was looked at.
    assert _run(catalog, {"known": "dir"}, now, _TEXTS, has_includes=True) == told


def test_a_directory_of_what_is_carried_stays(catalog: Catalog) -> None:
    before = {"known": "dir", "known/photo.jpg": "file"}
    carried = {"known": "dir carried", "known/photo.jpg": "file carried"}
    assert _run(catalog, before, {}, _TEXTS, has_includes=True) == carried


def test_a_directory_whose_file_could_not_be_sent_is_no_version_of_it(catalog: Catalog) -> None:
    told = _run(catalog, {"d": "dir", "d/x": "file"}, {"d": "file"}, unsent={"d": State.FAILED})
    assert told == {}


def test_a_directory_that_an_include_names_counts_itself(catalog: Catalog) -> None:
    patterns = Patterns()
    patterns.include(["/d/**"], Dialect.RCLONE)
    patterns.finish()
    outlook = Outlook([Walk(Root(b"/src"), Choice(patterns))], ())
    assert _run(catalog, {}, {"d": "dir", "e": "dir"}, outlook, has_includes=True) == {"d": "dir"}
    with open_catalog(None) as another:
        told = _run(another, {"d": "dir", "e": "dir"}, {}, outlook, has_includes=True)
        assert told == {"e": "dir carried"}


def _change(name: str, **changes: object) -> Entry:
    kinds = {"d": Kind.DIRECTORY, "l": Kind.LINK, "x": Kind.FILE, "new": Kind.DIRECTORY}
    return _entry(name, kinds[name])._replace(**changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changed", "is_as_written"),
    [
        (_change("d"), True),
        (_change("d", ctime_ns=5), True),
        (_change("d", inode=5), True),
        (_change("d", seen_ns=5), True),
        (_change("l", ctime_ns=5, inode=5, seen_ns=5), True),
        (_change("d", mtime_ns=5), False),
        (_change("d", mode=0o040751), False),
        (_change("d", uid=5), False),
        (_change("d", gid=5), False),
        (_change("l", link=b"elsewhere"), False),
        (_change("l", mtime_ns=5), False),
        (_change("l", mode=_MODES[Kind.DIRECTORY], link=b""), False),
        (_change("new"), False),
    ],
)
def test_the_manifest_is_out_of_date_when_something_that_it_says_has_changed(
    catalog: Catalog, changed: Entry, *, is_as_written: bool
) -> None:
    tree = {"d": "dir", "l": "symlink", "x": "file"}
    index = catalog.index
    index.record(_row(name, Kind(kind)) for name, kind in tree.items())
    index.note_manifest("before", "digest")
    said = list(saved_entries(index))
    catalog.add_entries(_entry(name, Kind(kind)) for name, kind in tree.items())
    catalog.replace_entry(changed)
    reconcile(catalog, _ALL, has_includes=False)
    assert index.is_as_written is is_as_written
    assert (list(saved_entries(index)) == said) is is_as_written


@pytest.mark.parametrize("unsent", [{}, {"x": State.FAILED}])
def test_what_says_the_same_again_needs_no_new_manifest(
    catalog: Catalog, unsent: Mapping[str, State]
) -> None:
    before = {"d": "dir", "d/y": "file", "e": "dir", "e/z": "file", "x": "file"}
    now = {"d": "dir", "x": "file"}
    outlook = Outlook([_walk(places=(b"d", b"x"))], {b"d"})
    told = _run(catalog, before, now, outlook, unsent=unsent)
    catalog.index.note_manifest("second", "digest")
    reconcile(catalog, outlook, has_includes=False)
    assert (_told(catalog.index), catalog.index.is_as_written) == (told, True)
    reconcile(catalog, _ALL, has_includes=False)
    assert not catalog.index.is_as_written


_NAMES = [
    f"{first}{rest}" for first in "ab" for rest in ("", "-", "/a", "/b", "/a/a", "/a/b", "/b/a", "/a-/b")
]
_KINDS = st.sampled_from(["file", "dir", "symlink"])


def _with_parents(tree: dict[str, str]) -> dict[str, str]:
    """The tree without what is not in a directory, and with the directories that it needs."""
    whole: dict[str, str] = {}
    for name in sorted(tree):
        above = [name[:at] for at, letter in enumerate(name) if letter == "/"]
        if all(whole.get(one, "dir") == "dir" for one in above):
            whole |= dict.fromkeys(above, "dir") | {name: tree[name]}
    return whole


_trees = st.dictionaries(st.sampled_from(_NAMES), _KINDS, max_size=8).map(_with_parents)
_some = st.lists(st.sampled_from(_NAMES), max_size=2)


@given(
    _trees,
    _trees,
    st.one_of(st.none(), _some),
    _some,
    st.dictionaries(st.sampled_from(_NAMES), st.sampled_from(State), max_size=3),
    st.booleans(),
)
def test_whatever_happens_all_is_in_directories_and_the_manifest_is_known_to_be_right(
    before: dict[str, str],
    now: dict[str, str],
    places: list[str] | None,
    unreadable: list[str],
    unsent: dict[str, State],
    has_includes: bool,  # noqa: FBT001
) -> None:
    walk = _walk(places=None if places is None else tuple(name.encode() for name in places))
    outlook = Outlook([walk], [name.encode() for name in unreadable])
    files = {name: state for name, state in unsent.items() if now.get(name) == "file"}
    gone = [name for name, state in files.items() if state is State.GONE]
    # It was seen, so it was looked for; see also the next test.
    assume(all(outlook.state_of(name.encode()) is None and before.get(name) != "dir" for name in gone))
    with open_catalog(None) as catalog:
        told = _run(catalog, before, now, outlook, unsent=files, has_includes=has_includes)
        entries = list(saved_entries(catalog.index))
        Wanted(catalog).load(entries)  # raises if something is not in a directory
        if catalog.index.is_as_written:
            assert told == before
        kept = {name for name, kind in now.items() if kind != "dir" and name not in files}
        assert {name: told.get(name) for name in kept} == {name: now[name] for name in kept}
        catalog.index.note_manifest("after", "digest")
        reconcile(catalog, outlook, has_includes=has_includes)
        assert (catalog.index.is_as_written, list(saved_entries(catalog.index))) == (True, entries)


@pytest.mark.parametrize(
    "outlook",
    [Outlook([_walk()], {b"d"}), Outlook([_walk(places=(b"d/was/y",))], ())],
    ids=["unreadable", "places"],
)
def test_what_became_a_file_and_vanished_leaves_nothing_without_a_directory(
    catalog: Catalog, outlook: Outlook
) -> None:
    told = _run(
        catalog,
        {"d": "dir", "d/was": "dir", "d/was/x": "file"},
        {"d": "dir", "d/was": "file"},
        outlook,
        unsent={"d/was": State.GONE},
    )
    assert ("d/was" in told) == ("d/was/x" in told)
    catalog.index.note_manifest("after", "digest")
    reconcile(catalog, outlook, has_includes=False)
    assert catalog.index.is_as_written


def test_entries_have_what_the_index_says_and_the_owners_names(catalog: Catalog) -> None:
    odd = spelled(b"x\n\xff")
    row = _row("x", Kind.FILE)._replace(
        name=odd,
        mode=0o104755,
        uid=0,
        gid=0,
        hard_link="fd01-1f",
        etag="",
        uploaded="now",
        chunks=_MD5,
        how="chunks",
    )
    nobody = _row("l", Kind.LINK)._replace(uid=1 << 40, gid=4_000_000_000)
    catalog.index.record([row, nobody, _row("", Kind.DIRECTORY)])
    root, link, file = saved_entries(catalog.index)
    assert [entry.name for entry in (root, link, file)] == [b"", b"l", odd]
    assert (root.kind, root.mode, root.md5, root.how) == (Kind.DIRECTORY, 0o750, "", "")
    assert (link.kind, link.link, link.user, link.group) == (Kind.LINK, b"somewhere", "", "")
    assert (file.mode, file.user, file.group, file.hard_link) == (0o4755, "root", "root", "fd01-1f")
    assert (file.md5, file.how, file.etag, file.uploaded, file.chunks) == (_MD5, "chunks", "", "now", _MD5)
    assert (file.size, file.mtime_ns, file.state) == (10, 100 * _S + 1, _CURRENT)


def _rows(index: Index) -> dict[bytes, Row]:
    return {row[0]: Row._make(row) for row in index.connection.execute("SELECT * FROM files")}


def _without_names(entries: Iterable[Saved]) -> list[Saved]:
    return [entry._replace(user="", group="") for entry in entries]


@pytest.fixture
def known(catalog: Catalog) -> Index:
    """An index with something of each kind, of which one file is stale and nothing has been written."""
    tree = {"d": "dir", "d/x": "file", "l": "symlink", "y": "file"}
    _run(catalog, tree, tree, unsent={"y": State.FAILED})
    return catalog.index


def test_an_index_that_is_rebuilt_says_what_the_manifest_says(known: Index) -> None:
    before = _rows(known)
    (d, x, link, y) = saved_entries(known)
    told = [
        d._replace(mode=0o700),
        x,
        link._replace(link=b"elsewhere"),
        *(x._replace(name=b"many %06d" % number) for number in range(2500)),
        y._replace(state=_CARRIED),
    ]
    rebuild(known, iter(told), "newest", "its digest")
    assert _without_names(saved_entries(known)) == _without_names(told)
    assert (known.manifest, known.digest, known.is_as_written) == ("newest", "its digest", True)
    now = _rows(known)
    assert (now[b"d/x"], now[b"y"]) == (before[b"d/x"], before[b"y"])
    assert (now[b"d"].mode, now[b"d"].ctime_ns, now[b"d"].inode) == (0o040700, 0, 0)
    assert (now[b"l"].link, now[b"l"].ctime_ns, now[b"l"].inode) == (b"elsewhere", 0, 0)
    rebuild(known, [x], "another", "")
    assert _told(known) == {"d/x": "file"}


@pytest.mark.parametrize(
    "changes",
    [
        *({"size": 9}, {"mtime_ns": 9}, {"mode": 0o600}, {"uid": 9}, {"gid": 9}, {"md5": "b" * 32}),
        *({"how": "parts"}, {"etag": ""}, {"uploaded": "now"}, {"chunks": _MD5}),
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_row_of_which_the_manifest_says_something_else_is_not_trusted(
    known: Index, changes: dict[str, object]
) -> None:
    (d, x, link, y) = saved_entries(known)
    changed = x._replace(**changes)  # type: ignore[arg-type]
    rebuild(known, [d, changed, link, y], "newest", "")
    assert _without_names(saved_entries(known))[1] == changed._replace(user="", group="")
    assert _rows(known)[b"d/x"].ctime_ns == 0


def test_a_rebuild_that_fails_leaves_the_index_as_it_was(known: Index) -> None:
    known.note_manifest("mine", "my digest")
    rows, told = _rows(known), _told(known)

    def cut() -> Iterator[Saved]:
        entries = list(saved_entries(known))
        yield from (entries[0]._replace(name=b"%06d" % number) for number in range(2500))
        raise ManifestInvalid("as a test")

    with pytest.raises(ManifestInvalid):
        rebuild(known, cut(), "newest", "its digest")
    assert (_rows(known), _told(known)) == (rows, told)
    assert (known.manifest, known.digest, known.is_as_written) == ("mine", "my digest", True)
    rebuild(known, [], "newest", "")
    assert (_rows(known), known.manifest) == ({}, "newest")


@pytest.mark.parametrize(
    ("mtime_ns", "ignore_inode"),
    [
        (100 * _S + 1, False),
        (100 * _S + 1, True),
        (100 * _S, True),
        (0, True),
        (-10 * _S, False),
        (-10 * _S, True),
    ],
)
def test_a_file_that_only_a_manifest_knows_is_read(
    catalog: Catalog, mtime_ns: int, *, ignore_inode: bool
) -> None:
    entry = _entry("x", Kind.FILE)._replace(mtime_ns=mtime_ns)
    catalog.index.record([Row(*entry, _MD5, "object", _MD5, "", "")])
    (saved,) = saved_entries(catalog.index)
    rebuild(catalog.index, [saved._replace(uid=9)], "newest", "")
    row = _rows(catalog.index)[b"x"]
    assert decide(entry, row, Stored(10, _MD5), ignore_inode=ignore_inode) is Decision.HASH


def test_the_type_of_what_a_manifest_says_is_in_its_mode(known: Index) -> None:
    said = list(saved_entries(known))
    rebuild(known, [], "none", "")
    rebuild(known, said, "newest", "")
    types = {name.decode(): stat.S_IFMT(row.mode) for name, row in _rows(known).items()}
    assert types == {"d": stat.S_IFDIR, "d/x": stat.S_IFREG, "l": stat.S_IFLNK, "y": stat.S_IFREG}
    assert _told(known) == {"d": "dir", "d/x": "file", "l": "symlink", "y": "file stale"}
