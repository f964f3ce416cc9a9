"""docs/restic.md: its commands are run as they stand there, in their order, and it quotes what is said."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.program import document
from tests.qingstor_server import ACCESS_KEY_ID, SECRET_ACCESS_KEY, QingStorServer, Right
from tests.trees import digest, make_big

_PAGE = (Path(__file__).parents[2] / "docs" / "restic.md").read_text(encoding="utf-8")
_BLOCKS = re.findall(r"^```sh\n(.*?)^```$", _PAGE, re.MULTILINE | re.DOTALL)
_QUOTED = re.findall(r"^```text\n(.*?)^```$", _PAGE, re.MULTILINE | re.DOTALL)
_KEY = ("AKTESTLIMITED0000001", "SKTESTlimitedcanarythatmustnotshow000001")


@dataclass(frozen=True, slots=True)
class _Machine:
    """A machine with restic and this program, whose `/srv` is somewhere else."""

    place: Path
    server: QingStorServer

    def run(self, blocks: Sequence[str]) -> subprocess.CompletedProcess[str]:
        """Type the blocks into one shell, which ends at the first command that fails."""
        text = re.sub(r"(?<![\w-])/srv(?![\w-])", str(self.place / "srv"), "\n".join(blocks))
        restic = Path(shutil.which("restic") or "restic").parent
        return subprocess.run(
            ["bash", "-eu", "-c", text],
            env={
                "PATH": f"{Path(sys.executable).parent}:{restic}:/usr/bin:/bin",
                "HOME": str(self.place / "home"),
                "TMPDIR": str(self.place),
                **self.server.environment(),
            },
            cwd=self.place,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )


@pytest.fixture
def machine(server: QingStorServer, restic: Path, tmp_path: Path) -> _Machine:
    """The machine, the source, and what the page expects to be there."""
    server.add_bucket("my-bucket")
    (tmp_path / "home" / ".config").mkdir(parents=True)
    (tmp_path / "home" / ".config" / "restic-password").write_text("a password")
    letters = tmp_path / "srv" / "data" / "letters"
    letters.mkdir(parents=True)
    (letters / "2026.odt").write_bytes(b"hello")
    make_big(tmp_path / "srv" / "data" / "large", 5 << 20)
    return _Machine(tmp_path, server)


def _save(machine: _Machine, keys: tuple[str, str] = (ACCESS_KEY_ID, SECRET_ACCESS_KEY)) -> None:

    (machine.place / "storage.json").write_text(json.dumps(document("QingStor Backups", *keys)))


def test_every_command(machine: _Machine) -> None:
    _save(machine)
    data = machine.place / "srv" / "data"

    done = machine.run(_BLOCKS)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "no errors were found" in done.stdout
    back = machine.place / "srv" / "restored"
    assert digest(back / data.relative_to("/")) == digest(data)
    assert list(digest(machine.place / "srv" / "one")) == [
        str((data / "letters" / "2026.odt").relative_to("/"))
    ]
    assert set(machine.server.buckets()) == {"my-bucket", "my-new-bucket", "my-second-bucket"}
    assert set(machine.server.objects("my-second-bucket")) >= {"repo/config"}
    stored = machine.server.objects("my-bucket").values()
    assert [one.key for one in stored if one.multipart or one.etag != one.md5] == []
    assert done.stdout.splitlines()[-1].startswith("Total size: "), done.stdout


def test_all_but_the_new_buckets_with_a_key_for_one_bucket(machine: _Machine) -> None:
    rights = {Right.LIST, Right.READ, Right.WRITE, Right.DELETE}
    machine.server.add_key(*_KEY, rights=rights, buckets={"my-bucket"})
    _save(machine, _KEY)
    blocks = [block for block in _BLOCKS if "mkdir " not in block or "STAND_IN" in block]
    assert len(blocks) == len(_BLOCKS) - 1

    done = machine.run(blocks)

    assert done.returncode == 0, done.stdout + done.stderr
    assert not machine.server.requests("create_bucket")


def test_the_page_quotes_what_is_said_of_a_mistyped_bucket(machine: _Machine) -> None:
    _save(machine)
    command, first, _, fatal = _QUOTED[0].splitlines()

    done = machine.run([*_BLOCKS[:3], 'restic() { command restic --no-cache "$@"; }', command[2:]])

    assert done.returncode == 1, done.stdout + done.stderr
    said = done.stderr.splitlines()
    assert first in said
    assert [line for line in said if line.startswith(fatal.rstrip("… "))]
    assert set(machine.server.buckets()) == {"my-bucket"}
