"""Pluton's own calls of rclone, through a stand-in that remembers an endpoint: what they print, how they end,
and what is in rclone.conf afterwards.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from rclone_conf import Document, decrypt, is_encrypted
from tests.program import Finished
from tests.qingstor_server import ACCESS_KEY_ID, SECRET_ACCESS_KEY, QingStorServer
from tests.qingstor_server.accounts import AccessKey, Right
from tests.stand_in.pluton import CONF_PASSWORD, Pluton, install_stand_in, section_text

_ENDPOINT = "http://qingstor.test:80"
_KEYS = {"access_key_id": ACCESS_KEY_ID, "secret_access_key": SECRET_ACCESS_KEY}
_OTHERS = "# by hand\n[disk]\ntype=local\n; a comment\nnounc   = true\n\n"
"""What stands in the conf besides, spelled as rclone would not."""
_NO_QUESTION = '{\n\t"State": "",\n\t"Option": null,\n\t"Error": "",\n\t"Result": ""\n}\n'
_DEFAULTS = {
    "type": "qingstor",
    "env_auth": "false",
    **_KEYS,
    "endpoint": _ENDPOINT,
    "zone": "pek3a",
    "connection_retries": "3",
    "upload_cutoff": "200Mi",
    "chunk_size": "4Mi",
    "upload_concurrency": "1",
}
_FORM = {
    "zone": "pek3a",
    "env_auth": "false",
    "connection_retries": "3",
    "upload_cutoff": "200mi",
    "chunk_size": "4mi",
    "upload_concurrency": "1",
    "encoding": "slash,ctl,invalidutf8",
}
"""The defaults of Pluton's form as it posts them; rclone refuses that encoding."""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The stand-in, installed as Pluton needs it: it passes no endpoint on."""
    return install_stand_in(tmp_path_factory.mktemp("pluton"), endpoint=_ENDPOINT)


@pytest.fixture
def pluton(program: Path, server: QingStorServer, tmp_path: Path) -> Pluton:
    """Pluton, with a conf that has another program's remote."""
    server.add_bucket("my-bucket")
    server.add_bucket("photos-sh", "sh1a")
    pluton = Pluton(tmp_path, program, server)
    pluton.write_conf(_OTHERS)
    return pluton


@pytest.fixture
def limited(server: QingStorServer) -> AccessKey:
    """A key that may work in one bucket, and neither list nor create any."""
    rights = {Right.LIST, Right.READ, Right.WRITE, Right.DELETE}
    return server.add_key(
        "AKLIMITED00000000001", "SKLIMITEDcanary0000001", rights=rights, buckets={"my-bucket"}
    )


def _create(pluton: Pluton, **values: str) -> Finished:
    pairs = [word for pair in values.items() for word in pair]
    return pluton.rclone("config", "create", "Q S", "qingstor", *pairs, "--obscure", "--non-interactive")


def _update(pluton: Pluton, **values: str) -> Finished:
    pairs = [word for pair in values.items() for word in pair]
    return pluton.rclone("config", "update", "Q S", *pairs, "--non-interactive")


def _shown(stdout: str) -> dict[str, str]:
    """What Pluton reads from `config show`."""
    lines = (line.partition(" = ") for line in stdout.splitlines() if " = " in line)
    return {key: value for key, _, value in lines}


def _refused(finished: Finished) -> tuple[int, str, str]:
    """The exit status, stdout, and what Pluton shows: the first line on stderr."""
    return finished.status, finished.stdout, finished.stderr.partition("\n")[0]


def _created(server: QingStorServer) -> list[str]:
    return [entry.bucket for entry in server.requests("create_bucket")]


def test_a_storage_is_added_shown_changed_and_deleted(pluton: Pluton) -> None:
    """With the form's defaults; the endpoint is the remembered one."""
    assert _create(pluton, **_KEYS, **_FORM) == Finished(0, _NO_QUESTION, "")
    assert pluton.section("Q S") == _DEFAULTS
    tested = pluton.rclone("lsd", "Q S:")
    assert (tested.status, tested.stdout.split()[-1], tested.stderr) == (0, "my-bucket", "")
    assert _shown(pluton.rclone("config", "show", "Q S").stdout) == _DEFAULTS

    kept = pluton.conf.read_bytes()
    assert kept.startswith(_OTHERS.encode())
    changed = _update(pluton, **_KEYS, chunk_size="8mi", description="for photos")
    assert changed == Finished(0, _NO_QUESTION, "")
    assert pluton.section("Q S") == {**_DEFAULTS, "chunk_size": "8Mi", "description": "for photos"}

    assert pluton.rclone("config", "delete", "Q S") == Finished(0, "", "")
    assert pluton.section("Q S") is None
    assert pluton.section("disk") == {"type": "local", "nounc": "true"}


_NOT_WORKING = {
    "wrong secret": (
        {"secret_access_key": "SKwrong"},
        1,
        "The Secret Access Key does not belong",
        "secret_key_invalid",
    ),
    "wrong zone": ({"zone": "gd2"}, 3, "Zone gd2 has none of your buckets", "zone_mismatch"),
}


@pytest.mark.parametrize(("values", "status", "begins", "code"), _NOT_WORKING.values(), ids=_NOT_WORKING)
def test_a_storage_that_does_not_work_is_not_added(
    pluton: Pluton, values: dict[str, str], status: int, begins: str, code: str
) -> None:
    assert _create(pluton, **{**_KEYS, **_FORM, **values}).status == 0
    ended, stdout, first = _refused(pluton.rclone("lsd", "Q S:"))
    assert (ended, stdout) == (status, "")
    assert first.startswith(begins)
    assert first.endswith(f"[{code}]")
    assert _created(pluton.server) == []


_HALF = "Fill in both keys, or leave both blank. [invalid_form]"
_NO_KEYS = "turn Environment Auth on to take them from the environment at run time. [invalid_form]"
_INVALID = {
    "half are undefined": (
        {"access_key_id": "undefined", "secret_access_key": "SK1"},
        "Access Key ID: ",
        _HALF,
    ),
    "both undefined": (dict.fromkeys(_KEYS, "undefined"), "Access Key ID: ", _NO_KEYS),
    "a size": ({**_KEYS, "chunk_size": "1k"}, "Chunk Size: ", "[invalid_form]"),
}


@pytest.mark.parametrize(("values", "begins", "ends"), _INVALID.values(), ids=_INVALID)
def test_what_cannot_work_is_not_written(
    pluton: Pluton, values: dict[str, str], begins: str, ends: str
) -> None:
    before = pluton.conf.read_bytes()
    status, stdout, first = _refused(_create(pluton, **values))
    assert (status, stdout) == (1, "")
    assert first.startswith(begins)
    assert first.endswith(ends)
    assert pluton.conf.read_bytes() == before


@pytest.mark.parametrize("blank", ["undefined", ""])
def test_blank_fields_mean_the_default(pluton: Pluton, blank: str) -> None:
    fields = dict.fromkeys([*_FORM, "endpoint", "description"], blank)
    assert _create(pluton, **_KEYS, **fields).status == 0
    assert pluton.section("Q S") == _DEFAULTS
    assert pluton.conf.read_bytes().startswith(_OTHERS.encode())


def _with_storage(pluton: Pluton, key: AccessKey | None = None) -> bytes:
    """Write a conf with the storage; return its bytes."""
    options = {"upload_concurrency": "4", "upload_cutoff": "5Mi"}
    keys = (key.id, key.secret) if key else tuple(_KEYS.values())
    pluton.write_conf(_OTHERS + section_text("Q S", *keys, **options))
    return pluton.conf.read_bytes()


@pytest.mark.parametrize("words", [["lsd", "Q S:"], ["lsjson", "Q S:my-bucket"]], ids=" ".join)
def test_undefined_in_a_saved_section_means_the_default(pluton: Pluton, words: list[str]) -> None:
    """As Pluton wrote it without the stand-in: rclone takes the zone for one without a bucket, status 0."""
    pluton.server.put_object("my-bucket", "object", b"")
    fields = dict.fromkeys(["zone", "env_auth", "chunk_size", "encoding"], "undefined")
    pluton.write_conf(section_text("Q S", **fields))
    before = pluton.conf.read_bytes()
    listed = pluton.rclone(*words)
    assert (listed.status, listed.stderr) == (0, "")
    assert "my-bucket" in listed.stdout or '"Name":"object"' in listed.stdout
    assert pluton.conf.read_bytes() == before


def test_an_edit_that_does_not_work_is_undone(pluton: Pluton) -> None:
    before = _with_storage(pluton)
    assert _update(pluton, secret_access_key="SKwrong", zone="undefined").status == 0
    status, _, first = _refused(pluton.rclone("lsd", "Q S:"))
    assert status == 1
    assert first.endswith("[secret_key_invalid]")
    assert _update(pluton, **_KEYS, zone="pek3a").status == 0
    assert pluton.section("Q S") == {**_DEFAULTS, **(Document.parse(before).get("Q S") or {})}


_NOTHING = {
    "nothing": ({**dict.fromkeys(_KEYS, "undefined"), **dict.fromkeys(_FORM, "")}, 0),
    "invalid": ({"secret_access_key": "SK2", "chunk_size": "1k"}, 1),
    "no such option": ({"access_key_id": "AK2", "colour": "blue"}, 1),
}


@pytest.mark.parametrize(("values", "status"), _NOTHING.values(), ids=_NOTHING)
def test_an_edit_that_says_nothing_or_is_refused_changes_nothing(
    pluton: Pluton, values: dict[str, str], status: int
) -> None:
    before = _with_storage(pluton)
    assert _update(pluton, **values).status == status
    assert pluton.conf.read_bytes() == before


def test_a_saved_storage_is_replaced_only_by_one_that_works(pluton: Pluton) -> None:
    """Pluton deletes what it cannot test: a name that is taken would lose its storage."""
    before = _with_storage(pluton)
    status, _, first = _refused(_create(pluton, **{**_KEYS, "secret_access_key": "SKwrong"}))
    assert status == 1
    assert first.endswith("[secret_key_invalid]")
    assert pluton.conf.read_bytes() == before


def test_an_encrypted_conf_stays_encrypted(pluton: Pluton) -> None:
    pluton.write_conf(_OTHERS, encrypted=True)
    assert _create(pluton, **_KEYS, **_FORM).status == 0
    data = pluton.conf.read_bytes()
    assert is_encrypted(data)
    assert Document.parse(decrypt(data, CONF_PASSWORD)).get("Q S") == _DEFAULTS
    assert pluton.rclone("lsd", "Q S:").stdout.split()[-1] == "my-bucket"

    stranger = Pluton(pluton.directory, pluton.program, pluton.server, {"RCLONE_CONFIG_PASS": "wrong"})
    status, _, first = _refused(_create(stranger, **_KEYS))
    assert status == 1
    assert first.endswith("[conf_wrong_password]")
    assert pluton.conf.read_bytes() == data


def _self_backup(pluton: Pluton) -> None:
    """The calls of Pluton's backup of itself, and what else it does in a bucket."""
    file = pluton.directory / "pluton.tar"
    file.write_bytes(b"pluton" * 1000)
    there = "Q S:my-bucket/pluton/self.tar"
    assert pluton.rclone("copyto", file, there) == Finished(0, "", "")
    assert pluton.server.read_object("my-bucket", "pluton/self.tar") == b"pluton" * 1000
    listed = pluton.rclone("lsjson", "Q S:my-bucket/pluton")
    assert listed.status == 0
    assert '"Name":"self.tar","Size":6000' in listed.stdout
    assert pluton.rclone("cat", there) == Finished(0, "pluton" * 1000, "")
    assert pluton.rclone("deletefile", there) == Finished(0, "", "")
    pluton.server.put_object("my-bucket", "plan/a/b", b"1")
    pluton.server.put_object("my-bucket", "plans", b"2")
    assert pluton.rclone("purge", "Q S:my-bucket/plan") == Finished(0, "", "")
    assert list(pluton.server.objects("my-bucket")) == ["plans"]


def test_self_backup(pluton: Pluton) -> None:
    _with_storage(pluton)
    _self_backup(pluton)
    assert _created(pluton.server) == []


def test_a_key_limited_to_one_bucket_suffices_in_it(pluton: Pluton, limited: AccessKey) -> None:
    _with_storage(pluton, limited)
    _self_backup(pluton)
    assert _created(pluton.server) == []
    assert pluton.rclone("lsd", "Q S:my-bucket") == Finished(0, "", "")


_Words = Callable[[str], list[str]]
_WITHOUT_BUCKET: dict[str, _Words] = {
    "copyto": lambda file: ["copyto", file, "Q S:my-bukcet/self.tar"],
    "purge": lambda _: ["purge", "Q S:my-bukcet/plan"],
}


@pytest.mark.parametrize("words", _WITHOUT_BUCKET.values(), ids=_WITHOUT_BUCKET)
def test_a_mistyped_bucket_is_not_created(pluton: Pluton, words: _Words) -> None:
    _with_storage(pluton)
    file = pluton.directory / "pluton.tar"
    file.write_bytes(b"pluton")
    sentence = "There is no bucket my-bukcet in zone pek3a. Did you mean my-bucket? [bucket_not_found]"
    assert _refused(pluton.rclone(*words(str(file)))) == (3, "", sentence)
    assert _created(pluton.server) == []


def test_version_is_the_real_one(pluton: Pluton) -> None:
    said = pluton.rclone("version")
    real = Pluton(pluton.directory, pluton.program.with_name("rclone.real"), pluton.server)
    assert said == real.rclone("version")
