"""A manifest is read back exactly as it was written, or refused: cut, damaged, forged or of a later one."""

import gzip
import hashlib
import json
import stat
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapter.files.decision import How
from adapter.files.manifest import FORMAT_VERSION, Counts, EntryState, Header, Kind, ManifestInvalid, Saved
from adapter.files.manifest_reader import ManifestFile, read_header
from adapter.files.manifest_writer import write_manifest
from adapter.files.names import spelled

_ROOT = Path(__file__).parents[2]
_MD5, _OTHER = "a" * 32, "b" * 32
_HEADER = Header(
    run_id="20261127T100000Z-0123abcd",
    outcome="success",
    started="2026-11-27T10:00:00.000Z",
    ended="2026-11-27T10:00:01.000Z",
    series="/srv",
    index_id="0123456789abcdef",
    host="here",
    sources=("/srv",),
    patterns=("exclude *.tmp",),
    rclone_version="1.75.2",
    adapter_version="0.1.0",
    counts=Counts(),
    digest="",
)
_FILE = Saved(
    *(b"f", Kind.FILE, EntryState.CURRENT, 10, 1_700_000_000_123_456_789, 0o644, 1000, 100, "u", "g", b""),
    *("", _MD5, How.OBJECT.value, _MD5, "", ""),
)
_DIRECTORY = _FILE._replace(name=b"", kind=Kind.DIRECTORY, size=0, md5="", how="", etag="", mode=0o1755)
_LINK = _DIRECTORY._replace(name=b"link", kind=Kind.LINK, link=b"../to \xff\n", mode=0o777)
_SOME = (
    _DIRECTORY,
    _FILE._replace(name=b"bytes \xff", state=EntryState.STALE, size=3),
    _FILE._replace(hard_link="fd01-1f"),
    _LINK,
    _FILE._replace(
        name=spelled(b"x\n"), how="chunks", etag="", uploaded="2026-11-27 10:00:00", chunks=_OTHER
    ),
)


def _write(path: Path, entries: Iterable[Saved], header: Header = _HEADER) -> Header:
    return write_manifest(path, entries, lambda digest, counts: replace(header, digest=digest, counts=counts))


def _read(path: Path) -> tuple[Header, list[Saved]]:
    file = ManifestFile(path)
    return file.header, list(file.entries())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A manifest of each kind of entries."""
    _write(tmp_path / "manifest", _SOME)
    return tmp_path / "manifest"


_parts = st.lists(
    st.sampled_from(
        [
            *(b"a", b"B", b".", b" ", b"\n", b"\r", b"\x01", b"\x7f", b"\xff", b"\xe2\x90", b"\\", b'"'),
            *("\u201b\u240a\u2400\u2421\uff0e\uff0f\u2028\U0001f600".encode(), "\u201b".encode()),
            *(one.encode() for one in "\u240a\u2400\uff0e\uff0f"),
        ]
    ),
    min_size=1,
    max_size=6,
).map(b"".join)
_paths = st.lists(_parts.filter(lambda part: part not in {b".", b".."}), min_size=1, max_size=3).map(
    b"/".join
)
_md5s = st.text("0123456789abcdef", min_size=32, max_size=32)


@st.composite
def _saved(draw: st.DrawFn) -> Saved:
    """Any entry that an index may have."""
    entry = Saved(
        name=spelled(draw(_paths)),
        kind=draw(st.sampled_from(Kind)),
        state=draw(st.sampled_from(EntryState)),
        size=0,
        mtime_ns=draw(st.integers(-(1 << 63), (1 << 63) - 1)),
        mode=draw(st.integers(0, 0o7777)),
        uid=draw(st.integers(0, (1 << 32) - 1)),
        gid=draw(st.integers(0, (1 << 32) - 1)),
        user=draw(st.text(max_size=4)),
        group=draw(st.text(max_size=4)),
        link=b"",
        hard_link="",
        md5="",
        how="",
        etag="",
        uploaded="",
        chunks="",
    )
    if entry.kind is Kind.LINK:
        return entry._replace(link=draw(st.binary(min_size=1, max_size=9).filter(lambda link: 0 not in link)))
    if entry.kind is Kind.DIRECTORY:
        return entry if draw(st.booleans()) else entry._replace(name=b"")
    md5 = draw(_md5s)
    return entry._replace(
        size=draw(st.integers(0, 1 << 45)),
        hard_link=draw(st.sampled_from(["", "fd01-1f"])),
        md5=md5,
        how=draw(st.sampled_from(How)).value,
        etag=draw(st.sampled_from([md5, "", _OTHER])),
        uploaded=draw(st.sampled_from(["", "2026-11-27 10:00:00"])),
        chunks=draw(st.sampled_from(["", _OTHER])),
    )


@given(st.lists(_saved(), max_size=8))
def test_entries_of_any_kind_and_name_come_back(entries: list[Saved]) -> None:
    entries = [found for _, found in sorted({entry.name: entry for entry in entries}.items())]
    with TemporaryDirectory() as directory:
        header = _write(Path(directory) / "manifest", entries)
        assert _read(Path(directory) / "manifest") == (header, entries)
    kinds = [entry.kind for entry in entries]
    states = [entry.state for entry in entries]
    assert header.counts == Counts(
        files=kinds.count(Kind.FILE),
        dirs=kinds.count(Kind.DIRECTORY),
        symlinks=kinds.count(Kind.LINK),
        bytes=sum(entry.size for entry in entries),
        stale=states.count(EntryState.STALE),
        carried=states.count(EntryState.CARRIED),
    )


_texts = st.text(max_size=10)


@given(
    st.builds(
        Header,
        *([_texts] * 7),
        sources=st.lists(_texts, max_size=3).map(tuple),
        patterns=st.lists(_texts, max_size=3).map(tuple),
        rclone_version=_texts,
        adapter_version=_texts,
        counts=st.builds(Counts, left_out=st.integers(0, 99), failed=st.integers(0, 99)),
        digest=st.just(""),
    )
)
def test_a_first_line_comes_back(header: Header) -> None:
    with TemporaryDirectory() as directory:
        path = Path(directory) / "manifest"
        write_manifest(path, (), lambda digest, _: replace(header, digest=digest))
        wanted = replace(header, digest=hashlib.md5(b"").hexdigest())
        assert ManifestFile(path).header == read_header(path.read_bytes()) == wanted


def test_a_name_that_is_not_utf8_does_not_keep_a_first_line_from_being_written(tmp_path: Path) -> None:
    header = replace(_HEADER, host="host \udcff", sources=("/srv/\udcff",))
    _write(tmp_path / "manifest", _SOME, header)
    found = ManifestFile(tmp_path / "manifest").header
    assert (found.host, found.sources) == ("host ?", ("/srv/?",))


def test_a_first_line_with_very_many_patterns_comes_back(tmp_path: Path) -> None:
    header = replace(
        _HEADER, patterns=tuple(f"exclude /srv/a directory/{number}" for number in range(50_000))
    )
    _write(tmp_path / "manifest", _SOME, header)
    assert len(ManifestFile(tmp_path / "manifest").header.patterns) == 50_000


def test_a_beginning_of_a_manifest_has_its_first_line_or_not_all_of_it(path: Path) -> None:
    data = path.read_bytes()
    whole = ManifestFile(path).header
    found = [read_header(data[:cut]) for cut in range(len(data) + 1)]
    assert (found[0], found[-1]) == (None, whole)
    reached = next(cut for cut, header in enumerate(found) if header is not None)
    assert reached < len(data) // 2
    assert all(header == whole for header in found[reached:])


@pytest.mark.parametrize(
    "data", [b"no manifest", gzip.compress(b"[]\n"), gzip.compress(b"x" * (1 << 25))], ids=range(3)
)
def test_what_begins_otherwise_is_no_manifest(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(ManifestInvalid) as refused:
        read_header(data)
    assert not refused.value.is_newer
    (tmp_path / "manifest").write_bytes(data)
    with pytest.raises(ManifestInvalid):
        ManifestFile(tmp_path / "manifest")


def test_a_manifest_that_is_cut_anywhere_is_refused(path: Path) -> None:
    data = path.read_bytes()
    for cut in range(len(data)):
        path.write_bytes(data[:cut])
        with pytest.raises(ManifestInvalid):
            _read(path)


def test_a_manifest_with_a_bit_changed_is_refused_or_says_the_same(path: Path) -> None:
    data, wanted = path.read_bytes(), _read(path)
    refused = 0
    for at in range(len(data)):
        for bit in range(8):
            path.write_bytes(data[:at] + bytes((data[at] ^ 1 << bit,)) + data[at + 1 :])
            try:
                assert _read(path) == wanted, (at, bit)
            except ManifestInvalid:
                refused += 1
    assert refused > len(data) * 7  # all but what gzip itself does not use


def test_something_after_the_end_is_refused(path: Path) -> None:
    whole = path.read_bytes()
    for more in (b"x", gzip.compress(b"{}\n"), whole):
        path.write_bytes(whole + more)
        with pytest.raises(ManifestInvalid):
            _read(path)


def _forge(path: Path, lines: Sequence[bytes], **header: object) -> None:
    """Write a manifest of these lines, with all its checksums right."""
    body = b"".join(line + b"\n" for line in lines)
    fields = {
        **{name: getattr(_HEADER, name) for name in Header.__dataclass_fields__},
        "schema_version": FORMAT_VERSION,
        "counts": {},
        "digest": hashlib.md5(body).hexdigest(),
        **header,
    }
    whole = json.dumps(fields).encode() + b"\n" + body
    path.write_bytes(gzip.compress(whole + b'{"md5":"%s"}\n' % hashlib.md5(whole).hexdigest().encode()))


_FIELDS: dict[str, object] = {
    "path": "f",
    "type": "file",
    "state": "current",
    "mtime": 5,
    "mode": "0644",
    "uid": 1,
    "gid": 2,
    "size": 10,
    "md5": _MD5,
    "stored": "object",
}
_NO_FILE: dict[str, object] = {"size": 0, "md5": "", "stored": ""}


def _line(changes: Mapping[str, object]) -> bytes:
    return json.dumps(
        {name: value for name, value in {**_FIELDS, **changes}.items() if value is not None}
    ).encode()


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({}, (b"f", Kind.FILE)),
        ({"path": "a/..b/.c"}, (b"a/..b/.c", Kind.FILE)),
        ({"path": "\u240a", "key": "\u201b\u240a"}, ("\u201b\u240a".encode(), Kind.FILE)),
        ({"path": "\n", "key": "\u240a"}, ("\u240a".encode(), Kind.FILE)),
        ({"path": "?", "path_base64": "/w=="}, (b"\xff", Kind.FILE)),
        ({"path": ".", "type": "dir", **_NO_FILE}, (b"", Kind.DIRECTORY)),
        ({"type": "symlink", "linktarget": "/etc/passwd", **_NO_FILE}, (b"f", Kind.LINK)),
        ({"a later version": {"says": ["more"]}}, (b"f", Kind.FILE)),
    ],
)
def test_what_another_program_might_write_is_read(
    tmp_path: Path, changes: dict[str, object], wanted: tuple[bytes, Kind]
) -> None:
    _forge(tmp_path / "manifest", [_line(changes)], more="fields", counts={"of": 1, "files": 1})
    header, (entry,) = _read(tmp_path / "manifest")
    assert (header.run_id, header.counts.files) == (_HEADER.run_id, 1)
    assert (entry.name, entry.kind) == wanted


_DOTS = "\u201bx/\uff0e\uff0e/\uff0e\uff0e/f"
_FORGED: dict[str, dict[str, object]] = {
    "absolute": {"path": "/etc/passwd"},
    "up": {"path": "../f"},
    "up inside": {"path": "a/../../f"},
    "up at the end": {"path": "a/.."},
    "up as bytes": {"path": "f", "path_base64": "Li4vZg=="},
    "itself": {"path": "./f"},
    "the root, but a file": {"path": "."},
    "the root, but a link": {"path": ".", "type": "symlink", "linktarget": "/", **_NO_FILE},
    "an empty part": {"path": "a//f"},
    "a slash at the end": {"path": "a/"},
    "NUL": {"path": "f\0"},
    "NUL as bytes": {"path": "f", "path_base64": "ZgA="},
    "a line end that is not spelled": {"path": "a\nb"},
    "a line end in a key": {"path": "a\nb", "key": "a\nb"},
    "key of another path": {"path": "f", "key": "g"},
    "key that leads up": {"path": "f", "key": "../f"},
    "key that is blank": {"path": "\n", "key": ""},
    "key as other bytes": {"path": "f", "key_base64": "Zw=="},
    # rclone before 1.75 writes it outside of the destination, with --local-encoding Raw.
    "dots that rclone takes for dots": {"path": _DOTS, "key": f"\u201b{_DOTS}"},
    "picture that is not quoted": {"path": "\u240a"},
    "no path": {"path": None},
    "path that is a number": {"path": 1},
    "path that is a list": {"path": ["f"]},
    "no base64": {"path": "f", "path_base64": "=="},
    "not even ASCII": {"path": "f", "path_base64": "\u00e9"},
    "no type": {"type": None},
    "another type": {"type": "pipe"},
    "another state": {"state": "gone"},
    "no state": {"state": None},
    "mode above": {"mode": "17777"},
    "mode in digits": {"mode": "0888"},
    "mode that is a number": {"mode": 420},
    "mode with a blank": {"mode": "0644 "},
    "no time": {"mtime": None},
    "time that is text": {"mtime": "5"},
    "time with a fraction": {"mtime": 5.5},
    "time above": {"mtime": 1 << 63},
    "time below": {"mtime": -(1 << 63) - 1},
    "negative size": {"size": -1},
    "size above": {"size": 1 << 63},
    "negative owner": {"uid": -1},
    "owner that is text": {"gid": "root"},
    "no MD5": {"md5": None},
    "MD5 in capitals": {"md5": "A" * 32},
    "MD5 that is longer": {"md5": _MD5 + "a"},
    "not stored": {"stored": None},
    "stored otherwise": {"stored": "pieces"},
    "ETag that is a number": {"etag": 1},
    "link to nowhere": {"type": "symlink", "linktarget": "", **_NO_FILE},
    "link to NUL": {"type": "symlink", "linktarget": "a\0", **_NO_FILE},
    "link with content": {"type": "symlink", "linktarget": "a", **_NO_FILE, "md5": _MD5},
    "link with a size": {"type": "symlink", "linktarget": "a", **_NO_FILE, "size": 1},
    "directory that is stored": {"type": "dir", **_NO_FILE, "stored": "object"},
}


@pytest.mark.parametrize("changes", _FORGED.values(), ids=_FORGED)
def test_what_cannot_be_in_a_backup_is_refused(tmp_path: Path, changes: dict[str, object]) -> None:
    _forge(tmp_path / "manifest", [_line(changes)])
    with pytest.raises(ManifestInvalid) as refused:
        _read(tmp_path / "manifest")
    assert refused.value.reason
    assert not refused.value.is_newer


_NOT_REFUSED: dict[str, dict[str, object]] = {
    "a blank path of a file": {"path": ""},
    "a blank path of a link": {"path": "", "type": "symlink", "linktarget": "/etc", **_NO_FILE},
    "two keys for one path": {"path": "\u2400", "key": "\u201b\u2400"},
}


@pytest.mark.parametrize("changes", _NOT_REFUSED.values(), ids=_NOT_REFUSED)
def test_what_leads_elsewhere_in_a_subtle_way_is_refused(tmp_path: Path, changes: dict[str, object]) -> None:
    _forge(tmp_path / "manifest", [_line(changes)])
    with pytest.raises(ManifestInvalid):
        _read(tmp_path / "manifest")


@pytest.mark.parametrize(
    "line", [b"", b"null", b"[]", b"{", b'{"path": "\xff"}', b'{"path": "\\ud800"}', b"x" * 99]
)
def test_a_line_that_is_no_entry_is_refused(tmp_path: Path, line: bytes) -> None:
    _forge(tmp_path / "manifest", [line])
    with pytest.raises(ManifestInvalid):
        _read(tmp_path / "manifest")


@pytest.mark.parametrize("at", ["header", "entry", "end"])
def test_a_line_of_very_many_brackets_is_refused(tmp_path: Path, at: str) -> None:
    deep = b',"more":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    if at == "entry":
        _forge(tmp_path / "manifest", [_line({})[:-1] + deep])
    elif at == "end":
        _forge(tmp_path / "manifest", [b'{"md5":"%s"' % _MD5.encode() + deep])
    else:
        (tmp_path / "manifest").write_bytes(gzip.compress(b'{"schema_version":1' + deep + b"\n"))
    with pytest.raises(ManifestInvalid):
        _read(tmp_path / "manifest")


@pytest.mark.parametrize(
    "names", ["aa", "ba", "aba"], ids=["twice", "out of order", "twice and out of order"]
)
def test_names_come_once_and_in_order(tmp_path: Path, names: str) -> None:
    _forge(tmp_path / "manifest", [_line({"path": name}) for name in names])
    with pytest.raises(ManifestInvalid, match="twice or out of order"):
        _read(tmp_path / "manifest")


def test_the_order_is_that_of_the_objects_names_not_of_the_paths(tmp_path: Path) -> None:
    entries = sorted(_FILE._replace(name=spelled(path)) for path in (b"a\n", b"ab", b"a\xc3\xa9", b"a\x7f/x"))
    assert [entry.path for entry in entries] != sorted(entry.path for entry in entries)
    _write(tmp_path / "manifest", entries)
    assert _read(tmp_path / "manifest")[1] == entries


@pytest.mark.parametrize("what", ["digest", "whole", "end"])
def test_a_checksum_that_is_not_that_of_the_lines_is_refused(tmp_path: Path, what: str) -> None:
    path = tmp_path / "manifest"
    _forge(path, [_line({})], **({"digest": _MD5} if what == "digest" else {}))
    if what != "digest":
        *lines, _ = gzip.decompress(path.read_bytes()).splitlines(keepends=True)
        path.write_bytes(
            gzip.compress(b"".join((*lines, b'{"md5":"%s"}\n' % _MD5.encode() * (what == "whole"))))
        )
    with pytest.raises(ManifestInvalid):
        _read(path)


@pytest.mark.parametrize("version", [FORMAT_VERSION + 1, 1 << 70])
def test_a_later_version_is_told_from_a_damaged_one(tmp_path: Path, version: int) -> None:
    _forge(tmp_path / "manifest", [], schema_version=version, digest=None)
    for reading in (
        lambda: ManifestFile(tmp_path / "manifest"),
        lambda: read_header((tmp_path / "manifest").read_bytes()),
    ):
        with pytest.raises(ManifestInvalid, match="later version") as refused:
            reading()
        assert refused.value.is_newer


@pytest.mark.parametrize(
    "header",
    [
        {"schema_version": 0},
        {"schema_version": "1"},
        {"schema_version": None},
        {"run_id": None},
        {"series": 1},
        {"sources": "/srv"},
        {"sources": [1]},
        {"counts": []},
        {"counts": {"files": "1"}},
        {"digest": None},
    ],
)
def test_a_first_line_of_other_types_is_refused(tmp_path: Path, header: dict[str, object]) -> None:
    _forge(tmp_path / "manifest", [_line({})], **header)
    with pytest.raises(ManifestInvalid) as refused:
        ManifestFile(tmp_path / "manifest")
    assert not refused.value.is_newer


def test_common_tools_read_it(path: Path) -> None:
    text = subprocess.run(["gzip", "-dc"], input=path.read_bytes(), stdout=subprocess.PIPE, check=True).stdout
    lines = text.splitlines(keepends=True)
    header, *entries, last = map(json.loads, lines)
    assert (header["schema_version"], header["run_id"]) == (FORMAT_VERSION, _HEADER.run_id)
    assert header["digest"] == hashlib.md5(b"".join(lines[1:-1])).hexdigest()
    assert last == {"md5": hashlib.md5(b"".join(lines[:-1])).hexdigest()}
    assert [entry["path"] for entry in entries] == [".", "bytes \ufffd", "f", "link", "x\n"]
    assert [entry.get("key") for entry in entries] == [None, None, None, None, "x\u240a"]
    assert entries[0].keys() == {"path", "type", "state", "mtime", "mode", "uid", "gid", "user", "group"}
    assert (entries[0]["mode"], entries[2]["mode"]) == ("1755", "0644")
    assert "etag" not in entries[2]


def test_the_same_entries_are_the_same_bytes_for_their_user_alone(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.time", lambda: 1_000_000_000.0)
    again = tmp_path / "again"
    again.touch(0o666)
    assert _write(again, iter(_SOME)).digest == ManifestFile(path).header.digest
    assert again.read_bytes() == path.read_bytes()
    assert {stat.S_IMODE(one.stat().st_mode) for one in (path, again)} == {0o600}
    assert {one.name for one in tmp_path.iterdir()} == {"manifest", "again"}
    changed = _write(again, (*_SOME[:-1], _SOME[-1]._replace(mode=0o600)))
    assert changed.digest != ManifestFile(path).header.digest


def test_what_the_entries_raise_leaves_nothing_behind(tmp_path: Path) -> None:
    def entries() -> Iterable[Saved]:
        yield _FILE
        raise ManifestInvalid("as a test")

    with pytest.raises(ManifestInvalid):
        _write(tmp_path / "manifest", entries())
    assert list(tmp_path.iterdir()) == []


_MANY = """
import re, sys
from pathlib import Path
from tests.files import test_manifest as of
path, count = Path(sys.argv[1]), int(sys.argv[2])
of._write(path, (of._FILE._replace(name=b"a directory/photograph %08d.jpg" % at) for at in range(count)))
read = sum(1 for _ in of.ManifestFile(path).entries())
print(read, re.search(r"VmHWM:\\s*(\\d+) kB", Path("/proc/self/status").read_text())[1])
"""


def test_many_entries_take_little_memory(tmp_path: Path) -> None:
    def peak_kib(count: int) -> int:
        told = subprocess.run(
            [sys.executable, "-c", _MANY, str(tmp_path / f"{count}"), str(count)],
            cwd=_ROOT,
            capture_output=True,
            check=True,
        )
        read, peak = map(int, told.stdout.split())
        assert read == count
        return peak

    assert peak_kib(100_000) - peak_kib(1) < 8 * 1024
