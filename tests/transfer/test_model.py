"""Random edits, backups and restores: what comes back is exactly what the source was, by lstat(2).

Links, types that change, Unicode twins, deletions, modes, times, runs that look at a part only, and kills.
"""

import os
import random
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from adapter.transfer.selection import Selection
from tests.program import Program
from tests.qingstor_server import QingStorServer
from tests.transfer.in_process import TARGET, InProcess
from tests.transfer.kept import MIB
from tests.transfer.whole_tree import Seen, whole_tree

NAMES = (
    "a",
    "b",
    "c d",
    "e.txt",
    "f[1]",
    "{g}",
    "h*",
    "caf\u00e9",
    "cafe\u0301",
    "x.rclonelink",
    "-i",
    "\u201bq",
)
WAYS: tuple[dict[str, object], ...] = (
    {},
    {"upload_cutoff": "4mi", "chunk_size": "4mi", "upload_concurrency": 3},
    {"upload_cutoff": "4mi", "chunk_size": "4mi"},
)
"""How files above 4 MiB travel: in one PUT, in parallel parts, in parts."""


@dataclass(slots=True)
class Model:
    """A source, what the backup must consist of, and the dice."""

    source: Path
    dice: random.Random
    written: int = 0
    expected: dict[bytes, Seen] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)

    def edit(self) -> None:
        """One random change of the source."""
        edits: tuple[Callable[[], None], ...] = (
            self.write, self.write, self.rewrite_same_size, self.rewrite_same_size_and_time, self.rename,
            self.delete, self.change_type, self.make_link, self.make_directory, self.set_mode, self.set_time,
            self.set_owner, self.link_hard, self.make_pipe,
        )  # fmt: skip
        edit = self.dice.choice(edits)
        self.log.append(edit.__name__)
        edit()

    def place(self) -> Path:
        """A path, at most three levels deep, in a directory that is there."""
        directories = [self.source, *self.those(lambda path: path.is_dir() and not path.is_symlink())]
        near = [path for path in directories if len(path.relative_to(self.source).parts) < 3]
        return self.dice.choice(near) / self.dice.choice(NAMES)

    def those(self, wanted: Callable[[Path], bool]) -> list[Path]:
        """What is there of a kind, in order."""
        return [path for path in sorted(self.source.rglob("*")) if wanted(path)]

    def any(self, wanted: Callable[[Path], bool]) -> Path | None:
        """One of them."""
        found = self.those(wanted)
        return self.dice.choice(found) if found else None

    def any_file(self) -> Path | None:
        """A regular file."""
        return self.any(lambda path: path.is_file() and not path.is_symlink())

    def content(self) -> bytes:
        """Mostly small, sometimes more than one part; never twice the same."""
        self.written += 1
        sizes = (0, 1, 100, 990, 1000, 2000, 5000, 20_000, 5 * MIB + 7)
        return self.dice.randbytes(self.dice.choice(sizes)) + b" %d" % self.written

    def clear(self, path: Path) -> None:
        """Nothing is at a path any more."""
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)

    def write(self) -> None:
        """A file, new or with new content."""
        path = self.place()
        if not path.is_dir() or path.is_symlink():
            self.clear(path)
            path.write_bytes(self.content())

    def rewrite_same_size(self) -> None:
        """Other content of the same size."""
        if path := self.any_file():
            path.write_bytes(self.dice.randbytes(path.stat().st_size))

    def rewrite_same_size_and_time(self) -> None:
        """The same, and the old modification time is put back."""
        if path := self.any_file():
            times = path.stat()
            path.write_bytes(self.dice.randbytes(times.st_size))
            os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))

    def rename(self) -> None:
        """Something moves, onto something else perhaps."""
        if path := self.any(lambda _: True):
            to = self.place()
            if path not in {to, *to.parents} and to not in path.parents:
                self.clear(to)
                path.rename(to)

    def delete(self) -> None:
        """Something goes, and all that is in it; the bucket keeps it."""
        if path := self.any(lambda _: True):
            self.clear(path)

    def change_type(self) -> None:
        """A file, a directory or a link becomes another of these."""
        if path := self.any(lambda _: True):
            was_directory = path.is_dir() and not path.is_symlink()
            self.clear(path)
            kind = self.dice.choice(("file", "link") if was_directory else ("directory", "link", "file"))
            if kind == "directory":
                path.mkdir()
                (path / self.dice.choice(NAMES)).write_bytes(self.content())
            elif kind == "link":
                path.symlink_to(self.dice.choice(NAMES))
            else:
                path.write_bytes(self.content())

    def make_link(self) -> None:
        """A link, into the tree, out of it, or to nothing."""
        path = self.place()
        self.clear(path)
        path.symlink_to(self.dice.choice(("a", "../b", "/etc/hostname", "nowhere", "caf\u00e9/e.txt")))

    def make_directory(self) -> None:
        """An empty directory."""
        path = self.place()
        self.clear(path)
        path.mkdir()

    def set_mode(self) -> None:
        """Other permissions."""
        if path := self.any(lambda path: not path.is_symlink()):
            path.chmod(self.dice.choice((0o600, 0o644, 0o755, 0o4711, 0o500, 0o000, 0o2770)))

    def set_time(self) -> None:
        """Another time, of what is there, links too."""
        if path := self.any(lambda _: True):
            moment = self.dice.randrange(0, 2 * 10**18)
            os.utime(path, ns=(moment, moment), follow_symlinks=False)

    def set_owner(self) -> None:
        """Another owner."""
        if path := self.any(lambda _: True):
            os.chown(path, self.dice.choice((0, 1000)), self.dice.choice((0, 2000)), follow_symlinks=False)

    def link_hard(self) -> None:
        """One more name of a file."""
        if path := self.any_file():
            to = self.place()
            if to != path and to not in path.parents:
                self.clear(to)
                os.link(path, to)

    def make_pipe(self) -> None:
        """Something that is left out."""
        path = self.place()
        if not os.path.lexists(path):
            os.mkfifo(path)

    def backed_up(self, only: str | None = None) -> None:
        """All of the source is in the backup now, or what is `only` there at its top."""
        now = whole_tree(self.source)
        if only is None:
            self.expected = now
            return
        name = os.fsencode(only)
        kept = {path: seen for path, seen in self.expected.items() if not _is_at(path, name) and path != b"."}
        fresh = {path: seen for path, seen in now.items() if _is_at(path, name) or path == b"."}
        self.expected = {**kept, **fresh}


def _is_at(path: bytes, name: bytes) -> bool:
    return path == name or path.startswith(name + b"/")


def _kill_a_backup(program: Program, server: QingStorServer, machine: InProcess, source: Path) -> None:
    """Begin a backup of the same series, and kill it with its rclone once something has been sent."""
    server.clear_requests()
    state = machine.machine.state_dir
    running = program.start(
        "backup", source, TARGET, "--source-name", "model", "--allow-empty", "--state-dir", state
    )
    with running:
        with suppress(TimeoutError):
            server.wait_for("put_object", 2, timeout=2)
        running.kill()


@pytest.fixture
def scene(
    machine: InProcess, program: Program, server: QingStorServer
) -> tuple[InProcess, Program, QingStorServer]:
    """A machine whose runs are inside the test, the program for runs that are killed, and their server."""
    return machine, program, server


@pytest.mark.parametrize(
    ("seed", "steps"),
    [(16, 12), *(pytest.param(seed, 250, marks=pytest.mark.deep) for seed in (2, 3, 4, 5))],
)
def test_what_comes_back_is_what_the_source_was(
    scene: tuple[InProcess, Program, QingStorServer], source: Path, tmp_path: Path, seed: int, steps: int
) -> None:
    machine, program, server = scene
    program.save()
    model = Model(source, random.Random(seed))
    for step in range(steps):
        for _ in range(model.dice.randrange(1, 6)):
            model.edit()
        way = replace(machine, settings=model.dice.choice(WAYS))
        only = model.dice.choice(NAMES) if step and model.dice.random() < 0.15 else None
        if only is None and model.dice.random() < 0.1:
            model.log.append("killed")
            _kill_a_backup(program, server, machine, source)
        where = tmp_path / "list"
        where.write_text(f"{only}\n")
        selection = Selection() if only is None else Selection(files_from=where)
        done = way.backup(source, selection=selection, allow_empty=True, series="model")
        done.good()
        model.backed_up(only)
        left_out = model.those(Path.is_fifo)
        assert only is not None or ("special_file_skipped" in done.warnings) == bool(left_out)
        if step % 4 and step != steps - 1:
            continue
        out = tmp_path / f"out {step}"
        way.restore(out, owner=True).good()
        assert whole_tree(out) == model.expected, (step, model.log[-30:])
        shutil.rmtree(out)
