"""docs/pluton.md: its commands are run as they stand there, in their order, beside an rclone of Pluton's."""

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from adapter.rclone.stand_in_mark import is_stand_in
from tests.program import Finished, document, remember
from tests.qingstor_server import ACCESS_KEY_ID, SECRET_ACCESS_KEY, QingStorServer, Right
from tests.stand_in.places import same
from tests.trees import digest

_PAGE = (Path(__file__).parents[2] / "docs" / "pluton.md").read_text(encoding="utf-8")
_SECTION = re.compile(r"^#{2,3} ([^\n]+)\n(.*?)(?=^#{2,3} |\Z)", re.MULTILINE | re.DOTALL)
_SECTIONS = dict(_SECTION.findall(_PAGE))
_SAID = [
    re.sub("`", "", row.split("|")[3]).strip()
    for row in _PAGE.splitlines()
    if re.search(r"`\[\w+\]` \|$", row)
]
_LIMITED = ("AKTESTLIMITED0000001", "SKTESTlimitedcanarythatmustnotshow000001")
_NAME = "QingStor Backups"


def _blocks(heading: str, language: str = "sh") -> list[str]:
    """The fenced blocks of a language in a section, in their order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", _SECTIONS[heading], re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class _Machine:
    """A machine with Pluton's directory and this program, whose directories are somewhere else."""

    place: Path
    server: QingStorServer

    @property
    def directory(self) -> Path:
        """Where Pluton has its rclone."""
        return self.place / "opt" / "pluton" / "binaries" / "linux-x64"

    @property
    def conf(self) -> Path:
        """Pluton's."""
        return self.place / "opt" / "pluton" / "config" / "rclone.conf"

    def here(self, text: str) -> str:
        """What the page says, with the endpoint, the keys and the directories of this test."""
        text = text.replace("https://qs.example.cn", self.server.endpoint)
        text = text.replace("YOURLIMITEDKEYID", _LIMITED[0]).replace("YOURLIMITEDSECRET", _LIMITED[1])
        return re.sub(r"(?<![\w-])/(?=(opt|etc|srv)/)", f"{self.place}/", text)

    def types(self, blocks: Sequence[str]) -> Finished:
        """Type the blocks into one shell, which ends at the first command that fails."""
        variables = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "ENCRYPTION_KEY": ""}
        return self._run(["bash", "-eu", "-c", self.here("\n".join(blocks))], variables)

    def pluton(self, *words: str) -> Finished:
        """Let Pluton start its rclone."""
        return self._run([str(self.directory / "rclone"), *words], {"PATH": "/usr/bin:/bin"})

    def _run(self, argv: Sequence[str], variables: dict[str, str]) -> Finished:
        done = subprocess.run(
            argv,
            env={
                "HOME": str(self.place / "home"),
                "RCLONE_CONFIG": str(self.conf),
                **self.server.environment(),
                **variables,
            },
            cwd=self.place,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return Finished(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def machine(server: QingStorServer, rclone: Path, tmp_path: Path, looked_at: bytes) -> _Machine:
    """The machine, with what the page expects to be there."""
    machine = _Machine(tmp_path, server)
    server.add_bucket("my-bucket")
    for directory in (machine.directory, machine.conf.parent, tmp_path / "etc" / "pluton", tmp_path / "home"):
        directory.mkdir(parents=True)
    remember(tmp_path / "home" / ".local" / "state" / "pluton-qingstor", looked_at)
    same(rclone, machine.directory / "rclone")
    keys = f"access_key_id: {ACCESS_KEY_ID}\nsecret_access_key: {SECRET_ACCESS_KEY}\n"
    (tmp_path / "etc" / "pluton" / "qingstor.yaml").write_text(keys)
    return machine


def _add(machine: _Machine, **values: str) -> Finished:
    given = {"access_key_id": "undefined", "secret_access_key": "undefined", "zone": "pek3a", **values}
    pairs = [word for pair in given.items() for word in pair]
    return machine.pluton("config", "create", _NAME, "qingstor", *pairs, "--obscure", "--non-interactive")


def test_installed_renewed_and_used_with_a_key_for_one_bucket(machine: _Machine, rclone: Path) -> None:
    install, remembered, renew = _blocks("The stand-in")
    program = machine.directory / "rclone"

    done = machine.types([install, remembered])
    assert done.status == 0, done.stderr
    assert is_stand_in(program)
    program.unlink()
    same(rclone, program)
    done = machine.types([install.splitlines()[0], renew])
    assert done.status == 0, done.stderr
    assert is_stand_in(program)

    assert _add(machine, env_auth="true").status == 0
    assert machine.pluton("lsd", f"{_NAME}:").stdout.endswith(" my-bucket\n"), "endpoint and keys are known"

    rights = {Right.LIST, Right.READ, Right.WRITE, Right.DELETE}
    machine.server.add_key(*_LIMITED, rights=rights, buckets={"my-bucket"})
    (limited,) = _blocks("A key for one bucket", "json")
    (machine.place / "limited.json").write_text(machine.here(limited))
    done = machine.types(_blocks("A key for one bucket"))
    assert done.status == 0, done.stderr
    assert "[permission_denied]" in machine.pluton("lsd", f"{_NAME}:").stderr.splitlines()[0]
    sent = machine.pluton("copyto", str(machine.conf), f"{_NAME}:my-bucket/pluton/conf")
    assert (sent.status, sent.stderr) == (0, "")
    assert not machine.server.requests("create_bucket")


def test_what_pluton_saved_before_is_repaired(machine: _Machine) -> None:
    machine.types(_blocks("The stand-in")[:2])
    keys = f"access_key_id = {ACCESS_KEY_ID}\nsecret_access_key = {SECRET_ACCESS_KEY}\n"
    machine.conf.write_text(
        f"[{_NAME}]\ntype = qingstor\n{keys}endpoint = {machine.server.endpoint}\nzone = undefined\n"
    )

    done = machine.types(_blocks("Storages that Pluton saved before"))

    assert done.status == 0, done.stderr
    assert machine.pluton("lsd", f"{_NAME}:my-bucket").status == 0


def test_the_page_quotes_what_pluton_shows(machine: _Machine) -> None:
    machine.types(_blocks("The stand-in")[:2])
    zone, secret, bucket = _SAID

    _add(machine, env_auth="true", zone="ap3")
    assert _means(machine.pluton("lsd", f"{_NAME}:"), zone)
    machine.pluton("config", "update", _NAME, "zone", "pek3a", "--non-interactive")
    assert _means(machine.pluton("lsjson", f"{_NAME}:my-bukcet/x"), bucket)
    wrong = ("access_key_id", ACCESS_KEY_ID, "secret_access_key", "wrong", "--non-interactive")
    machine.pluton("config", "update", _NAME, *wrong)
    assert _means(machine.pluton("lsd", f"{_NAME}:"), secret)


def _means(finished: Finished, quoted: str) -> bool:
    """Whether the first line on stderr begins and ends as the page says."""
    begins, _, code = quoted.rpartition(" ")
    first = finished.stderr.splitlines()[0]
    assert first.startswith(begins.rstrip(".")), first
    assert first.endswith(code), first
    return finished.status != 0


def test_the_commands(machine: _Machine) -> None:
    source = machine.place / "data"
    source.mkdir()
    (source / "letter").write_bytes(b"hello")
    job = {"source": str(source), "target": f"{_NAME}:my-bucket/srv-data"}
    (machine.place / "storage.json").write_text(json.dumps(document()))
    (machine.place / "job.json").write_text(json.dumps(job))
    (machine.place / "srv").mkdir()

    done = machine.types(_blocks("The commands"))

    assert done.status == 0, done.stderr
    ended = [line for line in done.lines if "result" in line or line.get("message_type") == "summary"]
    assert [line["success"] for line in ended] == [True] * 4
    assert digest(machine.place / "srv" / "restored") == digest(source)


def test_every_sh_block_was_run() -> None:
    headings = ("The stand-in", "Storages that Pluton saved before", "A key for one bucket", "The commands")
    assert sum(len(_blocks(heading)) for heading in headings) == _PAGE.count("\n```sh\n") == 6
