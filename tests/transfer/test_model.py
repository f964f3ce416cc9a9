"""Random edits, backups and restores, compared with a plain copy of what should come back.

A backup never deletes: what comes back is all that was ever backed up, each file in its last state. Of a file
and a directory of one name it is the one that was stored last, which is the one that the source has.
"""

import os
import random
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from tests.qingstor_server import QingStorServer
from tests.transfer.in_process import InProcess
from tests.trees import digest

MIB = 1 << 20
NAMES = ("a", "b", "c d", "e.txt", "f[1]", "{g}", "h*", "ü", "-i", " j ")
WAYS: tuple[dict[str, object], ...] = (
    {},
    {"upload_cutoff": "4mi", "chunk_size": "4mi", "upload_concurrency": 3},
    {"upload_cutoff": "4mi", "chunk_size": "4mi"},
)
"""How files above 4 MiB travel: in one PUT, in parallel parts, in parts."""


@dataclass(slots=True)
class Model:
    """A source, what the bucket should hold, and the dice."""

    source: Path
    dice: random.Random
    server: QingStorServer
    steps: int = 0
    written: int = 0
    is_time_put_back: bool = False
    objects: dict[str, tuple[str, int]] = field(default_factory=dict)
    """By path: the hash of what was stored, and the step that stored it."""
    log: list[str] = field(default_factory=list)

    def edit(self) -> None:
        """One random change of the source."""
        edits: tuple[Callable[[], None], ...] = (
            self.write,
            self.write,
            self.rewrite_same_size,
            self.rewrite_same_size_and_time,
            self.rename,
            self.delete,
            self.file_to_directory,
            self.directory_to_file,
        )
        edit = self.dice.choice(edits)
        self.log.append(edit.__name__)
        edit()

    def write(self) -> None:
        """A new file, or new content of another size."""
        directory = self.source
        for _ in range(self.dice.randrange(3)):
            deeper = directory / self.dice.choice(NAMES)
            if deeper.is_file():
                break
            directory = deeper
        directory.mkdir(parents=True, exist_ok=True)
        path = directory / self.dice.choice(NAMES)
        if not path.is_dir():
            path.write_bytes(self.content())

    def content(self) -> bytes:
        """Mostly small, sometimes more than one part; never twice the same."""
        self.written += 1
        sizes = (0, 1, 100, 990, 1000, 2000, 5000, 9000, 20_000, 5 * MIB + 7)
        return self.dice.randbytes(self.dice.choice(sizes)) + b" %d" % self.written

    def rewrite_same_size(self) -> None:
        """Other content of the same size."""
        if path := self.any_file():
            path.write_bytes(self.dice.randbytes(path.stat().st_size))

    def rewrite_same_size_and_time(self) -> None:
        """The same, and the old modification time is put back: only --reread-source can see it."""
        if path := self.any_file():
            times = path.stat()
            path.write_bytes(self.dice.randbytes(times.st_size))
            os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
            self.is_time_put_back = True

    def rename(self) -> None:
        """A file moves, onto another one perhaps."""
        if path := self.any_file():
            to = self.source / self.dice.choice(NAMES)
            if not to.is_dir():
                path.rename(to)
                # Swapped files of one size and time look like themselves: not told apart without rereading.
                self.is_time_put_back = True

    def delete(self) -> None:
        """A file goes; the bucket keeps it."""
        if path := self.any_file():
            path.unlink()

    def file_to_directory(self) -> None:
        """A file is replaced by a directory of its name."""
        if path := self.any_file():
            path.unlink()
            path.mkdir()
            (path / self.dice.choice(NAMES)).write_bytes(self.content())

    def directory_to_file(self) -> None:
        """A directory is replaced by a file of its name."""
        directories = sorted(path for path in self.source.rglob("*") if path.is_dir())
        if directories:
            path = self.dice.choice(directories)
            shutil.rmtree(path)
            path.write_bytes(self.content())

    def any_file(self) -> Path | None:
        """A random file of the source."""
        files = sorted(path for path in self.source.rglob("*") if path.is_file())
        return self.dice.choice(files) if files else None

    def stored(self) -> None:
        """The source has been backed up."""
        self.steps += 1
        for path, now in digest(self.source).items():
            if self.objects.get(path, ("",))[0] != now:
                self.objects[path] = (now, self.steps)

    def restored(self) -> dict[str, str]:
        """What a restore of everything has to bring."""
        kept = dict(self.objects)
        for path, (_, step) in self.objects.items():
            below = [other for other in self.objects if other.startswith(f"{path}/")]
            if below and max(self.objects[other][1] for other in below) > step:
                kept.pop(path, None)
            else:
                for other in below:
                    kept.pop(other, None)
        return {path: now for path, (now, _) in kept.items()}

    def space_out(self) -> None:
        """Give objects that clash the times of steps far apart: QingStor's times know seconds only."""
        for path, (_, step) in self.objects.items():
            clashes = any(
                path.startswith(f"{other}/") or other.startswith(f"{path}/") for other in self.objects
            )
            if clashes:
                data = self.server.read_object("bucket-one", f"srv/{path}")
                self.server.put_object("bucket-one", f"srv/{path}", data, modified=1000.0 * step)


@pytest.mark.parametrize(
    ("seed", "steps"),
    [
        (1, 14),
        *(pytest.param(seed, 250, marks=pytest.mark.deep) for seed in (2, 3, 4, 5)),
    ],
)
def test_whatever_was_edited_the_next_backup_and_restore_are_right(
    machine: InProcess, server: QingStorServer, source: Path, tmp_path: Path, seed: int, steps: int
) -> None:
    model = Model(source, random.Random(seed), server)
    out = tmp_path / "out"
    for step in range(steps):
        for _ in range(model.dice.randrange(1, 6)):
            model.edit()
        way = replace(machine, settings=model.dice.choice(WAYS))
        way.backup(source, reread=model.is_time_put_back, allow_empty=True).good()
        model.is_time_put_back = False
        model.stored()
        if model.dice.random() < 0.6:
            continue
        model.space_out()
        way = replace(machine, settings=model.dice.choice(WAYS))
        wanted = model.restored()
        assert digest(source).items() <= wanted.items(), (step, model.log[-20:])
        _make_room(out, wanted)
        way.restore(out).good()
        assert digest(out) == wanted, (step, model.log[-20:])
        way.verify(source).good()


def _make_room(out: Path, wanted: Mapping[str, str]) -> None:
    """Take away what stands in the way in the destination of before: a restore replaces no directory."""
    for path in sorted(out.rglob("*"), reverse=True):
        if path.is_file() and str(path.relative_to(out)) not in wanted:
            path.unlink()
        elif path.is_dir() and not any(path.iterdir()):
            path.rmdir()
