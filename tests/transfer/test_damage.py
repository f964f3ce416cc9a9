"""Each kind of damage in a bucket, for each way a file travels: which command finds it.

The table in docs/verification.md is what this finds.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from adapter.contract.events import Action, VerboseStatus
from tests.qingstor_server import QingStorServer
from tests.transfer.in_process import InProcess, Ran
from tests.transfer.three_ways import OPTIONS, WAYS, content, in_three_ways

_PAGE = Path(__file__).parents[2] / "docs" / "verification.md"
_BUCKET = "bucket-one"


@dataclass(frozen=True, slots=True)
class _File:
    """A file in the bucket: the key of its own object, and its content's objects, the chunks in order."""

    server: QingStorServer
    key: str
    keys: tuple[str, ...]
    etags: Mapping[str, str]

    def read(self, key: str) -> bytes:
        """The bytes of an object."""
        return self.server.read_object(_BUCKET, key)

    def put(self, key: str, data: bytes, *, keeps_etag: bool = False) -> None:
        """Store other bytes, with their own ETag or with the old one."""
        self.server.put_object(_BUCKET, key, data, etag=f'"{self.etags[key]}"' if keeps_etag else None)


def _files(server: QingStorServer) -> Callable[[str], _File]:
    """What finds a file by its key, in one list of the bucket."""
    etags = {key: item.etag for key, item in server.files(_BUCKET).items()}

    def file(key: str) -> _File:
        chunks = tuple(name for name in sorted(etags) if name.startswith(f"{key}.pluton_chunk."))
        return _File(server, key, chunks or (key,), etags)

    return file


def _flip(one: _File) -> None:
    one.server.flip_at_rest(_BUCKET, one.keys[0], 100)


def _truncate(one: _File) -> None:
    key = one.keys[0]
    one.put(key, one.read(key)[:-1], keeps_etag=True)


def _remove(one: _File) -> None:
    one.server.remove_object(_BUCKET, one.key)


def _swap(one: _File) -> None:
    """Two chunks of the file, or the file and another one of the same size."""
    first, second = (*one.keys, f"{one.key} other")[:2]
    contents = one.read(first), one.read(second)
    one.put(first, contents[1])
    one.put(second, contents[0])


def _replace(one: _File) -> None:
    """Another tool writes another version under the file's name."""
    way = one.key.rpartition(" ")[2]
    one.put(one.key, content("by another tool", way))


def _expire(one: _File) -> None:
    one.server.remove_object(_BUCKET, one.keys[-1])


def _lie(one: _File) -> None:
    """The server holds other bytes than its ETag says."""
    key = one.keys[0]
    one.put(key, one.read(key)[::-1], keeps_etag=True)


_DAMAGES: Mapping[str, Callable[[_File], None]] = {
    "a byte flipped at rest": _flip,
    "truncated": _truncate,
    "missing": _remove,
    "swapped with another": _swap,
    "replaced by another tool": _replace,
    "a chunk expired": _expire,
    "other content under the old ETag": _lie,
}
_ONLY_IN_CHUNKS = "a chunk expired"


@dataclass(frozen=True, slots=True)
class _Damaged:
    """A machine whose backup has one file for each damage and way, damaged, and one that is right."""

    machine: InProcess
    source: Path
    place: Path

    def modes(self) -> Mapping[str, Callable[[], Ran]]:
        """The commands that may find damage, those that change the bucket last."""
        machine, source = self.machine, self.source
        return {
            "`verify TARGET`": lambda: machine.verify(None, options=OPTIONS),
            "`verify TARGET --download`": lambda: machine.verify(None, options=OPTIONS, download=True),
            "`verify SOURCE TARGET`": lambda: machine.verify(source, options=OPTIONS),
            "`verify SOURCE TARGET --download`": lambda: machine.verify(
                source, options=OPTIONS, download=True
            ),
            "`restore`": lambda: machine.restore(self.place / "restored", options=OPTIONS),
        }

    def sent_again(self) -> set[str]:
        """The files that the next backup sends; what it says at its end is compared with the bucket."""
        options = replace(OPTIONS, verbose_files=True)
        done = self.machine.backup(self.source, options=options, verify_too=True)
        done.good()
        told = [event for event in done.events if isinstance(event, VerboseStatus)]
        return {event.item for event in told if event.action is not Action.UNCHANGED}


def _name(damage: str, way: str) -> str:
    return f"{damage} {way}"


@pytest.fixture
def damaged(
    machine: InProcess, server: QingStorServer, source: Path, tmp_path: Path, small_chunks: None, quick: None
) -> _Damaged:
    machine = in_three_ways(machine)
    for way in WAYS:
        (source / f"right {way}").write_bytes(content("right", way))
        for damage in _DAMAGES:
            name = _name(damage, way)
            (source / name).write_bytes(content(name, way))
        if way != "chunks":
            (source / f"{_name('swapped with another', way)} other").write_bytes(content("other", way))
    machine.backup(source, options=OPTIONS).good()
    file = _files(server)
    for damage, do in _DAMAGES.items():
        for way in _ways(damage):
            do(file(f"srv/{_name(damage, way)}"))
    return _Damaged(machine, source, tmp_path)


def _ways(damage: str) -> list[str]:
    return [way for way in WAYS if damage != _ONLY_IN_CHUNKS or way == "chunks"]


def _cell(damage: str, found: Collection[str]) -> str:
    ways = [way for way in _ways(damage) if _name(damage, way) in found]
    return "yes" if ways == _ways(damage) else ", ".join(ways) or "no"


def test_the_page_says_which_command_finds_what(damaged: _Damaged) -> None:
    """The table is what this test finds, to the letter; nothing that is right is called damaged."""
    damages = {damage: [damage] for damage in _DAMAGES}
    names = {_name(damage, way) for damage in _DAMAGES for way in WAYS}
    others = {f"{_name('swapped with another', way)} other" for way in WAYS}
    for mode, run in damaged.modes().items():
        done = run()
        assert done.summary.exit_status == (3 if mode == "`restore`" else 23), (mode, done.errors)
        assert set(done.failed) <= names | others
        for damage, cells in damages.items():
            cells.append(_cell(damage, done.failed))
        assert "--download" not in mode or {cells[-1] for cells in damages.values()} == {"yes"}
    # In silence a restore brings nothing but what was backed up.
    for name in damaged.source.iterdir():
        if name.name not in done.failed:
            assert (damaged.place / "restored" / name.name).read_bytes() == name.read_bytes()
    sent = damaged.sent_again()
    for damage, cells in damages.items():
        cells.append(_cell(damage, sent))
    head = ("damage", *damaged.modes(), "sent again by `backup`")
    lines = [f"| {' | '.join(cells)} |" for cells in (head, ("---",) * len(head), *damages.values())]
    table = "\n".join(lines)
    assert table in _PAGE.read_text(), f"docs/verification.md has another table:\n{table}"


def test_deleting_a_damaged_object_lets_the_backup_send_it_again(
    machine: InProcess, server: QingStorServer, source: Path
) -> None:
    """As the messages advise for damage that only a download finds."""
    (source / "file").write_bytes(b"content")
    machine.backup(source).good()
    server.flip_at_rest(_BUCKET, "srv/file", 1)
    found = machine.verify(None, download=True)
    assert "delete this object" in found.summary.failed_files[0].failure.hint
    machine.backup(source).good()
    assert set(machine.verify(None, download=True).failed) == {"file"}

    server.remove_object(_BUCKET, "srv/file")
    machine.backup(source).good()

    machine.verify(None, download=True).good()
