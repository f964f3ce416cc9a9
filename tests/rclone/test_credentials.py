"""The places of the keys: form, environment, file, in this order; never one key from each of two places."""

import os
from pathlib import Path

import pytest

from adapter.contract.errors import AdapterError, ErrorCode, Failure
from adapter.rclone.credentials import Credentials, resolve_credentials
from adapter.storage.form import StorageForm, from_section
from tests.storage.documents import document, parse

_QINGSTOR = {"QINGSTOR_ACCESS_KEY_ID": "AKvendor", "QINGSTOR_SECRET_ACCESS_KEY": "SKcanary-vendor"}
_QS = {"QS_ACCESS_KEY_ID": "AKqs", "QS_SECRET_ACCESS_KEY": "SKcanary-qs"}
_ALIASES = {"QS_ACCESS_KEY": "AKalias", "QS_SECRET_KEY": "SKcanary-alias"}
_FILE = "access_key_id: 'AKfile'\nsecret_access_key: SKcanary-file\nhost: qingstor.com\nport: 443\n"


@pytest.fixture
def form() -> StorageForm:
    """Return a storage with Environment Auth and no keys."""
    return parse(document({"env_auth": True}, {"access_key_id": "", "secret_access_key": ""}))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return a home directory with the vendor's directory, which is empty."""
    (tmp_path / ".qingstor").mkdir()
    return tmp_path


def _config(home: Path) -> Path:
    return home / ".qingstor" / "config.yaml"


def _pair(found: Credentials) -> tuple[str, str]:
    return found.access_key_id.reveal(), found.secret_access_key.reveal()


def _failure(form: StorageForm, environ: dict[str, str], home: Path) -> Failure:
    with pytest.raises(AdapterError) as caught:
        resolve_credentials(form, environ, home)
    failure = caught.value.failure
    assert failure.code is ErrorCode.CREDENTIALS_MISSING
    assert failure.hint
    assert "canary" not in failure.message + failure.hint
    return failure


def test_the_keys_of_the_form_win(home: Path) -> None:
    _config(home).write_text(_FILE)
    own = {"access_key_id": "AKform", "secret_access_key": "SKcanary-form"}
    found = resolve_credentials(parse(document({"env_auth": True}, own)), _QINGSTOR, home)
    assert _pair(found) == ("AKform", "SKcanary-form")
    assert found.source == "the storage"
    assert "anary" not in repr(found)


@pytest.mark.parametrize(
    ("environ", "pair"),
    [
        (_QINGSTOR | _QS | _ALIASES, ("AKvendor", "SKcanary-vendor")),
        (_QS | _ALIASES, ("AKqs", "SKcanary-qs")),
        (_ALIASES, ("AKalias", "SKcanary-alias")),
        ({"QS_ACCESS_KEY_ID": "AKqs", "QS_SECRET_KEY": "SKcanary-alias"}, ("AKqs", "SKcanary-alias")),
        ({"QINGSTOR_ACCESS_KEY_ID": " ", "QINGSTOR_SECRET_ACCESS_KEY": "", **_QS}, ("AKqs", "SKcanary-qs")),
        ({}, ("AKfile", "SKcanary-file")),
    ],
)
def test_the_order_of_places(
    form: StorageForm, home: Path, environ: dict[str, str], pair: tuple[str, str]
) -> None:
    _config(home).write_text(_FILE)
    assert _pair(resolve_credentials(form, environ, home)) == pair


def test_a_named_file_replaces_the_one_at_home(form: StorageForm, home: Path, tmp_path: Path) -> None:
    _config(home).write_text(_FILE)
    named = tmp_path / "named.yaml"
    named.write_text(_FILE.replace("AKfile", "AKnamed"))
    found = resolve_credentials(form, {"QINGSTOR_CONFIG_PATH": str(named)}, home)
    assert found.access_key_id.reveal() == "AKnamed"
    assert str(named) in found.source
    named.unlink()
    assert str(named) in _failure(form, {"QINGSTOR_CONFIG_PATH": str(named)}, home).message


def test_a_named_file_may_start_at_home(form: StorageForm, home: Path) -> None:
    _config(home).write_text(_FILE)
    found = resolve_credentials(form, {"QINGSTOR_CONFIG_PATH": "~/.qingstor/config.yaml"}, home)
    assert _pair(found) == ("AKfile", "SKcanary-file")


def test_no_keys_found_names_every_place(form: StorageForm, home: Path) -> None:
    failure = _failure(form, {}, home)
    for name in (*_QINGSTOR, *_QS, *_ALIASES, str(_config(home))):
        assert name in failure.message
    assert "no such file" in failure.message


def test_without_environment_auth_nothing_is_searched(home: Path) -> None:
    _config(home).write_text(_FILE)
    failure = _failure(from_section("Old", {"type": "qingstor"}), _QINGSTOR, home)
    assert "Old" in failure.message
    assert "anonymously" in failure.message
    assert failure.field == "access_key_id"


@pytest.mark.parametrize("environ", [_QINGSTOR, _QS])
@pytest.mark.parametrize("half", [0, 1])
def test_half_a_pair_is_an_error_that_names_the_place(
    form: StorageForm, home: Path, environ: dict[str, str], half: int
) -> None:
    """With the other half from the next place it would not be a pair."""
    _config(home).write_text(_FILE)
    name = list(environ)[half]
    failure = _failure(form, {name: environ[name]}, home)
    assert name in failure.message
    assert "same place" in failure.hint


def test_half_a_pair_in_the_file(form: StorageForm, home: Path) -> None:
    _config(home).write_text("access_key_id: AKfile\n")
    failure = _failure(form, {}, home)
    assert str(_config(home)) in failure.message
    assert "the Secret Access Key is not" in failure.message


def test_numbers_in_the_file_are_texts(form: StorageForm, home: Path) -> None:
    _config(home).write_text("access_key_id: 12345678\nsecret_access_key: 'SKcanary'\n")
    assert _pair(resolve_credentials(form, {}, home)) == ("12345678", "SKcanary")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "no keys in it"),
        (b"- SKcanary\n", "no keys in it"),
        (b"just SKcanary", "no keys in it"),
        (b"access_key_id: [SKcanary\n", "not YAML"),
        (b"\xff\xfe\x00SKcanary", "not YAML"),
        (b"\0SKcanary", "not YAML"),
        (b"a: b: SKcanary\n", "not YAML"),
        (b"!!python/object/apply:os.system ['SKcanary']\n", "not YAML"),
        (b"access_key_id: [a]\nsecret_access_key: SKcanary\n", "not texts"),
        (b"access_key_id: true\nsecret_access_key: SKcanary\n", "not texts"),
        (b"access_key_id: 1.5\nsecret_access_key: SKcanary\n", "not texts"),
        (b"a: &a [SKcanary]\nb: [*a, *a]\n", "not YAML"),
        (b"[" * 20_000, "not YAML"),
        (b"? {a: 1}\n: SKcanary\n", "not YAML"),
        (b"1: 2\n", "no"),
        (b"2026-13-45\n", "no"),
        (b"# SKcanary\n" * 10_000, "too large"),
    ],
    ids=range(17),
)
def test_a_hostile_file_counts_as_searched(form: StorageForm, home: Path, content: bytes, why: str) -> None:
    _config(home).write_bytes(content)
    message = _failure(form, {}, home).message
    assert str(_config(home)) in message
    assert why in message or "config.yaml." in message


@pytest.mark.timeout(30)
def test_a_pipe_in_place_of_the_file_does_not_hang(form: StorageForm, home: Path) -> None:
    os.mkfifo(_config(home))
    assert "not a regular file" in _failure(form, {}, home).message


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/tty", "/dev/null"])
def test_a_device_is_not_read(form: StorageForm, home: Path, device: str) -> None:
    assert device in _failure(form, {"QINGSTOR_CONFIG_PATH": device}, home).message


def test_a_directory_in_place_of_the_file(form: StorageForm, home: Path) -> None:
    _config(home).mkdir()
    assert "not a regular file" in _failure(form, {}, home).message


def test_an_unreadable_file(form: StorageForm, home: Path) -> None:
    _config(home).symlink_to(_config(home))
    assert "too many levels" in _failure(form, {}, home).message


@pytest.mark.parametrize("path", ["a\0b", "x" * 5000, "\udcff"])
def test_an_invalid_path(form: StorageForm, home: Path, path: str) -> None:
    _failure(form, {"QINGSTOR_CONFIG_PATH": path}, home)
