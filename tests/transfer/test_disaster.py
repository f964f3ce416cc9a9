"""docs/disaster-recovery.md, walked through: its commands are run as they stand there, in their order."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from adapter.transfer import plan
from tests.program import remember
from tests.qingstor_server import ACCESS_KEY_ID, SECRET_ACCESS_KEY, QingStorServer
from tests.transfer.in_process import STORAGE, InProcess
from tests.transfer.three_ways import OPTIONS, WAYS, content, in_three_ways
from tests.transfer.whole_tree import Seen, whole_tree

_ROOT = Path(__file__).parents[2]
_PAGE = (_ROOT / "docs" / "disaster-recovery.md").read_text(encoding="utf-8")
_SECTION = re.compile(r"^#{2,3} ([^\n]+)\n(.*?)(?=^#{2,3} |\Z)", re.MULTILINE | re.DOTALL)
_SECTIONS = dict(_SECTION.findall(_PAGE))
_CODE = re.compile(r"`([^`]+)`")
_PART_1 = ("With this program", "A part of it", "An older backup", "What next")
_DAMAGE = "If a command reports damage"
_PART_2 = ("With rclone alone", "The files", "Directories, links, modes and times")

_TARGET = f"{STORAGE}:my-bucket/srv-data"
_COREUTILS = ("cat", "chmod", "dirname", "ln", "md5sum", "mkdir", "mv", "sort", "tac", "tail", "touch")
_TOOLS = (*_COREUTILS, "grep", "sed", "sh", "zcat", "gzip")
"""All that the second part needs besides rclone. `zcat` is a script in some systems, which starts `gzip`."""
_ODD = (b'say "hello"', b"back\\slash", b"two\nlines", b"\xff")
_PLAIN = (" blanks  inside and outside ", "-n", "100% of $HOME 'quoted' *", "\u00fc", "#")
_SETUID = b"bin/tool"


def _blocks(language: str, *headings: str) -> list[str]:
    """The fenced blocks of a language in these sections, in their order."""
    fenced = re.compile(rf"^```{language}\n(.*?)^```$", re.MULTILINE | re.DOTALL)
    return [block for heading in headings for block in fenced.findall(_SECTIONS[heading])]


@dataclass(frozen=True, slots=True)
class _Machine:
    """A new machine: an empty home, the server as proxy, and `/srv` of the page somewhere below `place`."""

    place: Path
    server: QingStorServer

    @property
    def srv(self) -> Path:
        """What stands for `/srv`."""
        return self.place / "srv"

    @property
    def home(self) -> Path:
        """The home directory."""
        return self.place / "home"

    def here(self, text: str) -> str:
        """What the page says, with the keys, the endpoint and the directories of this test."""
        text = text.replace("YOURKEYID", ACCESS_KEY_ID).replace("YOURSECRET", SECRET_ACCESS_KEY)
        text = text.replace('"endpoint": ""', f'"endpoint": "{self.server.endpoint}"')
        text = text.replace("endpoint =\n", f"endpoint = {self.server.endpoint}\n")
        return re.sub(r"(?<![\w-])/srv(?![\w-])", str(self.srv), text)

    def run(self, shell: str, blocks: Sequence[str], path: str) -> subprocess.CompletedProcess[str]:
        """Type the blocks into one shell, which ends at the first command that fails."""
        self.home.mkdir(parents=True, exist_ok=True)
        environment = {"PATH": path, "HOME": str(self.home), **self.server.environment()}
        return subprocess.run(
            [shutil.which(shell) or shell, "-eu", "-c", self.here("\n".join(blocks))],
            env=environment,
            cwd=self.place,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def with_this_program(self, blocks: Sequence[str]) -> subprocess.CompletedProcess[str]:
        """Run blocks where the program is installed, beside the document that was kept elsewhere."""
        (document,) = _blocks("json", "Before it happens")
        (self.place / "storage.json").write_text(self.here(document))
        return self.run("bash", blocks, f"{Path(sys.executable).parent}:/usr/bin:/bin")

    def with_rclone_alone(self, blocks: Sequence[str], rclone: Path) -> subprocess.CompletedProcess[str]:
        """Run blocks where there is nothing but rclone and the usual tools."""
        tools = self.place / "tools"
        tools.mkdir()
        (tools / "rclone").symlink_to(rclone)
        for tool in _TOOLS:
            (tools / tool).symlink_to(shutil.which(tool) or tool)
        return self.run("sh", blocks, str(tools))


@dataclass(frozen=True, slots=True)
class _Lost:
    """The old `/srv/data` at the end of each of its two backups, and the server with all that is left."""

    server: QingStorServer
    place: Path
    """Where the new machine has its `/srv`: the path of the source is the same, as the page says."""
    older: dict[bytes, Seen]
    newest: dict[bytes, Seen]


@pytest.fixture(scope="module")
def lost(tmp_path_factory: pytest.TempPathFactory, looked_at: bytes) -> Iterator[_Lost]:
    """Two backups, then the machine is gone."""
    place = tmp_path_factory.mktemp("new-machine")
    source = place / "srv" / "data"
    _fill(source)
    with QingStorServer() as server, pytest.MonkeyPatch.context() as patch:
        server.add_bucket("my-bucket")
        patch.setattr(plan, "_SMALLEST_CHUNK", 1 << 20)
        old = in_three_ways(InProcess(place / "old machine", server))
        remember(old.machine.state_dir, looked_at)
        old.backup(source, _TARGET, OPTIONS).good()
        older = whole_tree(source)
        (source / "letters" / "deleted.txt").unlink()
        old.backup(source, _TARGET, OPTIONS).good()
        newest = whole_tree(source)
        shutil.rmtree(old.directory)
        source.rename(place / "gone")
        yield _Lost(server, place, older, newest)


def _fill(source: Path) -> None:
    for directory in ("letters", "bin", "empty", "closed"):
        (source / directory).mkdir(parents=True)
    (source / "letters" / "2026.odt").write_bytes(b"hello")
    (source / "letters" / "deleted.txt").write_bytes(b"deleted later")
    (source / "closed" / "read only").write_bytes(b"")
    for way in WAYS:
        (source / way).write_bytes(content(way, way))
    for name in (*_PLAIN, *map(os.fsdecode, _ODD)):
        (source / name).write_bytes(os.fsencode(name))
    (source / "newest").symlink_to("letters/2026.odt")
    (source / "letters" / "to nowhere").symlink_to("/no where/'at' $all")
    tool = source / os.fsdecode(_SETUID)
    tool.write_bytes(b"#!/bin/sh\n")
    tool.chmod(0o4755)
    (source / "closed" / "read only").chmod(0o400)
    (source / "empty").chmod(0o711)
    (source / "closed").chmod(0o500)
    os.utime(source / "newest", ns=(1, 1_000_000_002), follow_symlinks=False)
    os.utime(source / "chunks", ns=(1, 1))
    os.utime(source / "closed", ns=(1, 1_234_567_890_000_000_009))


def test_with_this_program(lost: _Lost) -> None:
    machine = _Machine(lost.place, lost.server)
    lost.server.clear_requests()

    done = machine.with_this_program(_blocks("sh", *_PART_1))

    assert done.returncode == 0, done.stdout + done.stderr
    assert f"2 backups at {_TARGET}." in done.stdout
    assert "my-bucket exists" in done.stdout
    assert done.stdout.count("srv-data/.pluton/manifests/2") == 2, "found without knowing the path"
    files = sum(seen[0] == "file" for seen in lost.newest.values())
    links = sum(seen[0] == "link" for seen in lost.newest.values())
    assert f"success: {files} by download and 0 by checksum verified" in done.stdout
    assert whole_tree(machine.srv / "data") == lost.newest
    assert whole_tree(machine.srv / "older") == lost.older
    assert {path.name for path in (machine.srv / "letters").iterdir()} == {"2026.odt", "to nowhere"}
    assert (machine.srv / "one" / "2026.odt").read_bytes() == b"hello"
    assert "[foreign_objects]" in done.stdout
    assert "[index_new]" in done.stdout
    assert f"success: 0 new, 0 changed, {files + links} unchanged files; 0 bytes copied" in done.stdout
    sent = [str(entry.key) for entry in lost.server.requests("put_object")]
    assert all(key.startswith("srv-data/.pluton/manifests/") for key in sent), sent


def test_with_rclone_alone(lost: _Lost, tmp_path: Path, rclone: Path) -> None:
    machine = _Machine(tmp_path, lost.server)
    machine.srv.mkdir()

    done = machine.with_rclone_alone(_blocks("sh", *_PART_2), rclone)

    assert done.returncode == 0, done.stdout + done.stderr
    assert (machine.home / ".config/rclone/rclone.conf").stat().st_mode & 0o777 == 0o600
    last, computed = done.stdout.splitlines()[2:4]
    assert json.loads(last)["md5"] == computed.split()[0], "the manifest is whole"
    wanted = {path: seen for path, seen in lost.newest.items() if path not in _ODD}
    assert wanted[_SETUID][1] == 0o4755
    wanted[_SETUID] = (wanted[_SETUID][0], 0o755, *wanted[_SETUID][2:])
    assert whole_tree(machine.srv / "data") == wanted, "exact, but for the setuid bit and the odd names"
    left = whole_tree(machine.srv / "fetched", with_root=False)
    for name in _ODD:
        assert left[name][-1] == lost.newest[name][-1], "its bytes are there"
    files = {path for path, seen in left.items() if seen[0] == "file" and path not in _ODD}
    chunks = {path for path in files if path.startswith(b"chunks")}
    assert files - chunks == {b"letters/deleted.txt"}
    assert len(chunks) == 3
    assert len((machine.srv / "odd.jsonl").read_text().splitlines()) == len(_ODD)


def _said_of_damage() -> list[str]:
    """What the lines say that the page tells apart: the first column of its table."""
    rows = [row.split("|")[1] for row in _SECTIONS[_DAMAGE].splitlines() if row.startswith("| `")]
    return _CODE.findall("".join(rows))


def test_the_page_quotes_what_the_program_says() -> None:
    program = "".join(path.read_text(encoding="utf-8") for path in (_ROOT / "adapter").rglob("*.py"))
    assert len(_said_of_damage()) == 6
    assert [said for said in _said_of_damage() if said not in program] == []


def test_damage_is_named_and_comes_as_it_is(lost: _Lost, tmp_path: Path, looked_at: bytes) -> None:
    machine = _Machine(tmp_path, lost.server)
    remember(machine.home / ".local" / "state" / "pluton-qingstor", looked_at)
    save, list_backups, *others = _blocks("sh", *_PART_1)
    target = list_backups.splitlines()[0]
    (verify,) = (block for block in others if "verify" in block)
    flip = ("my-bucket", "srv-data/letters/2026.odt", 1)
    lost.server.flip_at_rest(*flip)
    try:
        done = machine.with_this_program([save, target, verify])
        fetched = machine.with_this_program([target, *_blocks("sh", _DAMAGE)])
    finally:
        lost.server.flip_at_rest(*flip)

    assert done.returncode == 23, done.stdout + done.stderr
    (named,) = [line for line in done.stdout.splitlines() if line.startswith("error: ")]
    assert named.startswith("error: letters/2026.odt: ")
    assert _said_of_damage()[0] in named
    assert fetched.returncode == 0, fetched.stderr
    came = (machine.srv / "2026.odt.as-it-is").read_bytes()
    assert (len(came), came == b"hello") == (5, False)
