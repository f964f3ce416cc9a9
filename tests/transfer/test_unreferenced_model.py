"""No sequence of backups, kills and damaged or missing manifests makes a cleanup delete what a restore needs.

The oracle reads the bucket by itself: what of each whole manifest could be restored, can be after a cleanup.
"""

import gzip
import hashlib
import json
import random
import shutil
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from tests.qingstor_server import Fault, FaultKind, QingStorServer
from tests.transfer.cases import MANIFESTS, manifest_ids
from tests.transfer.in_process import InProcess
from tests.transfer.kept import content, kept, options_for, stored_in
from tests.transfer.whole_tree import whole_tree

BUCKET = "bucket-one"
NAMES = ("a", "b", "c/d", "c/e", "f.pluton_chunk.001_abcd")
LARGE = "large"
OPTIONS = options_for("chunks")
_LONG_AGO = 1_700_000_000


def _entries(data: bytes) -> list[Mapping[str, object]] | None:
    """The entries of a manifest; None if it is not whole."""
    try:
        lines = gzip.decompress(data).splitlines(keepends=True)
        last = json.loads(lines[-1])["md5"]
    except (OSError, EOFError, zlib.error, ValueError, IndexError, KeyError, TypeError):
        return None
    if hashlib.md5(b"".join(lines[:-1]), usedforsecurity=False).hexdigest() != last:
        return None
    return [json.loads(line) for line in lines[1:-1]]


@dataclass
class _Scene:
    """One sequence: a source, a machine, a bucket, and what was done."""

    machine: InProcess
    server: QingStorServer
    source: Path
    dice: random.Random
    deleted: int = 0
    refused: int = 0
    log: list[str] = field(default_factory=list)

    def restorable(self) -> dict[str, set[str]]:
        """The files of each whole manifest whose content the bucket has, by their paths."""
        objects = self.server.objects(BUCKET)
        contents = {key.removeprefix("srv/"): one.md5 for key, one in objects.items()}
        contents |= {
            LARGE + rest: hashlib.md5(data, usedforsecurity=False).hexdigest()
            for rest, data in kept(self.server, f"srv/{LARGE}").items()
        }
        found = {}
        for one in manifest_ids(self.server):
            key = f"{MANIFESTS}{one}.jsonl.gz"
            entries = _entries(self.server.read_object(BUCKET, key))
            if entries is not None and objects[key].etag == objects[key].md5:
                files = [entry for entry in entries if entry["type"] == "file"]
                found[one] = {
                    str(entry["path"]) for entry in files if contents.get(str(entry["path"])) == entry["md5"]
                }
        return found

    def edit(self) -> None:
        """Something changes in the source."""
        name = self.dice.choice((*NAMES, LARGE) if self.dice.random() < 0.5 else NAMES)
        path = self.source / name
        if path.exists() and self.dice.random() < 0.5:
            path.unlink()
            return
        path.parent.mkdir(exist_ok=True)
        text = str(self.dice.random())
        path.write_bytes(content(text, "chunks" if name == LARGE else "one PUT"))

    def backup(self) -> None:
        """A backup to its end."""
        self.machine.backup(self.source, options=OPTIONS, series="model", allow_empty=True).good()

    def cut_off(self) -> None:
        """A backup whose process is killed before its manifest is there."""
        hit = self.dice.choice(("srv/.pluton/*", "srv/[a-c]*", "srv/large*", "srv/*"))
        for key in (hit, "srv/.pluton/*"):
            self.server.add_fault(
                Fault(FaultKind.STATUS, operation="put_object", key=key, status=403, code="permission_denied")
            )
        self.machine.backup(self.source, options=OPTIONS, series="model", allow_empty=True)
        self.server.clear_faults()
        if self.dice.random() < 0.5:  # what rclone would have removed
            self.server.put_object(
                BUCKET, f"srv/{LARGE}.pluton_chunk.001_zzz9", b"half a chunk", modified=_LONG_AGO
            )

    def damage_manifest(self) -> None:
        """A bit of a manifest flips, or its end is lost."""
        if ids := manifest_ids(self.server):
            key = f"{MANIFESTS}{self.dice.choice(ids)}.jsonl.gz"
            data = self.server.read_object(BUCKET, key)
            if self.dice.random() < 0.5:
                self.server.flip_at_rest(BUCKET, key, self.dice.randrange(len(data)))
            else:
                self.server.put_object(BUCKET, key, data[: self.dice.randrange(len(data))])

    def lose_manifest(self) -> None:
        """Those that are damaged are deleted, as the messages advise, or one that is not."""
        ids, whole = manifest_ids(self.server), self.restorable()
        broken = [one for one in ids if one not in whole]
        for one in broken or ([self.dice.choice(ids)] if ids else ()):
            self.server.remove_object(BUCKET, f"{MANIFESTS}{one}.jsonl.gz")

    def lose_state(self) -> None:
        """The machine forgets everything, or it is another one."""
        shutil.rmtree(self.machine.machine.state_dir / "index", ignore_errors=True)

    def leave_something(self) -> None:
        """Somebody stores an object, under a name that may mean something."""
        name = self.dice.choice(("stray", "a.pluton_chunk.001_abcd", f"{LARGE}.pluton_chunk.002_abcd", "b/c"))
        self.server.put_object(BUCKET, f"srv/{name}", b"left behind", modified=_LONG_AGO)

    def cleanup(self) -> None:
        """What could be restored can be restored; if it was refused, all is there."""
        before, objects = self.restorable(), set(self.server.objects(BUCKET))
        done = self.machine.cleanup()
        after = set(self.server.objects(BUCKET))
        if done.code is not None:
            self.refused += 1
            assert after == objects, (done.code, self.log)
            return
        self.deleted += len(objects - after)
        assert self.restorable() == before, self.log
        assert set(before) == set(manifest_ids(self.server)), "it goes on with whole manifests only"

    def step(self) -> None:
        """One thing happens."""
        acts = (
            *(self.backup,) * 4, *(self.cleanup,) * 3, self.cut_off, self.damage_manifest,
            *(self.lose_manifest,) * 3, self.lose_state, self.leave_something,
        )  # fmt: skip
        for _ in range(self.dice.randrange(3)):
            self.edit()
        act = self.dice.choice(acts)
        self.log.append(act.__name__)
        act()


def _sequence(
    machine: InProcess, server: QingStorServer, place: Path, seed: int, steps: int
) -> tuple[int, int]:
    """Run one; return how many objects were deleted, and how often nothing was."""
    server.reset()
    server.add_bucket(BUCKET)
    source = place / "source"
    source.mkdir(parents=True)
    scene = _Scene(replace(machine, directory=place / "machine"), server, source, random.Random(seed))
    shutil.copytree(machine.machine.state_dir, scene.machine.machine.state_dir)
    scene.backup()
    for _ in range(steps):
        scene.step()
    scene.lose_manifest()
    scene.backup()
    scene.cleanup()
    if seed % 5 == 0:  # what the oracle says, once by a restore
        scene.machine.restore(place / "out", options=OPTIONS).good()
        assert whole_tree(place / "out", with_root=False) == whole_tree(source, with_root=False), scene.log
    return scene.deleted, scene.refused


@pytest.mark.usefixtures("small_chunks", "quick")
@pytest.mark.parametrize(
    ("first", "count", "steps"),
    [
        (0, 5, 3),
        *(pytest.param(first, 5, 3, marks=pytest.mark.deep) for first in (5, 10, 15)),
        *(pytest.param(first, 20, 10, marks=pytest.mark.deep) for first in range(20, 320, 20)),
    ],
)
def test_nothing_that_a_restore_needs_is_deleted(
    machine: InProcess, server: QingStorServer, tmp_path: Path, first: int, count: int, steps: int
) -> None:
    machine = stored_in("chunks", machine)
    counts = [
        _sequence(machine, server, tmp_path / str(seed), seed, steps) for seed in range(first, first + count)
    ]

    assert sum(deleted for deleted, _ in counts) > 0, "else nothing was at stake"
    assert sum(refused for _, refused in counts) > 0
